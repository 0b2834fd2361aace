"""DPO: the log-probabilities of answers alone, no loss to begin with, and a policy that comes to
prefer what people do."""

import json
import math
import pathlib
import tempfile

import jax
import numpy as np
from absl.testing import absltest, parameterized

from data.errors import InputError
from model.parameters import unembedding
from model.transformer import hidden_states, logits
from tests.model.random_parameters import random_parameters
from tests.train import preference_run
from tests.train.final_state import final_state
from tests.train.reward_test import ARCHITECTURE, batch
from train import dpo


class ObjectiveTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.params = random_parameters(ARCHITECTURE)
        self.rows = batch([[1, 2, 2], [2, 1, 0]])
        self.rows["starts"] = np.full((2, 3), 3, np.int32)
        flat = {name: x.reshape(6, *x.shape[2:]) for name, x in self.rows.items()}
        self.log_probs = np.asarray(
            dpo.answer_log_probs(
                self.params, ARCHITECTURE, flat["tokens"], flat["starts"], flat["lengths"]
            )
        ).reshape(2, 3)

    def metrics(self, kind="dpo", beta=0.1, smoothing=0.0, reference=None):
        loss = dpo.objective(kind, beta, smoothing)
        rows = self.rows | {"reference": self.log_probs if reference is None else reference}
        found = loss(self.params, ARCHITECTURE, rows)
        return {name: (float(total), float(count)) for name, (total, count) in found.items()}

    def test_log_probs_are_of_the_answer_alone(self):
        tokens, length = self.rows["tokens"][0, 0], int(self.rows["lengths"][0, 0])
        hidden = hidden_states(self.params, ARCHITECTURE, tokens[None, :length])
        everything = np.asarray(jax.nn.log_softmax(logits(self.params, hidden)))[0]
        expected = sum(everything[t - 1, tokens[t]] for t in range(3, length))
        self.assertAlmostEqual(float(self.log_probs[0, 0]), float(expected), places=3)
        self.assertEqual(unembedding(self.params).shape[0], 64)

    def test_at_the_reference_nothing_is_preferred(self):
        total, count = self.metrics()["loss"]
        self.assertEqual(count, 3)  # 1 > 2 and 1 > 2 of the first prompt, 1 > 2 of the second
        self.assertAlmostEqual(total / count, math.log(2), places=5)
        total, count = self.metrics("ipo", beta=0.1)["loss"]
        self.assertAlmostEqual(total / count, 25.0, places=3)  # (0 - 1 / 0.2)²

    def test_worked_example(self):
        # The policy gives the better answers 2 nats more than the reference: h = 2.
        reference = self.log_probs - 2 * (self.rows["ranks"] == 1)
        found = self.metrics("dpo", 0.5, 0.1, reference)
        expected = 0.9 * math.log1p(math.exp(-1)) + 0.1 * math.log1p(math.exp(1))
        self.assertAlmostEqual(found["loss"][0] / 3, expected, places=5)
        self.assertAlmostEqual(found["accuracy"][0] / 3, 1.0, places=5)

    @parameterized.parameters(
        ("sft", 0.1, 0.0, 'config.dpo.loss is "sft"'),
        ("dpo", 0.0, 0.0, "config.dpo.beta is 0.0"),
        ("dpo", 0.1, 0.5, "label_smoothing 0.5"),
        ("ipo", 0.1, 0.1, "label_smoothing is for the loss dpo"),
    )
    def test_settings_that_cannot_be(self, kind, beta, smoothing, complaint):
        with self.assertRaisesRegex(InputError, complaint):
            dpo.objective(kind, beta, smoothing)


class RunTest(absltest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.config = preference_run.config(cls.folder)
        cls.before, cls.whole = cls.folder / "before", cls.folder / "whole"
        preference_run.prepare(cls.config, cls.before)
        preference_run.copied(cls.before, cls.whole)
        dpo.run(cls.config, str(cls.whole))

    def test_learns_and_reports(self):
        report = json.loads((self.whole / "report.json").read_text())
        self.assertGreater(report["dpo/agreement"], 0.95)
        self.assertGreater(report["dpo/margin"], 0.5)
        self.assertIn("Tell me a joke", (self.whole / "dpo/samples.txt").read_text())
        lines = (self.whole / "dpo/metrics.jsonl").read_text().splitlines()
        losses = [json.loads(line)["loss"] for line in lines if '"loss"' in line]
        self.assertLess(losses[-1], 0.1)

    def test_killed_ends_with_the_same_bits(self):
        workdir = preference_run.copied(self.before, self.folder / "killed")
        with preference_run.crash_at(27), self.assertRaises(MemoryError):
            dpo.run(self.config, str(workdir))
        dpo.run(self.config, str(workdir))
        self.assertEqual(
            final_state(workdir, "dpo", preference_run.STEPS),
            final_state(self.whole, "dpo", preference_run.STEPS),
        )


if __name__ == "__main__":
    absltest.main()
