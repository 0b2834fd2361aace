"""Sums over sequences where several share a row, told apart by a number a token.

`segment_ids` [B, T] is 0 on padding and 1, 2, ... on the sequences of a row, at most T of them.
Results stand on every token of their sequence, so that no shape depends on how many share a row.
"""

import jax
import jax.numpy as jnp
from jax import Array


def sequence_sum(x: Array, segment_ids: Array) -> Array:
    """[B, T]: at each token the sum of `x` [B, T] over the tokens of its sequence."""
    # As many buckets as there could be sequences: the shape must not depend on the batch.
    buckets = x.shape[1] + 1
    sums = jax.vmap(lambda row, ids: jax.ops.segment_sum(row, ids, buckets))(x, segment_ids)
    return jnp.take_along_axis(sums, segment_ids, axis=1)


def last_written(mask: Array, segment_ids: Array) -> Array:
    """[B, T] bool: the last token of each sequence whose mask is 1."""
    written = (mask > 0) & (segment_ids > 0)
    places = jnp.where(written, jnp.arange(mask.shape[1]), -1)
    buckets = mask.shape[1] + 1
    last = jax.vmap(lambda row, ids: jax.ops.segment_max(row, ids, buckets))(places, segment_ids)
    return written & (places == jnp.take_along_axis(last, segment_ids, axis=1))


def sequence_count(mask: Array, segment_ids: Array) -> Array:
    """How many sequences have a token whose mask is 1, float32."""
    return jnp.sum(last_written(mask, segment_ids), dtype=jnp.float32)
