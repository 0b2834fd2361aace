"""Matrices in int8: by hand, by their bound, and in a whole model."""

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from model import layers, quantize
from model.config import from_mapping
from model.parameters import parameters, shapes
from model.sharding import make_mesh, shardings
from model.transformer import hidden_states, logits
from tests.model.random_parameters import random_parameters

SIZES = {"layers": 2, "width": 64, "head_dim": 16, "vocab_size": 128, "context": 64}


def config(family: str = "qwen3"):
    return from_mapping(SIZES | {"family": family})


def matrix(weight: np.ndarray) -> dict[str, jax.Array]:
    tree = {"embedding": None, "layers": {"up": {"weight": jnp.asarray(weight)}}}
    return quantize.quantized(tree)["layers"]["up"]


class QuantizeTest(parameterized.TestCase):
    def test_by_hand(self):
        found = matrix(np.array([[127.0, -2.0, 0.0], [64.4, 1.0, 0.0]], np.float32))
        self.assertEqual(found["weight"].dtype, jnp.int8)
        np.testing.assert_array_equal(found["weight"], [[127, -127, 0], [64, 64, 0]])
        np.testing.assert_allclose(found["scale"], [1.0, 2 / 127, 0.0], rtol=1e-6)
        # The first token is 127 and -1 in its own units, 1/127; the second is nothing.
        x = np.array([[1.0, -1 / 127], [0.0, 0.0]], np.float32)
        expected = [[(127 * 127 - 64) / 127, (-127 * 127 - 64) / 127 * 2 / 127, 0.0], [0.0] * 3]
        np.testing.assert_allclose(quantize.matmul(found, x), expected, rtol=1e-5)

    def test_a_product_is_off_by_the_roundings_at_most(self):
        random = np.random.default_rng(0)
        x = random.standard_normal((3, 5, 48)).astype(np.float32)
        weight = random.standard_normal((48, 32)).astype(np.float32)
        bias = random.standard_normal(32).astype(np.float32)
        found = layers.linear(matrix(weight) | {"bias": bias}, x)
        step_x = np.abs(x).max(-1, keepdims=True) / 127
        step_w = np.abs(weight).max(0) / 127
        # |xw - x'w'| <= |x| |w - w'| + |x - x'| |w'|, summed over the inputs.
        bound = np.abs(x).sum(-1, keepdims=True) * step_w / 2
        bound = bound + step_x / 2 * (np.abs(weight).sum(0) + 48 * step_w / 2)
        error = np.abs(found - (x @ weight + bias))
        self.assertTrue(np.all(error <= bound + 1e-5))
        self.assertLess(np.sqrt(np.mean(error**2)) / np.std(x @ weight), 0.015)

    @parameterized.product(family=("qwen3", "llama3", "gpt2"), scan=(False, True))
    def test_a_model_says_nearly_the_same(self, family, scan):
        sized = from_mapping(SIZES | {"family": family, "scan": scan})
        params = random_parameters(sized)
        tokens = np.random.default_rng(0).integers(0, 128, (2, 40))
        smaller = quantize.quantized(params)
        self.assertTrue(quantize.is_quantized(smaller))
        self.assertFalse(quantize.is_quantized(params))

        def distribution(params):
            return jax.nn.log_softmax(logits(params, hidden_states(params, sized, tokens)))

        exact, found = distribution(params), distribution(smaller)
        divergence = jnp.sum(jnp.exp(exact) * (exact - found), axis=-1)
        self.assertBetween(float(divergence.mean()), 1e-7, 0.01)

    @parameterized.parameters("qwen3", "llama3", "gpt2")
    def test_declarations_are_those_of_the_values(self, family):
        declared = quantize.quantized_declarations(parameters(config(family)))
        values = quantize.quantized(random_parameters(config(family)))
        expected = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), values)
        self.assertEqual(
            jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), shapes(declared)), expected
        )
        placed = jax.device_put(values, shardings(declared, make_mesh(2, 2, 2)))
        jax.tree.map(np.testing.assert_array_equal, placed, values)


if __name__ == "__main__":
    absltest.main()
