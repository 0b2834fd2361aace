"""Choosing the next token from logits."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array


class Sampling(NamedTuple):
    """How each of B rows chooses, as arrays, so that one compiled function serves all settings.

    temperature [B] float32: 0 takes the most likely token.
    top_k [B] int32: only the k most likely; 0: no limit.
    top_p [B] float32: the fewest most likely tokens that together have this probability
      (arXiv 1904.09751); 1: no limit.
    min_p [B] float32: only tokens at least this fraction as likely as the most likely one
      (arXiv 2407.01082); 0: no limit.
    """

    temperature: Array
    top_k: Array
    top_p: Array
    min_p: Array


def check_sampling(temperature: float, top_k: int, top_p: float, min_p: float) -> None:
    """Refuses a setting outside its range.

    Raises:
        ValueError: names it.
    """
    for name, value, valid, allowed in (
        ("temperature", temperature, 0 <= temperature < math.inf, "at least 0 and finite"),
        ("top_k", top_k, top_k >= 0, "at least 0"),
        ("top_p", top_p, 0 < top_p <= 1, "above 0 and at most 1"),
        ("min_p", min_p, 0 <= min_p <= 1, "between 0 and 1"),
    ):
        if not valid:
            raise ValueError(f"{name} is {value}; it must be {allowed}")


def sampling(
    batch: int, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0
) -> Sampling:
    """The same choice for every row of a batch.

    Raises:
        ValueError: a setting outside its range.
    """
    check_sampling(temperature, top_k, top_p, min_p)
    return Sampling(
        jnp.full(batch, temperature, jnp.float32),
        jnp.full(batch, top_k, jnp.int32),
        jnp.full(batch, top_p, jnp.float32),
        jnp.full(batch, min_p, jnp.float32),
    )


def choose(logits: Array, keys: Array, settings: Sampling) -> tuple[Array, Array]:
    """One token a row.

    Temperature comes first, then every filter acts on the tempered distribution; a token must
    pass all of them, and the most likely one always does.

    Args:
        logits: [B, V] float32.
        keys: [B] random keys, so that a row's choice does not depend on the rows beside it.

    Returns:
        [B] int32 tokens and [B] float32 log-probabilities of them in the unfiltered distribution at
        temperature 1.
    """
    greedy = settings.temperature == 0
    # Relative to the largest, so that a tiny temperature gives no infinity but the largest itself.
    relative = logits - jnp.max(logits, axis=-1, keepdims=True)
    tempered = relative / jnp.where(greedy, 1.0, settings.temperature)[:, None]
    filters = ~greedy & ((settings.top_k > 0) | (settings.top_p < 1) | (settings.min_p > 0))
    # What no row asks for is not computed.
    filtered = jax.lax.cond(jnp.any(filters), _filtered, lambda x, _: x, tempered, settings)
    noise = jax.lax.cond(
        jnp.all(greedy),
        lambda keys: jnp.zeros_like(logits),
        jax.vmap(lambda key: jax.random.gumbel(key, logits.shape[1:], logits.dtype)),
        keys,
    )
    # The largest of logits with Gumbel noise is a draw from their softmax.
    tokens = _argmax(jnp.where(greedy[:, None], logits, filtered + noise))
    scores = jnp.take_along_axis(jax.nn.log_softmax(logits), tokens[:, None], axis=-1)[:, 0]
    return tokens, scores


def _filtered(tempered: Array, settings: Sampling) -> Array:
    """[B, V] logits, the largest of a row 0, with -inf in place of what the filters drop.

    All filters keep the most likely tokens down to some threshold, and a threshold is found by
    bisection: on a CPU, sorting takes ten times as long. Non-negative floats are ordered as their
    bits are, so that bisection over those is exact and takes 31 steps.
    """
    distance = jnp.abs(tempered)
    bits = jax.lax.bitcast_convert_type(distance, jnp.int32)
    likelihood = jnp.exp(-distance)
    mass = settings.top_p * likelihood.sum(-1)

    def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        """`bounds` [2, B] of the smallest distances within which there are k tokens, and top_p of
        the probability."""
        low, high = bounds
        middle = low + (high - low) // 2
        near = bits[None] <= middle[..., None]  # [2, B, V]
        enough = jnp.stack(
            [near[0].sum(-1) >= settings.top_k, jnp.where(near[1], likelihood, 0).sum(-1) >= mass]
        )
        return jnp.where(enough, low, middle + 1), jnp.where(enough, middle, high)

    infinity = jnp.full((2, len(tempered)), jnp.array(jnp.inf).view(jnp.int32))
    _, nearest = jax.lax.fori_loop(0, 31, halve, (jnp.zeros_like(infinity), infinity))
    unlimited = jnp.stack([settings.top_k == 0, settings.top_p >= 1])
    threshold = jnp.min(jnp.where(unlimited, infinity, nearest), axis=0)
    kept = (bits <= threshold[:, None]) & (likelihood >= settings.min_p[:, None])
    return jnp.where(kept, tempered, -jnp.inf)


def _argmax(x: Array) -> Array:
    """The first place [B] int32 of the largest of each row [B, V]: two plain reductions, which a
    CPU does three times as fast as the one that carries the place along."""
    largest = jnp.max(x, axis=-1, keepdims=True)
    places = jnp.arange(x.shape[-1], dtype=jnp.int32)
    return jnp.min(jnp.where(x == largest, places, x.shape[-1]), axis=-1)
