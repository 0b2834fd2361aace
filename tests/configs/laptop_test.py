"""The laptop's life from the world to its tokens, killed in every stage and started again."""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from absl.testing import absltest

from configs import laptop

ROOT = pathlib.Path(__file__).resolve().parents[2]
STAGES = ("data.world.web", "data.web.pipeline", "data.tokenizer", "data.tokens")
# What there is as soon as a stage is at work.
AT_WORK = (
    "web_crawl.partial/*.warc.gz",
    "web.partial/tallies/*.pass1.json",
    "web.partial/documents/*",
    "tokenizer/DONE",
)


class LaptopTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def start(self, workdir: pathlib.Path) -> subprocess.Popen:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "train.main", "--config=configs/laptop.py"),
                *(f"--workdir={workdir}", f"--config.stages={STAGES}"),
                *("--config.world.megabytes=0.3", "--config.data.validation_fraction=0.1"),
                *("--config.tokenizer.vocab_size=512", "--config.tokenizer.chat_bytes=0"),
            ],
            cwd=ROOT,
            env=os.environ | {"JAX_PLATFORMS": "cpu"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, workdir: pathlib.Path) -> None:
        _, errors = self.start(workdir).communicate()
        self.assertEqual(errors, "")  # nothing but what is wrong is told there

    def test_killed_in_every_stage(self):
        self.assertEqual(laptop.get_config().stages[: len(STAGES)], STAGES)
        whole, killed = self.folder / "whole", self.folder / "killed"
        self.finish(whole)
        stopped = 0
        for sign in AT_WORK:
            process = self.start(killed)
            while process.poll() is None:
                if any(killed.glob(sign)):
                    process.kill()
                    break
                time.sleep(0.005)
            process.communicate()
            stopped += process.returncode == -signal.SIGKILL
        self.assertGreaterEqual(stopped, 3)
        self.finish(killed)
        self.assertEqual(contents(killed), contents(whole))
        report = json.loads((killed / "report.json").read_text())
        for step in (
            *("urls", "language", "quality"),
            *("exact_duplicates", "near_duplicates", "pii"),
        ):
            for kind in ("precision", "recall"):
                self.assertGreaterEqual(report[f"web/{step}_{kind}"], 0.9, step)
        self.assertEqual(report["web/loose_copies_removed"], 0)
        self.assertGreater(report["data/train_tokens"], 100_000)


def contents(workdir: pathlib.Path) -> dict[str, str]:
    """Every file by its digest, but those that tell how long it took, or name the folder."""
    but = ("timings.json", "report.html", "report.json", "settings.json")
    return {
        str(path.relative_to(workdir)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(workdir.rglob("*"))
        if path.is_file() and path.name not in but
    }


if __name__ == "__main__":
    absltest.main()
