"""Log-probabilities of tokens: the one quantity under every stage's loss.

Pretraining, SFT, preferences and reinforcement learning all need log p(token | what came before)
and differ only in how they weigh it. [B, T, V] logits are the largest array of a training step,
so they are made for a few positions at a time and made again in the backward pass.
"""

import functools

import jax
import jax.numpy as jnp
from jax import Array
from jax.sharding import PartitionSpec

from model.sharding import open_batch_axes


def token_log_probs(hidden: Array, unembedding: Array, targets: Array, chunk: int = 0) -> Array:
    """log p(target) at every position.

    Args:
      hidden: [B, T, D], the final hidden states.
      unembedding: [V, D].
      targets: [B, T] int32 in 0..V-1; hidden[b, t] predicts targets[b, t].
      chunk: positions of a row whose logits exist at a time; 0: all of them, and their
        probabilities are kept for the backward pass instead of being computed twice.

    Returns:
      [B, T] float32, at most 0.
    """
    matrix = unembedding.astype(hidden.dtype)
    if chunk == 0 or chunk >= hidden.shape[1]:
        return _log_probs(hidden, matrix, targets)
    axes = open_batch_axes(len(hidden))
    if not axes:
        return _chunked(hidden, matrix, targets, chunk)
    # Each device takes its own rows through all chunks against a matrix that it has gathered once.
    # Left to the compiler, the matrix would be gathered, and its gradient summed over the devices,
    # anew for every chunk.
    rows = PartitionSpec(axes)
    return jax.shard_map(
        functools.partial(_chunked, chunk=chunk),
        in_specs=(rows, PartitionSpec(), rows),
        out_specs=rows,
        axis_names=set(axes),
        check_vma=False,
    )(hidden, matrix, targets)


def _log_probs(hidden: Array, matrix: Array, targets: Array) -> Array:
    if hidden.dtype == jnp.float32:
        return _log_probs_forward(hidden, matrix, targets)[0]
    return _log_probs_in_16_bits(hidden, matrix, targets)


def _log_probs_forward(hidden: Array, matrix: Array, targets: Array) -> tuple[Array, tuple]:
    logits = jnp.einsum("btd,vd->btv", hidden, matrix, preferred_element_type=jnp.float32)
    largest = jax.lax.stop_gradient(logits.max(-1, keepdims=True))
    weights = jnp.exp(logits - largest)
    total = weights.sum(-1, keepdims=True)
    chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)
    log_probs = (chosen - largest - jnp.log(total))[..., 0]
    return log_probs, (hidden, matrix, targets, weights.astype(hidden.dtype), total)


@jax.custom_vjp
def _log_probs_in_16_bits(hidden: Array, matrix: Array, targets: Array) -> Array:
    """With a backward pass of its own, since the one that autodiff derives multiplies the float32
    slopes of the logits with 16-bit weights, at a fraction of a matrix unit's speed, and scatters
    into another array of [B, T, V]."""
    return _log_probs_forward(hidden, matrix, targets)[0]


def _log_probs_backward(residuals: tuple, slope: Array) -> tuple[Array, Array, None]:
    """The slope of a logit is slope · (1 if it is the target's - its probability)."""
    hidden, matrix, targets, weights, total = residuals
    V, D = matrix.shape
    slope = slope[..., None]
    is_target = jnp.arange(V) == targets[..., None]
    slopes = jnp.where(is_target, slope, 0) - weights * (slope / total)
    slopes = slopes.astype(hidden.dtype)
    # Batch and time as one axis, for the reason given in layers._matmul.
    rows = slopes.reshape(-1, V), hidden.reshape(-1, D)
    return slopes @ matrix, jax.lax.dot_general(*rows, (((0,), (0,)), ((), ()))), None


_log_probs_in_16_bits.defvjp(_log_probs_forward, _log_probs_backward)


def _chunked(hidden: Array, matrix: Array, targets: Array, chunk: int) -> Array:
    # Chunks run along time: the batch axis is split over devices and must stay whole.
    T = hidden.shape[1]
    padding = -T % chunk
    hidden = jnp.pad(hidden, ((0, 0), (0, padding), (0, 0)))
    targets = jnp.pad(targets, ((0, 0), (0, padding)))

    def split(x: Array) -> Array:
        return x.reshape(x.shape[0], -1, chunk, *x.shape[2:]).swapaxes(0, 1)

    scores = jax.lax.map(
        lambda pair: jax.checkpoint(_log_probs)(pair[0], matrix, pair[1]),
        (split(hidden), split(targets)),
    )  # [T / chunk, B, chunk]
    return scores.swapaxes(0, 1).reshape(hidden.shape[0], T + padding)[:, :T]
