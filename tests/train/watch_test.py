"""What a run prints, and what it keeps."""

import pathlib
import tempfile
from unittest import mock

from absl.testing import absltest

from train import watch


class WatchTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.clock = self.enterContext(mock.patch.object(watch.time, "monotonic", return_value=0.0))
        self.said = self.enterContext(mock.patch.object(watch.tqdm, "write"))
        # A line for each record, whether or not the tests are watched.
        terminal = self.enterContext(mock.patch.object(watch.sys, "stderr"))
        terminal.isatty.return_value = False

    def lines(self, *records, start=0):
        with watch.Watch(self.folder, "rl", 120, start, True) as watched:
            for step, seconds, figures in records:
                self.clock.return_value = seconds
                watched.record(step, figures)
        return [call.args[0] for call in self.said.call_args_list]

    def test_lines_can_be_read_and_nothing_is_lost(self):
        figures = {
            "reward": 0.53125,
            "rollout_tokens_per_second": 1003.4,
            "flops": 5e10,
            "pairs": 2183,
        }
        (line,) = self.lines((60, 90.0, figures))
        self.assertEqual(line, "rl 60/120  reward 0.5312  1,003 tokens/s  pairs 2,183  1:30 left")
        self.assertEqual(watch.records(self.folder / "metrics.jsonl"), [{"step": 60} | figures])

    def test_time_is_left_only_where_steps_tell_how_much(self):
        before, after = self.lines(
            (40, 50.0, {"reward": 0.5}), (41, 60.0, {"reward": 0.5}), start=40
        )
        self.assertEqual(before, "rl 40/120  reward 0.5000")
        self.assertEqual(after, "rl 41/120  reward 0.5000  1:19:00 left")


if __name__ == "__main__":
    absltest.main()
