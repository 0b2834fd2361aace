"""The loss of the next token and the step of the optimizer, which most stages share. All pure."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.sharding import Mesh

from model.config import ModelConfig
from model.losses import token_log_probs
from model.parameters import unembedding
from model.transformer import hidden_states, unstacked
from train import loop, state
from train.gradients import Metrics, gradients

# (params, config, batch) -> metrics, whose "loss" is to fall.
Objective = Callable[[dict[str, Any], ModelConfig, dict[str, Array]], Metrics]


def loss(
    params: dict[str, Any], config: ModelConfig, batch: dict[str, Array], skip_masked: bool = False
) -> Metrics:
    """Cross-entropy in nats: {"loss": (sum over targets, number of targets)}.

    Args:
        batch: "inputs", "targets" [B, T] int32, "mask" [B, T] float32 (1 where the target counts);
            with "segment_ids" and "positions" [B, T] int32, documents of a row are kept apart.
        skip_masked: the same loss without logits where the mask is 0, which pays where it mostly
            is.
    """
    hidden = hidden_states(
        params,
        config,
        batch["inputs"],
        positions=batch.get("positions"),
        segment_ids=batch.get("segment_ids"),
    )
    log_probs = token_log_probs(
        hidden,
        unembedding(params),
        batch["targets"],
        config.loss_chunk,
        batch["mask"] if skip_masked else None,
    )
    return {"loss": (-jnp.sum(log_probs * batch["mask"]), jnp.sum(batch["mask"]))}


def make_step(
    config: ModelConfig,
    update: optax.GradientTransformation,
    accumulate: int = 1,
    average: float = 0.0,
    objective: Objective = loss,
) -> Callable[[state.State, dict[str, Array]], tuple[state.State, Metrics]]:
    """The pure function (state, batch) -> (state, metrics) of one optimizer step."""

    def step(current: state.State, batch: dict[str, Array]) -> tuple[state.State, Metrics]:
        gradient, metrics = gradients(
            lambda params, rows: objective(params, config, rows),
            current.params,
            batch,
            accumulate,
            prepare=lambda params: unstacked(params, config),
        )
        following, metrics = updated(current, update, gradient, metrics)
        following = following.replace(step=current.step + 1)
        if average:
            moved = optax.incremental_update(following.params, current.average, 1 - average)
            following = following.replace(average=moved)
        return following, metrics

    return step


def updated(
    current: state.State,
    update: optax.GradientTransformation,
    gradient: dict[str, Any],
    metrics: Metrics,
) -> tuple[state.State, Metrics]:
    """The state with the parameters and the optimizer after a gradient, the rest as it was; and the
    metrics with the gradient's norm."""
    changes, opt_state = update.update(gradient, current.optimizer, current.params)
    params = optax.apply_updates(current.params, changes)
    norm = (optax.tree.norm(gradient), jnp.ones(()))
    following = current.replace(params=params, optimizer=opt_state)
    return following, metrics | {"gradient_norm": norm}


def total_loss(
    architecture: ModelConfig, mesh: Mesh, objective: Objective = loss
) -> Callable[[dict[str, Any], Iterable[loop.Batch]], tuple[float, float]]:
    """(params, batches) -> the nats of all targets of the batches, and how many targets."""

    @jax.jit
    def of_batch(params: dict[str, Any], batch: dict[str, Array]) -> Metrics:
        return objective(params, architecture, batch)

    def total(params: dict[str, Any], batches: Iterable[loop.Batch]) -> tuple[float, float]:
        nats = targets = 0.0
        for batch in batches:
            metrics = of_batch(params, loop.to_devices(batch, mesh))
            # Waiting for each: with many independent calls in flight, the sums over several CPU
            # devices can wait for one another for ever.
            batch_nats, batch_targets = jax.device_get(metrics["loss"])
            nats, targets = nats + float(batch_nats), targets + float(batch_targets)
        return nats, targets

    return total
