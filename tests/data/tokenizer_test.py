import collections
import gzip
import itertools
import json
import os
import pathlib
import re
import tempfile

import regex
from absl.testing import absltest, parameterized

from configs import defaults
from data import sources, tokenizer
from data.encoding import PATTERNS, Tokenizer, byte_alphabet
from data.errors import InputError

SHARED = pathlib.Path(os.environ.get("PRIMER_SHARED_DATA", "../shared/data"))
REFERENCE = SHARED / "tokenizers" / "bpe_reference"
TEXT = "\n\n".join(
    f"Page {n}: the {word}er {word}s {n} {word}ings, didn't it? It's {word}ed."
    for n, word in enumerate("walk talk sing think bring cling sting".split() * 20)
)


# The id of each byte: they come in the order of their printable characters.
BYTE_IDS = {byte: number for number, (_, byte) in enumerate(sorted(byte_alphabet().items()))}


def train_by_the_book(text: str, merges: int, pattern: str, prefer) -> list[tuple[bytes, bytes]]:
    """BPE as in the paper: count all pairs, merge the most frequent, start again.

    `prefer(pair, made)` orders pairs of equal count, the largest first; `made` maps a token to the
    number of the merge that made it.
    """
    words = collections.Counter(
        tuple(bytes([byte]) for byte in word.encode()) for word in regex.findall(pattern, text)
    )
    found: list[tuple[bytes, bytes]] = []
    made: dict[bytes, int] = {}
    while len(found) < merges:
        pairs: collections.Counter = collections.Counter()
        for word, count in words.items():
            for pair in itertools.pairwise(word):
                pairs[pair] += count
        most = max(pairs.values())
        equals = (pair for pair, count in pairs.items() if count == most)
        left, right = max(equals, key=lambda pair: prefer(pair, made))
        made.setdefault(left + right, len(found))
        found.append((left, right))
        merged: collections.Counter = collections.Counter()
        for word, count in words.items():
            parts, at = [], 0
            while at < len(word):
                if word[at : at + 2] == (left, right):
                    parts.append(left + right)
                    at += 2
                else:
                    parts.append(word[at])
                    at += 1
            merged[tuple(parts)] += count
        words = merged
    return found


def lowest_ids(pair, made):
    """How the tokenizers library orders pairs of equal count: by the ids of the two tokens."""
    ids = [BYTE_IDS[part[0]] if len(part) == 1 else 256 + made[part] for part in pair]
    return [-number for number in ids]


def merges_of(library) -> list[tuple[bytes, bytes]]:
    alphabet = byte_alphabet()
    described = json.loads(library.to_str())["model"]["merges"]
    return [tuple(bytes(alphabet[c] for c in part) for part in pair) for pair in described]


class TrainBpeTest(parameterized.TestCase):
    @parameterized.parameters(*PATTERNS)
    def test_the_merges_of_the_algorithm(self, pattern):
        trained = tokenizer.train_bpe([TEXT], 256 + 60 + len(tokenizer.SPECIAL), pattern)
        self.assertEqual(
            merges_of(trained), train_by_the_book(TEXT, 60, PATTERNS[pattern], lowest_ids)
        )

    @absltest.skipUnless(REFERENCE.exists(), f"the reference tokenizer is not in {REFERENCE}")
    def test_reference(self):
        # The reference prefers, among equally frequent pairs, the one whose bytes compare higher;
        # the library the one of lower ids. So the algorithm is held against the reference with the
        # one rule, and the library against the algorithm with the other.
        text = (REFERENCE / "corpus.en").read_text(encoding="utf-8")
        lines = (REFERENCE / "train-bpe-reference-merges.txt").read_text("utf-8").splitlines()
        alphabet = byte_alphabet()
        reference = [
            tuple(bytes(alphabet[c] for c in part) for part in line.split(" ")) for line in lines
        ]
        by_bytes = train_by_the_book(text, 120, PATTERNS["gpt-2"], lambda pair, made: pair)
        self.assertEqual(by_bytes, reference[:120])
        trained = tokenizer.train_bpe([text], 256 + 120 + len(tokenizer.SPECIAL), "gpt-2")
        by_ids = train_by_the_book(text, 120, PATTERNS["gpt-2"], lowest_ids)
        self.assertEqual(merges_of(trained), by_ids)

    def test_layout(self):
        trained = tokenizer.train_bpe([TEXT], 300, "qwen2")
        vocabulary = trained.get_vocab()
        self.assertLen(vocabulary, 300)
        self.assertEqual(sorted(vocabulary.values()), list(range(300)))
        self.assertEqual([vocabulary[name] for name in tokenizer.SPECIAL], list(range(289, 300)))
        self.assertEqual({vocabulary[letter] for letter in byte_alphabet()}, set(range(256)))

    @parameterized.parameters(("qwen2", 1), ("llama-bpe", 3), ("gpt-2", 6))
    def test_digits(self, pattern, longest):
        trained = tokenizer.train_bpe(["x 123456 " * 100] * 10, 300, pattern)
        names = [name.removeprefix("Ġ") for name in trained.get_vocab()]
        digits = [name for name in names if re.fullmatch("[0-9]+", name)]
        self.assertEqual(max(map(len, digits)), longest)

    def test_errors(self):
        with self.assertRaisesRegex(InputError, "vocab_size is 266: .* at least 267"):
            tokenizer.train_bpe([TEXT], 266, "qwen2")
        self.assertLen(tokenizer.train_bpe([TEXT], 267, "qwen2").get_vocab(), 267)
        with self.assertRaisesRegex(InputError, "qwen2, llama-bpe, gpt-2"):
            tokenizer.train_bpe([TEXT], 300, "gpt2")


class RunTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "text.txt").write_text(TEXT, encoding="utf-8")
        self.config = defaults.get_config()
        self.config.data.source = str(self.folder / "text.txt")
        self.config.data.document_bytes = 200
        self.config.data.validation_fraction = 0.3
        self.config.tokenizer.vocab_size = 320

    def run_stage(self, name: str = "run") -> Tokenizer:
        tokenizer.run(self.config, str(self.folder / name))
        return Tokenizer.load(self.folder / name / "tokenizer")

    @parameterized.parameters("bpe", "characters")
    def test_same_bytes_every_time(self, kind):
        self.config.tokenizer.kind = kind
        files = []
        for name in ("one", "two"):
            made = self.run_stage(name)
            files.append((self.folder / name / "tokenizer" / "tokenizer.json").read_bytes())
            report = json.loads((self.folder / name / "report.json").read_text())
            self.assertEqual(report, {"tokenizer/vocab_size": made.vocab_size})
            self.assertTrue((self.folder / name / "tokenizer" / "DONE").exists())
        self.assertEqual(*files)

    def test_trained_on_the_training_split_alone(self):
        self.config.tokenizer.kind = "characters"
        texts = [chr(0x4E00 + n) * 5 for n in range(100)]
        (self.folder / "text.txt").write_text("<|endoftext|>".join(texts), encoding="utf-8")
        made = self.run_stage()
        held_out = [text for text in texts if sources.is_held_out(text, 0.3)]
        self.assertBetween(len(held_out), 10, 60)
        for text in texts:
            known = made.decode(made.encode(text)) == text
            self.assertEqual(known, text not in held_out)

    def test_sample_bytes_bound_each_source_by_its_weight(self):
        for name, letter in (("a", "ab"), ("b", "cd")):
            documents = [f"{letter} {n:05}" for n in range(10_000)]
            (self.folder / f"{name}.txt").write_text("<|endoftext|>".join(documents))
        self.config.data.source = f"{self.folder}/a.txt@3,{self.folder}/b.txt@1"
        self.config.tokenizer.sample_bytes = 4000
        texts = list(tokenizer._sample(self.config, str(self.folder)))
        sizes = {letter: sum(len(text) for text in texts if text[0] == letter) for letter in "ac"}
        self.assertBetween(sizes["a"], 3000, 3010)
        self.assertBetween(sizes["c"], 1000, 1010)

    def test_an_existing_one_is_taken(self):
        first = self.run_stage("one")
        for path in ("one/tokenizer", "one/tokenizer/tokenizer.json"):
            self.config.tokenizer.path = str(self.folder / path)
            second = self.run_stage(path.replace("/", "_"))
            self.assertEqual(second.tokens, first.tokens)

    def test_gpt2_files_under_either_name(self):
        first = self.run_stage("one")
        described = json.loads((self.folder / "one/tokenizer/tokenizer.json").read_text())["model"]
        vocabulary = {**described["vocab"], "<|endoftext|>": first.vocab_size}
        merges = "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in described["merges"])
        for names in (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")):
            pair = self.folder / names[0].replace(".", "_")
            pair.mkdir()
            (pair / names[0]).write_text(json.dumps(vocabulary), encoding="utf-8")
            (pair / names[1]).write_text(merges, encoding="utf-8")
            for path in (pair, pair / names[0], pair / names[1]):
                self.config.tokenizer.path = str(path)
                taken = self.run_stage(f"{names[0]}{path.name}")
                self.assertEqual(taken.engine, "tiktoken")
                self.assertEqual(taken.end_of_text, first.vocab_size)
                self.assertEqual(taken.decode(taken.encode(TEXT)), TEXT)

    @parameterized.named_parameters(
        ("kind", {"tokenizer.kind": "word"}, 'kind is "word"'),
        ("vocabulary", {"tokenizer.vocab_size": 100}, "at least 267"),
        ("pattern", {"tokenizer.pattern": "x"}, 'pattern is "x"'),
        ("path", {"tokenizer.path": "nowhere"}, "nowhere is no tokenizer.json"),
        (
            "sentencepiece",
            {"tokenizer.path": "a.model"},
            "of SentencePiece.* give the tokenizer.json",
        ),
        ("not_one", {"tokenizer.path": "text.txt"}, "no tokenizer can be read from .*text.txt"),
        ("empty", {"data.source": "empty.txt"}, "empty.txt has no text"),
    )
    def test_errors(self, keys, message):
        (self.folder / "empty.txt").write_text("\n\n")
        for key in ("tokenizer.path", "data.source"):
            if key in keys:
                keys = {**keys, key: str(self.folder / keys[key])}
        self.config.update_from_flattened_dict(keys)
        with self.assertRaisesRegex(InputError, message) as caught:
            self.run_stage()
        self.assertNotIn("\n", str(caught.exception))
        self.assertFalse((self.folder / "run" / "tokenizer").exists())

    @absltest.skipUnless(
        (SHARED / "cc_text").exists() and (SHARED / "tinyshakespeare").exists(),
        f"real text is not in {SHARED}",
    )
    def test_real_text(self):
        self.config.data.source = f"{SHARED}/cc_text/wiki_demo.txt.gz"
        self.config.tokenizer.vocab_size = 4096
        made = self.run_stage("bpe")
        text = gzip.decompress((SHARED / "cc_text/wiki_demo.txt.gz").read_bytes()).decode()
        ids = made.encode(text)
        self.assertEqual(made.decode(ids), text)
        self.assertGreater(len(text.encode()) / len(ids), 3.0)
        # The character count that everybody reports for this file.
        self.config.data.source = f"{SHARED}/tinyshakespeare/input.txt"
        self.config.tokenizer.kind = "characters"
        self.assertEqual(self.run_stage("characters").vocab_size, 65 + 2)


if __name__ == "__main__":
    absltest.main()
