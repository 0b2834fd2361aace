"""The stage of rankings: made by the grammar alone, and with a model's answers among them."""

import collections
import json
import pathlib
import tempfile
from unittest import mock

from absl.testing import absltest

from configs import defaults
from data import preferences
from data.errors import InputError
from data.world.jokes import judge
from rl import rankings
from tests.serve import small_model


class RankingsTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.config = defaults.get_config()
        self.config.rankings.train, self.config.rankings.held_out = 12, 5
        self.config.rankings.sampled, self.config.rankings.written = 0, 4

    def read(self, split: str) -> list[dict]:
        path = self.folder / preferences.RANKINGS / f"{split}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def test_both_splits_are_read_as_preferences(self):
        rankings.run(self.config, str(self.folder))
        for split, count in (("train", 12), ("held_out", 5)):
            made = self.read(split)
            self.assertLen(made, count)
            dropped: collections.Counter = collections.Counter()
            found = list(preferences.of_split("rankings", self.folder, split, 0.2, dropped))
            self.assertLen(found, count - dropped.total())
        for one in self.read("held_out"):
            prompt = one["messages"][0]["content"]
            self.assertEqual(one["ranking"], judge.true_ranking(prompt, one["answers"]))
        first = (self.folder / "rankings/train.jsonl").read_bytes()
        rankings.run(self.config, str(self.folder))  # it is done
        again = self.folder / "again"
        rankings.run(self.config, str(again))
        self.assertEqual((again / "rankings/train.jsonl").read_bytes(), first)

    def test_the_models_answers_are_among_them(self):
        self.config.rankings.train, self.config.rankings.held_out = 2, 1
        self.config.rankings.sampled, self.config.rankings.written = 2, 1
        self.config.rankings.tokens = 4
        with mock.patch.object(rankings, "load", lambda *_: small_model.trained()):
            rankings.run(self.config, str(self.folder))
        self.assertLen(self.read("train")[0]["answers"], 3)
        report = json.loads((self.folder / "report.json").read_text())
        self.assertLess(report["rankings/train_gold_mean"], 1.0)

    def test_a_folder_of_something_else_is_left_alone(self):
        folder = self.folder / "rankings"
        folder.mkdir(exist_ok=True)
        (folder / "DONE").unlink(missing_ok=True)
        (folder / "mine.txt").touch()
        with self.assertRaisesRegex(InputError, "holds no finished rankings"):
            rankings.run(self.config, str(self.folder))

    def test_a_single_answer_cannot_be_ranked(self):
        self.config.rankings.written = 1
        with self.assertRaisesRegex(InputError, "at least two in all"):
            rankings.run(self.config, str(self.folder))


if __name__ == "__main__":
    absltest.main()
