"""Optimizers and their schedule, from `config.train`."""

from typing import Any

import jax
import optax
from ml_collections import ConfigDict
from optax.contrib import MuonDimensionNumbers, muon

from data.errors import InputError
from model.parameters import Param
from model.sharding import constrain

OPTIMIZERS = ("adamw", "muon")


def schedule(config: ConfigDict, peak: float) -> optax.Schedule:
    """Warm-up, stable, decay (arXiv 2404.06395): step -> learning rate.

    Rises linearly over the first `warmup` of the steps, stays at `peak`, and falls linearly over
    the last `decay` of them, or over all that warm-up leaves, to `final_rate` · peak.
    """
    warmup = max(1, round(config.warmup * config.steps))
    decay = max(0, min(round(config.decay * config.steps), config.steps - warmup))
    return optax.join_schedules(
        [
            # The first step is step 0; a rate of zero there would waste it.
            optax.linear_schedule(peak / warmup, peak, warmup - 1),
            optax.constant_schedule(peak),
            optax.linear_schedule(peak, config.final_rate * peak, max(1, decay)),
        ],
        [warmup, config.steps - decay],
    )


def optimizer(config: ConfigDict, declarations: dict[str, Any]) -> optax.GradientTransformation:
    """The optimizer of `config.train` for parameters declared so.

    "adamw" (arXiv 1711.05101), or "muon" (Jordan et al. 2024): orthogonalised momentum for each
    layer's matrices, AdamW for embeddings, unembedding, norms and biases. optax gives both halves
    of "muon" Nesterov momentum, so its AdamW is NAdam. Weight decay applies to matrices only, with
    "muon" to those of the layers only. Gradients are clipped by their global norm first.

    Raises:
        InputError: there is no such optimizer.
    """

    if config.optimizer not in OPTIMIZERS:
        raise InputError(
            f'the optimizer "{config.optimizer}" is none of {", ".join(OPTIMIZERS)}: set it to one'
        )

    def matrix(param: Param) -> bool:
        return len(param.shape) - param.axes.count("layers") == 2

    def is_param(node: Any) -> bool:
        return isinstance(node, Param)

    rate = schedule(config, config.learning_rate)
    decayed = jax.tree.map(matrix, declarations, is_leaf=is_param)
    if config.optimizer == "adamw":
        update = optax.adamw(
            rate,
            b1=config.beta1,
            b2=config.beta2,
            weight_decay=config.weight_decay,
            mask=decayed,
        )
    else:
        # Stacked matrices are [layers, in, out]; the axis not named is a batch of matrices.
        dimensions = jax.tree.map(
            lambda p: MuonDimensionNumbers(1, 2) if matrix(p) and "layers" in p.axes else None,
            declarations,
            is_leaf=is_param,
        )
        orthogonalised = muon(
            schedule(config, config.muon_learning_rate),
            adam_learning_rate=rate,
            adam_b1=config.beta1,
            adam_b2=config.beta2,
            weight_decay=config.weight_decay,
            adam_weight_decay=0.0,
            muon_weight_dimension_numbers=dimensions,
        )
        update = optax.chain(_each_matrix_on_one_device(dimensions), orthogonalised)
    if config.clip == 0:
        return update
    return optax.chain(optax.clip_by_global_norm(config.clip), update)


def _each_matrix_on_one_device(dimensions: dict[str, Any]) -> optax.GradientTransformation:
    """Lays out the gradients of stacked matrices so that each is whole and on one device.

    Otherwise every device orthogonalises all of them, or, where they are split, the products of
    every iteration wait for the network.
    """

    def place(gradients: dict[str, Any], params: Any = None) -> dict[str, Any]:
        return jax.tree.map(
            lambda dimension, gradient: (
                gradient if dimension is None else constrain(gradient, "matrices", None, None)
            ),
            dimensions,
            gradients,
            is_leaf=lambda node: node is None or isinstance(node, MuonDimensionNumbers),
        )

    return optax.stateless(place)
