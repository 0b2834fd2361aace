import collections
import gzip
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
from unittest import mock

import hypothesis
import hypothesis.strategies as st
import pyarrow
import pyarrow.parquet
import zstandard
from absl.testing import absltest, parameterized

from configs import defaults
from data import sources
from data.errors import InputError
from data.sources import Reading, Source

SHARED = pathlib.Path(os.environ.get("PRIMER_SHARED_DATA", "../shared/data"))


class ParseTest(parameterized.TestCase):
    @parameterized.parameters(
        ("world", [Source("world")]),
        ("a.txt@0.7, b/*.jsonl.gz@3e-1", [Source("a.txt", 0.7), Source("b/*.jsonl.gz", 0.3)]),
        ("a,b", [Source("a"), Source("b")]),
        ("hf://datasets/u/n@refs/x.parquet", [Source("hf://datasets/u/n@refs/x.parquet")]),
        ("hf://datasets/u/n@v1/x.parquet@2", [Source("hf://datasets/u/n@v1/x.parquet", 2.0)]),
    )
    def test_parse(self, spec, expected):
        self.assertEqual(sources.parse(spec), expected)

    @parameterized.parameters("", " , ", "a@0", "a@1.2.3", "a@0.5,b")
    def test_refused(self, spec):
        with self.assertRaises(InputError):
            sources.parse(spec)


class FilesTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)

    def texts(self, spec: str, **keys) -> list[str]:
        return [text for _, text in sources.documents(spec, Reading(**keys))]

    def test_every_format_and_packing_gives_the_same_documents(self):
        texts = [f"document {number} é\n" for number in range(50)]
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
        plain = "<|endoftext|>".join(texts).encode()
        zstd = zstandard.ZstdCompressor().compress
        pyarrow.parquet.write_table(pyarrow.table({"text": texts}), self.folder / "p.parquet")
        named = {
            "l.jsonl": lines,
            "l.json": lines,
            "l.jsonl.gz": gzip.compress(lines),
            "l.jsonl.zst": zstd(lines),
            "t.txt": plain,
            "t.txt.gz": gzip.compress(plain),
            "T.TXT.ZST": zstd(plain),
        }
        for name, content in named.items():
            found = self.texts(self.write(name, content))
            self.assertEqual([text.strip() for text in found], [text.strip() for text in texts])
        self.assertEqual(self.texts(str(self.folder / "p.parquet")), texts)

    def test_globs_and_folders_are_read_in_order_of_their_names(self):
        for number in random.Random(0).sample(range(20), 20):
            self.write(f"c/{number % 3}/{number:02}.txt", b"%d" % number)
        self.write("c/README", b"not text")
        expected = [str(n) for n in sorted(range(20), key=lambda n: (n % 3, n))]
        self.assertEqual(self.texts(f"{self.folder}/c/*/*.txt"), expected)
        self.assertEqual(self.texts(f"{self.folder}/c"), expected)
        self.assertEqual(self.texts(f"file://{self.folder}/c"), expected)

    def test_names_with_the_letters_of_globs(self):
        self.write("runs[1]/book [v2].txt", b"a book")
        self.write("runs1/book 2.txt", b"another")
        self.assertEqual(self.texts(f"{self.folder}/runs[1]/book [v2].txt"), ["a book"])
        self.assertEqual(self.texts(f"{self.folder}/runs[1]"), ["a book"])
        self.assertEqual(self.texts(f"{self.folder}/runs[12]/*.txt"), ["another"])

    def test_what_a_downloaded_set_says_of_itself_is_no_data(self):
        self.write("set/data/train.jsonl", b'{"text": "x"}\n')
        self.write("set/README.md", b"# A card")
        self.write("set/LICENSE.txt", b"Terms")
        self.write("set/dataset_infos.json", b'{\n"default": {}\n}')
        self.assertEqual(self.texts(f"{self.folder}/set"), ["x"])
        self.assertEqual(self.texts(f"{self.folder}/set/**/*"), ["x"])
        self.assertLen(list(sources.records(f"{self.folder}/set")), 1)
        self.assertEqual(self.texts(f"{self.folder}/set/README.md"), ["# A card"])
        # Among texts it is one.
        self.write("notes/README.md", b"first")
        self.write("notes/then.md", b"second")
        self.assertEqual(self.texts(f"{self.folder}/notes"), ["first", "second"])

    def test_ids_name_file_and_place(self):
        path = self.write("a.txt", b"x<|endoftext|>y")
        ids = [name for name, _ in sources.documents(path, Reading())]
        self.assertEqual(ids, [f"{path}#0", f"{path}#1"])

    def test_through_fsspec(self):
        import fsspec

        with fsspec.open("memory://corpus/a.jsonl.gz", "wb") as file:
            file.write(gzip.compress(b'{"text": "from memory"}\n'))
        self.assertEqual(self.texts("memory://corpus/*.gz"), ["from memory"])

    def test_lone_surrogates_are_replaced_and_counted(self):
        path = self.write("a.jsonl", b'{"text": "a\\ud800b"}\n')
        problems = collections.Counter()
        ((_, text),) = sources.documents(path, Reading(), problems)
        self.assertEqual(text, "a�b")
        self.assertEqual(problems["documents with lone surrogates, replaced"], 1)

    @parameterized.named_parameters(
        ("missing", "nowhere/*.txt", "no file matches the source .*nowhere"),
        ("suffix", "a.pdf", "suffix of .*a.pdf says nothing"),
        ("cut_short", "cut.txt.gz", "cut.txt.gz is damaged or cut short"),
        ("key", "keys.jsonl", "keys: body"),
    )
    def test_one_sentence_errors(self, name, message):
        self.write("a.pdf", b"%PDF")
        self.write("cut.txt.gz", gzip.compress(b"text" * 1000)[:-10])
        self.write("keys.jsonl", b'{"body": "x"}\n')
        with self.assertRaisesRegex(InputError, message) as caught:
            self.texts(f"{self.folder}/{name}")
        self.assertNotIn("\n", str(caught.exception))

    def test_a_remote_source_that_cannot_be_reached_names_the_alternatives(self):
        refused = ConnectionError("Network is unreachable\nretried 5 times")
        for step in ("glob", "open"):
            filesystem = mock.Mock(glob=mock.Mock(return_value=["u/a.parquet"]))
            getattr(filesystem, step).side_effect = refused
            with mock.patch.object(
                sources.fsspec, "url_to_fs", return_value=(filesystem, "u/*.parquet")
            ):
                with self.assertRaisesRegex(
                    InputError, "cannot be reached .*unreachable.*tfds:.*world"
                ) as caught:
                    self.texts("hf://datasets/u/*.parquet")
            self.assertNotIn("\n", str(caught.exception))

    def test_a_protocol_without_its_package(self):
        with mock.patch.dict(sys.modules, {"gcsfs": None}):
            with self.assertRaisesRegex(InputError, "gs://x/y.txt needs a package .*gcsfs"):
                self.texts("gs://x/y.txt")

    def test_memory_stays_small_on_a_big_file(self):
        path = self.folder / "big.txt.gz"
        with gzip.open(path, "wb", compresslevel=1) as file:
            for _ in range(100):
                file.write(b"a line of text\n" * 70_000)  # 1 MB, and no blank line at all
        program = (
            "import resource\n"
            "from data.sources import Reading, documents\n"
            "limit = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            f"total = sum(len(text) for _, text in documents({str(path)!r}, Reading()))\n"
            "print(total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - limit)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        total, grown = map(int, done.stdout.split())
        self.assertEqual(total, 100 * 70_000 * 15)
        self.assertLess(grown, 30_000)  # kilobytes


class WebTest(absltest.TestCase):
    def test_only_a_finished_output_of_the_run_is_read(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "web").mkdir()
        for reading in (Reading(), Reading(web=str(folder / "web"))):
            for ask in (sources.size_hint, lambda *arguments: list(sources.documents(*arguments))):
                with self.assertRaisesRegex(InputError, "web is what a run's stage data.web.pipe"):
                    ask("web", reading)

    def test_an_output_without_a_page_is_an_empty_source(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / "stats.json").write_text('{"pages_kept": 0, "funnel": [{"bytes": 0}]}')
        (folder / "DONE").write_text("{}")
        reading = Reading(web=str(folder))
        self.assertEqual(list(sources.documents("web", reading)), [])
        self.assertEqual(sources.size_hint("web", reading), 0)


class TfdsTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        import numpy as np
        import tensorflow_datasets as tfds
        from tensorflow_datasets.core import sequential_writer

        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        data_dir = folder / "small_text" / "1.0.0"
        data_dir.mkdir(parents=True)
        identity = tfds.core.DatasetIdentity(
            name="small_text",
            version=tfds.core.Version("1.0.0"),
            data_dir=str(data_dir),
            module_name=__name__,
        )
        features = tfds.features.FeaturesDict({"text": tfds.features.Text(), "n": np.int64})
        info = tfds.core.DatasetInfo(builder=identity, features=features, disable_shuffling=True)
        writer = sequential_writer.SequentialWriter(info, 100, file_format="array_record")
        writer.initialize_splits(["train", "test"])
        for split, count in (("train", 250), ("test", 3)):
            examples = [{"text": f"{split} é {n}", "n": n} for n in range(count)]
            writer.add_examples({split: examples})
        writer.close_all()
        self.enterContext(mock.patch.dict(os.environ, {"TFDS_DATA_DIR": str(folder)}))

    def texts(self, spec, **keys):
        return [text for _, text in sources.documents(spec, Reading(**keys))]

    def test_splits(self):
        self.assertEqual(self.texts("tfds:small_text"), [f"train é {n}" for n in range(250)])
        self.assertEqual(self.texts("tfds:small_text/test"), [f"test é {n}" for n in range(3)])
        self.assertEqual(self.texts("tfds:small_text:1.0.0/train[:2]"), ["train é 0", "train é 1"])

    def test_errors(self):
        with self.assertRaisesRegex(InputError, "keys: .*text"):
            self.texts("tfds:small_text", text_key="body")
        with self.assertRaisesRegex(InputError, "no_such_set cannot be read"):
            self.texts("tfds:no_such_set")


class HeldOutTest(absltest.TestCase):
    @hypothesis.given(st.text(), st.floats(0, 1), st.floats(0, 1))
    def test_growing_the_fraction_only_adds(self, text, one, other):
        small, large = sorted((one, other))
        if sources.is_held_out(text, small):
            self.assertTrue(sources.is_held_out(text, large))
        self.assertFalse(sources.is_held_out(text, 0.0))
        self.assertTrue(sources.is_held_out(text, 1.0))

    def test_fraction(self):
        held_out = sum(sources.is_held_out(f"document {n}", 0.1) for n in range(20_000))
        # Binomial: 2000 ± 42; five standard deviations.
        self.assertBetween(held_out, 1788, 2212)

    def test_the_choice_is_part_of_the_format(self):
        held_out = [n for n in range(100) if sources.is_held_out(f"document {n}", 0.05)]
        self.assertEqual(held_out, [15, 64, 79])

    def test_the_split_does_not_depend_on_order_or_company(self):
        config = defaults.get_config()
        config.data.validation_fraction = 0.3
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        texts = [f"document {n}" for n in range(200)]
        splits = []
        for seed in range(2):
            chosen = random.Random(seed).sample(texts, 200 - 50 * seed)
            path = folder / f"{seed}.txt"
            path.write_text("<|endoftext|>".join(chosen))
            source = Source(str(path))
            trained = {text for _, text in sources.training_documents(config, source)}
            splits.append((set(chosen), trained))
        both = splits[0][0] & splits[1][0]
        self.assertEqual(splits[0][1] & both, splits[1][1] & both)
        self.assertLess(len(splits[0][1]), 200)

    def test_with_a_source_of_its_own_nothing_is_held_out(self):
        config = defaults.get_config()
        config.data.validation = "other.txt"
        self.assertEqual(sources.held_out_fraction(config, "world"), 0.0)
        config.data.validation = ""
        config.data.validation_fraction = 0.0
        with self.assertRaisesRegex(InputError, "validation_fraction is 0"):
            sources.held_out_fraction(config, "world")


class RealFilesTest(parameterized.TestCase):
    @parameterized.parameters(
        ("cc_text/c4_demo.jsonl.gz", 100),
        ("cc_text/wiki_demo.txt.gz", 10),
        ("tinyshakespeare/input.txt", 100),
        ("tokenizers/bpe_reference/tinystories_sample.txt", 5),
    )
    def test_read_whole(self, name, documents):
        if not (SHARED / name).exists():
            self.skipTest(f"{name} is not in {SHARED}")
        problems = collections.Counter()
        texts = [text for _, text in sources.documents(str(SHARED / name), Reading(), problems)]
        self.assertFalse(problems)
        self.assertGreaterEqual(len(texts), documents)
        raw = (SHARED / name).read_bytes()
        raw = gzip.decompress(raw) if name.endswith(".gz") else raw
        if name.endswith("input.txt"):
            self.assertEqual("".join(texts), raw.decode())
        elif "jsonl" in name:
            self.assertEqual(texts, [json.loads(line)["text"] for line in raw.splitlines()])
        else:
            squeezed = re.sub(r"\s|<\|endoftext\|>", "", "".join(texts))
            self.assertEqual(squeezed, re.sub(r"\s|<\|endoftext\|>", "", raw.decode()))


if __name__ == "__main__":
    absltest.main()
