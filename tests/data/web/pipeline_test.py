import contextlib
import dataclasses
import gzip
import json
import pathlib
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from unittest import mock

import apache_beam as beam
import fsspec
import numpy as np
import pyarrow.parquet
from absl.testing import absltest, parameterized
from apache_beam.testing import util as testing
from fsspec.implementations.local import LocalFileSystem

from configs import defaults
from data import run_folder, sources
from data.errors import InputError
from data.web import funnel, graph, layout, lookups, pages, passes, pipeline, settings, sinks
from tests.data.web import crawls
from tests.data.web.crawls import article

# Most of these tests are not about extraction: the engine that starts faster will do.
FAST = settings.Settings(extraction=settings.Extraction(engine="resiliparse"))


class PipelineTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.crawl = self.folder / "crawl"
        self.crawl.mkdir()

    def write(self, name: str, content: bytes) -> None:
        (self.crawl / name).write_bytes(content)

    def small_crawl(self, shards: int = 3) -> None:
        """Three good pages a shard, of them one an exact copy and one a near copy across shards."""
        for number in range(shards):
            own = article(10 + number)
            near = article(1) + f"\nWritten down by a walker on day {number} of that journey."
            self.write(
                f"{number}.warc.gz",
                crawls.response(f"http://own{number}.example/", own)
                + crawls.response(f"http://same{number}.example/", article(2))
                + crawls.response(f"http://near{number}.example/", near)
                + crawls.response(f"http://short{number}.example/", "Too short."),
            )

    def build(self, name: str, chosen: settings.Settings | None = None, **options) -> pathlib.Path:
        output = self.folder / name
        folder, account = pipeline.build(str(self.crawl), str(output), chosen or FAST, **options)
        pipeline.publish(folder, str(output), account)
        return output

    def test_copies_are_found_across_shards(self):
        self.small_crawl()
        output = self.build("out")
        kept = sorted(row["url"] for row in documents(output))
        own = [f"http://own{number}.example/" for number in range(3)]
        self.assertEqual(kept, ["http://near0.example/", *own, "http://same0.example/"])
        dropped = {row["url"]: (row["step"], row["kept_id"]) for row in ledger(output)}
        for number in (1, 2):
            self.assertEqual(dropped[f"http://same{number}.example/"], ("exact_duplicates", 1))
            self.assertEqual(dropped[f"http://near{number}.example/"], ("near_duplicates", 2))
        self.assertEqual(json.loads((output / "DONE").read_text())["pages_kept"], 5)

    def test_copies_are_looked_for_within_a_dump(self):
        near = [
            article(1) + f"\nWritten down by a walker on day {n} of that journey." for n in (1, 2)
        ]
        for dump, text in zip((10, 18), near, strict=True):
            self.write(
                f"CC-MAIN-2024-{dump}-0.warc.gz",
                crawls.response(f"http://near{dump}.example/", text)
                + crawls.response(f"http://same{dump}.example/", article(2)),
            )
        self.assertLen(list(documents(self.build("out"))), 4)

    def test_pages_that_share_a_band_by_chance_are_told_apart(self):
        with beam.Pipeline(runner="FnApiRunner") as run:
            sketches = run | "sketches" >> beam.Create(
                [(1, b"a" * 112), (2, b"a" * 100 + b"b" * 12), (3, b"a" * 50 + b"c" * 62)]
            )
            pairs = run | "pairs" >> beam.Create([(1, 2), (1, 3), (2, 3)])
            strict = pairs | "strict" >> graph.SimilarPairs(sketches, 0.65)
            lenient = pairs | "lenient" >> graph.SimilarPairs(sketches, 0.0)
            testing.assert_that(strict, testing.equal_to([(1, 2)]), label="strict")
            expected = testing.equal_to([(1, 2), (1, 3), (2, 3)])
            testing.assert_that(lenient, expected, label="lenient")

    def test_executors_agree_byte_for_byte(self):
        self.small_crawl()
        self.write("x.jsonl", json.dumps({"text": article(2), "url": "http://j.example/"}).encode())
        expected = contents(self.build("memory"))
        # Documents and drops of four shards; settings, stats, examples, picture, report, DONE.
        self.assertLen(list(expected), 2 * 4 + 6)
        self.assertEqual(contents(self.build("processes", processes=2)), expected)
        bundles = self.build("bundles", runner="BundleBasedDirectRunner")
        self.assertEqual(contents(bundles), expected)

    def test_everything_pickles(self):
        for function in (
            graph.FilterShard(settings.Settings(), "x"),
            graph.FinishShard(settings.Settings(), "x"),
            graph.Signatures("x"),
        ):
            pickle.loads(pickle.dumps(function))

    def test_json_lines_output_is_the_same_documents(self):
        self.small_crawl()
        parquet = list(documents(self.build("parquet")))
        lines = self.build("jsonl", dataclasses.replace(FAST, format="jsonl"))
        read = [
            json.loads(line)
            for path in sorted((lines / layout.DOCUMENTS).iterdir())
            for line in gzip.open(path)
        ]
        self.assertEqual([row["text"] for row in read], [row["text"] for row in parquet])
        self.assertEqual([row["url"] for row in read], [row["url"] for row in parquet])

    def test_killed_at_any_moment_and_started_again(self):
        shards = 6
        self.small_crawl(shards)
        expected = contents(self.build("whole"))
        output = self.folder / "killed"
        partial = self.folder / "killed.partial"
        for least in (1, 3, shards + 1):
            process = self.start(output)
            while process.poll() is None:
                if len(list(partial.glob("tallies/*.pass*.json"))) >= least:
                    process.kill()
                    break
                time.sleep(0.01)
            process.wait()
            self.assertFalse(output.exists() and process.returncode == -signal.SIGKILL)
            for path in partial.glob("documents/*.parquet"):
                pyarrow.parquet.read_table(path)  # whole, or not of this name
        process = self.start(output)
        self.assertEqual(process.wait(), 0, process.stderr)
        self.assertEqual(contents(output), expected)

    def start(self, output: pathlib.Path) -> subprocess.Popen:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "data.main", "--web.extraction.engine=resiliparse"),
                *(f"--input={self.crawl}", f"--output={output}"),
            ],
            cwd=crawls.ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def test_killed_while_it_is_published_and_started_again(self):
        self.small_crawl(1)
        config = defaults.get_config()
        config.web.input = str(self.crawl)
        config.web.extraction.engine = "resiliparse"
        remove = LocalFileSystem.rm

        def remove_but(name):
            def removed(filesystem, path, recursive=False, maxdepth=None):
                if path.endswith(name):
                    raise KeyboardInterrupt
                remove(filesystem, path, recursive, maxdepth)

            return removed

        for place, name, broken in (
            (run_folder, "replace_folder", mock.Mock(side_effect=KeyboardInterrupt)),
            (LocalFileSystem, "rm", remove_but(passes.FILTERED)),
            (LocalFileSystem, "rm", remove_but(passes.TALLIES)),
        ):
            with mock.patch.object(place, name, broken), self.assertRaises(KeyboardInterrupt):
                pipeline.run(config, str(self.folder))
        pipeline.run(config, str(self.folder))
        output = self.folder / "web"
        self.assertLen(list(documents(output)), 3)
        folders = {path.name for path in output.iterdir() if path.is_dir()}
        self.assertEqual(folders, {layout.DOCUMENTS, layout.DROPPED})
        self.assertTrue((output / "DONE").exists() and (output / "report.html").exists())

    def test_lookups_of_other_settings_are_made_anew_wherever_they_are(self):
        self.write("a.jsonl", b'{"text": "x"}\n')
        found, output = pages.shards(str(self.crawl)), f"memory://{self.folder.name}"
        sizes = []
        for name, hosts in (("one", "a.example\n"), ("two", "b.example\nc.example\n")):
            (self.folder / name / "adult").mkdir(parents=True)
            (self.folder / name / "adult" / "domains").write_text(hosts)
            blocked = settings.Urls(blocklists=str(self.folder / name))
            chosen = dataclasses.replace(FAST, urls=blocked)
            folder = pipeline._claim(output, chosen, found)
            lookups.prepare(chosen, folder)
            with fsspec.open(f"{folder}/{lookups.FOLDER}/blocklist.npy") as file:
                sizes.append(np.load(file).shape[0])
        self.assertEqual(sizes, [1, 2])

    def test_a_shard_that_cannot_be_read_is_tried_again(self):
        shard, filtering = pages.Shard(0, "jsonl", ("x",)), graph.FilterShard(FAST, "x")
        filtering._chain = None
        fault = pages.Unreadable("x could not be read")
        for faults, expectation in (
            (2, contextlib.nullcontext()),
            (3, self.assertRaisesRegex(InputError, "^x could not be read$")),
        ):
            with (
                mock.patch.object(passes, "filter_shard", side_effect=[*[fault] * faults, None]),
                mock.patch.object(graph.time, "sleep") as sleep,
                expectation,
            ):
                self.assertEqual(list(filtering.process(shard)), [shard])
            self.assertEqual(sleep.call_count, 2)

    def test_another_crawl_does_not_go_on_with_what_was_left(self):
        self.small_crawl(1)
        pipeline.build(str(self.crawl), str(self.folder / "out"), FAST)
        self.write("another.warc.gz", crawls.response("http://x.example/", article(4)))
        with self.assertRaisesRegex(InputError, "out.partial holds a run with other settings"):
            self.build("out")

    def test_output_in_use(self):
        self.small_crawl(1)
        self.build("out")
        with self.assertRaisesRegex(InputError, "holds finished output"):
            self.build("out")
        (self.folder / "mine").mkdir()
        (self.folder / "mine" / "thesis.txt").write_text("x")
        with self.assertRaisesRegex(InputError, "is no output of this program"):
            self.build("mine")

    def test_steps_can_be_left_out(self):
        self.small_crawl()
        skip = ("exact_duplicates", "near_duplicates", "gopher_quality", "c4", "pii")
        output = self.build("out", dataclasses.replace(FAST, skip=skip))
        account = sinks.read_json(f"{output}/{layout.STATS}")
        self.assertEqual(account["funnel"][-1]["step"], "fineweb")
        self.assertNoCommonElements(skip, [row["step"] for row in account["funnel"]])
        self.assertGreaterEqual(account["pages_kept"], 9)

    def test_blocklists(self):
        self.small_crawl(1)
        (self.folder / "ut1" / "adult").mkdir(parents=True)
        (self.folder / "ut1" / "adult" / "domains").write_text("own0.example\n")
        blocked = settings.Urls(blocklists=str(self.folder / "ut1"))
        output = self.build("out", dataclasses.replace(FAST, urls=blocked))
        dropped = {row["url"]: (row["step"], row["reason"]) for row in ledger(output)}
        self.assertEqual(dropped["http://own0.example/"], ("urls", "host"))

    def test_stage_of_a_run(self):
        self.crawl = self.folder / "web_crawl"
        self.crawl.mkdir()
        self.small_crawl()
        (self.crawl / "blocklists" / "adult").mkdir(parents=True)
        (self.crawl / "blocklists" / "adult" / "domains").write_text("own1.example\n")
        scored = [{"text": article(n), "score": 5} for n in range(60)]
        scored += [{"text": f"cheap pills {n} buy now " * 9, "score": 0} for n in range(60)]
        (self.crawl / "quality.jsonl").write_text("\n".join(map(json.dumps, scored)))
        labels = [
            {"url": "http://same1.example/", "copy_of": "http://same0.example/", "similarity": 1.0},
            {"url": "http://short0.example/", "drop": ["quality", "language"]},
        ]
        lines = "".join(json.dumps(label) + "\n" for label in labels)
        (self.crawl / "labels.jsonl").write_text(lines)
        (self.crawl / "DONE").write_text("{}")
        config = defaults.get_config()
        config.web.skip = ["near_duplicates"]
        config.web.extraction.engine = "resiliparse"
        pipeline.run(config, str(self.folder))
        report = json.loads((self.folder / "report.json").read_text())
        self.assertEqual((report["web/pages_in"], report["web/pages_kept"]), (12, 6))
        self.assertGreater(report["web/pages_per_second"], 0)
        self.assertEqual(report["web/exact_duplicates_recall"], 1.0)
        self.assertEqual(report["web/language_precision"], 1 / 3)
        self.assertEqual(report["web/urls_precision"], 0.0)
        rows = sinks.folder_rows(f"{self.folder}/web/documents", ["quality_score"])
        self.assertTrue(all(row["quality_score"] > 2.5 for row in rows))
        before = contents(self.folder / "web")
        pipeline.run(config, str(self.folder))
        self.assertEqual(contents(self.folder / "web"), before)
        # What the stages that read text find.
        config.data.text_key = "body"
        reading = sources.reading(config, self.folder)
        texts = [text for _, text in sources.documents("web", reading)]
        self.assertEqual(texts, [row["text"] for row in documents(self.folder / "web")])
        self.assertEqual(sources.size_hint("web", reading), sum(len(t.encode()) for t in texts))
        page = (self.folder / "web" / "report.html").read_text()
        self.assertIn("Against what was planted", page)

    def test_stage_without_a_crawl(self):
        config = defaults.get_config()
        with self.assertRaisesRegex(
            InputError, "config.web.input is empty and there is no finished"
        ):
            pipeline.run(config, str(self.folder / "run"))

    def test_real_crawls_add_up(self):
        if not crawls.REAL.is_dir():
            self.skipTest(f"{crawls.REAL} is not there")
        self.crawl = crawls.REAL
        output = self.build("out", settings.Settings())
        account = sinks.read_json(f"{output}/{layout.STATS}")
        # 1 + 16 + 22 + 15 responses, and one page of WET.
        self.assertEqual(account["pages_in"], 55)
        rows, kept = list(ledger(output)), list(documents(output))
        self.assertEqual(len(rows) + len(kept), 55)
        self.assertEqual(len({row["id"] for row in rows + kept}), 55)
        self.assertEqual(account["pages_kept"], len(kept))
        self.assertGreater(len(kept), 15)
        self.assertTrue(
            all(row["language"] == "en" and row["language_score"] > 0.65 for row in kept)
        )


def documents(output: pathlib.Path):
    return sinks.folder_rows(
        f"{output}/{layout.DOCUMENTS}", ["id", "url", "language", "language_score", "text"]
    )


def ledger(output: pathlib.Path):
    return sinks.folder_rows(f"{output}/{layout.DROPPED}", passes.LEDGER.names)


def contents(output: pathlib.Path) -> dict[str, bytes]:
    """Every file but the times taken, by its path in the folder."""
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file() and path.name != funnel.TIMINGS
    }


if __name__ == "__main__":
    absltest.main()
