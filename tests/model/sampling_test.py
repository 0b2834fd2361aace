import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from model.sampling import Sampling, choose, sampling

V = 8
jitted = jax.jit(choose)


def keys(n, seed=0):
    return jax.random.split(jax.random.key(seed), n)


def allowed(logits, temperature, top_k, top_p, min_p):
    """Which tokens may be chosen and how likely each is, one token after the other."""
    if temperature == 0:
        return {int(np.argmax(logits)): 1.0}
    tempered = np.asarray(logits, np.float64) / temperature
    probabilities = np.exp(tempered - tempered.max())
    probabilities /= probabilities.sum()
    kept, total = {}, 0.0
    for rank, token in enumerate(np.argsort(-probabilities)):
        if top_k and rank >= top_k:
            break
        if total >= top_p and top_p < 1:
            break
        if probabilities[token] < min_p * probabilities.max():
            break
        kept[int(token)] = probabilities[token]
        total += probabilities[token]
    mass = sum(kept.values())
    return {token: p / mass for token, p in kept.items()}


# Logits a quarter apart keep probabilities off the filters' borders, where rounding decides.
# (top_p and min_p have three odd decimals for the same reason.)
distinct_logits = st.lists(st.integers(-20, 20), min_size=V, max_size=V, unique=True).map(
    lambda xs: np.array(xs, np.float32) / 4
)
settings_of_a_row = st.tuples(
    st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    st.integers(0, V + 2),
    st.sampled_from([0.0137, 0.3171, 0.7193, 0.9511, 1.0]),
    st.sampled_from([0.0, 0.0519, 0.2113, 0.7777, 1.0]),
)


class ChooseTest(parameterized.TestCase):
    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(distinct_logits, settings_of_a_row, st.integers(0, 2**31 - 1))
    def test_only_and_all_of_the_allowed_tokens_are_chosen(self, logits, row, seed):
        n = 512
        expected = allowed(logits, *row)
        tokens, _ = jitted(jnp.tile(logits, (n, 1)), keys(n, seed), sampling(n, *row))
        chosen = set(np.asarray(tokens).tolist())
        self.assertLessEqual(chosen, set(expected))
        # Missing one of these has a probability below exp(-512 · 0.04), 1e-9.
        self.assertLessEqual({token for token, p in expected.items() if p > 0.04}, chosen)

    @parameterized.parameters(
        (1.0, 0, 1.0, 0.0), (0.5, 0, 1.0, 0.0), (1.7, 5, 1.0, 0.0), (1.0, 0, 0.81, 0.0),
        (1.0, 0, 1.0, 0.12), (2.0, 6, 0.93, 0.05),
    )  # fmt: skip
    def test_frequencies(self, *row):
        n = 20_000
        logits = np.array([0.1, 1.3, -0.4, 2.0, -1.5, 0.9, -3.0, 0.5], np.float32)
        expected = allowed(logits, *row)
        tokens, _ = jitted(jnp.tile(logits, (n, 1)), keys(n, 1), sampling(n, *row))
        observed = np.bincount(tokens, minlength=V)
        self.assertEqual(observed[list(expected)].sum(), n)
        chi_square = scipy.stats.chisquare(
            observed[list(expected)], n * np.array(list(expected.values()))
        )
        self.assertGreater(chi_square.pvalue, 1e-3)

    def test_greedy_takes_the_most_likely_whatever_else_is_asked(self):
        logits = jax.random.normal(jax.random.key(0), (5, V))
        tokens, _ = choose(logits, keys(5), sampling(5, 0.0, top_k=3, top_p=0.5, min_p=0.1))
        np.testing.assert_array_equal(tokens, logits.argmax(-1))

    def test_low_temperature_approaches_greedy(self):
        logits = jax.random.normal(jax.random.key(0), (64, V))
        tokens, _ = choose(logits, keys(64), sampling(64, 1e-6))
        np.testing.assert_array_equal(tokens, logits.argmax(-1))

    def test_log_probs_are_those_of_the_distribution_before_temperature_and_filters(self):
        logits = 3 * jax.random.normal(jax.random.key(0), (6, V))
        tokens, scores = choose(logits, keys(6), sampling(6, 5.0, top_k=4, top_p=0.9))
        probabilities = np.exp(np.asarray(logits, np.float64))
        probabilities /= probabilities.sum(-1, keepdims=True)
        expected = np.log(probabilities[np.arange(6), tokens])
        np.testing.assert_allclose(scores, expected, atol=1e-5)

    def test_rows_do_not_depend_on_the_rest_of_the_batch(self):
        n = 16
        logits = jax.random.normal(jax.random.key(0), (n, V))
        temperatures = jnp.linspace(0, 2, n)
        mixed = Sampling(
            temperatures,
            jnp.arange(n, dtype=jnp.int32) % 5,
            jnp.linspace(0.2, 1, n),
            jnp.linspace(0, 0.3, n),
        )
        together = choose(logits, keys(n), mixed)
        for i in range(n):
            one = choose(
                logits[i : i + 1], keys(n)[i : i + 1], Sampling(*(x[i : i + 1] for x in mixed))
            )
            np.testing.assert_array_equal(one[0], together[0][i : i + 1])
            np.testing.assert_allclose(one[1], together[1][i : i + 1], rtol=1e-6)
        shuffled = jax.random.permutation(jax.random.key(1), n)
        moved = choose(logits[shuffled], keys(n)[shuffled], Sampling(*(x[shuffled] for x in mixed)))
        np.testing.assert_array_equal(moved[0], together[0][shuffled])

    def test_masked_tokens_are_never_chosen(self):
        n = 512
        logits = jnp.where(jnp.arange(V) < 3, jnp.array([0.0, -30.0, 0.1] + [0.0] * 5), -jnp.inf)
        for row in ((1.0,), (100.0,), (1.0, 7), (1.0, 0, 0.999)):
            tokens, scores = choose(jnp.tile(logits, (n, 1)), keys(n), sampling(n, *row))
            self.assertLess(int(tokens.max()), 3)
            self.assertTrue(np.isfinite(scores).all())


class SamplingTest(parameterized.TestCase):
    @parameterized.parameters(
        ({"temperature": -0.1}, "temperature is -0.1; it must be at least 0"),
        ({"temperature": float("nan")}, "temperature is nan; it must be at least 0"),
        ({"top_k": -1}, "top_k is -1; it must be at least 0"),
        ({"top_p": 0.0}, "top_p is 0.0; it must be above 0 and at most 1"),
        ({"top_p": 1.1}, "top_p is 1.1; it must be above 0 and at most 1"),
        ({"min_p": -0.1}, "min_p is -0.1; it must be between 0 and 1"),
        ({"min_p": 1.5}, "min_p is 1.5; it must be between 0 and 1"),
    )
    def test_refuses(self, setting, sentence):
        with self.assertRaisesRegex(ValueError, sentence):
            sampling(2, **setting)


if __name__ == "__main__":
    absltest.main()
