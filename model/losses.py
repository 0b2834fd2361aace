"""Log-probabilities of tokens: the one quantity under every stage's loss.

Pretraining, SFT, preferences and reinforcement learning all need log p(token | what came before)
and differ only in how they weigh it. [B, T, V] logits are the largest array of a training step,
so they are made for a few positions at a time and made again in the backward pass; and where only
some positions count, as in SFT and reinforcement learning, for those alone.
"""

import functools

import jax
import jax.numpy as jnp
from jax import Array
from jax.sharding import PartitionSpec

from model.sharding import open_batch_axes, undivided_axes

# Positions are taken in so many blocks, of so many at least, where only some of them are wanted.
_BLOCKS, _SMALLEST_BLOCK = 16, 64


def token_log_probs(
    hidden: Array,
    unembedding: Array,
    targets: Array,
    chunk: int = 0,
    wanted: Array | None = None,
) -> Array:
    """log p(target) at every position, or at those that are wanted.

    Args:
        hidden: [B, T, D], the final hidden states.
        unembedding: [V, D].
        targets: [B, T] int32 in 0..V-1; hidden[b, t] predicts targets[b, t].
        chunk: positions of a row whose logits exist at a time; 0: all of them, and their
            probabilities are kept for the backward pass instead of being computed twice.
        wanted: [B, T], 0 where nothing depends on the result: a third of the tokens of
            conversations are learnt, and the logits of a small model are a good part of its work.
            They are then taken in blocks, whose probabilities are kept if `chunk` is 0. None: all
            are wanted.

    Returns:
        [B, T] float32, at most 0; 0 where it is not wanted.
    """
    matrix = unembedding.astype(hidden.dtype)
    if wanted is None and (chunk == 0 or chunk >= hidden.shape[1]):
        return _log_probs(hidden, matrix, targets)
    if wanted is None:
        run, arrays = functools.partial(_chunked, chunk=chunk), (hidden, targets)
    else:
        run, arrays = functools.partial(_of_some, keep=chunk == 0), (hidden, targets, wanted > 0)
    axes = open_batch_axes(len(hidden))
    if not axes:
        return run(matrix, *arrays)
    # Each device takes its own rows through all chunks against a matrix that it has gathered once.
    # Left to the compiler, the matrix would be gathered, and its gradient summed over the devices,
    # anew for every chunk.
    rows = PartitionSpec(axes)
    # Axes of one device are taken, too: where a shard_map leaves an axis to the compiler, its sums
    # of 16-bit numbers abort XLA on a CPU.
    return jax.shard_map(
        run,
        in_specs=(PartitionSpec(), *(rows for _ in arrays)),
        out_specs=rows,
        axis_names={*axes, *undivided_axes()},
        check_vma=False,
    )(matrix, *arrays)


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
    gradient of the logits with 16-bit weights, at a fraction of a matrix unit's speed, and scatters
    into another array of [B, T, V]."""
    return _log_probs_forward(hidden, matrix, targets)[0]


def _log_probs_backward(residuals: tuple, d_scores: Array) -> tuple[Array, Array, None]:
    """The gradient of a logit is d_scores · (1 if it is the target's - its probability)."""
    hidden, matrix, targets, weights, total = residuals
    V, D = matrix.shape
    d_scores = d_scores[..., None]
    is_target = jnp.arange(V) == targets[..., None]
    d_logits = jnp.where(is_target, d_scores, 0) - weights * (d_scores / total)
    d_logits = d_logits.astype(hidden.dtype)
    # Batch and time as one axis, for the reason given in layers._matmul.
    rows = d_logits.reshape(-1, V), hidden.reshape(-1, D)
    return d_logits @ matrix, jax.lax.dot_general(*rows, (((0,), (0,)), ((), ()))), None


_log_probs_in_16_bits.defvjp(_log_probs_forward, _log_probs_backward)


def _chunked(matrix: Array, hidden: Array, targets: Array, chunk: int) -> Array:
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


def _of_some(matrix: Array, hidden: Array, targets: Array, wanted: Array, keep: bool) -> Array:
    """Those wanted stand first, and are gone through block by block until there are no more."""
    B, T, D = hidden.shape
    wanted = wanted.reshape(-1)
    # Stable, so that neighbours in a row stay neighbours in memory.
    order = jnp.argsort(~wanted, stable=True)
    block = min(B * T, max(_SMALLEST_BLOCK, B * T // _BLOCKS))
    padding = -(B * T) % block
    first = jnp.pad(hidden.reshape(-1, D)[order], ((0, padding), (0, 0)))
    goals = jnp.pad(targets.reshape(-1)[order], (0, padding))
    scores = _first_log_probs(first, matrix, goals, jnp.sum(wanted), block, keep)
    scattered = jnp.zeros(B * T, jnp.float32).at[order].set(scores[: B * T], unique_indices=True)
    return jnp.where(wanted, scattered, 0.0).reshape(B, T)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def _first_log_probs(
    hidden: Array, matrix: Array, targets: Array, count: Array, block: int, keep: bool
) -> Array:
    """[N] float32 of [N, D] positions, N a multiple of block: right in the blocks that the first
    `count` are in, 0 in the others. `keep`: probabilities, for the backward pass.

    A loop whose end is known only when it runs has no gradient of JAX's own; the backward pass goes
    through the same blocks.
    """
    return _first_log_probs_forward(hidden, matrix, targets, count, block, False)[0]


def _first_log_probs_forward(
    hidden: Array, matrix: Array, targets: Array, count: Array, block: int, keep: bool
) -> tuple[Array, tuple]:
    def add(i: Array, held: tuple[Array, ...]) -> tuple[Array, ...]:
        rows, goals = _block((hidden, targets), i, block)
        scores, (*_, weights, total) = _log_probs_forward(rows, matrix, goals)
        return _with_block(held, (scores, weights, total)[: len(held)], i, block)

    N, V = len(targets), len(matrix)
    held = (jnp.zeros(N, jnp.float32),)
    if keep:
        held += jnp.zeros((N, V), hidden.dtype), jnp.zeros((N, 1), jnp.float32)
    scores, *kept = jax.lax.fori_loop(0, -(-count // block), add, held)
    return scores, (hidden, matrix, targets, count, tuple(kept))


def _first_log_probs_backward(
    block: int, keep: bool, residuals: tuple, d_scores: Array
) -> tuple[Array, Array, None, None]:
    hidden, matrix, targets, count, kept = residuals

    def add(i: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
        rows, goals, d_block, *known = _block((hidden, targets, d_scores, *kept), i, block)
        if keep:
            needed = (rows, matrix, goals, *known)
        else:
            _, needed = _log_probs_forward(rows, matrix, goals)
        d_hidden, d_matrix, _ = _log_probs_backward(needed, d_block)
        return *_with_block(sums[:1], (d_hidden,), i, block), sums[1] + d_matrix

    zeros = jnp.zeros_like(hidden), jnp.zeros(matrix.shape, jnp.float32)
    d_hidden, d_matrix = jax.lax.fori_loop(0, -(-count // block), add, zeros)
    return d_hidden, d_matrix.astype(matrix.dtype), None, None


def _block(arrays: tuple[Array, ...], i: Array, block: int) -> list[Array]:
    """Positions i * block and on of each, [1, block, ...]."""
    return [jax.lax.dynamic_slice_in_dim(x, i * block, block)[None] for x in arrays]


def _with_block(
    arrays: tuple[Array, ...], parts: tuple[Array, ...], i: Array, block: int
) -> tuple[Array, ...]:
    """The arrays with parts [1, block, ...] in the places of that block."""
    return tuple(
        jax.lax.dynamic_update_slice_in_dim(x, part[0], i * block, 0)
        for x, part in zip(arrays, parts, strict=True)
    )


_first_log_probs.defvjp(_first_log_probs_forward, _first_log_probs_backward)
