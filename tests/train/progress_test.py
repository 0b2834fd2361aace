"""What stages take adds up over starts; memory of workers counts; what a run offers to do next."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from absl.testing import absltest

from data.run_folder import mark_done, record
from train import memory, progress
from train.loop import Stopped
from train.next_steps import next_steps


class ProgressTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def report(self):
        return json.loads((self.folder / "report.json").read_text())

    def stage(self, name, peak=1.0):
        return progress.stage(str(self.folder), name, f"stage {name}", "", lambda: peak)

    def test_starts_of_a_stage_add_up(self):
        record(self.folder, {"seconds/one": 100.0, "seconds/other": 10.0, "base/flops": 2.0})
        with self.assertRaises(Stopped), self.stage("one"):
            raise Stopped(3, 15)
        first = self.report()
        self.assertBetween(first["seconds/one"], 100, 101)
        with self.stage("one", peak=0.5):
            record(self.folder, {"sft/flops": 3.0})
            mark_done(self.folder / "anything", {})
        second = self.report()
        self.assertGreater(second["seconds/one"], first["seconds/one"])
        self.assertEqual(second["total/seconds"], second["seconds/one"] + 10)
        self.assertEqual(second["total/flops"], 5.0)
        self.assertEqual(second["total/peak_memory_gb"], 1.0)  # of the start before

    def test_a_stage_that_has_nothing_to_do_or_fails_counts_for_nothing(self):
        mark_done(self.folder / "anything", {})
        with self.stage("one"):
            pass
        with self.assertRaises(ValueError), self.stage("one"):
            raise ValueError
        self.assertFalse((self.folder / "report.json").exists())


class TimeLeftTest(absltest.TestCase):
    EXPECTED = (("one", 100.0), ("two", 600.0), ("three", 300.0), ("never run", 1e9))

    def left(self, name, **taken):
        figures = {f"seconds/{stage}": seconds for stage, seconds in taken.items()}
        return progress.time_left(self.EXPECTED, ("one", "two", "three"), name, figures)

    def test_what_is_done_tells_the_pace(self):
        self.assertEqual(self.left("one"), "about 2 min, 17 min to the end")
        self.assertEqual(self.left("two"), "about 10 min, 15 min to the end")
        # A tenth of all as expected and twice a tenth: one and a half times.
        self.assertEqual(self.left("two", one=200.0), "about 15 min, 22 min to the end")
        # Eight tenths, of which all but that one at half.
        self.assertEqual(self.left("three", one=50.0, two=300.0), "about 3 min, 3 min to the end")
        self.assertEqual(self.left("three", one=10.0, two=60.0), "about 64 s, 64 s to the end")

    def test_what_a_stopped_start_has_done_comes_off(self):
        self.assertEqual(self.left("two", one=100.0, two=300.0), "about 5 min, 10 min to the end")
        self.assertEqual(self.left("two", one=100.0, two=900.0), "about 0 s, 5 min to the end")

    def test_of_stages_that_nothing_is_known_of_nothing_is_said(self):
        self.assertEqual(progress.time_left(self.EXPECTED, ("two", "four"), "two", {}), "")
        self.assertNotEqual(progress.time_left(self.EXPECTED, ("four", "two"), "two", {}), "")
        self.assertEqual(progress.time_left((), ("one",), "one", {}), "")


class MemoryTest(absltest.TestCase):
    def test_memory_of_a_worker_of_a_worker_counts(self):
        inner = "data = b'x' * 200_000_000; print(flush=True); input()"
        outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
        with memory.watched() as peak_gb:
            before = peak_gb()
            with subprocess.Popen(
                [sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ) as worker:
                worker.stdout.readline()
                during = peak_gb()
                worker.communicate(b"\n")
            self.assertBetween(during - before, 0.2, 0.4)
            self.assertLess(memory.held() / 1e9, during - 0.1)


class NextStepsTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "a run"
        self.folder.mkdir()

    def said(self, *there):
        return next_steps(str(self.folder), "configs/laptop.py:quick", lambda name: name in there)

    def test_only_what_the_run_and_the_tree_have(self):
        self.assertEqual(self.said("serve.api"), "")
        mark_done(self.folder / "base", {})
        base = self.said("serve.api")
        self.assertIn("--base", base)
        self.assertNotIn("Talk to it", base)
        self.assertRegex(base, r"serve.api --workdir='.*/a run' --stage=base")
        self.assertNotIn("serve.export", base)
        self.assertIn("--config=configs/laptop.py:quick", base)
        self.assertIn("--config.sft.start=base", base)
        mark_done(self.folder / "chat", {})
        (self.folder / "rl").mkdir()
        (self.folder / "rl" / "rollouts.jsonl").touch()
        (self.folder / "report.html").touch()
        chat = self.said()
        self.assertRegex(chat, r"serve.chat --workdir='.*/a run'\n")
        self.assertNotIn("serve.api", chat)
        self.assertNotIn("practice", chat)  # it is not done
        self.assertIn("--config.sft.start=chat", chat)
        self.assertEndsWith(chat, "report.html'")
        mark_done(self.folder / "rl", {})
        self.assertIn("--stage=rl", self.said())

    def test_the_copy_can_be_typed(self):
        mark_done(self.folder / "base", {})
        (self.folder / "config.json").touch()
        copy = next(line for line in self.said().splitlines() if line.startswith("    cp"))
        subprocess.run(["bash", "-ec", copy], check=True)
        mine = pathlib.Path(f"{self.folder}-mine")
        self.assertEqual(os.listdir(mine), ["base"])


if __name__ == "__main__":
    absltest.main()
