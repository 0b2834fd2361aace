"""Writing text: prefill a cache with prompts, then one token at a time for every row."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from model.config import ModelConfig
from model.sampling import Sampling, choose
from model.transformer import Cache, empty_cache, hidden_states_cached, logits, unstacked


class Decoding(NamedTuple):
    """B rows in the middle of being written.

    `token` [B] was chosen last and is not in the cache yet; it stands at `position` [B].
    `keys` [B] are the rows' random keys; a token's draw depends on the row's key and the token's
    position alone. `log_prob` [B] is that of `token`. `hidden` [B, D] are the final hidden states
    that it was chosen from.
    """

    cache: Cache
    token: Array
    position: Array
    keys: Array
    log_prob: Array
    hidden: Array


def prefill(
    params: dict[str, Any],
    config: ModelConfig,
    prompts: Array,
    lengths: Array,
    keys: Array,
    settings: Sampling,
    size: int,
    vocab_size: int,
) -> Decoding:
    """Reads prompts and chooses the first new token of each.

    Args:
        prompts: [B, P] int32, each followed by anything up to P.
        lengths: [B] int32, tokens of each prompt, at least 1.
        size: slots of the cache: the longest prompt and everything to be written must fit.
        vocab_size: the tokenizer's; ids from there up are padding of the embedding, never chosen.
    """
    B, P = prompts.shape
    cache = empty_cache(config, B, size)
    # What the padding writes lies after each prompt's end, where nothing looks before it has been
    # overwritten by the tokens that really come there.
    positions = jnp.broadcast_to(jnp.arange(P, dtype=jnp.int32), (B, P))
    hidden, cache = hidden_states_cached(params, config, prompts, positions, cache)
    last = jnp.take_along_axis(hidden, (lengths - 1)[:, None, None], axis=1)[:, 0]
    position = lengths.astype(jnp.int32)
    token, log_prob = choose_next(params, last, position, keys, settings, vocab_size)
    return Decoding(cache, token, position, keys, log_prob, last)


def step(
    params: dict[str, Any],
    config: ModelConfig,
    decoding: Decoding,
    settings: Sampling,
    vocab_size: int,
) -> Decoding:
    """Takes in each row's last token and chooses the next one."""
    hidden, cache = hidden_states_cached(
        params, config, decoding.token[:, None], decoding.position[:, None], decoding.cache
    )
    position, last = decoding.position + 1, hidden[:, 0]
    token, log_prob = choose_next(params, last, position, decoding.keys, settings, vocab_size)
    return Decoding(cache, token, position, decoding.keys, log_prob, last)


def generate(
    params: dict[str, Any],
    config: ModelConfig,
    prompts: Array,
    lengths: Array,
    keys: Array,
    settings: Sampling,
    steps: int,
    vocab_size: int,
    end: int = -1,
) -> tuple[Array, Array]:
    """Writes up to `steps` tokens after each prompt, all in one compiled loop.

    Args: as of `prefill`; `end` is the token that finishes a row (-1: none does).

    Returns:
        [B, steps] int32 tokens and [B] int32 how many of them are the row's own: `end` and what
        stands after it are not.

    Raises:
        ValueError: prompts and steps exceed config.context.
    """
    B, P = prompts.shape
    if P + steps > config.context:
        raise ValueError(
            f"prompts of {P} tokens and {steps} more do not fit the context of {config.context}"
        )
    params = unstacked(params, config)  # once, outside the loop
    start = prefill(params, config, prompts, lengths, keys, settings, P + steps, vocab_size)

    def unfinished(carry: tuple[Array, Decoding, Array, Array]) -> Array:
        i, _, _, counts = carry
        return (i < steps) & jnp.any(counts == i)

    def write(carry: tuple[Array, Decoding, Array, Array]) -> tuple[Array, Decoding, Array, Array]:
        i, decoding, tokens, counts = carry
        tokens = tokens.at[:, i].set(decoding.token)
        # A row is alive while all i tokens before this one were its own.
        counts = counts + ((counts == i) & (decoding.token != end))
        decoding = step(params, config, decoding, settings, vocab_size)
        return i + 1, decoding, tokens, counts

    tokens = jnp.zeros((B, steps), jnp.int32)
    carry = (jnp.zeros((), jnp.int32), start, tokens, jnp.zeros(B, jnp.int32))
    _, _, tokens, counts = jax.lax.while_loop(unfinished, write, carry)
    return tokens, counts


def choose_next(
    params: dict[str, Any],
    hidden: Array,
    position: Array,
    keys: Array,
    settings: Sampling,
    vocab_size: int,
) -> tuple[Array, Array]:
    """The tokens [B] that follow `hidden` [B, D], to stand at `position` [B], and their
    log-probabilities [B]."""
    draws = jax.vmap(jax.random.fold_in)(keys, position)
    return choose(token_logits(params, hidden, vocab_size), draws, settings)


def token_logits(params: dict[str, Any], hidden: Array, vocab_size: int) -> Array:
    """hidden [..., D] -> logits [..., V], those of the embedding's padding -inf."""
    scores = logits(params, hidden)
    return jnp.where(jnp.arange(scores.shape[-1]) < vocab_size, scores, -jnp.inf)
