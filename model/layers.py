"""The pieces of a transformer layer, each a function of its weights and an activation."""

import math

import jax
import jax.numpy as jnp
from jax import Array

from model import quantize
from model.config import ModelConfig, RopeScaling


def linear(weights: dict[str, Array], x: Array) -> Array:
    """x [..., in] · weight [in, out] (+ bias [out]), in the dtype of x.

    The weight may be one that `quantize.quantized` has made.
    """
    if "scale" in weights:
        y = quantize.matmul(weights, x)
    else:
        y = _matmul(x, weights["weight"].astype(x.dtype))
    if "bias" in weights:
        y = y + weights["bias"].astype(x.dtype)
    return y


@jax.custom_vjp
def _matmul(x: Array, weight: Array) -> Array:
    """x [..., in] · weight [in, out], with a backward pass that XLA's CPU compiler does well.

    Left alone, it contracts batch and time as two axes, by way of transposing copies, and fuses
    what follows the product into such a copy.
    """
    return x @ weight


def _matmul_forward(x: Array, weight: Array) -> tuple[Array, tuple[Array, Array]]:
    return x @ weight, (x, weight)


def _matmul_backward(residuals: tuple[Array, Array], d_out: Array) -> tuple[Array, Array]:
    x, weight = residuals
    d_out = jax.lax.platform_dependent(
        d_out, cpu=jax.lax.optimization_barrier, default=lambda d_out: d_out
    )
    rows = x.reshape(-1, x.shape[-1]), d_out.reshape(-1, d_out.shape[-1])
    return d_out @ weight.T, jax.lax.dot_general(*rows, (((0,), (0,)), ((), ())))


_matmul.defvjp(_matmul_forward, _matmul_backward)


def norm(weights: dict[str, Array], x: Array, config: ModelConfig) -> Array:
    """RMSNorm (arXiv 1910.07467) or LayerNorm over the last axis, computed in float32."""
    y = x.astype(jnp.float32)
    if config.norm == "layer":
        y = y - y.mean(-1, keepdims=True)
    y = y * jax.lax.rsqrt(jnp.square(y).mean(-1, keepdims=True) + config.norm_eps)
    y = y * weights["scale"]
    if config.norm == "layer":
        y = y + weights["bias"]
    return y.astype(x.dtype)


def mlp(weights: dict[str, dict[str, Array]], x: Array, config: ModelConfig) -> Array:
    """The feed-forward half of a layer, [B, T, D] -> [B, T, D].

    SwiGLU (arXiv 2002.05202), GELU in its tanh form (GPT-2), or squared ReLU (arXiv 2109.08668).
    """
    up = linear(weights["up"], x)  # [B, T, F]
    if config.mlp == "swiglu":
        hidden = jax.nn.silu(linear(weights["gate"], x)) * up
    elif config.mlp == "gelu":
        hidden = jax.nn.gelu(up, approximate=True)
    else:
        hidden = jnp.square(jax.nn.relu(up))
    return linear(weights["down"], hidden)


def rotary_angles(positions: Array, config: ModelConfig) -> tuple[Array, Array]:
    """Cosines and sines [..., T, head_dim / 2] of RoPE at integer positions [..., T]."""
    angles = positions[..., None].astype(jnp.float32) * rotary_frequencies(config)
    return jnp.cos(angles), jnp.sin(angles)


def rotary_frequencies(config: ModelConfig) -> Array:
    """Radians per position of each pair of RoPE, [head_dim / 2]."""
    half = config.head_dim // 2
    frequencies = config.rope_theta ** (-jnp.arange(half, dtype=jnp.float32) / half)
    if config.rope_scaling is not None:
        frequencies = _stretch(frequencies, config.rope_scaling)
    return frequencies


@jax.custom_vjp
def rotate(x: Array, cosines: Array, sines: Array) -> Array:
    """RoPE (arXiv 2104.09864) on x [..., T, head_dim], pairing i with i + head_dim / 2.

    The angles count as constants: they have no gradient.
    """
    half = x.shape[-1] // 2
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    # Padded and added, since XLA makes slow scalar loops of a concatenation on a CPU.
    sides = ((0, 0),) * (x.ndim - 1)
    left = jnp.pad(first * cosines - second * sines, (*sides, (0, half)))
    right = jnp.pad(second * cosines + first * sines, (*sides, (half, 0)))
    return (left + right).astype(x.dtype)


def _rotate_forward(x: Array, cosines: Array, sines: Array) -> tuple[Array, tuple[Array, Array]]:
    return rotate(x, cosines, sines), (cosines, sines)


def _rotate_backward(angles: tuple[Array, Array], d_out: Array) -> tuple[Array, None, None]:
    cosines, sines = angles
    return rotate(d_out, cosines, -sines), None, None  # the inverse of a rotation


rotate.defvjp(_rotate_forward, _rotate_backward)


def _stretch(frequencies: Array, scaling: RopeScaling) -> Array:
    wavelengths = 2 * math.pi / frequencies
    low, high = scaling.low_frequency_factor, scaling.high_frequency_factor
    kept = (scaling.original_context / wavelengths - low) / (high - low)
    kept = jnp.clip(kept, 0.0, 1.0)
    return kept * frequencies + (1 - kept) * frequencies / scaling.factor
