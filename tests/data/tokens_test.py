import gzip
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from unittest import mock

import numpy as np
import tensorflow_datasets as tfds
from absl.testing import absltest, parameterized

from configs import defaults
from data import records, sources, tokenizer, tokens
from data.encoding import Tokenizer
from data.errors import InputError

WORDS = "walk talk sing think bring cling sting ring swing fling".split()


def document(number: int) -> str:
    return " ".join(f"{WORDS[(number * k) % 10]} {k}" for k in range(1, 4 + number % 40)) + " é"


class TokensTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.workdir = self.folder / "run"
        self.texts = [document(number) for number in range(400)]
        self.config = defaults.get_config()
        self.config.data.source = self.write("a.txt", self.texts)
        self.config.data.validation_fraction = 0.1
        self.config.tokenizer.vocab_size = 300

    def write(self, name: str, texts: list[str]) -> str:
        (self.folder / name).write_text("<|endoftext|>".join(texts), encoding="utf-8")
        return str(self.folder / name)

    def run_stages(self) -> dict:
        tokenizer.run(self.config, str(self.workdir))
        tokens.run(self.config, str(self.workdir))
        return json.loads((self.workdir / "data" / "counts.json").read_text())

    def stored(self, name: str, split: str) -> list[int]:
        builder = tfds.builder_from_directory(str(self.workdir / "data" / name))
        blocks = [example["tokens"] for example in builder.as_data_source(split=split)]
        self.assertEqual({len(block) for block in blocks[:-1]} - {tokens.BLOCK_TOKENS}, set())
        return np.concatenate(blocks).tolist()

    def shards(self) -> dict[str, bytes]:
        data = self.workdir / "data"
        found = data.rglob("*array_record*")
        return {str(path.relative_to(data)): path.read_bytes() for path in found}

    def expected(self, texts: list[str]) -> list[int]:
        encoder = Tokenizer.load(self.workdir / "tokenizer")
        stream = [encoder.end_of_text]
        for text in texts:
            stream += [*encoder.encode(text).tolist(), encoder.end_of_text]
        return stream

    def split(self, texts: list[str], fraction: float = 0.1) -> tuple[list[str], list[str]]:
        train = [text for text in texts if not sources.is_held_out(text, fraction)]
        return train, [text for text in texts if sources.is_held_out(text, fraction)]

    def test_streams_and_counts(self):
        counts = self.run_stages()
        train, validation = self.split(self.texts)
        for name, texts in (("train", train), ("validation", validation)):
            stream = self.stored("source_0", name)
            self.assertEqual(stream, self.expected(texts))
            figures = counts[name]
            self.assertEqual(figures["documents"], len(texts))
            self.assertEqual(figures["tokens"], len(stream) - 1)
            self.assertEqual(figures["bytes"], sum(len(text.encode()) for text in texts))
            self.assertEqual(figures["bytes_per_token"], figures["bytes"] / figures["tokens"])
        report = json.loads((self.workdir / "report.json").read_text())
        self.assertEqual(
            report,
            {
                "tokenizer/vocab_size": 300,
                "data/bytes_per_token": counts["train"]["bytes_per_token"],
                "data/train_tokens": counts["train"]["tokens"],
                "data/validation_tokens": counts["validation"]["tokens"],
            },
        )
        self.assertTrue((self.workdir / "data" / "DONE").exists())
        self.assertFalse((self.workdir / "data.partial").exists())

    def test_many_small_writes_and_shards_make_the_same_stream(self):
        with (
            mock.patch.object(tokens, "_BATCH_BYTES", 100),
            mock.patch.object(tokens, "_WRITE_BLOCKS", 1),
            mock.patch.object(records, "SHARD_RECORDS", 2),
        ):
            counts = self.run_stages()
        self.assertGreater(len(counts["files"]), 4)
        self.assertEqual(self.stored("source_0", "train"), self.expected(self.split(self.texts)[0]))

    def test_wide_vocabularies_take_32_bits(self):
        self.config.tokenizer.kind = "characters"
        characters = [chr(point) for point in range(0x4E00, 0x4E00 + 0x5000)]
        characters += [chr(point) for point in range(0x20000, 0x20000 + 0x14000)]
        texts = ["".join(characters[n::500]) for n in range(500)]
        self.config.data.source = self.write("wide.txt", texts)
        counts = self.run_stages()
        self.assertGreater(counts["vocab_size"], 1 << 16)
        train, _ = self.split(texts)
        stream = self.stored("source_0", "train")
        self.assertGreater(max(stream), 1 << 16)
        self.assertEqual(stream, self.expected(train))

    def test_several_sources_and_a_validation_source(self):
        other = [text.upper() for text in self.texts[:100]]
        held_out = [text[::-1] for text in self.texts[:30]]
        self.config.data.source += "@3," + self.write("b.txt", other) + "@1"
        self.config.data.validation = self.write("v.txt", held_out)
        counts = self.run_stages()
        self.assertEqual(self.stored("source_0", "train"), self.expected(self.texts))
        self.assertEqual(self.stored("source_1", "train"), self.expected(other))
        self.assertEqual(self.stored("validation_0", "validation"), self.expected(held_out))
        self.assertEqual([part["weight"] for part in counts["sources"]], [3.0, 1.0, None])
        self.assertEqual(counts["train"]["documents"], 500)
        self.assertEqual(counts["validation"]["documents"], 30)

    def test_max_bytes(self):
        self.config.data.max_bytes = 5000
        counts = self.run_stages()
        read = sum(counts[split]["bytes"] for split in ("train", "validation"))
        self.assertBetween(read, 5000, 5000 + max(map(len, self.texts)) + 1)

    def test_same_bytes_every_time(self):
        shards = []
        for name in ("one", "two"):
            self.workdir = self.folder / name
            self.run_stages()
            shards.append(self.shards())
        self.assertEqual(*shards)

    def test_problems_are_counted(self):
        lines = [json.dumps({"text": text}) for text in self.texts] + ["{bad", '{"text": null}']
        (self.folder / "a.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
        self.config.data.source = str(self.folder / "a.jsonl.gz")
        counts = self.run_stages()
        self.assertEqual(
            counts["sources"][0]["problems"],
            {"lines that are not JSON objects": 1, "records without text": 1},
        )

    def test_stopped_in_the_middle_nothing_looks_finished_and_finished_sources_are_kept(self):
        self.config.data.source += "," + self.write("b.txt", [t.upper() for t in self.texts])
        tokenizer.run(self.config, str(self.workdir))
        read = sources.documents
        opened = []

        def stopping(spec, *arguments):
            opened.append(pathlib.Path(spec).name)
            for number, found in enumerate(read(spec, *arguments)):
                if spec.endswith("b.txt") and number == 200 and len(opened) == 2:
                    raise KeyboardInterrupt
                yield found

        with mock.patch.object(sources, "documents", stopping):
            with mock.patch.object(tokens, "_BATCH_BYTES", 1000):
                with self.assertRaises(KeyboardInterrupt):
                    tokens.run(self.config, str(self.workdir))
                self.assertFalse((self.workdir / "data").exists())
                tokens.run(self.config, str(self.workdir))
        self.assertEqual(opened, ["a.txt", "b.txt", "b.txt"])
        stopped = self.shards()
        self.workdir = self.folder / "at once"
        self.run_stages()
        self.assertEqual(self.shards(), stopped)

    def test_what_was_written_under_other_settings_is_not_taken(self):
        self.config.data.source += "," + self.write("b.txt", self.texts[:50])
        tokenizer.run(self.config, str(self.workdir))
        with mock.patch.object(tokens, "_counts", side_effect=KeyboardInterrupt):
            with self.assertRaises(KeyboardInterrupt):
                tokens.run(self.config, str(self.workdir))
        self.config.data.validation_fraction = 0.5
        tokens.run(self.config, str(self.workdir))
        train, _ = self.split(self.texts, 0.5)
        self.assertEqual(self.stored("source_0", "train"), self.expected(train))

    def test_killed_at_any_moment(self):
        self.run_stages()
        whole = self.shards()
        self.workdir = self.folder / "killed"
        tokenizer.run(self.config, str(self.workdir))
        (self.folder / "config.json").write_text(self.config.to_json_best_effort())
        program = (
            "import json, os, signal, sys, threading, ml_collections\n"
            "from data import sources, tokens, run_folder\n"
            "config = ml_collections.ConfigDict(json.load(open(sys.argv[1])))\n"
            "left = int(sys.argv[3])\n"
            "def count(frame, event, argument):\n"
            "    global left\n"
            "    if event == 'call' and frame.f_code.co_filename.endswith(\n"
            "        ('tokens.py', 'run_folder.py', 'sequential_writer.py')):\n"
            "        left -= 1\n"
            "        if left == 0:\n"
            "            os.kill(os.getpid(), signal.SIGKILL)\n"
            "sys.settrace(count)\n"
            "tokens.run(config, sys.argv[2])\n"
        )
        for calls in (3, 40, 440, 1250, 10**9):
            arguments = [str(self.folder / "config.json"), str(self.workdir), str(calls)]
            done = subprocess.run(
                [sys.executable, "-c", program, *arguments], capture_output=True, text=True
            )
            if (self.workdir / "data").exists():
                break
            self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
        self.assertEqual(self.shards(), whole)

    @parameterized.named_parameters(
        ("empty", ["\n", " "], {}, "has no text"),
        ("no_validation", ["one", "two"], {"validation_fraction": 1e-9}, "raise config.data.valid"),
        ("no_training", ["one", "two"], {"validation_fraction": 0.999999}, "lower"),
        ("fraction", ["one"], {"validation_fraction": 1.5}, "between 0 and 1"),
    )
    def test_errors(self, texts, keys, message):
        tokenizer.run(self.config, str(self.workdir))
        self.config.data.update(keys)
        self.config.data.source = self.write("bad.txt", texts)
        with self.assertRaisesRegex(InputError, message) as caught:
            tokens.run(self.config, str(self.workdir))
        self.assertNotIn("\n", str(caught.exception))
        self.assertFalse((self.workdir / "data").exists())

    def test_without_a_tokenizer(self):
        with self.assertRaisesRegex(InputError, "run the stage data.tokenizer first"):
            tokens.run(self.config, str(self.workdir))

    def test_full_disk(self):
        tokenizer.run(self.config, str(self.workdir))
        full = f"write() failed: {os.strerror(28)}; writing shard"
        for error in (OSError(28, "no room"), RuntimeError(full)):
            with mock.patch.object(tokens, "_write", side_effect=error):
                with self.assertRaisesRegex(InputError, "disk of .* is full"):
                    tokens.run(self.config, str(self.workdir))
        for error in (OSError(5, "broken"), RuntimeError("other")):
            with mock.patch.object(tokens, "_write", side_effect=error):
                with self.assertRaises(type(error)):
                    tokens.run(self.config, str(self.workdir))

    def test_the_world(self):
        self.config.data.source = "world"
        self.config.world.megabytes = 0.3
        counts = self.run_stages()
        read = counts["train"]["bytes"] + counts["validation"]["bytes"]
        self.assertBetween(read, 200_000, 500_000)


if __name__ == "__main__":
    absltest.main()
