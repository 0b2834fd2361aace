"""How likely a model finds tokens that are there already, and what it would rather have had."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from model import decode
from model.config import ModelConfig
from model.transformer import hidden_states
from serve.slots import Top, top_tokens

# Rows are padded to a power of two tokens, from this on, so that few shapes are compiled.
_SHORTEST = 16
# Positions whose logits exist at a time.
_CHUNK = 64


class Scores(NamedTuple):
    """Of a row of T tokens, from the second on: log_probs [T - 1] of each after those before it,
    and the most likely tokens in its place, `top.tokens` and `top.log_probs` [T - 1, K], zeros
    where they were not asked for. The log-probability of a token is to the last bit the same in
    both."""

    log_probs: np.ndarray
    top: Top


def scores(
    params: dict[str, Any], config: ModelConfig, tokens: Array, ranked: Array, vocab_size: int
) -> Scores:
    """`Scores` of rows [B, T] at once; a last column, which means nothing, makes them [B, T].

    Args:
        ranked: [B] bool, whether the most likely tokens are asked for.
        vocab_size: the tokenizer's; the padding of the embedding has no probability.
    """
    hidden = hidden_states(params, config, tokens)
    targets = jnp.roll(tokens, -1, axis=1)
    B, T = tokens.shape

    def split(x: Array) -> Array:  # [B, T, ...] -> [T / chunk, B, chunk, ...]
        x = jnp.pad(x, ((0, 0), (0, -T % _CHUNK), *((0, 0) for _ in x.shape[2:])))
        return x.reshape(B, -1, _CHUNK, *x.shape[2:]).swapaxes(0, 1)

    def of_chunk(chunk: tuple[Array, Array]) -> tuple[Array, Top]:
        hidden, targets = chunk
        log_probs = jax.nn.log_softmax(decode.token_logits(params, hidden, vocab_size))
        chosen = jnp.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0]
        return chosen, top_tokens(log_probs, ranked)

    found = jax.lax.map(of_chunk, (split(hidden), split(targets)))
    log_probs, top = jax.tree.map(
        lambda x: x.swapaxes(0, 1).reshape(B, -1, *x.shape[3:])[:, :T], found
    )
    return Scores(log_probs, top)


def padded_size(length: int, most: int) -> int:
    """Of a row of so many tokens: the next power of two, or `most`."""
    return min(most, max(_SHORTEST, 1 << (length - 1).bit_length()))


def padded(row: np.ndarray, most: int) -> np.ndarray:
    """The row [1, T] with zeros after it up to `padded_size`."""
    size = padded_size(len(row), most)
    return np.pad(np.asarray(row, np.int32), (0, size - len(row)))[None]
