"""Figures of several runs side by side, as a person asks for them."""

import json
import pathlib
import subprocess
import sys
import tempfile

from absl.testing import absltest, parameterized

from data.errors import InputError
from evals import runs

ROOT = pathlib.Path(__file__).resolve().parents[2]


class RunsTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def run_folder(self, name: str, config: dict, figures: dict) -> str:
        folder = self.folder / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "report.json").write_text(json.dumps(figures))
        return str(folder)

    def start(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "evals.runs", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    def test_three_seeds(self):
        folders = [
            self.run_folder(
                f"seed{seed}",
                {"name": "laptop", "seed": seed, "sft": {"steps": 1000}},
                {"chat/identity": value, "base/tokens": 3_000_000, "only/here": 1.0}
                | ({"chat/other": 0.5} if seed else {}),
            )
            for seed, value in enumerate((0.8, 0.9, 0.85))
        ]
        told = self.start(*folders)
        self.assertEqual(told.stderr, "")
        self.assertEqual(
            told.stdout.splitlines(),
            [
                "seed: 0, 1, 2",
                "",
                f"| figure | {' | '.join(folders)} | mean | spread |",
                "| --- | --- | --- | --- | --- | --- |",
                "| base/tokens | 3,000,000 | 3,000,000 | 3,000,000 | 3,000,000 | 0 |",
                "| chat/identity | 0.8 | 0.9 | 0.85 | 0.85 | 0.05 |",
                "| only/here | 1 | 1 | 1 | 1 | 0 |",
            ],
        )
        chosen = runs.compared(folders, "chat/.*")[4:]
        self.assertEqual(chosen, ["| chat/identity | 0.8 | 0.9 | 0.85 | 0.85 | 0.05 |"])

    def test_refused(self):
        one = self.run_folder("one", {}, {"chat/identity": 1.0})
        two = self.run_folder("two", {}, {"chat/identity": 1.0})
        empty = self.run_folder("empty", {}, {})
        damaged = self.run_folder("damaged", {}, {"chat/identity": 1.0})
        (pathlib.Path(damaged) / "report.json").write_text('{"chat/identity": ')
        for folders, pattern, why in (
            ([one], ".*", "give the folders of two runs or more"),
            ([one, one], ".*", "give the folders of two runs or more, each once"),
            ([one, empty], ".*", "no figure that all the runs have is called"),
            ([one, damaged], ".*", "damaged/report.json is no JSON"),
            ([one, str(self.folder)], ".*", "has no report.json: it is not a run's folder"),
            ([one, two], "chatt.*", "no figure that all the runs have is called chatt"),
            ([one, two], "(", r"--figures=\( is no regular expression"),
        ):
            with self.assertRaisesRegex(InputError, why):
                runs.compared(folders, pattern)
        told = self.start(one)
        self.assertNotEqual(told.returncode, 0)
        self.assertIn("give the folders of two runs or more", told.stderr)
        self.assertLen(told.stderr.splitlines(), 1)


if __name__ == "__main__":
    absltest.main()
