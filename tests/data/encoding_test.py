import functools
import json
import os
import pathlib
import tempfile
import threading
import time

import hypothesis
import hypothesis.strategies as st
import numpy as np
import tiktoken
import tokenizers
from absl.testing import absltest, parameterized
from tokenizers import decoders, models, normalizers, pre_tokenizers

from data import tokenizer as training
from data.encoding import END_OF_TEXT, PATTERNS, Tokenizer, byte_alphabet
from data.errors import InputError

SHARED = pathlib.Path(os.environ.get("PRIMER_SHARED_DATA", "../shared/data"))
GPT2 = SHARED / "tokenizers" / "gpt2"

TEXT = """It's 1984, and we'll've walked 3,000 miles -- isn't that 20% of it?\r\n\r\n
    def f(x):\n\treturn x ** 2   # naïve café 日本語 \U0001f600\U0001f3fd 'Tis THE'RE
""" + " ".join(f"the {word}ing of {word}s" for word in "walk talk sing think bring".split() * 5)


def every_plane(step: int) -> str:
    """Text with every 16-bit character, and every `step`-th of the planes above, in company."""
    points = [*range(0xD800), *range(0xE000, 0x10000), *range(0x10000, 0x110000, step)]
    characters = map(chr, points)
    return "".join(f"a{c}b 1{c}2 {c} ,{c}.\n{c}\nz'{c} {c}b '{c}b" for c in characters)


@functools.cache
def trained(pattern: str) -> str:
    return training.train_bpe([TEXT] * 2, 512, pattern).to_str()


def probe(pattern: str) -> tokenizers.Tokenizer:
    """Merges an ASCII letter, digit, ... with the first byte of a character after it or the last
    before it, so that every difference in how words are cut shows in the ids."""
    letters = {byte: letter for letter, byte in byte_alphabet().items()}
    pairs = [(left, right) for left in b"a1 ,'\n" for right in (*range(33, 127), *range(194, 245))]
    pairs += [(left, right) for left in range(0x80, 0xC0) for right in b"b2 .\n"]
    merges = [(letters[left], letters[right]) for left, right in pairs]
    names = [*sorted(letters.values()), *(left + right for left, right in merges)]
    library = tokenizers.Tokenizer(models.BPE({name: i for i, name in enumerate(names)}, merges))
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(PATTERNS[pattern]), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    library.decoder = decoders.ByteLevel()
    library.add_special_tokens([tokenizers.AddedToken(END_OF_TEXT, special=True)])
    return library


class EncodingTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.path = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path /= "tokenizer.json"

    def load(self, described: str | dict | tokenizers.Tokenizer, engine: str | None = None):
        if isinstance(described, tokenizers.Tokenizer):
            described = described.to_str()
        elif isinstance(described, dict):
            described = json.dumps(described)
        self.path.write_text(described, encoding="utf-8")
        return Tokenizer.load(self.path, engine)

    @parameterized.parameters(*PATTERNS)
    def test_both_engines_cut_every_character_alike(self, pattern):
        text = every_plane(step=331)
        fast = self.load(probe(pattern))
        self.assertEqual(fast.engine, "tiktoken")
        slow = self.load(probe(pattern), "tokenizers")
        for start in range(0, len(text), 1 << 20):
            piece = text[start : start + (1 << 20)]
            np.testing.assert_array_equal(fast.encode(piece), slow.encode(piece))

    def test_the_probe_notices_a_difference(self):
        # Digits one by one or in groups; the line's end with the punctuation before it or not.
        encoded = {
            tuple(self.load(probe(pattern), "tokenizers").encode("1\u06602 —\n"))
            for pattern in PATTERNS
        }
        self.assertLen(encoded, 3)

    @parameterized.product(pattern=list(PATTERNS), engine=["tiktoken", "tokenizers"])
    def test_round_trip(self, pattern, engine):
        tokenizer = self.load(trained(pattern), engine)

        @hypothesis.settings(max_examples=100, deadline=None)
        @hypothesis.given(st.text(max_size=200))
        def check(text):
            ids = tokenizer.encode(text)
            self.assertEqual(ids.dtype, np.uint32)
            self.assertEqual(tokenizer.decode(ids), text)
            self.assertEqual(b"".join(map(tokenizer.token_bytes, ids)), text.encode())
            self.assertNotIn(tokenizer.end_of_text, ids)

        check()
        planes = "".join(chr((plane << 16) + 0xA0) for plane in range(17)) + "\U0010ffff\0"
        self.assertEqual(tokenizer.decode(tokenizer.encode(planes)), planes)

    @hypothesis.settings(max_examples=200, deadline=None)
    @hypothesis.given(st.text(st.characters(codec=None), max_size=40), st.sampled_from("ab '1\n"))
    def test_engines_agree_on_any_string(self, text, filler):
        text = text + filler * 3 + text + TEXT
        for pattern in PATTERNS:
            fast, slow = both(pattern)
            np.testing.assert_array_equal(fast.encode(text), slow.encode(text))

    def test_lone_surrogates_are_replaced(self):
        for engine in ("tiktoken", "tokenizers"):
            tokenizer = self.load(trained("qwen2"), engine)
            self.assertEqual(tokenizer.decode(tokenizer.encode("a\ud800b\udfff")), "a�b�")

    @parameterized.parameters(" ", "a", "\n", "ab", " \n", "\U0001f600", "1")
    def test_long_runs(self, run):
        # tiktoken's regular expressions fail on a million spaces, and must not take the run down.
        tokenizer = self.load(trained("gpt-2"))
        self.assertEqual(tokenizer.engine, "tiktoken")
        text = run * (1_000_000 // len(run))
        self.assertEqual(tokenizer.decode(tokenizer.encode(text)), text)

    def test_other_threads_run_while_a_long_text_is_encoded(self):
        text, state, seen = " " * 400_000, ["before"], set()

        def look() -> None:
            while state[0] != "after":
                seen.add(state[0])
                time.sleep(0.001)

        for engine in ("tiktoken", "tokenizers"):
            tokenizer = self.load(trained("gpt-2"), engine)
            state[0] = "before"
            seen.clear()
            looking = threading.Thread(target=look)
            looking.start()
            while not seen:
                time.sleep(0.001)
            state[0] = "during"
            tokenizer.encode(text)
            state[0] = "after"
            looking.join()
            self.assertEqual(seen, {"before", "during"})

    def test_names_of_special_tokens_in_text_are_text(self):
        text = "a<|endoftext|>b<think>"
        for engine in ("tiktoken", "tokenizers"):
            tokenizer = self.load(trained("qwen2"), engine)
            plain = tokenizer.encode(text)
            self.assertFalse(set(plain.tolist()) & set(tokenizer.special.values()))
            self.assertEqual(tokenizer.decode(plain), text)
            marked = tokenizer.encode(text, special=True)
            expected = [
                *tokenizer.encode("a"),
                tokenizer.end_of_text,
                *tokenizer.encode("b"),
                tokenizer.special["<think>"],
            ]
            self.assertEqual(marked.tolist(), expected)
            self.assertEqual(tokenizer.decode(marked), text)
        library = tokenizers.Tokenizer.from_str(trained("qwen2"))
        self.assertEqual(library.encode(text).ids, expected)
        self.assertEqual(tokenizer.encode("", special=True).tolist(), [])

    def test_batches_in_threads(self):
        tokenizer = self.load(trained("qwen2"))
        texts = [TEXT[n:] for n in range(50)]
        for threads in (1, 4):
            for text, ids in zip(texts, tokenizer.encode_batch(texts, threads), strict=True):
                np.testing.assert_array_equal(ids, tokenizer.encode(text))
        self.assertEqual(tokenizer.encode_batch([]), [])

    def test_decode(self):
        tokenizer = self.load(trained("qwen2"))
        self.assertEqual(tokenizer.decode(tokenizer.encode("€")[:1]), "�")
        for bad in (-1, tokenizer.vocab_size):
            with self.assertRaises(IndexError):
                tokenizer.decode([bad])

    @parameterized.named_parameters(
        ("normalizer", lambda d: d.update(normalizer={"type": "NFC"})),
        ("ignore_merges", lambda d: d["model"].update(ignore_merges=True)),
        ("dropout", lambda d: d["model"].update(dropout=0.1)),
        (
            "prefix_space",
            lambda d: d["pre_tokenizer"]["pretokenizers"][1].update(add_prefix_space=True),
        ),
        (
            "pattern",
            lambda d: d["pre_tokenizer"]["pretokenizers"][0].update(pattern={"Regex": r"\w+|\W+"}),
        ),
        ("order", lambda d: d["model"]["merges"].insert(0, d["model"]["merges"].pop())),
        ("token_without_merge", lambda d: d["model"]["vocab"].update(zqzq=5000)),
    )
    def test_tiktoken_is_refused_where_ids_could_differ(self, change):
        described = json.loads(trained("qwen2"))
        self.assertEqual(self.load(described).engine, "tiktoken")
        change(described)
        self.assertEqual(self.load(described).engine, "tokenizers")
        with self.assertRaises(InputError):
            self.load(described, "tiktoken")

    def test_tiktoken_is_refused_for_merges_that_no_text_reaches(self):
        # "abc" is made of ("a", "bc"), but "ab" comes before "bc": the library never makes it from
        # a, b, c, and tiktoken does.
        letters = sorted(byte_alphabet())
        merges = [("a", "b"), ("b", "c"), ("a", "bc")]
        names = [*letters, *(left + right for left, right in merges)]
        library = probe("gpt-2")
        library.model = models.BPE({name: i for i, name in enumerate(names)}, merges)
        tokenizer = self.load(library)
        self.assertEqual(tokenizer.engine, "tokenizers")
        self.assertEqual([tokenizer.token_bytes(i) for i in tokenizer.encode("abc")], [b"ab", b"c"])

    @hypothesis.settings(max_examples=60, deadline=None)
    @hypothesis.given(
        st.lists(st.text("abc ", min_size=1, max_size=12), min_size=1), st.text("abc ")
    )
    def test_engines_agree_for_any_trained_merges(self, corpus, text):
        described = training.train_bpe(corpus * 3, 300, "gpt-2").to_str()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "tokenizer.json"
            path.write_text(described)
            fast, slow = Tokenizer.load(path, "tiktoken"), Tokenizer.load(path, "tokenizers")
        for piece in (text, text * 3, *corpus):
            np.testing.assert_array_equal(fast.encode(piece), slow.encode(piece))

    def test_other_tokenizers_go_through_the_library(self):
        names = ["<unk>", "</s>", *(f"<0x{n:02X}>" for n in range(256)), "▁", "a", "▁a"]
        model = models.BPE(
            {name: i for i, name in enumerate(names)},
            [("▁", "a")],
            byte_fallback=True,
            unk_token="<unk>",
        )
        library = tokenizers.Tokenizer(model)
        library.normalizer = normalizers.Replace(" ", "▁")
        library.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        )
        library.add_special_tokens([tokenizers.AddedToken("</s>", special=True)])
        tokenizer = self.load(library)
        self.assertEqual(tokenizer.engine, "tokenizers")
        self.assertEqual(tokenizer.end_of_text, 1)
        ids = tokenizer.encode("a aé")
        self.assertEqual(tokenizer.decode(ids), "a aé")
        self.assertEqual(b"".join(map(tokenizer.token_bytes, ids)), "a aé".encode())

    def test_errors(self):
        with self.assertRaisesRegex(InputError, "run the stage data.tokenizer"):
            Tokenizer.load(self.path)
        for bad in ("", "{}", "[]", '{"model": 5}', "\0"):
            with self.assertRaisesRegex(InputError, "not a tokenizer.json"):
                self.load(bad)
        described = json.loads(trained("qwen2"))
        described["added_tokens"] = []
        with self.assertRaisesRegex(InputError, "no end-of-text token"):
            self.load(described)


@functools.cache
def both(pattern: str) -> tuple[Tokenizer, Tokenizer]:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "tokenizer.json"
        path.write_text(trained(pattern), encoding="utf-8")
        return Tokenizer.load(path, "tiktoken"), Tokenizer.load(path, "tokenizers")


class CharactersTest(absltest.TestCase):
    def test_table_and_library_agree(self):
        library = training.train_characters(["hello\r\n wörld \U0001f600 e\u0301\t"])
        with tempfile.TemporaryDirectory() as folder:
            library.save(f"{folder}/tokenizer.json")
            fast, slow = Tokenizer.load(folder), Tokenizer.load(folder, "tokenizers")
        self.assertEqual((fast.engine, slow.engine), ("characters", "tokenizers"))

        @hypothesis.settings(max_examples=200, deadline=None)
        @hypothesis.given(st.text() | st.text("helo\r\n wörd\U0001f600\u0301<|endoftext|>"))
        def check(text):
            ids = fast.encode(text)
            np.testing.assert_array_equal(ids, slow.encode(text))
            self.assertLen(ids, len(text))
            known = "".join(c if c in "hello\r\n wörld \U0001f600e\u0301\t" else "?" for c in text)
            self.assertEqual(fast.decode(ids).replace(training.UNKNOWN, "?"), known)
            self.assertNotIn(fast.end_of_text, ids)

        check()
        for tokenizer in (fast, slow):
            self.assertEqual(tokenizer.decode(tokenizer.encode("hello\n")), "hello\n")


@absltest.skipUnless(GPT2.exists(), f"GPT-2's vocabulary is not in {GPT2}")
class Gpt2Test(absltest.TestCase):
    """Against tiktoken as it is set up for GPT-2, from the same two files."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory() as folder:
            training.existing(str(GPT2)).save(f"{folder}/tokenizer.json")
            cls.fast = Tokenizer.load(folder)
            cls.slow = Tokenizer.load(folder, "tokenizers")
        from tiktoken import load

        ranks = load.data_gym_to_mergeable_bpe_ranks(
            str(GPT2 / "vocab.bpe"), str(GPT2 / "encoder.json")
        )
        cls.oracle = tiktoken.Encoding(
            name="gpt2",
            pat_str=PATTERNS["gpt-2"],
            mergeable_ranks=ranks,
            special_tokens={END_OF_TEXT: 50256},
            explicit_n_vocab=50257,
        )

    def test_same_ids_on_every_plane(self):
        self.assertEqual(self.fast.engine, "tiktoken")
        self.assertEqual((self.fast.vocab_size, self.fast.end_of_text), (50257, 50256))
        text = TEXT + every_plane(step=331)
        for start in range(0, len(text), 1 << 18):
            piece = text[start : start + (1 << 18)]
            expected = self.oracle.encode_ordinary(piece)
            self.assertEqual(self.slow.encode(piece).tolist(), expected)
            self.assertEqual(self.fast.encode(piece).tolist(), expected)
        self.assertEqual(self.fast.decode(expected), piece)

    def test_published_ids(self):
        ids = self.fast.encode("Hello world<|endoftext|>", special=True)
        self.assertEqual(ids.tolist(), [15496, 995, 50256])


if __name__ == "__main__":
    absltest.main()
