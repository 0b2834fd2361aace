import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import strategies

from rl import kl

LOGITS = jnp.asarray([0.3, -1.0, 0.8, 0.1])
REFERENCE = jax.nn.log_softmax(jnp.asarray([-0.5, 0.2, 0.4, 1.0]))


def divergence(logits):
    """KL(policy || reference), exactly, over four tokens."""
    log_probs = jax.nn.log_softmax(logits)
    return jnp.sum(jnp.exp(log_probs) * (log_probs - REFERENCE))


def expected(kind, logits):
    """The expectation of the estimate over tokens that the policy samples: exact too. Sampling has
    no gradient, as in training."""
    log_probs = jax.nn.log_softmax(logits)
    probabilities = jax.lax.stop_gradient(jnp.exp(log_probs))
    return jnp.sum(probabilities * kl.estimate(log_probs, REFERENCE, kind))


class EstimateTest(parameterized.TestCase):
    @parameterized.parameters(
        # Policy 0.5 and reference 0.25: d = -log 2. Policy 0.25, reference 0.5: d = log 2.
        ("k1", 0.5, 0.25, math.log(2)),
        ("k2", 0.5, 0.25, math.log(2) ** 2 / 2),
        ("k3", 0.5, 0.25, 0.5 - 1 + math.log(2)),
        ("k3+", 0.5, 0.25, 0.5 - 1 + math.log(2)),
        ("k1", 0.25, 0.5, -math.log(2)),
        ("k2", 0.25, 0.5, math.log(2) ** 2 / 2),
        ("k3", 0.25, 0.5, 2 - 1 - math.log(2)),
        ("k3+", 0.25, 0.5, 2 - 1 - math.log(2)),
    )
    def test_table(self, kind, policy, reference, value):
        found = kl.estimate(jnp.log(jnp.float32(policy)), jnp.log(jnp.float32(reference)), kind)
        self.assertAlmostEqual(float(found), value, places=6)

    @parameterized.parameters(("k1", 1.0), ("k2", math.log(2)), ("k3", 0.5), ("k3+", math.log(2)))
    def test_slopes_where_the_policy_is_twice_as_sure(self, kind, slope):
        found = jax.grad(lambda x: kl.estimate(x, jnp.log(0.25), kind))(jnp.log(0.5))
        self.assertAlmostEqual(float(found), slope, places=6)

    def test_k1_and_k3_are_unbiased_and_k2_is_not(self):
        exact = float(divergence(LOGITS))
        for kind in ("k1", "k3", "k3+"):
            self.assertAlmostEqual(float(expected(kind, LOGITS)), exact, places=6)
        self.assertGreater(abs(float(expected("k2", LOGITS)) - exact), 0.01)

    def test_trap_k1_in_a_loss_has_no_expected_gradient(self):
        """On the policy's own tokens its gradient is that of sum p = 1. That of k2 and of the
        straight-through k3 is the divergence's; that of k3 another's."""
        exact = jax.grad(divergence)(LOGITS)
        slopes = {k: jax.grad(lambda x, k=k: expected(k, x))(LOGITS) for k in kl.KINDS}
        np.testing.assert_allclose(slopes["k1"], 0, atol=1e-6)
        np.testing.assert_allclose(slopes["k2"], exact, atol=1e-6)
        np.testing.assert_allclose(slopes["k3+"], exact, atol=1e-6)
        self.assertGreater(np.abs(slopes["k3"] - exact).max(), 0.01)

    @hypothesis.given(strategies.floats(-300, 0, width=32), strategies.floats(-300, 0, width=32))
    def test_k2_and_k3_are_never_negative_nor_infinite(self, policy, reference):
        for kind in kl.KINDS:
            found = float(kl.estimate(jnp.float32(policy), jnp.float32(reference), kind))
            self.assertTrue(math.isfinite(found))
            if kind != "k1":
                self.assertGreaterEqual(found, -1e-6)  # rounding


class RewardsTest(absltest.TestCase):
    def test_table(self):
        """Two answers in a row, a tool's token in the second, padding at the end."""
        segments = jnp.asarray([[1, 1, 2, 2, 2, 0]])
        mask = jnp.asarray([[1, 1, 1, 0, 1, 0]])
        rewards = jnp.asarray([[5.0, 5.0, -3.0, -3.0, -3.0, jnp.nan]])
        log_probs = jnp.asarray([[-1.0, -2.0, -1.0, -9.0, -1.5, jnp.nan]])
        reference = jnp.asarray([[-1.5, -1.0, -1.0, -1.0, -3.5, jnp.nan]])
        found = kl.rewards_with_penalty(rewards, log_probs, reference, mask, segments, 0.1)
        np.testing.assert_allclose(found, [[-0.05, 5.1, 0, 0, -3.2, 0]], atol=1e-6)

    def test_their_sum_is_the_reward_less_the_divergence_of_the_answer(self):
        draw = np.random.default_rng(0)
        log_probs, reference = draw.normal(-2, 0.5, (2, 3, 8))
        mask = draw.random((3, 8)) < 0.6
        mask[:, 0] = True
        found = kl.rewards_with_penalty(
            jnp.full((3, 8), 2.0), log_probs, reference, mask, jnp.ones((3, 8), int), 0.05
        )
        distance = np.where(mask, log_probs - reference, 0).sum(axis=1)
        np.testing.assert_allclose(found.sum(axis=1), 2 - 0.05 * distance, rtol=1e-5)


class AdaptedTest(parameterized.TestCase):
    @parameterized.parameters(
        (6.0, 0.2),  # on target
        (6.6, 0.2 * 1.01),  # a tenth over: a hundredth up
        (5.4, 0.2 * 0.99),
        (60.0, 0.2 * 1.02),  # no more than that in a step
        (0.0, 0.2 * 0.98),
    )
    def test_table(self, measured, expected):
        self.assertAlmostEqual(float(kl.adapted(0.2, measured, target=6.0)), expected, places=6)


if __name__ == "__main__":
    absltest.main()
