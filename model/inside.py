"""What happens inside a model as it reads a text: where each head of each layer looks, and what
each layer would say if it were the last (the logit lens)."""

from typing import Any, NamedTuple

import jax
from jax import Array

from model import decode, layers
from model.config import ModelConfig
from model.transformer import layer_states


class Inside(NamedTuple):
    """Of T tokens in L layers of H heads.

    Attributes:
        attention: [L, H, T, T] float32, how much a token (third axis) reads from each; rows sum to
            1.
        tokens: [L + 1, T, K] int32, what the embedding and then each layer would most likely let
            follow a token, likeliest first; the last layer's are the model's own.
        log_probs: [L + 1, T, K] float32, of those.
    """

    attention: Array
    tokens: Array
    log_probs: Array


def inside(
    params: dict[str, Any], config: ModelConfig, tokens: Array, vocab_size: int, top: int
) -> Inside:
    """Looks at tokens [T] int32.

    Args:
        vocab_size: the tokenizer's; the padding of the embedding has no probability.
        top: K.
    """
    states, seen = layer_states(params, config, tokens[None])

    def lens(state: Array) -> tuple[Array, Array]:
        hidden = layers.norm(params["norm"], state, config)
        log_probs = jax.nn.log_softmax(decode.token_logits(params, hidden, vocab_size))
        return jax.lax.top_k(log_probs[0], top)

    # A layer at a time: the logits of all of them would not fit where the vocabulary is large.
    log_probs, found = jax.lax.map(lens, states)
    return Inside(seen[:, 0], found, log_probs)
