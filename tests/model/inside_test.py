import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from model.config import FAMILIES, from_mapping
from model.inside import inside
from model.transformer import hidden_states, layer_states, logits
from tests.model.random_parameters import random_parameters

V, T, VOCABULARY = 50, 12, 47
SIZES = {
    "layers": 3, "width": 24, "heads": 4, "kv_heads": 2, "head_dim": 8, "mlp_width": 40,
    "vocab_size": V, "context": 32,
}  # fmt: skip


@functools.cache
def looked(family, scan=False):
    config = dataclasses.replace(from_mapping(SIZES | {"family": family}), scan=scan)
    params = random_parameters(config)
    tokens = jnp.asarray(np.random.default_rng(0).integers(0, VOCABULARY, T), jnp.int32)
    found = jax.jit(lambda params: inside(params, config, tokens, VOCABULARY, V))(params)
    return config, params, tokens, jax.device_get(found)


class InsideTest(parameterized.TestCase):
    @parameterized.product(family=[*FAMILIES], scan=(False, True))
    def test_the_last_layer_says_what_the_model_says(self, family, scan):
        config, params, tokens, found = looked(family, scan)
        whole = logits(params, hidden_states(params, config, tokens[None]))[0, :, :VOCABULARY]
        expected = np.asarray(jax.nn.log_softmax(whole))
        got = np.zeros((T, V))
        np.put_along_axis(got, found.tokens[-1], found.log_probs[-1], axis=-1)
        np.testing.assert_allclose(got[:, :VOCABULARY], expected, atol=1e-5)
        self.assertTrue(np.isneginf(got[:, VOCABULARY:]).all())
        self.assertTrue((np.diff(found.log_probs[..., :VOCABULARY]) <= 0).all())

    @parameterized.product(family=[*FAMILIES], scan=(False, True))
    def test_a_token_reads_itself_and_those_before_it(self, family, scan):
        attention = looked(family, scan)[-1].attention
        heads = looked(family)[0].heads
        self.assertEqual(attention.shape, (3, heads, T, T))
        np.testing.assert_allclose(attention.sum(-1), 1, atol=1e-6)
        self.assertTrue((attention[..., *np.triu_indices(T, 1)] == 0).all())
        self.assertTrue((attention >= 0).all())

    def test_the_first_layer_attends_as_computed_by_hand(self):
        """GPT-2 has neither rotary angles nor norms of heads: two products and a softmax."""
        config, params, tokens, found = looked("gpt2")
        layer = jax.tree.map(lambda x: np.asarray(x, np.float64)[0], params["layers"]["attention"])
        state = np.asarray(layer_states(params, config, tokens[None])[0][0, 0], np.float64)
        state = (state - state.mean(-1, keepdims=True)) / state.std(-1, keepdims=True)
        state = state * layer["norm"]["scale"] + layer["norm"]["bias"]

        def heads(name):
            y = state @ layer[name]["weight"] + layer[name]["bias"]
            return y.reshape(T, -1, config.head_dim).swapaxes(0, 1)

        query, key = heads("query"), heads("key")
        key = np.repeat(key, len(query) // len(key), axis=0)
        scores = query @ key.swapaxes(1, 2) / config.head_dim**0.5
        weights = np.exp(scores) * np.tril(np.ones((T, T)))
        expected = weights / weights.sum(-1, keepdims=True)
        np.testing.assert_allclose(found.attention[0], expected, atol=1e-4)


if __name__ == "__main__":
    absltest.main()
