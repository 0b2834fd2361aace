"""What one forward pass over a whole row of the small model says, to hold its engine against."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from model.transformer import hidden_states, logits
from tests.serve import small_model


def log_probs(ids: Sequence[int], params: dict[str, Any] | None = None) -> np.ndarray:
    """log p of every token of the tokenizer after each of `ids`, [len(ids), V] float32."""
    row = np.pad(np.asarray(ids, np.int32), (0, small_model.CONTEXT - len(ids)))
    found = _log_probs(small_model.trained().params if params is None else params, row[None])
    return np.asarray(found)[: len(ids)]


def of_tokens(ids: Sequence[int], params: dict[str, Any] | None = None) -> np.ndarray:
    """log p of every one of `ids` but the first, [len(ids) - 1] float32."""
    return log_probs(ids[:-1], params)[np.arange(len(ids) - 1), np.asarray(ids[1:], int)]


@jax.jit
def _log_probs(params: dict[str, Any], rows: jax.Array) -> jax.Array:
    model = small_model.trained()
    given = logits(params, hidden_states(params, model.architecture, rows))[0]
    # The vocabulary's padding has no probability.
    return jax.nn.log_softmax(given[:, : model.tokenizer.vocab_size])
