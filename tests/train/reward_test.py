"""The reward model: it learns an order, a killed run goes on to the same bits, and what it gives an
answer depends on that answer alone."""

import json
import pathlib
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from data import conversations
from data.encoding import Tokenizer
from data.errors import InputError
from model.config import ModelConfig
from model.parameters import initialise
from serve.load import load
from tests.model.random_parameters import random_parameters
from tests.train import preference_run
from tests.train.final_state import final_state
from train import agreement, reward

ARCHITECTURE = ModelConfig(
    layers=1, width=32, heads=2, kv_heads=1, head_dim=16, mlp_width=64, context=96, vocab_size=64
)


def parameters(seed: int = 0) -> dict:
    head = np.random.default_rng(seed).normal(size=ARCHITECTURE.width).astype(np.float32)
    return random_parameters(ARCHITECTURE) | {reward.HEAD: jnp.asarray(head)}


def batch(ranks: list[list[int]], seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    ranks = np.array(ranks, np.int32)
    lengths = np.where(ranks > 0, draw.integers(4, 32, ranks.shape), 0).astype(np.int32)
    tokens = draw.integers(0, 64, (*ranks.shape, 32)).astype(np.int32)
    return {"tokens": tokens, "lengths": lengths, "ranks": ranks}


class AgreementTest(absltest.TestCase):
    def test_pairs_by_hand(self):
        scores = np.array([[3.0, 1.0, 1.0, 9.0], [0.0, 5.0, 0.0, 0.0]])
        ranks = np.array([[2, 3, 1, 0], [1, 1, 0, 0]])
        # Of the first: 1 over 0 (1 - 3), 1 over 2 (1 - 1) and 2 over 3 (3 - 1). The second ties.
        found = agreement.differences(scores, ranks)
        self.assertCountEqual(found.tolist(), [-2.0, 0.0, 2.0])
        self.assertEqual(agreement.agreement(found), 0.5)

    def test_wilson_against_published_values(self):
        # Brown, Cai and DasGupta 2001: 0 of 10 has the upper limit z² / (n + z²).
        low, high = agreement.wilson(0.0, 10)
        self.assertAlmostEqual(low, 0.0)
        self.assertAlmostEqual(high, 1.96**2 / (10 + 1.96**2), places=4)
        low, high = agreement.wilson(0.9, 1000)
        self.assertAlmostEqual(low, 0.8798, places=4)
        self.assertAlmostEqual(high, 0.9171, places=4)

    def test_pairs_of_one_ranking_are_not_independent(self):
        # A judge who is right of some prompts and wrong of others: 200 draws of 60 rankings of six.
        draw = np.random.default_rng(0)

        def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
            quality = draw.normal(size=(count, 6))
            leaning = draw.normal(1, 0.7, size=(count, 1))
            noise = 0.8 * draw.normal(size=quality.shape)
            return leaning * quality + noise, (-quality).argsort(1).argsort(1) + 1

        true, held = agreement.agreement(agreement.differences(*drawn(10_000))), 0
        for _ in range(200):
            found = agreement.with_interval(*drawn(60))
            held += found["agreement_low"] <= true <= found["agreement_high"]
        self.assertBetween(held / 200, 0.90, 0.99)

    def test_an_interval_of_pairs_is_wilsons(self):
        ranks = np.tile([1, 2], (100, 1))
        scores = np.tile([1.0, 0.0], (100, 1))
        scores[:30] *= -1
        found = agreement.with_interval(scores, ranks)
        low, high = agreement.wilson(0.7, 100)
        self.assertAlmostEqual(found["agreement_low"], low, places=2)
        self.assertAlmostEqual(found["agreement_high"], high, places=2)
        # Where all agree, it is that of the rankings, however many pairs they have; those without
        # a pair say nothing.
        ranks = np.array([[1, 2, 3, 4]] * 10 + [[1, 1, 1, 1]] * 90)
        found = agreement.with_interval(-1.0 * ranks, ranks)
        self.assertEqual(found["agreement"], 1.0)
        self.assertEqual(found["agreement_low"], agreement.wilson(1.0, 10)[0])

    def test_the_temperature_is_that_of_the_draws(self):
        draw = np.random.default_rng(0)
        logits = draw.normal(0, 2, 20_000)
        right = draw.random(20_000) < 1 / (1 + np.exp(-logits))
        differences = 3 * np.where(right, logits, -logits)
        self.assertAlmostEqual(agreement.temperature(differences), 3.0, delta=0.2)
        self.assertLess(agreement.calibration_error(differences / 3), 0.02)
        self.assertGreater(agreement.calibration_error(differences * 3), 0.1)
        self.assertAlmostEqual(agreement.calibration_error(np.full(4, 50.0)), 0.0)
        self.assertAlmostEqual(agreement.calibration_error(np.array([50.0, -50.0])), 0.5)


class ObjectiveTest(parameterized.TestCase):
    def mean(self, kind, rows, margin=0.0):
        loss = reward.objective(kind, margin, 0.01)
        total, count = jax.jit(lambda p, b: loss(p, ARCHITECTURE, b)["loss"])(parameters(), rows)
        return float(total / count)

    def test_pairs_are_the_same_to_every_loss(self):
        rows = batch([[1, 2], [2, 1], [1, 1], [1, 2], [0, 0]])
        values = [self.mean(kind, rows) for kind in reward.LOSSES]
        np.testing.assert_allclose(values, values[0], rtol=1e-5)
        self.assertGreater(self.mean("bradley_terry", rows, margin=1.0), values[0] + 0.1)

    @parameterized.parameters(*reward.LOSSES)
    def test_places_and_padding_change_nothing(self, kind):
        rows = batch([[1, 3, 2, 0], [2, 2, 1, 3]])
        order = np.array([2, 3, 0, 1])
        moved = {name: x[:, order] for name, x in rows.items()}
        padded = rows | {"tokens": np.pad(rows["tokens"], ((0, 0), (0, 0), (0, 16)))}
        empty = {name: np.concatenate([x, np.zeros_like(x)]) for name, x in rows.items()}
        for other in (moved, padded, empty):
            self.assertAlmostEqual(self.mean(kind, other), self.mean(kind, rows), places=5)

    def test_settings_that_cannot_be(self):
        with self.assertRaisesRegex(InputError, 'config.reward.loss is "elo"'):
            reward.objective("elo", 0.0, 0.0)
        with self.assertRaisesRegex(InputError, "config.reward.margin is 1.0"):
            reward.objective("plackett_luce", 1.0, 0.0)


class RewardModelTest(absltest.TestCase):
    def pairs(self, count: int) -> list[tuple[list[int], list[int]]]:
        draw = np.random.default_rng(1)
        return [
            (draw.integers(0, 64, 5).tolist(), draw.integers(0, 64, draw.integers(1, 56)).tolist())
            for _ in range(count)
        ]

    def test_a_score_depends_on_its_answer_alone(self):
        params = parameters()
        model = reward.RewardModel(params, ARCHITECTURE)
        pairs = self.pairs(100)
        together = model.score(pairs)
        alone = np.concatenate([model.score([pair]) for pair in pairs[:10]])
        np.testing.assert_allclose(together[:10], alone, rtol=1e-4, atol=1e-5)
        for (prompt, answer), given in zip(pairs[:2], together, strict=False):
            tokens = np.array([prompt + answer], np.int32)
            lengths = np.array([tokens.shape[1]])
            expected = reward.scores(params, ARCHITECTURE, tokens, lengths)[0]
            self.assertAlmostEqual(float(expected), float(given), places=4)
        self.assertEqual(model.score([]).shape, (0,))

    def test_scores_that_are_not_finite_are_refused(self):
        for bad in (np.nan, np.inf, -np.inf):
            params = parameters()
            params[reward.HEAD] = params[reward.HEAD].at[3].set(bad)
            with self.assertRaisesRegex(InputError, "not finite: train it again"):
                reward.RewardModel(params, ARCHITECTURE).score(self.pairs(3))

    def test_answers_that_do_not_fit_are_refused(self):
        model = reward.RewardModel(parameters(), ARCHITECTURE)
        with self.assertRaisesRegex(InputError, "answer 1 has 97 tokens"):
            model.score([([1], [2]), ([1] * 90, [2] * 7)])
        with self.assertRaisesRegex(InputError, "answer 0 has 0 tokens"):
            model.score([([], [])])


class RunTest(absltest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.config = preference_run.config(cls.folder)
        cls.config.reward.human = str(cls.folder / "human.jsonl")
        cls.before, cls.whole = cls.folder / "before", cls.folder / "whole"
        preference_run.prepare(cls.config, cls.before)
        preference_run.copied(cls.before, cls.whole)
        reward.run(cls.config, str(cls.whole))

    def test_learns_and_reports(self):
        report = json.loads((self.whole / "report.json").read_text())
        self.assertGreater(report["reward/agreement"], 0.95)
        self.assertLess(report["reward/agreement_low"], report["reward/agreement"])
        self.assertGreater(report["reward/human_agreement"], 0.95)
        left_out = json.loads((self.whole / "reward/human_left_out.json").read_text())
        self.assertEqual(list(left_out.values()), [1])
        self.assertBetween(report["reward/calibration_error"], 0.0, 0.2)
        lines = [
            json.loads(line)
            for line in (self.whole / "reward/metrics.jsonl").read_text().splitlines()
        ]
        losses = [line["loss"] for line in lines if "loss" in line]
        self.assertLess(losses[-1], 0.2 * losses[0])
        accuracy = [line["accuracy"] for line in lines if "accuracy" in line]
        self.assertGreater(accuracy[-1], accuracy[0])
        self.assertIn("(rank 1)", (self.whole / "reward/samples.txt").read_text())

    def test_the_loaded_model_orders_answers(self):
        model = reward.RewardModel.load(self.whole)
        tokenizer = Tokenizer.load(self.whole / "tokenizer")
        asked = [{"role": "user", "content": "901: what is the colour of coal?"}]
        prompt = conversations.prompt_ids(tokenizer, asked)
        end = tokenizer.special[conversations.END]
        answers = [[*tokenizer.encode(text), end] for text in ("black", "I cannot say.", "WHITE")]
        given = model.score([(prompt, answer) for answer in answers])
        self.assertEqual(np.argsort(-given).tolist(), [0, 1, 2])

    def test_it_is_no_model_to_talk_to(self):
        with self.assertRaisesRegex(InputError, "'reward' .* is a reward model and writes no text"):
            load(self.whole, "reward")

    def test_killed_ends_with_the_same_bits(self):
        workdir = preference_run.copied(self.before, self.folder / "killed")
        with preference_run.crash_at(27), self.assertRaises(MemoryError):
            reward.run(self.config, str(workdir))
        self.assertTrue((workdir / "reward/checkpoints/20").exists())
        reward.run(self.config, str(workdir))
        self.assertEqual(
            final_state(workdir, "reward", preference_run.STEPS),
            final_state(self.whole, "reward", preference_run.STEPS),
        )

    def test_the_head_is_declared(self):
        declared = reward.parameters(ARCHITECTURE)
        self.assertEqual(declared[reward.HEAD].shape, (32,))
        values = initialise(jax.random.key(0), declared)
        self.assertEqual(float(jnp.abs(values[reward.HEAD]).sum()), 0.0)


if __name__ == "__main__":
    absltest.main()
