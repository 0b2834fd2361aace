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
    ordered = jnp.sort(tempered, axis=-1, descending=True)  # [B, V]
    probabilities = jax.nn.softmax(ordered, axis=-1)
    V = logits.shape[-1]
    k = jnp.where(settings.top_k == 0, V, jnp.minimum(settings.top_k, V))
    before = jnp.cumsum(probabilities, axis=-1) - probabilities
    kept = (
        (jnp.arange(V) < k[:, None])
        & ((before < settings.top_p[:, None]) | (settings.top_p[:, None] >= 1))
        & (probabilities >= settings.min_p[:, None] * probabilities[:, :1])
    )
    # Filters keep a prefix of the order, so the smallest kept value is a threshold.
    threshold = jnp.min(jnp.where(kept, ordered, jnp.inf), axis=-1, keepdims=True)
    filtered = jnp.where(tempered >= threshold, tempered, -jnp.inf)
    drawn = jax.vmap(jax.random.categorical)(keys, filtered)
    tokens = jnp.where(greedy, jnp.argmax(logits, axis=-1), drawn).astype(jnp.int32)
    scores = jnp.take_along_axis(jax.nn.log_softmax(logits), tokens[:, None], axis=-1)[:, 0]
    return tokens, scores
