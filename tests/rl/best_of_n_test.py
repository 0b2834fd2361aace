"""Choosing among several answers: by hand, against counting all draws, and as a stage."""

import contextlib
import dataclasses
import io
import itertools
import json
import math
import pathlib
import tempfile
from unittest import mock

import numpy as np
from absl.testing import absltest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs import defaults
from data.errors import InputError
from evals.pass_at_k import pass_at_k
from rl import best_of_n
from rl.best_of_n import Tries, best_scored, figures, majority
from rl.environments import named
from rl.environments.answers import normalised
from rl.environments.environment import Environment, Problem, Verdict
from tests.rl import toy

tries = st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=7)


class ChoosingTest(absltest.TestCase):
    def test_majority_by_hand(self):
        right = np.array([False, True, True, False, False, True])
        votes = ["3", "4", "4", "5", None, "4"]
        self.assertAlmostEqual(majority(right, votes, 1), 3 / 6)
        # 3 and 4 are even, and the first wins; 4 and 5 likewise; nothing and 4.
        self.assertAlmostEqual(majority(right, votes, 2), 2 / 3)
        # 3, 4, 4 and then 5, nothing, 4: the first of the last.
        self.assertAlmostEqual(majority(right, votes, 3), 1 / 2)
        # Two are left over, and in no group.
        self.assertAlmostEqual(majority(right, votes, 4), 1.0)
        self.assertEqual(majority(np.zeros(2, bool), [None, None], 2), 0.0)

    @settings(deadline=None, max_examples=60)
    @given(tries, st.data())
    def test_probabilities_are_those_of_all_draws(self, drawn, data):
        right = np.array([one for one, _ in drawn])
        scores = np.array([score for _, score in drawn], np.float32)
        n = data.draw(st.integers(1, len(drawn)))
        draws = list(itertools.combinations(range(len(drawn)), n))
        chosen = []
        for draw in map(list, draws):
            best = [place for place in draw if scores[place] == scores[draw].max()]
            chosen.append(right[best].mean())
        self.assertAlmostEqual(best_scored(right, scores, n), float(np.mean(chosen)))

    @settings(deadline=None, max_examples=60)
    @given(tries, st.data())
    def test_no_choice_is_better_than_knowing(self, drawn, data):
        right = np.array([one for one, _ in drawn])
        n = data.draw(st.integers(1, len(drawn)))
        scores = np.array([score for _, score in drawn])
        self.assertLessEqual(
            best_scored(right, scores, n), pass_at_k(len(right), int(right.sum()), n) + 1e-12
        )
        # And a score that knows reaches it.
        self.assertAlmostEqual(
            best_scored(right, right * 1.0, n), pass_at_k(len(right), int(right.sum()), n)
        )
        # Of one there is nothing to choose.
        self.assertAlmostEqual(best_scored(right, scores, 1), float(right.mean()))

    def test_more_cannot_be_chosen_from_than_there_are(self):
        for n in (0, 3):
            with self.assertRaisesRegex(ValueError, f"{n} of 2 answers"):
                best_scored(np.ones(2, bool), np.ones(2), n)

    def test_figures_are_means_over_problems(self):
        one = Tries(np.array([True, False]), ["1", "2"], np.array([0.0, 1.0]))
        two = Tries(np.array([True, True]), ["1", "1"], np.array([0.0, 1.0]))
        found = figures([one, two], [1, 2])
        expected = {"mean": 0.75, "majority_1": 0.75, "pass_1": 0.75, "reward_1": 0.75}
        expected |= {"majority_2": 1.0, "pass_2": 1.0, "reward_2": 0.5}
        self.assertEqual(found, expected)
        self.assertNotIn("reward_1", figures([Tries(one.right, one.votes)], [1]))

    def test_votes_are_for_what_is_said_and_not_for_the_words(self):
        number = Problem("x", (), "12", {"answer": "12"})
        for text in ("12", "So 3 x 4 = 12. The answer is 12.", "The answer is 12.0", "#### 12"):
            self.assertEqual(normalised(number, text), 12)
        for text in (None, "", "none", "3 or 12", "12" * 2000, "<|im_end|> 12"):
            self.assertIsNone(normalised(number, text))
        words = Problem("x", (), "red cat", {"answer": "red cat"})
        self.assertEqual(normalised(words, "The answer is: Red  cat."), "red cat")
        self.assertNotEqual(normalised(words, "red cat 1"), normalised(words, "red cat 2"))


def _problem(seed: int, level: int) -> Problem:
    messages = ({"role": "user", "content": f"the cat {seed % 100}"},)
    return Problem(f"toy/{level}/{seed}", messages, "cat", {"answer": "cat"})


def _verify(problem: Problem, text: str | None) -> Verdict:
    return Verdict(float(len(text or "") % 2), "odd" if len(text or "") % 2 else "even")


def _score(line: dict) -> float:
    return -math.inf if line["score"] is None else line["score"]


class StageTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.config = defaults.get_config()
        section = self.config.best_of_n
        section.problems, section.n, section.tokens, section.reward = 3, (4, 1, 2), 24, "liking"
        toy.make_run(self.folder, ending=4.0)

    def run_(self, problem=_problem) -> dict:
        environment = Environment("toy", 2, problem, _verify)
        liking = mock.Mock(score=lambda pairs: np.array([len(tokens) for _, tokens in pairs]))
        with (
            mock.patch.object(named, "environment", lambda spec, config: environment),
            mock.patch.object(best_of_n.RewardModel, "load", lambda workdir, stage: liking),
        ):
            best_of_n.run(self.config, str(self.folder))
        return json.loads((self.folder / "report.json").read_text())

    def test_figures_are_those_of_the_answers_that_it_keeps(self):
        report = self.run_()
        lines = [
            json.loads(line)
            for line in (self.folder / "best_of_n/answers.jsonl").read_text().splitlines()
        ]
        self.assertLen(lines, 12)
        self.assertLen({line["id"] for line in lines}, 3)
        self.assertEqual([line["id"].split("/")[1] for line in lines[::4]], ["1", "2", "1"])
        rewards = np.array([line["reward"] for line in lines]).reshape(3, 4)
        self.assertBetween(rewards.mean(), 0.1, 0.9)
        self.assertAlmostEqual(report["best_of_n/mean"], rewards.mean())
        self.assertAlmostEqual(report["best_of_n/pass_4"], rewards.any(axis=1).mean())
        self.assertAlmostEqual(report["best_of_n/pass_1"], rewards.mean())
        self.assertAlmostEqual(report["best_of_n/reward_1"], rewards.mean())
        made = [
            Tries(
                rewards[n] > 0,
                [line["vote"] for line in lines[4 * n : 4 * n + 4]],
                np.array([_score(line) for line in lines[4 * n : 4 * n + 4]]),
            )
            for n in range(3)
        ]
        for name, value in figures(made, [1, 2, 4]).items():
            self.assertAlmostEqual(report[f"best_of_n/{name}"], value)
        for line in lines:
            self.assertEqual(line["score"] is None, line["finish_reason"] != "stop", line)
        self.assertTrue((self.folder / "best_of_n/accuracy.png").read_bytes())
        # It is done, and does nothing more; elsewhere it finds the same.
        (self.folder / "report.json").write_text("{}")
        self.assertEqual(self.run_(), {})
        self.folder = toy.make_run(self.folder / "again", ending=4.0)
        again = self.run_()
        self.assertEqual(again, report)

    def test_problems_that_leave_no_room_are_left_out(self):
        def problem(seed: int, level: int) -> Problem:
            made = _problem(seed, level)
            long = ({"role": "user", "content": "the cat " * 60},)
            return dataclasses.replace(made, messages=long) if seed // 2 % 3 else made

        with contextlib.redirect_stdout(io.StringIO()) as said:
            self.run_(problem)
        self.assertRegex(said.getvalue(), r"best_of_n: [1-9]\d* problems were left out")
        answers = (self.folder / "best_of_n/answers.jsonl").read_text().splitlines()
        self.assertLen(answers, 12)
        for line in answers:
            self.assertLess(len(json.loads(line)["prompt"][0]["content"]), 20)

    def test_each_problem_is_asked_once(self):
        self.config.best_of_n.problems = 9

        def problem(seed: int, level: int) -> Problem:
            message = {"role": "user", "content": f"the cat {seed // 2 % 2}"}
            return dataclasses.replace(_problem(seed, level), messages=(message,))

        with contextlib.redirect_stdout(io.StringIO()) as said:
            self.run_(problem)
        self.assertIn("there are 2 different held-out problems, fewer than the 9", said.getvalue())
        answers = (self.folder / "best_of_n/answers.jsonl").read_text().splitlines()
        self.assertLen(answers, 2 * 4)

    def test_settings_that_make_no_sense(self):
        section = self.config.best_of_n
        for key, value, sentence in (
            ("n", (), "must name numbers of answers"),
            ("n", (0, 2), "at least 1 each"),
            ("problems", 0, "problems is 0"),
            ("temperature", 0.0, "all answers to a problem are the same"),
            ("temperature", math.nan, "temperature"),
            ("levels", (3,), "levels has 3; those of toy are 1 to 2"),
        ):
            before = section[key]
            section[key] = value
            with self.assertRaisesRegex(InputError, sentence):
                self.run_()
            section[key] = before


if __name__ == "__main__":
    absltest.main()
