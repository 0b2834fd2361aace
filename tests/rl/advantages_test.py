import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import strategies

from data.errors import InputError
from rl import advantages

# A loop over time is compiled anew at every call that is not.
gae = jax.jit(advantages.gae)

REWARDS = np.array([[1.0, 0.0, 0.0, 1.0], [3.0, 1.0, 2.0, 6.0], [0.1, 0.1, 0.1, 0.1]])


class GroupRelativeTest(parameterized.TestCase):
    @parameterized.parameters(
        # Means 1/2, 3 and 0.1; sample variances 1/3, 14/3 and 0.
        ("dr_grpo", [[0.5, -0.5, -0.5, 0.5], [0, -2, -1, 3]]),
        ("rloo", [[2 / 3, -2 / 3, -2 / 3, 2 / 3], [0, -8 / 3, -4 / 3, 4]]),
        (
            "grpo",
            [
                [3**0.5 / 2, -(3**0.5) / 2, -(3**0.5) / 2, 3**0.5 / 2],
                [0, -2 * (3 / 14) ** 0.5, -((3 / 14) ** 0.5), 3 * (3 / 14) ** 0.5],
            ],
        ),
    )
    def test_table(self, kind, expected):
        found = advantages.group_relative(REWARDS, kind)
        self.assertEqual(found.dtype, np.float32)
        np.testing.assert_allclose(found[:2], expected, rtol=1e-5)
        # The mean of four times 0.1 is not 0.1, and an advantage of rounding would be learnt from.
        np.testing.assert_array_equal(found[2], 0)

    def test_rloo_is_the_reward_less_the_mean_of_the_others(self):
        found = advantages.group_relative(REWARDS, "rloo")
        for n, group in enumerate(REWARDS):
            for g, reward in enumerate(group):
                others = np.delete(group, g).mean()
                self.assertAlmostEqual(found[n, g], reward - others, places=6)

    def test_trap_epsilon_and_the_divisor_of_the_variance(self):
        """1e-4 in TRL, 1e-6 in verl and tunix; all divide by G - 1. It tells where rewards hardly
        differ. Divided by G the sizes would be 0.990 and 0.5."""
        rewards = np.array([[1.0, 1.0 + 2e-4]])  # sample deviation 1.414e-4
        for epsilon, size in ((1e-6, 0.70213), (1e-4, 0.41421)):
            found = advantages.group_relative(rewards, "grpo", epsilon)
            np.testing.assert_allclose(found, [[-size, size]], rtol=1e-4)

    def test_zero_variance(self):
        np.testing.assert_array_equal(advantages.zero_variance(REWARDS), [False, False, True])

    @parameterized.parameters(
        ([[1.0], [2.0]], "grpo", "at least two"),
        ([1.0, 2.0], "grpo", "at least two"),
        ([[1.0, 2.0]], "ppo", "not one of grpo"),
        ([[1.0, 2.0], [np.nan, 1.0], [1.0, np.inf]], "grpo", "rewards of 2 groups are not finite"),
    )
    def test_refuses(self, rewards, kind, sentence):
        with self.assertRaisesRegex(InputError, sentence):
            advantages.group_relative(np.array(rewards), kind)

    @hypothesis.given(
        strategies.lists(strategies.integers(-5, 5), min_size=2, max_size=6),
        strategies.sampled_from(advantages.KINDS),
        strategies.integers(-3, 3),
    )
    def test_any_group(self, rewards, kind, shift):
        rewards = np.array([rewards], float)
        found = advantages.group_relative(rewards, kind)
        self.assertAlmostEqual(float(found.sum()), 0, places=4)
        np.testing.assert_allclose(
            found, advantages.group_relative(rewards + shift, kind), atol=1e-4
        )
        order = np.argsort(rewards[0], kind="stable")
        self.assertTrue((np.diff(found[0][order]) >= 0).all())
        if kind == "grpo" and not advantages.zero_variance(rewards)[0]:
            self.assertAlmostEqual(float(found.std(ddof=1)), 1, places=3)


class OverlongTest(absltest.TestCase):
    def test_table(self):
        lengths = np.array([0, 6, 7, 8, 9, 10, 11, 99])
        expected = [0, 0, -0.25, -0.5, -0.75, -1, -1, -1]
        np.testing.assert_allclose(advantages.overlong_penalty(lengths, 10, 4), expected)

    def test_without_a_buffer_it_falls_at_once(self):
        np.testing.assert_array_equal(
            advantages.overlong_penalty(np.array([9, 10, 11]), 10, 0), [0, 0, -1]
        )


def gae_on_paper(rewards, values, gamma, lam):
    """Of the model's tokens alone, as a sum: A_t = sum over k of (gamma lam)^k delta_t+k."""
    count = len(rewards)
    following = [*values[1:], 0.0]
    deltas = [rewards[t] + gamma * following[t] - values[t] for t in range(count)]
    return [sum((gamma * lam) ** k * deltas[t + k] for k in range(count - t)) for t in range(count)]


class GaeTest(parameterized.TestCase):
    def test_table(self):
        """gamma 0.5, lambda 0.5: deltas 1 + 1 - 1 = 1, 0 + 1.5 - 2 = -0.5, 4 - 3 = 1."""
        found, returns = gae(
            jnp.asarray([[1.0, 0.0, 4.0]]),
            jnp.asarray([[1.0, 2.0, 3.0]]),
            jnp.ones((1, 3)),
            gamma=0.5,
            lam=0.5,
        )
        expected = [1 + 0.25 * -0.25, -0.5 + 0.25 * 1, 1]
        np.testing.assert_allclose(found, [expected], rtol=1e-6)
        np.testing.assert_allclose(returns, [np.add(expected, [1, 2, 3])], rtol=1e-6)

    def test_lambda_one_returns_what_was_rewarded_afterwards(self):
        returns = gae(
            jnp.asarray([[0.0, 2.0, 0.0, 1.0]]),
            jnp.asarray([[5.0, -1.0, 7.0, 3.0]]),
            jnp.ones((1, 4)),
            gamma=1.0,
            lam=1.0,
        )[1]
        np.testing.assert_allclose(returns, [[3, 3, 1, 1]], atol=1e-6)

    @parameterized.parameters((1.0, 0.95), (0.9, 0.5), (1.0, 0.0))
    def test_tool_tokens_change_nothing(self, gamma, lam):
        rewards, values = [0.1, -0.2, 0.3, 1.0], [0.5, 0.4, 0.8, 0.9]
        expected = gae_on_paper(rewards, values, gamma, lam)
        for places, width in (([0, 1, 2, 3], 4), ([1, 2, 6, 7], 10), ([0, 3, 4, 9], 10)):
            for junk in (0.0, 7.0, np.nan, np.inf):
                laid = np.full((2, 1, width), junk, np.float32)
                laid[:, 0, places] = rewards, values
                mask = np.zeros((1, width))
                mask[0, places] = 1
                found, returns = gae(*map(jnp.asarray, laid), jnp.asarray(mask), gamma, lam)
                np.testing.assert_allclose(found[0, np.array(places)], expected, atol=1e-6)
                np.testing.assert_allclose(
                    returns[0, np.array(places)], np.add(expected, values), atol=1e-6
                )
                outside = np.setdiff1d(np.arange(width), places)
                np.testing.assert_array_equal(found[0, outside], 0)
                np.testing.assert_array_equal(returns[0, outside], 0)

    @hypothesis.settings(max_examples=30)
    @hypothesis.given(
        strategies.integers(0, 2**32 - 1),
        strategies.lists(strategies.integers(1, 5), min_size=1, max_size=3),
        strategies.floats(0, 1),
        strategies.floats(0, 1),
    )
    def test_sequences_of_a_row_do_not_see_each_other(self, seed, lengths, gamma, lam):
        draw = np.random.default_rng(seed)
        width = 16
        rewards, values = draw.normal(size=(2, 1, width))
        mask = draw.random((1, width)) < 0.6
        segments, expected, start = np.zeros((1, width), int), np.zeros(width), 0
        for number, length in enumerate(lengths, 1):
            segments[0, start : start + length] = number
            written = start + np.flatnonzero(mask[0, start : start + length])
            expected[written] = gae_on_paper(rewards[0, written], values[0, written], gamma, lam)
            start += length
        mask &= segments > 0
        found = gae(*map(jnp.asarray, (rewards, values, mask)), gamma, lam, jnp.asarray(segments))[
            0
        ]
        np.testing.assert_allclose(found[0], expected, atol=1e-5)


class WhitenTest(absltest.TestCase):
    def test_table(self):
        """1, 3 and 5 have mean 3 and sample variance 4."""
        x = jnp.asarray([[1.0, 99.0, 3.0], [5.0, jnp.nan, -99.0]])
        mask = jnp.asarray([[1, 0, 1], [1, 0, 0]])
        np.testing.assert_allclose(advantages.whiten(x, mask), [[-1, 0, 0], [1, 0, 0]], atol=1e-6)

    def test_trap_padding_stays_zero(self):
        """(0 - mean) / std on padding is not zero, and sums that forget the mask would take it."""
        x = jnp.asarray([[4.0, 6.0, 0.0, 0.0]])
        mask = jnp.asarray([[1, 1, 0, 0]])
        found = advantages.whiten(x, mask)
        np.testing.assert_array_equal(found[0, 2:], 0)
        self.assertAlmostEqual(float(found.sum()), 0, places=6)
        unmasked = (0 - 5) / 2**0.5
        self.assertLess(unmasked, -3)

    def test_nothing_or_one_or_all_equal_is_zero(self):
        x = jnp.asarray([[3.0, 3.0, 3.0]])
        for mask in ([[0, 0, 0]], [[0, 1, 0]], [[1, 1, 1]]):
            np.testing.assert_array_equal(advantages.whiten(x, jnp.asarray(mask)), 0)

    @hypothesis.given(strategies.integers(0, 2**32 - 1))
    @hypothesis.settings(max_examples=20)
    def test_mean_and_variance(self, seed):
        draw = np.random.default_rng(seed)
        x, mask = draw.normal(3, 5, (3, 7)), draw.random((3, 7)) < 0.5
        mask[0, :2] = True
        found = np.asarray(advantages.whiten(jnp.asarray(x), jnp.asarray(mask)))
        self.assertAlmostEqual(found[mask].mean(), 0, places=4)
        self.assertAlmostEqual(found[mask].var(ddof=1), 1, places=4)
        np.testing.assert_array_equal(found[~mask], 0)


if __name__ == "__main__":
    absltest.main()
