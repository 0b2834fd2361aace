import collections
import json
import pathlib
import random
import tempfile

import hypothesis
import hypothesis.strategies as st
import numpy as np
from absl.testing import absltest, parameterized

from configs import defaults
from data import loader, tokenizer, tokens
from data.errors import InputError


def make_run(folder: pathlib.Path, *texts: list[str], **keys) -> str:
    """A run's folder with token data of one source for each list of texts, by characters."""
    config = defaults.get_config()
    config.tokenizer.kind = "characters"
    config.data.validation_fraction = 0.2
    specs = []
    for number, documents in enumerate(texts):
        path = folder / f"source {number}.txt"
        path.write_text("<|endoftext|>".join(documents), encoding="utf-8")
        specs.append(str(path) + keys.get("weights", [""] * len(texts))[number])
    config.data.source = ",".join(specs)
    workdir = str(folder / "run")
    tokenizer.run(config, workdir)
    tokens.run(config, workdir)
    return workdir


def letters(alphabet: str, count: int) -> list[str]:
    """Documents of different lengths, in which no two rows are the same."""
    generator = random.Random(0)
    return ["".join(generator.choices(alphabet, k=1 + n * 7 % 50)) for n in range(count)]


class FakeStream:
    """Rows straight from an array, for properties."""

    def __init__(self, stream: np.ndarray, context: int):
        self._stream, self._context = stream, context

    def rows(self) -> loader.Rows:
        rows = loader.Rows.__new__(loader.Rows)
        rows._stream = loader.Stream("", "", "train", len(self._stream), None)
        rows._context = self._context
        size = tokens.BLOCK_TOKENS
        rows._block = lambda number: self._stream[number * size : (number + 1) * size]
        return rows


class RowsTest(absltest.TestCase):
    @hypothesis.settings(max_examples=100, deadline=None)
    @hypothesis.given(st.integers(2, 10_000), st.integers(1, 6000))
    def test_every_token_but_the_first_is_a_target_once(self, length, context):
        stream = np.arange(length, dtype=np.uint16)
        rows = FakeStream(stream, context).rows()
        arrays = [loader.arrange(rows[number][None]) for number in range(len(rows))]
        targets = np.concatenate([a["targets"][a["mask"] == 1] for a in arrays])
        np.testing.assert_array_equal(targets, stream[1:])
        inputs = np.concatenate([a["inputs"][a["mask"] == 1] for a in arrays])
        np.testing.assert_array_equal(inputs, stream[:-1])
        for a in arrays:
            self.assertEqual(a["inputs"].shape, (1, context))
            self.assertGreater(a["mask"].sum(), 0)


class ArrangeTest(absltest.TestCase):
    def test_by_hand(self):
        # 9 ends a document; the row starts inside one.
        rows = np.array([[5, 6, 9, 7, 9, 8, -1, -1]], np.int32)
        a = loader.arrange(rows, end_of_text=9)
        self.assertEqual(a["inputs"].tolist(), [[5, 6, 9, 7, 9, 8, 0]])
        self.assertEqual(a["targets"].tolist(), [[6, 9, 7, 9, 8, 0, 0]])
        self.assertEqual(a["mask"].tolist(), [[1, 1, 1, 1, 1, 0, 0]])
        self.assertEqual(a["segment_ids"].tolist(), [[1, 1, 2, 2, 3, 3, 3]])
        self.assertEqual(a["positions"].tolist(), [[0, 1, 0, 1, 0, 1, 2]])
        kinds = {name: array.dtype.name for name, array in a.items()}
        self.assertEqual(kinds.pop("mask"), "float32")
        self.assertEqual(set(kinds.values()), {"int32"})
        self.assertEqual(set(loader.arrange(rows)), {"inputs", "targets", "mask"})

    @hypothesis.given(st.lists(st.lists(st.integers(0, 8), max_size=6), min_size=1, max_size=8))
    def test_a_target_is_predicted_from_its_own_document_alone(self, documents):
        stream, owner = [9], [0]
        for number, document in enumerate(documents):
            stream += [*document, 9]
            owner += [number] * (len(document) + 1)
        a = loader.arrange(np.array([stream], np.int32), end_of_text=9)
        owner_of_target = owner[1:]
        segments = a["segment_ids"][0]
        for target, document in enumerate(owner_of_target):
            seen = np.flatnonzero(segments[: target + 1] == segments[target])
            # All of the document so far, opened by an end_of_text, and nothing else.
            self.assertEqual(stream[seen[0]], 9)
            self.assertEqual({owner_of_target[place] for place in seen}, {document})
            self.assertEqual(a["positions"][0, target], len(seen) - 1)


class LoaderTest(parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.workdir = make_run(cls.folder, letters("abcdefgh", 1500))
        cls.corpus = loader.open_corpus(cls.workdir)

    def batches(self, count: int, **arguments) -> list[dict[str, np.ndarray]]:
        rows = loader.training_rows(self.corpus, 32, seed=arguments.pop("seed", 1))
        iterator = loader.batches(rows, **{"batch": 8, **arguments})
        return [next(iterator) for _ in range(count)]

    def same(self, left, right):
        self.assertEqual(len(left), len(right))
        for one, other in zip(left, right, strict=True):
            self.assertEqual(set(one), set(other))
            for name in one:
                np.testing.assert_array_equal(one[name], other[name])

    def test_shapes(self):
        (batch,) = self.batches(1, end_of_text=self.corpus.end_of_text)
        self.assertEqual({array.shape for array in batch.values()}, {(8, 32)})

    def test_an_epoch_is_every_row_once_and_the_next_another_order(self):
        stream = self.corpus.train[0]
        rows = loader.training_rows(self.corpus, 32, seed=1)
        count = len(loader.Rows(stream, 32))
        self.assertEqual(count, -(-(stream.tokens - 1) // 32))
        epochs = [[rows[n + epoch * count].tobytes() for n in range(count)] for epoch in (0, 1)]
        self.assertLen(set(epochs[0]), count)
        self.assertEqual(set(epochs[0]), set(epochs[1]))
        self.assertNotEqual(*epochs)
        in_order = loader.Rows(stream, 32)
        moved = sum(in_order[n].tobytes() != row for n, row in enumerate(epochs[0]))
        self.assertGreater(moved, count // 2)

    def test_same_seed_same_batches(self):
        self.same(self.batches(60), self.batches(60))
        other = self.batches(1, seed=2)[0]["inputs"]
        self.assertFalse(np.array_equal(other, self.batches(1)[0]["inputs"]))

    @parameterized.parameters(1, 7, 55, 1000)
    def test_starting_at_k_is_skipping_k(self, start):
        skipped = self.batches(start + 5, end_of_text=self.corpus.end_of_text)[start:]
        resumed = self.batches(5, start=start, end_of_text=self.corpus.end_of_text)
        self.same(resumed, skipped)

    @parameterized.parameters(
        ([[0, 1, 2, 3], [4, 5, 6, 7]],), ([[0, 2, 4, 6], [1, 3, 5, 7]],), ([[7, 3], [0], [5, 4]],)
    )
    def test_hosts_together_have_the_whole_batch(self, hosts):
        whole = self.batches(20)
        for offsets in hosts:
            own = self.batches(20, offsets=offsets)
            expected = [{name: a[offsets] for name, a in batch.items()} for batch in whole]
            self.same(own, expected)

    def test_offsets_outside_the_batch(self):
        with self.assertRaises(ValueError):
            self.batches(1, offsets=[8])

    @parameterized.parameters(1, 8, 13, 10_000)
    def test_validation_has_every_target_once(self, batch):
        rows = loader.validation_rows(self.corpus, 32)
        found = list(loader.batches(rows, batch))
        targets = [b["targets"][b["mask"] == 1] for b in found]
        stream = np.concatenate([row[:-1] for row in map(np.asarray, rows)])
        stream = stream[stream != loader.PADDING]
        joined = np.concatenate(targets)
        np.testing.assert_array_equal(joined, stream[1:])
        self.assertLen(joined, self.corpus.counts["validation"]["tokens"])
        # By characters, and all of them ASCII here: what is not end_of_text is one byte.
        content = np.count_nonzero(joined != self.corpus.end_of_text)
        self.assertEqual(content, self.corpus.counts["validation"]["bytes"])
        self.assertEqual({b["inputs"].shape for b in found}, {(batch, 32)})

    def test_validation_shared_among_hosts(self):
        rows = loader.validation_rows(self.corpus, 32)
        whole = list(loader.batches(rows, 10))
        for offsets in ([0, 3], [1, 2, 4, 5, 6, 7, 8, 9]):
            own = list(loader.batches(rows, 10, offsets))
            self.same(own, [{name: a[offsets] for name, a in b.items()} for b in whole])

    def test_a_corpus_shorter_than_a_row(self):
        tokens_there = self.corpus.counts["train"]["tokens"]
        with self.assertRaisesRegex(InputError, f"has {tokens_there} tokens.*config.train.context"):
            loader.training_rows(self.corpus, tokens_there + 1, seed=0)
        self.assertLen(loader.Rows(self.corpus.train[0], tokens_there), 1)


class MixtureTest(parameterized.TestCase):
    def mixture(self, weights: list[str]) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            texts = [letters("abcd", 400), letters("efgh", 100)]
            workdir = make_run(pathlib.Path(folder), *texts, weights=weights)
            corpus = loader.open_corpus(workdir)
            rows = loader.training_rows(corpus, 32, seed=0)
            names = json.loads((pathlib.Path(workdir) / "tokenizer/tokenizer.json").read_text())
            first = [names["model"]["vocab"][letter] for letter in "abcd"]
            count = collections.Counter(bool(np.isin(rows[n], first).any()) for n in range(1000))
            validation = loader.validation_rows(corpus, 32)
            there = sum(int((row[1:] != loader.PADDING).sum()) for row in validation)
            self.assertEqual(there, corpus.counts["validation"]["tokens"])
            shares = [stream.tokens for stream in corpus.train]
        return {"a": count[True] / 1000, "tokens": shares[0] / sum(shares)}

    def test_by_weight(self):
        self.assertAlmostEqual(self.mixture(["@1", "@3"])["a"], 0.25, delta=0.01)

    def test_one_source_opens_and_then_all_are_mixed_from_the_first_row(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        texts = [letters("abcd", 400), letters("efgh", 100)]
        corpus = loader.open_corpus(make_run(folder, *texts, weights=["@1", "@3"]))
        opening = corpus.train[1].source
        rows = loader.training_rows(corpus, 32, seed=0, opening=opening, count=48)
        own = loader.Rows(corpus.train[1], 32)
        opened = {own[n].tobytes() for n in range(len(own))}
        self.assertLessEqual({rows[n].tobytes() for n in range(48)}, opened)
        mixed = loader.training_rows(corpus, 32, seed=0)
        for n in range(100):
            np.testing.assert_array_equal(rows[48 + n], mixed[n])
        batch = next(loader.batches(rows, 32, start=2))
        np.testing.assert_array_equal(
            batch["inputs"][:, 1:], [mixed[16 + n][1:-1] for n in range(32)]
        )
        with self.assertRaisesRegex(InputError, "opening_source is 'poems', which is none of"):
            loader.training_rows(corpus, 32, seed=0, opening="poems", count=1)

    def test_without_weights_in_proportion_to_tokens(self):
        found = self.mixture(["", ""])
        self.assertAlmostEqual(found["a"], found["tokens"], delta=0.01)


class DamageTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.workdir = make_run(folder, letters("abcdefgh", 1500))
        self.data = pathlib.Path(self.workdir) / "data"
        (self.shard,) = self.data.rglob("*train.array_record*")

    def test_no_data(self):
        with self.assertRaisesRegex(InputError, "run the stage data.tokens first"):
            loader.open_corpus(self.workdir + "/nowhere")

    def test_missing_shard(self):
        self.shard.unlink()
        with self.assertRaisesRegex(InputError, f"{self.shard.name} is missing: restore"):
            loader.open_corpus(self.workdir)

    def test_shard_cut_short(self):
        content = self.shard.read_bytes()
        self.shard.write_bytes(content[:-100])
        with self.assertRaisesRegex(InputError, f"{self.shard.name} has {len(content) - 100} byte"):
            loader.open_corpus(self.workdir)

    def test_overwritten_shard(self):
        content = bytearray(self.shard.read_bytes())
        # Every 100th byte, so that chunks and the index of the file are hit alike.
        for place in range(0, len(content), 100):
            content[place] ^= 0xFF
        self.shard.write_bytes(content)
        corpus = loader.open_corpus(self.workdir)
        with self.assertRaisesRegex(InputError, "train token shards in .* cannot be read") as e:
            iterator = loader.batches(loader.training_rows(corpus, 32, seed=0), 8)
            for _ in range(500):
                next(iterator)
        self.assertNotIn("\n", str(e.exception))

    def test_a_flipped_bit_is_never_taken_for_a_token(self):
        content = self.shard.read_bytes()
        corpus = loader.open_corpus(self.workdir)
        rows = loader.Rows(corpus.train[0], 4096)
        good = [rows[n] for n in range(len(rows))]
        noticed = 0
        used = len(content.rstrip(b"\0"))
        for place in range(7, used, max(1, used // 40)):
            flipped = bytearray(content)
            flipped[place] ^= 0x10
            self.shard.write_bytes(flipped)
            try:
                rows = loader.Rows(corpus.train[0], 4096)
                found = [rows[n] for n in range(len(rows))]
            except InputError:
                noticed += 1
            else:
                np.testing.assert_array_equal(found, good)
        self.assertGreater(noticed, 10)


if __name__ == "__main__":
    absltest.main()
