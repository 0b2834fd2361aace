import concurrent.futures
import json
import multiprocessing
import os
import pathlib
import signal
import tempfile
from unittest import mock

import numpy as np
from absl.testing import absltest

from data import run_folder


def _write_and_die(path: pathlib.Path) -> None:
    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    with mock.patch.object(os, "replace", die):
        run_folder.write_atomically(path, "a half " * 99)


class RunFolderTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_a_failed_write_leaves_the_old_file_and_nothing_else(self):
        path = self.folder / "a.json"
        run_folder.write_atomically(path, "old")
        for step in ("fsync", "replace"):
            with mock.patch.object(os, step, side_effect=OSError("killed")):
                with self.assertRaises(OSError):
                    run_folder.write_atomically(path, "new")
            self.assertEqual(path.read_text(), "old")
            self.assertEqual(os.listdir(self.folder), ["a.json"])

    def test_what_a_killed_writer_left_is_written_over(self):
        path = self.folder / "a.json"
        killed = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(path,))
        killed.start()
        killed.join()
        self.assertEqual(killed.exitcode, -signal.SIGKILL)
        self.assertEqual([child.read_text() for child in self.folder.iterdir()], ["a half " * 99])
        run_folder.write_atomically(path, "whole")
        self.assertEqual(path.read_text(), "whole")
        self.assertEqual(os.listdir(self.folder), ["a.json"])

    def test_writers_of_one_file_wait_for_each_other(self):
        path = self.folder / "a.json"
        texts = [str(digit) * 100_000 for digit in range(8)]
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            for written in [
                threads.submit(run_folder.write_atomically, path, text) for text in texts * 20
            ]:
                written.result()
        self.assertIn(path.read_text(), texts)
        self.assertEqual(os.listdir(self.folder), ["a.json"])

    def test_text_is_written_as_it_is(self):
        path = self.folder / "deep" / "a.txt"
        run_folder.write_atomically(path, "é\r\n\U0001f600\n")
        self.assertEqual(path.read_bytes(), "é\r\n\U0001f600\n".encode())

    def test_record_merges(self):
        run_folder.record(self.folder, {"base/val_loss": np.float32(1.5), "base/steps": 3})
        run_folder.record(self.folder, {"base/steps": np.int64(4)})
        report = json.loads((self.folder / "report.json").read_text())
        self.assertEqual(report, {"base/val_loss": 1.5, "base/steps": 4})

    def test_record_takes_numbers_alone(self):
        for value in ("1", True, None, [1.0]):
            with self.assertRaises(TypeError):
                run_folder.record(self.folder, {"base/val_loss": value})
        self.assertFalse((self.folder / "report.json").exists())

    def test_done(self):
        stage = self.folder / "base"
        self.assertFalse(run_folder.is_done(stage))
        run_folder.mark_done(stage, {"steps": 5})
        self.assertTrue(run_folder.is_done(stage))
        self.assertEqual(json.loads((stage / "DONE").read_text()), {"steps": 5})

    def test_replace_folder_moves_everything_and_refuses_to_overwrite(self):
        run_folder.write_atomically(self.folder / "x.partial" / "sub" / "a", "1")
        run_folder.replace_folder(self.folder / "x.partial", self.folder / "x")
        self.assertEqual((self.folder / "x" / "sub" / "a").read_text(), "1")
        run_folder.write_atomically(self.folder / "x.partial" / "b", "2")
        with self.assertRaises(OSError):
            run_folder.replace_folder(self.folder / "x.partial", self.folder / "x")
        self.assertEqual((self.folder / "x" / "sub" / "a").read_text(), "1")


if __name__ == "__main__":
    absltest.main()
