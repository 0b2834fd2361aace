import json
import os
import pathlib
import subprocess
import sys
import tempfile

from absl.testing import absltest, parameterized

from data.web import layout, sinks
from tests.data.web import crawls
from tests.data.web.crawls import article

FAST = ("--web.extraction.engine=resiliparse",)


class MainTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "a.warc.gz").write_bytes(crawls.response("http://a.example/", article(1)))

    def call(self, *arguments: str) -> subprocess.CompletedProcess:
        """`{}` in an argument is the test's folder."""
        return subprocess.run(
            [sys.executable, "-m", "data.main", *(a.format(self.folder) for a in arguments)],
            cwd=crawls.ROOT,
            env=os.environ | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")},
            capture_output=True,
            text=True,
        )

    def test_filters_and_says_what_it_did(self):
        done = self.call("--input={}/*.warc.gz", "--output={}/out", *FAST, "--web.pii.emails=False")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^near_duplicates +1 ")
        rows = list(sinks.folder_rows(f"{self.folder}/out/{layout.DOCUMENTS}", ["url"]))
        self.assertEqual(rows, [{"url": "http://a.example/"}])
        used = json.loads((self.folder / "out" / "settings.json").read_text())["settings"]
        self.assertFalse(used["pii"]["emails"])

    @parameterized.parameters(
        (["--output={}/out"], "--input is missing: give --input=FILES"),
        (["--input={}/a.warc.gz"], "--output is missing"),
        (["--input={}/nothing", "--output={}/out"], "no file matches the input .*/nothing"),
        (["--runner=DaskRunner"], "--runner=DaskRunner is refused: DaskRunner loses data"),
        (["--runner=apache_beam.runners.dask.dask_runner.DaskRunner"], "refused"),
        (["--runner=FlinkRuner"], "no runner 'FlinkRuner': did you mean FlinkRunner"),
        (["--procesess=2"], "no flag --procesess"),
        (["--direct_num_wrokers=2"], "did you mean --direct_num_workers"),
        (["--runner=BundleBasedDirectRunner", "--processes=2"], "is a setting of FnApiRunner"),
        (["--processes=two"], "flag --processes=two: invalid literal"),
        (["--web.langauge.threshold=0.5"], "no setting --web.langauge; did you mean language"),
        (["--web.format=xml"], "web.format is 'xml': give parquet or jsonl"),
        (["--web.skip=('c5',)"], "web.skip names c5: the steps are "),
        (["--web.urls.blocklists={}/none"], "none has no file named domains or urls"),
    )
    def test_errors_in_one_sentence(self, arguments, sentence):
        named = " ".join(arguments)
        if "--input" not in named and "--output" not in named:
            arguments = ["--input={}/a.warc.gz", "--output={}/out", *arguments]
        done = self.call(*arguments)
        self.assertEqual(done.returncode, 2, done.stderr)
        lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        self.assertLen(lines, 1, done.stderr)
        self.assertRegex(lines[0], sentence)
        self.assertNotIn("Traceback", done.stderr)
        self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    absltest.main()
