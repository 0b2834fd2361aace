import itertools
import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import strategies

from train import preference_losses
from train.gradients import gradients


def means(metrics):
    return {name: float(total) / max(float(count), 1) for name, (total, count) in metrics.items()}


def nats(margin):
    """-log sigmoid."""
    return math.log1p(math.exp(-margin))


def floats(*x):
    return jnp.asarray(x, jnp.float32)


ON = floats(1, 1)


class BradleyTerryTest(parameterized.TestCase):
    @parameterized.parameters(
        (2.0, 1.0, 0.0, 0.0, nats(1)),
        (1.0, 2.0, 0.0, 0.0, nats(-1)),
        (2.0, 1.0, 0.5, 0.0, nats(0.5)),
        (2.0, 1.0, 0.0, 0.01, nats(1) + 0.09),
        (2.0, -2.0, 1.0, 0.01, nats(3)),
        (0.0, 0.0, 0.0, 0.01, math.log(2)),
    )
    def test_table(self, chosen, rejected, margin, centring, loss):
        metrics = preference_losses.bradley_terry(
            floats(chosen), floats(rejected), floats(1), margin, centring
        )
        self.assertAlmostEqual(means(metrics)["loss"], loss, places=6)

    def test_metrics(self):
        metrics = preference_losses.bradley_terry(
            floats(2, 0, 1, 9), floats(1, 3, 1, 0), floats(1, 1, 1, 0)
        )
        figures = means(metrics)
        self.assertAlmostEqual(figures["accuracy"], 1.5 / 3, places=6)
        self.assertAlmostEqual(figures["margin"], (1 - 3 + 0) / 3, places=6)
        self.assertAlmostEqual(figures["score"], (3 + 3 + 2) / 6, places=6)
        self.assertEqual(float(metrics["loss"][1]), 3)

    def test_centring_alone_brings_the_level_back(self):
        """Differences say nothing of the level: without centring the gradients cancel."""

        def slope(centring):
            return jax.grad(
                lambda level: preference_losses.bradley_terry(
                    floats(2) + level, floats(1) + level, floats(1), centring=centring
                )["loss"][0]
            )(0.0)

        self.assertAlmostEqual(float(slope(0.0)), 0, places=6)
        self.assertAlmostEqual(float(slope(0.01)), 0.01 * 2 * 3 * 2, places=6)


class RankingTest(parameterized.TestCase):
    def test_plackett_luce_of_three(self):
        scores, ranks = floats(1, 3, 2)[None], jnp.asarray([[3, 1, 2]])
        e = math.exp
        expected = -math.log(e(3) / (e(1) + e(2) + e(3))) - math.log(e(2) / (e(1) + e(2)))
        metrics = preference_losses.plackett_luce(scores, ranks, centring=0.0)
        self.assertAlmostEqual(float(metrics["loss"][0]), expected, places=5)
        self.assertEqual(float(metrics["loss"][1]), 2)
        self.assertEqual(means(metrics)["accuracy"], 1)
        self.assertAlmostEqual(means(metrics)["margin"], (2 + 1 + 1) / 3, places=6)

    def test_probabilities_of_all_rankings_add_up_to_one(self):
        scores = jnp.tile(floats(0.3, -1.0, 2.0, 0.7), (24, 1))
        ranks = jnp.asarray(list(itertools.permutations([1, 2, 3, 4])))
        nats = jax.vmap(
            lambda s, r: preference_losses.plackett_luce(s[None], r[None], 0.0)["loss"][0]
        )(scores, ranks)
        self.assertAlmostEqual(float(jnp.sum(jnp.exp(-nats))), 1, places=5)

    def test_all_pairs_of_three(self):
        scores, ranks = floats(1, 3, 2)[None], jnp.asarray([[3, 1, 2]])
        metrics = preference_losses.all_pairs(scores, ranks, centring=0.0)
        self.assertAlmostEqual(
            float(metrics["loss"][0]), (nats(2) + nats(1) + nats(1)) / 3, places=5
        )
        self.assertEqual(float(metrics["loss"][1]), 1)
        centred = preference_losses.all_pairs(scores, ranks, centring=0.01)
        self.assertAlmostEqual(
            float(centred["loss"][0] - metrics["loss"][0]), 0.01 * (16 + 9 + 25) / 3, places=5
        )

    @hypothesis.settings(max_examples=20)
    @hypothesis.given(
        strategies.floats(-20, 20, width=32),
        strategies.floats(-20, 20, width=32),
        strategies.sampled_from((0.0, 0.01, 0.3)),
    )
    def test_a_ranking_of_two_is_bradley_terry(self, chosen, rejected, centring):
        def pair(scores):
            return preference_losses.bradley_terry(
                scores[:, 1], scores[:, 0], floats(1), centring=centring
            )

        scores = floats(rejected, chosen)[None]
        for ranking in (preference_losses.plackett_luce, preference_losses.all_pairs):
            for ranks in ([[2, 1]], [[7, 3]]):
                ranks = jnp.asarray(ranks)
                one, other = pair(scores), ranking(scores, ranks, centring)
                for name in ("loss", "accuracy", "margin", "score"):
                    np.testing.assert_allclose(
                        means(one)[name], means(other)[name], rtol=1e-5, atol=1e-5
                    )
                np.testing.assert_allclose(
                    jax.grad(lambda s: pair(s)["loss"][0])(scores),
                    jax.grad(lambda s, f=ranking, r=ranks: f(s, r, centring)["loss"][0])(scores),
                    rtol=1e-4,
                    atol=1e-5,
                )

    @parameterized.parameters(preference_losses.plackett_luce, preference_losses.all_pairs)
    def test_ties(self, ranking):
        # A tie says nothing.
        metrics = ranking(floats(4, -2)[None], jnp.asarray([[1, 1]]))
        for name in ("loss", "accuracy", "margin"):
            self.assertEqual([float(x) for x in metrics[name]], [0, 0])
        # Two that are level above a third: each of them against the third.
        metrics = ranking(floats(2, 1, 0)[None], jnp.asarray([[1, 1, 2]]), 0.0)
        self.assertAlmostEqual(means(metrics)["loss"], (nats(2) + nats(1)) / 2, places=5)
        # Whatever the order in which they stand.
        swapped = ranking(floats(1, 0, 2)[None], jnp.asarray([[1, 2, 1]]), 0.0)
        self.assertAlmostEqual(means(metrics)["loss"], means(swapped)["loss"], places=6)

    @parameterized.parameters(preference_losses.plackett_luce, preference_losses.all_pairs)
    def test_no_item_takes_no_part(self, ranking):
        scores, ranks = floats(1, 3, 2)[None], jnp.asarray([[3, 1, 2]])
        padded = jnp.concatenate([scores, floats(jnp.nan, jnp.inf)[None]], axis=1)
        padded = jnp.concatenate([padded, jnp.full((2, 5), jnp.nan)])
        longer = jnp.zeros((3, 5), int).at[0, :3].set(ranks[0])
        one, other = ranking(scores, ranks), ranking(padded, longer)
        for name in one:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-6)
        slope = jax.grad(lambda s: ranking(s, longer)["loss"][0])(padded)
        self.assertTrue(np.isfinite(slope).all())
        np.testing.assert_array_equal(slope[1:], 0)
        np.testing.assert_array_equal(slope[0, 3:], 0)

    @parameterized.parameters(preference_losses.plackett_luce, preference_losses.all_pairs)
    def test_large_scores_stay_finite(self, ranking):
        scores, ranks = floats(-1000, 1000, 0)[None], jnp.asarray([[1, 2, 3]])
        value, slope = jax.value_and_grad(lambda s: ranking(s, ranks)["loss"][0])(scores)
        self.assertTrue(np.isfinite(value) and np.isfinite(slope).all())

    @parameterized.product(
        ranking=(preference_losses.plackett_luce, preference_losses.all_pairs),
        accumulate=(2, 4, 8),
    )
    def test_accumulation(self, ranking, accumulate):
        draw = np.random.default_rng(0)
        batch = {
            "x": jnp.asarray(draw.normal(size=(8, 4, 3)), jnp.float32),
            "ranks": jnp.asarray(draw.integers(0, 4, (8, 4))),
        }

        def loss(w, batch):
            return ranking(batch["x"] @ w, batch["ranks"])

        w = floats(1, -1, 0.5)
        whole, totals = gradients(loss, w, batch)
        parts, sums = gradients(loss, w, batch, accumulate)
        np.testing.assert_allclose(whole, parts, rtol=1e-5, atol=1e-6)
        for name, pair in totals.items():
            np.testing.assert_allclose(pair, sums[name], rtol=1e-5, atol=1e-6)


class DirectTest(parameterized.TestCase):
    # h = (-1 - -2) - (-4 - -3) = 2 and (-3 - -1) - (-1 - -2) = -3.
    FIGURES = (floats(-1, -3), floats(-4, -1), floats(-2, -1), floats(-3, -2))

    @parameterized.parameters(
        (0.1, 0.0, (nats(0.2) + nats(-0.3)) / 2),
        (0.5, 0.0, (nats(1) + nats(-1.5)) / 2),
        (0.5, 0.2, (0.8 * (nats(1) + nats(-1.5)) + 0.2 * (nats(-1) + nats(1.5))) / 2),
    )
    def test_dpo_table(self, beta, smoothing, loss):
        metrics = preference_losses.dpo(*self.FIGURES, ON, beta, smoothing)
        figures = means(metrics)
        self.assertAlmostEqual(figures["loss"], loss, places=6)
        self.assertAlmostEqual(figures["accuracy"], 0.5, places=6)
        self.assertAlmostEqual(figures["margin"], beta * (2 - 3) / 2, places=6)
        self.assertAlmostEqual(figures["chosen_reward"], beta * (1 - 2) / 2, places=6)
        self.assertAlmostEqual(figures["rejected_reward"], beta * (-1 + 1) / 2, places=6)

    @parameterized.parameters((0.0, 0.753059), (0.3, 0.925447))
    def test_dpo_as_google_tunix_has_it(self, smoothing, loss):
        """The figures of its own test, drawn as there."""
        draw = np.random.RandomState(0)
        log_probs = draw.normal(0, 5, (8, 4)).sum(axis=1)
        reference = draw.normal(0, 5, (8, 4)).sum(axis=1)
        figures = (log_probs[:4], log_probs[4:], reference[:4], reference[4:])
        metrics = preference_losses.dpo(*map(jnp.asarray, figures), jnp.ones(4), 0.1, smoothing)
        self.assertAlmostEqual(means(metrics)["loss"], loss, places=5)

    @parameterized.parameters((0.1, (9 + 64) / 2), (0.25, (0 + 25) / 2), (0.5, (1 + 16) / 2))
    def test_ipo_table(self, beta, loss):
        """h is to be 5, 2 and 1."""
        metrics = preference_losses.ipo(*self.FIGURES, ON, beta)
        self.assertAlmostEqual(means(metrics)["loss"], loss, places=5)
        self.assertAlmostEqual(means(metrics)["margin"], beta * -0.5, places=6)

    def test_ipo_stops_where_dpo_goes_on(self):
        def slope(loss, h):
            zero = floats(0)
            return float(
                jax.grad(
                    lambda x: loss(floats(0) + x, zero, zero, zero, floats(1), 0.1)["loss"][0]
                )(h)
            )

        self.assertAlmostEqual(slope(preference_losses.ipo, 5.0), 0, places=5)
        self.assertGreater(slope(preference_losses.ipo, 6.0), 0)
        self.assertLess(slope(preference_losses.dpo, 6.0), 0)

    @parameterized.parameters(preference_losses.dpo, preference_losses.ipo)
    def test_empty_rows_take_no_part(self, loss):
        padded = [jnp.concatenate([x, floats(jnp.nan, -jnp.inf)]) for x in self.FIGURES]
        one, other = loss(*self.FIGURES, ON), loss(*padded, floats(1, 1, 0, 0))
        for name in one:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-6)
        slope = jax.grad(lambda x: loss(x, *padded[1:], floats(1, 1, 0, 0))["loss"][0])(padded[0])
        np.testing.assert_array_equal(slope[2:], 0)


if __name__ == "__main__":
    absltest.main()
