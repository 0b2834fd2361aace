import math

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from model.config import ModelConfig, RopeScaling
from model.layers import linear, mlp, norm, rotary_angles, rotate


def config(**changes):
    sizes = {"layers": 1, "width": 6, "heads": 1, "kv_heads": 1, "head_dim": 6, "mlp_width": 10}
    return ModelConfig(vocab_size=8, context=32, **(sizes | changes))


def random(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


class LinearTest(parameterized.TestCase):
    @parameterized.parameters(False, True)
    def test_values_and_gradients(self, bias):
        weights = {"weight": random(6, 10)} | ({"bias": random(10, seed=1)} if bias else {})
        x, direction = random(2, 3, 6, seed=2), random(2, 3, 10, seed=3)
        y, pullback = jax.vjp(linear, weights, x)
        expected = np.einsum("bti,io->bto", x, weights["weight"]) + weights.get("bias", 0)
        np.testing.assert_allclose(y, expected, atol=1e-5)
        slopes, x_slope = pullback(direction)
        np.testing.assert_allclose(
            slopes["weight"], np.einsum("bti,bto->io", x, direction), atol=1e-5
        )
        np.testing.assert_allclose(x_slope, direction @ weights["weight"].T, atol=1e-5)
        if bias:
            np.testing.assert_allclose(slopes["bias"], direction.sum((0, 1)), atol=1e-5)

    def test_bfloat16_activations_keep_float32_gradients_of_weights(self):
        weights, x = {"weight": random(6, 10), "bias": random(10)}, random(2, 3, 6)
        y, pullback = jax.vjp(linear, weights, x.astype(jnp.bfloat16))
        slopes, x_slope = pullback(jnp.ones_like(y))
        self.assertEqual(y.dtype, jnp.bfloat16)
        self.assertEqual(x_slope.dtype, jnp.bfloat16)
        self.assertEqual({slope.dtype for slope in slopes.values()}, {jnp.dtype("float32")})


class NormTest(absltest.TestCase):
    def test_rms(self):
        x, scale = random(4, 6), random(6, seed=1)
        expected = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-2) * scale
        np.testing.assert_allclose(
            norm({"scale": scale}, x, config(norm_eps=1e-2)), expected, atol=1e-5
        )

    def test_layer(self):
        x, scale, bias = random(4, 6) + 5, random(6, seed=1), random(6, seed=2)
        centred = x - x.mean(-1, keepdims=True)
        expected = centred / np.sqrt(x.var(-1, keepdims=True) + 1e-2) * scale + bias
        got = norm({"scale": scale, "bias": bias}, x, config(norm="layer", norm_eps=1e-2))
        np.testing.assert_allclose(got, expected, atol=1e-5)

    def test_statistics_are_float32(self):
        # In bfloat16 the mean of 4,096 squares of one stops growing at 256.
        x = jnp.ones((1, 4096), jnp.bfloat16)
        got = norm({"scale": jnp.ones(4096)}, x, config())
        self.assertEqual(got.dtype, jnp.bfloat16)
        np.testing.assert_allclose(got.astype(jnp.float32), 1.0)


class MlpTest(parameterized.TestCase):
    @parameterized.parameters("swiglu", "gelu", "relu2")
    def test_formula(self, kind):
        shapes = {"up": (6, 10), "gate": (6, 10), "down": (10, 6)}
        weights = {
            name: {"weight": random(*shape, seed=i)}
            for i, (name, shape) in enumerate(shapes.items())
        }
        up, gate, down = (np.asarray(weights[n]["weight"], np.float64) for n in shapes)
        x = np.asarray(random(2, 3, 6, seed=9), np.float64)
        u = x @ up
        hidden = {
            "swiglu": (x @ gate) / (1 + np.exp(-(x @ gate))) * u,
            "gelu": 0.5 * u * (1 + np.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3))),
            "relu2": np.maximum(u, 0) ** 2,
        }[kind]
        got = mlp(weights, jnp.asarray(x, jnp.float32), config(mlp=kind))
        np.testing.assert_allclose(got, hidden @ down, rtol=1e-4, atol=1e-4)


class RotaryTest(absltest.TestCase):
    def test_is_a_rotation_of_complex_numbers(self):
        x, positions = random(2, 5, 6), np.array([0, 1, 2, 7, 30])
        frequencies = 100.0 ** (-np.arange(3) / 3)
        turned = (x[..., :3] + 1j * x[..., 3:]) * np.exp(1j * np.outer(positions, frequencies))
        got = rotate(x, *rotary_angles(jnp.asarray(positions), config(rope_theta=100.0)))
        np.testing.assert_allclose(got, np.concatenate([turned.real, turned.imag], -1), atol=1e-5)

    def test_gradient_is_the_rotation_back(self):
        x, slope = random(2, 5, 6), random(2, 5, 6, seed=1)
        angles = rotary_angles(jnp.array([0, 1, 2, 7, 30]), config(rope_theta=100.0))
        _, pullback = jax.vjp(lambda x: rotate(x, *angles), x)
        (got,) = pullback(slope)
        # A rotation's matrix, column by column: the gradient is its transpose times the slope.
        columns = jnp.stack([rotate(jnp.eye(6)[i] * jnp.ones_like(x), *angles) for i in range(6)])
        expected = jnp.einsum("ibtd,btd->bti", columns, slope)
        np.testing.assert_allclose(got, expected, atol=1e-5)
        np.testing.assert_allclose(rotate(got, *angles), slope, atol=1e-5)

    def test_scaling_keeps_stretches_and_interpolates(self):
        # Wavelengths of 2 pi · 10^i tokens: 6.28 is below 64/4 and kept; 62.8 lies between 64/4
        # and 64/1, at (64/62.8 - 1) / (4 - 1) of the way; 628 is above 64 and stretched by 8.
        between = (64 / (20 * math.pi) - 1) / 3
        expected = np.array([1.0, 0.1 * (between + (1 - between) / 8), 0.01 / 8])
        scaled = config(rope_theta=1e3, rope_scaling=RopeScaling(8.0, 1.0, 4.0, 64))
        cosines, sines = rotary_angles(jnp.arange(3), scaled)
        np.testing.assert_allclose(np.arctan2(sines, cosines)[1], expected, rtol=1e-5)
        np.testing.assert_allclose(np.arctan2(sines, cosines)[2], 2 * expected, rtol=1e-5)


if __name__ == "__main__":
    absltest.main()
