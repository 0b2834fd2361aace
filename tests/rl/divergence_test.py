"""How far a policy has strayed, against the log-probabilities of its own samples."""

import contextlib

import jax
import numpy as np
from absl.testing import absltest

from evals.answers import sample_seeds
from model.sharding import make_mesh
from rl import divergence
from rl.rollout import trajectories
from serve.engine import Engine
from serve.turns import Bounds, Turns
from tests.rl import toy
from tests.serve import small_model, whole_row


class DivergenceTest(absltest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trained = small_model.trained()
        tokenizer = cls.trained.tokenizer
        engine = Engine(cls.trained.params, cls.trained.architecture, tokenizer, 8)
        asked = [toy.environment().problem(seed, 1) for seed in range(5)]
        seeds = [sample_seeds(0, n, 3) for n in range(5)]
        with contextlib.closing(Turns(engine, (), Bounds(0, 9, 9, 0), in_step=True)) as turns:
            cls.written = trajectories(turns, tokenizer, asked, seeds)
        devices = jax.devices()[:1]
        cls.measure = staticmethod(
            divergence.measurer(
                cls.trained.architecture, tokenizer.vocab_size, make_mesh(1, 1, 1, devices), 4
            )
        )

    def test_a_policy_has_not_strayed_from_itself(self):
        found = self.measure(self.trained.params, self.written)
        self.assertEqual(found.shape, (15,))
        np.testing.assert_allclose(found, 0, atol=1e-6)

    def test_of_each_answer_the_sum_over_its_tokens(self):
        start = self.trained.params | {"embedding": 0.8 * self.trained.params["embedding"]}
        found = self.measure(start, self.written)
        for one, value in zip(self.written, found, strict=True):
            ids = np.concatenate([one.prompt, one.tokens]).astype(int)
            own = whole_row.of_tokens(ids, start)[len(one.prompt) - 1 :]
            d = own - np.array(one.log_probs)
            self.assertAlmostEqual(float(value), float(np.sum(np.exp(d) - 1 - d)), places=4)


if __name__ == "__main__":
    absltest.main()
