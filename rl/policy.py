"""What the trainer computes of rollouts packed in rows: log-probabilities and expected rewards."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from model.config import ModelConfig
from model.losses import token_log_probs
from model.parameters import Param, parameters, unembedding
from model.transformer import hidden_states, unstacked
from train.gradients import split

VALUE = "value"


def with_value(config: ModelConfig) -> dict[str, Any]:
    """The declarations of a policy that also says what reward it expects: one more number, linear
    in the final hidden state. It starts from zero."""
    zeros = jax.nn.initializers.zeros
    head = {
        "weight": Param((config.width,), ("embed",), zeros),
        "bias": Param((), (), zeros),
    }
    return parameters(config) | {VALUE: head}


def log_probs_and_hidden(
    params: dict[str, Any], config: ModelConfig, batch: dict[str, Array], vocab_size: int
) -> tuple[Array, Array]:
    """The log-probability of every target that the mask counts, [B, T] float32, 0 for the others,
    and the hidden states [B, T, D].

    Args:
        batch: inputs, targets, positions, segment_ids and mask [B, T], as rl.packing makes them.
        vocab_size: the tokenizer's. The model may have more, for its size to divide over devices;
            the sampler never chooses one of those.
    """
    hidden = hidden_states(
        params,
        config,
        batch["inputs"],
        positions=batch["positions"],
        segment_ids=batch["segment_ids"],
    )
    matrix = unembedding(params)[:vocab_size]
    log_probs = token_log_probs(hidden, matrix, batch["targets"], config.loss_chunk, batch["mask"])
    return log_probs, hidden


def scorer(
    config: ModelConfig, vocab_size: int
) -> Callable[[dict[str, Any], dict[str, Array]], Array]:
    """(params, rows) -> the log-probabilities alone, of `log_probs_and_hidden`; for `scored`."""

    def score(params: dict[str, Any], rows: dict[str, Array]) -> Array:
        return log_probs_and_hidden(params, config, rows, vocab_size)[0]

    return score


def values(params: dict[str, Any], hidden: Array) -> Array:
    """The reward that is expected from each place on: [B, T, D] -> [B, T] float32."""
    head = params[VALUE]
    return jnp.einsum("btd,d->bt", hidden.astype(jnp.float32), head["weight"]) + head["bias"]


def scored(
    score: Callable[[dict[str, Any], dict[str, Array]], Any],
    params: dict[str, Any],
    config: ModelConfig,
    batch: dict[str, Array],
    microbatches: int,
    used: Array,
) -> Any:
    """`score(params, rows)` of the first `used` microbatches, one after the other.

    Args:
        score: returns [b, T] arrays of b rows, in any tree.

    Returns:
        That tree of [B, T] arrays, 0 in the rows of other microbatches.
    """
    parts = split(batch, microbatches)
    # Once, outside the loop.
    params = unstacked(params, config)

    def rows(i: Array | int) -> dict[str, Array]:
        return jax.tree.map(lambda x: x[i], parts)

    shapes = jax.eval_shape(lambda: score(params, rows(0)))
    empty = jax.tree.map(lambda x: jnp.zeros((microbatches, *x.shape), x.dtype), shapes)

    def add(i: Array, done: Any) -> Any:
        return jax.tree.map(lambda x, y: x.at[i].set(y), done, score(params, rows(i)))

    done = jax.lax.fori_loop(0, used, add, empty)
    return jax.tree.map(lambda x: x.swapaxes(0, 1).reshape(-1, x.shape[-1]), done)
