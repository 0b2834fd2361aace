"""Conversations packed into rows, on disk and back: nothing lost, nothing uncounted."""

import collections
import json
import pathlib
import random
import tempfile

import hypothesis
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import strategies

from configs import defaults
from data import chat_loader, chat_tokens, conversations, tokenizer, tokens
from data.chat_tokens import Packer, Piece, fit
from data.encoding import Tokenizer
from data.errors import InputError
from data.run_folder import write_atomically
from tests.data.web.shared import DATA

_WORDS = "walk talk sing think bring cling sting ring swing fling".split()


def conversation(number: int, turns: int = 2) -> dict:
    draw = random.Random(number)
    messages = []
    for turn in range(turns):
        for role in ("user", "assistant"):
            text = " ".join(draw.choices(_WORDS, k=draw.randrange(1, 9)))
            messages.append({"role": role, "content": f"{text} {number} {turn}"})
    return {"messages": messages}


class Run:
    """A run's folder with a tokenizer, pretraining text and conversations."""

    def __init__(self, folder: pathlib.Path, records: list[dict], **sft):
        self.folder, self.workdir = folder, folder / "run"
        self.config = defaults.get_config()
        text = folder / "a.txt"
        text.write_text("<|endoftext|>".join(f"{' '.join(_WORDS)} {n}." for n in range(300)))
        chat = folder / "chat.jsonl"
        chat.write_text("".join(json.dumps(record) + "\n" for record in records))
        self.config.data.source = str(text)
        self.config.data.validation_fraction = 0.1
        self.config.tokenizer.vocab_size = 300
        self.config.model.context = 48
        self.config.sft.validation_fraction = 0.1
        self.config.sft.sources = str(chat)
        for key, value in sft.items():
            self.config.sft[key] = value
        tokenizer.run(self.config, str(self.workdir))

    def prepare(self) -> dict:
        chat_tokens.run(self.config, str(self.workdir))
        return json.loads((self.workdir / "chat_data" / "counts.json").read_text())

    def tokenizer(self) -> Tokenizer:
        return Tokenizer.load(self.workdir / "tokenizer")

    def open(self) -> chat_loader.ChatData:
        return chat_loader.open_chat_data(self.config, self.workdir)


def unpacked(rows) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The conversations of rows [3, T + 1], as (tokens, learnt)."""
    found = []
    for row in (rows[number] for number in range(len(rows))):
        for segment in range(1, row[2].max() + 1):
            inside = row[2] == segment
            found.append((tuple(row[0][inside].tolist()), tuple(row[1][inside].tolist())))
    return found


class PackingTest(parameterized.TestCase):
    @hypothesis.settings(max_examples=50, deadline=None, derandomize=True)
    @hypothesis.given(strategies.lists(strategies.integers(1, 20), max_size=300))
    def test_packs_everything_once_in_rows_that_fit(self, sizes):
        packer, rows = Packer(20), []
        for number, size in enumerate(sizes):
            tokens = np.full(size, number, np.int32)
            rows += packer.add(Piece(tokens, tokens >= 0))
        rows += packer.rest()
        self.assertLessEqual(max([sum(len(p.tokens) for p in row) for row in rows], default=0), 20)
        packed = collections.Counter(int(p.tokens[0]) for row in rows for p in row)
        self.assertEqual(packed, collections.Counter(range(len(sizes))))
        # First fit leaves no two rows that would go into one.
        half_empty = sum(sum(len(p.tokens) for p in row) <= 10 for row in rows)
        if len(rows) <= chat_tokens.OPEN_ROWS:
            self.assertLessEqual(half_empty, 1)

    def test_rows_are_filled(self):
        draw, packer, rows = random.Random(0), Packer(257), []
        for _ in range(5000):
            size = draw.randrange(10, 90)
            rows += packer.add(Piece(np.zeros(size, np.int32), np.ones(size, bool)))
        used = sum(len(piece.tokens) for row in rows for piece in row)
        self.assertGreater(used / (257 * len(rows)), 0.98)

    def test_fit_cuts_after_a_reply(self):
        learnt = np.array([0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1], bool)
        piece = Piece(np.arange(11, dtype=np.int32), learnt)
        for most, size in ((20, 11), (11, 11), (10, 9), (9, 9), (8, 4), (4, 4)):
            self.assertLen(fit(piece, most).tokens, size)
            self.assertLen(fit(piece, most).learnt, size)
        self.assertIsNone(fit(piece, 3))


class StageTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_every_conversation_is_in_the_rows_or_counted(self):
        records = [conversation(n, turns=1 + n % 6) for n in range(200)]
        long = {"role": "user", "content": "walk " * 100}
        records += [
            {"messages": [long, {"role": "assistant", "content": "no"}]},
            {"messages": []},
            {"unknown": 1},
        ]
        run = Run(self.folder, records)
        counts = run.prepare()
        # By the shortest conversation that can be cut from each.
        too_long = sum(
            len(conversations.render(run.tokenizer(), record["messages"][:2]).tokens) - 1 > 49
            for record in records[:201]
        )
        self.assertBetween(too_long, 1, 100)
        [source] = counts["sources"]
        splits = source["splits"]
        kept = sum(split["conversations"] for split in splits.values())
        self.assertEqual(kept + sum(source["dropped"].values()), len(records))
        self.assertEqual(
            source["dropped"],
            {
                "no reply ends within 49 tokens": too_long,
                "it has no messages": 1,
                "its fields are those of no known form of conversation": 1,
            },
        )
        self.assertGreater(source["truncated"], 20)
        self.assertGreater(splits["validation"]["conversations"], 5)
        # What is on disk is what was rendered, cut after a reply.
        expected = []
        for record in records[:200]:
            tokens_, mask = conversations.render(run.tokenizer(), record["messages"])
            piece = fit(Piece(tokens_[:-1], mask[:-1] > 0), 49)
            if piece:
                expected.append(
                    (tuple(piece.tokens.tolist()), tuple(piece.learnt.astype(int).tolist()))
                )
        data = run.open()
        train = chat_loader.ChatRows(run.workdir / "chat_data/source_0", "train", 48)
        found = unpacked(train) + unpacked(data.validation)
        self.assertEqual(collections.Counter(found), collections.Counter(expected))
        self.assertEqual(sum(len(t) for t, _ in found), sum(s["tokens"] for s in splits.values()))
        self.assertEqual(sum(sum(k) for _, k in found), sum(s["learnt"] for s in splits.values()))
        self.assertEqual(len(train), splits["train"]["rows"])
        self.assertEqual(data.epoch, len(train))
        report = json.loads((run.workdir / "report.json").read_text())
        self.assertEqual(report["chat_data/dropped"], sum(source["dropped"].values()))
        self.assertEqual(report["chat_data/truncated"], source["truncated"])

    def test_equal_questions_are_on_the_same_side(self):
        records = []
        for number in range(100):
            for answer in ("yes", "no", "perhaps"):
                question = {"role": "user", "content": f"walk {number}?"}
                records.append({"messages": [question, {"role": "assistant", "content": answer}]})
        run = Run(self.folder, records)
        run.prepare()

        def questions(rows) -> collections.Counter:
            text = [run.tokenizer().decode(tokens_) for tokens_, _ in unpacked(rows)]
            return collections.Counter(t.split("<|im_end|>")[0] for t in text)

        train = questions(chat_loader.ChatRows(run.workdir / "chat_data/source_0", "train", 48))
        held_out = questions(run.open().validation)
        self.assertEqual(set(train) & set(held_out), set())
        self.assertEqual({*train.values(), *held_out.values()}, {3})
        self.assertLen({*train, *held_out}, 100)

    def test_same_settings_give_the_same_files(self):
        files = []
        for name in ("a", "b"):
            (self.folder / name).mkdir()
            run = Run(self.folder / name, [conversation(n) for n in range(50)])
            run.prepare()
            found = sorted((run.workdir / "chat_data").rglob("*array_record*"))
            files.append([path.read_bytes() for path in found])
        self.assertEqual(files[0], files[1])

    def test_stopped_and_started_again(self):
        run = Run(self.folder, [conversation(n) for n in range(50)])
        write_atomically(run.workdir / "chat_data.partial/source_0/leftover", "x")
        counts = run.prepare()
        self.assertNotIn("source_0/leftover", counts["files"])
        self.assertEqual(run.prepare(), counts)
        shard = run.workdir / "chat_data" / next(iter(counts["files"]))
        shard.write_bytes(shard.read_bytes()[:-1])
        with self.assertRaisesRegex(InputError, "bytes, not"):
            run.open()

    def test_replay_by_weight(self):
        run = Run(self.folder, [conversation(n) for n in range(100)])
        run.config.sft.sources += "@3,replay@1"
        tokens.run(run.config, str(run.workdir))
        run.prepare()
        data = run.open()
        rows = [data.train[number] for number in range(400)]
        end = run.tokenizer().end_of_text
        replayed = [row for row in rows if (row[0] == end).any()]
        self.assertEqual(len(replayed), 100)
        for row in replayed:
            np.testing.assert_array_equal(row[1], row[0] != -1)
            self.assertEqual(set(row[2]), {1})
        train = chat_loader.ChatRows(run.workdir / "chat_data/source_0", "train", 48)
        self.assertAlmostEqual(data.epoch, len(train) * 4 / 3)
        # Every conversation is seen in an epoch of them.
        first = [row for row in rows if not (row[0] == end).any()][: len(train)]
        self.assertEqual(collections.Counter(unpacked(first)), collections.Counter(unpacked(train)))
        run.config.train.separate_documents = True
        separate = next(
            row for row in (run.open().train[n] for n in range(9)) if (row[0] == end).any()
        )
        opens = np.flatnonzero(separate[0] == end)
        np.testing.assert_array_equal(np.diff(separate[2])[opens[opens > 0] - 1], 1)

    @parameterized.parameters(
        ({"sources": "replay@1"}, "without a source of conversations"),
        ({"validation_fraction": 0.0}, "must lie between 0 and 1"),
        ({"context": 1}, "config.sft.context is 1"),
        ({"context": 64}, "at most config.model.context"),
        ({"context": 5}, "no conversation of .* can be learnt from .*: no reply ends within 6"),
        ({"validation_fraction": 1e-9}, "falls into the validation split: raise"),
    )
    def test_what_is_wrong_is_said(self, settings, sentence):
        run = Run(self.folder, [conversation(n) for n in range(20)], **settings)
        with self.assertRaisesRegex(InputError, sentence):
            run.prepare()
        self.assertFalse((run.workdir / "chat_data").exists())

    def test_replay_without_weight_and_no_data(self):
        run = Run(self.folder, [conversation(n) for n in range(50)])
        with self.assertRaisesRegex(InputError, "run the stage data.chat_tokens first"):
            run.open()
        plain = run.config.sft.sources
        run.config.sft.sources = f"{plain},replay"
        with self.assertRaisesRegex(InputError, "replay in config.sft.sources has no weight"):
            run.prepare()
        run.config.sft.sources = f"{plain}@1,replay@1"
        run.prepare()
        with self.assertRaisesRegex(InputError, "run the stage data.tokens first"):
            run.open()


class TokenizerTest(absltest.TestCase):
    def test_it_learns_the_words_of_conversations_where_it_reads_some(self):
        def record(number: int) -> dict:
            arguments = {"expression": f"factorial({number})"}
            call = {"type": "function", "function": {"name": "evaluate", "arguments": arguments}}
            asked = {"role": "user", "content": f"walk {number}?"}
            return {"messages": [asked, {"role": "assistant", "tool_calls": [call]}]}

        sizes = {}
        for chat_bytes in (0, 1_000_000):
            folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
            (folder / "other").mkdir()
            run = Run(folder, [record(number) for number in range(200)])
            run.config.tokenizer.chat_bytes, run.workdir = chat_bytes, folder / "other"
            run.config.tokenizer.vocab_size = 340
            tokenizer.run(run.config, str(run.workdir))
            tokens_ = run.tokenizer()
            sizes[chat_bytes] = len(conversations.render(tokens_, record(7)["messages"]).tokens)
            # Names of control tokens are no words to learn.
            ordinary = set(tokens_.tokens) - {name.encode() for name in tokens_.special}
            self.assertEqual([token for token in ordinary if b"im_" in token], [])
        self.assertLess(sizes[1_000_000], 0.7 * sizes[0])


class BatchesTest(absltest.TestCase):
    def test_arrange(self):
        row = np.array([[5, 6, 7, 8, 9, -1, -1], [0, 1, 0, 1, 1, -1, -1], [1, 1, 2, 2, 2, -1, -1]])
        batch = {key: array[0].tolist() for key, array in chat_loader.arrange(row[None]).items()}
        self.assertEqual(
            batch,
            {
                "inputs": [5, 6, 7, 8, 9, 0],
                "targets": [6, 7, 8, 9, 0, 0],
                "mask": [1, 0, 1, 1, 0, 0],
                "segment_ids": [1, 1, 2, 2, 2, 0],
                "positions": [0, 1, 0, 1, 2, 0],
            },
        )

    def test_a_position_is_one_integer(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        run = Run(folder, [conversation(n) for n in range(100)])
        run.prepare()
        rows = run.open().train
        whole = chat_loader.batches(rows, 4)
        first = [next(whole) for _ in range(30)]  # over several epochs
        later = chat_loader.batches(rows, 4, start=17)
        own = chat_loader.batches(rows, 4, offsets=[3, 1], start=17)
        for number in range(17, 30):
            again, mine = next(later), next(own)
            for key, array in first[number].items():
                np.testing.assert_array_equal(again[key], array)
                np.testing.assert_array_equal(mine[key], array[[3, 1]])


class RealFilesTest(parameterized.TestCase):
    @parameterized.parameters(
        ("gsm8k/train.jsonl.gz", 7473, 512),
        ("oasst_en100/en_100_tree.jsonl.gz", 100, 512),
        ("llamafactory_demo/alpaca_en_demo.json.gz", 999, 256),
        ("llamafactory_demo/glaive_toolcall_en_demo.json.gz", 300, 512),
    )
    def test_every_conversation_is_counted(self, name, records, context):
        path = DATA / name
        if not path.exists():
            self.skipTest(f"needs {name} of the shared data")
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        run = Run(folder, [])
        run.config.model.context = context
        run.config.sft.sources = str(path)
        counts = run.prepare()
        [source] = counts["sources"]
        kept = sum(split["conversations"] for split in source["splits"].values())
        self.assertEqual(kept + sum(source["dropped"].values()), records)
        self.assertGreater(kept, 0)
        data = run.open()
        train = chat_loader.ChatRows(run.workdir / "chat_data/source_0", "train", context)
        self.assertLen(unpacked(train) + unpacked(data.validation), kept)


if __name__ == "__main__":
    absltest.main()
