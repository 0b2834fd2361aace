"""The table of ways to use a reward model: the best of n against all draws, scales, a whole run."""

import itertools
import json
import math
import pathlib
import tempfile
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from data.errors import InputError
from data.run_folder import write_json_lines
from rl import comparison
from rl.environments import named
from rl.environments.environment import problem_seed
from tests.rl import toy
from tests.rl.environments import samples


class BestOfTest(parameterized.TestCase):
    @parameterized.parameters(1, 2, 3, 5)
    def test_weights_are_the_share_of_all_draws(self, n):
        proxy = np.array([[0.3, 2.0, -1.0, 0.5, 0.1], [1.0, 2.0, 3.0, 4.0, 5.0]])
        expected = np.zeros_like(proxy)
        draws = list(itertools.combinations(range(5), n))
        for row, drawn in itertools.product(range(2), draws):
            expected[row, max(drawn, key=lambda place: proxy[row, place])] += 1 / len(draws)
        np.testing.assert_allclose(comparison.best_of_weights(proxy, n), expected, atol=1e-12)

    def test_the_divergence_is_that_of_the_best_of_many_answers(self):
        # The best of n of M equally likely answers is the one of rank r with (r/M)^n - ((r-1)/M)^n.
        for n in (1, 2, 8):
            edges = np.linspace(0, 1, 5001) ** n
            chance = np.diff(edges)
            chance = chance[chance > 0]
            kl = float(np.sum(chance * np.log(chance * 5000)))
            self.assertAlmostEqual(comparison.best_of_kl(n), kl, places=2)
        self.assertEqual(comparison.best_of_kl(1), 0.0)


class ComparedTest(absltest.TestCase):
    def test_by_hand(self):
        zeros = np.zeros((2, 2))
        chat = comparison.Answers(
            proxy=np.array([[0.0, 2.0], [2.0, 0.0]]),
            gold=np.array([[1.0, 3.0], [1.0, 3.0]]),
            kl=zeros,
            length=np.array([[4, 6], [8, 2]]),
        )
        other = comparison.Answers(zeros + 3, np.array([[4.0, 4.0], [2.0, 2.0]]), zeros + 7, zeros)
        rows = {row.name: row for row in comparison.compared({"a": chat, "b": other}, [1, 2])}
        # Gold and proxy of the reference: means 2 and 1, deviations 1.
        self.assertEqual(rows["a"], ("a", 0.0, 0.0, 0.0, 0.0, 5.0))
        self.assertEqual(rows["b"], ("b", 1.0, 1.0, 2.0, 7.0, 0.0))
        self.assertEqual(rows["best_of_1"], ("best_of_1", *rows["a"][1:]))
        # The best by proxy are the second and the first: gold 3 and 1, lengths 6 and 8.
        best = ("best_of_2", 0.0, 1.0, 1.0, math.log(2) - 0.5, 7.0)
        np.testing.assert_allclose(rows["best_of_2"][1:], best[1:])
        self.assertRegex(comparison.table([rows["b"]]), r"b +1.000  1.000   2.000   7.000     0.0")


class PromptsTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.workdir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.config = toy.config()
        self.environment = named.environment("jokes", samples.CONFIG)

    def asked_while_training(self, stage: str, numbers) -> list[str]:
        seeds = [problem_seed(0, n, True) for n in numbers]
        asked = [self.environment.problem(seed, 1).messages[0]["content"] for seed in seeds]
        lines = [
            {"step": step, "prompt": [{"role": "user", "content": text}]}
            for step in (0, 5)
            for text in asked
            for _ in range(2)
        ]
        write_json_lines(self.workdir / stage / "rollouts.jsonl", lines)
        return list(dict.fromkeys(asked))

    def test_none_is_one_that_a_policy_was_stopped_by(self):
        # Prompts in the places of others have numbers of their own.
        first = self.asked_while_training("rlhf", range(20))
        second = self.asked_while_training("rlhf_ppo", [n + (1 << 40) for n in range(10, 30)])
        found = comparison._problems(
            self.config, str(self.workdir), self.environment, lambda problem: True
        )
        texts = [one.messages[0]["content"] for one in found.problems]
        self.assertLen(set(texts), self.config.comparison.prompts)
        self.assertFalse({*first[::2], *second[::2]} & set(texts))
        self.assertTrue({*first[1::2]} - {*second[::2]} <= set(texts))
        for problem, seed in zip(found.problems, found.seeds, strict=True):
            self.assertEqual(self.environment.problem(seed, 1), problem)

    def test_there_must_be_enough(self):
        self.config.comparison.prompts = 100_000
        with self.assertRaisesRegex(InputError, "prompts is 100000: there are [0-9]+ different"):
            comparison._problems(self.config, "nowhere", self.environment, lambda problem: True)


class RunTest(absltest.TestCase):
    def test_compares_the_stages_that_there_are(self):
        settings = toy.config()
        settings.model.context = 128
        with tempfile.TemporaryDirectory() as folder:
            workdir = toy.make_run(pathlib.Path(folder) / "run", settings, ending=4.0)
            toy.copied(workdir / "chat", workdir / "dpo")
            section = settings.comparison
            section.prompts, section.samples, section.tokens = 6, 4, 8
            section.best_of = (1, 4)
            worth = iter(np.random.default_rng(0).random(1000).tolist())
            gold = mock.patch("rl.environments.jokes.judge.gold", lambda *_: next(worth))
            _, liked = toy.liking(None, len)
            with gold, liked:
                comparison.run(settings, str(workdir))
            rows = json.loads((workdir / "comparison" / "comparison.json").read_text())
            names = [row["name"] for row in rows]
            self.assertEqual(names, ["chat", "dpo", "best_of_1", "best_of_4"])
            report = json.loads((workdir / "report.json").read_text())
            self.assertAlmostEqual(report["comparison/chat_gold"], 0.0, places=5)
            self.assertLess(abs(report["comparison/dpo_kl"]), 1e-4)  # the same policy
            self.assertEqual(rows[0]["proxy"], rows[2]["proxy"])
            self.assertEqual(rows[0]["proxy"], rows[1]["proxy"])
            self.assertGreater(rows[3]["proxy"], 0.5)
            self.assertGreater(rows[3]["length"], rows[0]["length"])
            self.assertIn("best_of_4", (workdir / "comparison" / "comparison.txt").read_text())
            self.assertTrue((workdir / "comparison" / "comparison.png").exists())

    def test_settings_that_cannot_be(self):
        for key, value, why in (
            ("best_of", (1, 32), "best_of has 32, more than the 16 answers"),
            ("best_of", (0,), "each of best_of at least 1"),
            ("stages", (), "must name at least one"),
            ("prompts", 1, "prompts must be at least 2"),
        ):
            settings = toy.config()
            settings.comparison[key] = value
            with self.assertRaisesRegex(InputError, why):
                comparison.run(settings, "nowhere")


if __name__ == "__main__":
    absltest.main()
