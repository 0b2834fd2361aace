"""Gradients of a loss given as sums, over microbatches."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.sharding import PartitionSpec

from model.sharding import constrain

# Metrics are (sum, count) pairs until they are printed: sums and counts add up over microbatches,
# devices and hosts where means do not.
Metrics = dict[str, tuple[Array, Array]]


def gradients(
    loss: Callable[[Any, dict[str, Array]], Metrics],
    params: Any,
    batch: dict[str, Array],
    accumulate: int = 1,
    prepare: Callable[[Any], Any] = lambda params: params,
) -> tuple[Any, Metrics]:
    """The gradient of sum / count of `loss(prepare(params), batch)["loss"]`, and metrics' totals.

    The count must not depend on the parameters. The batch is cut into `accumulate` microbatches,
    one after the other; their sums are added before the one division by the total count, so the
    result is that of the whole batch whatever each microbatch's count. `prepare` (a change of
    layout, say) and its gradient run once, outside the microbatches.
    """

    def on_device(params: Any, batch: dict[str, Array]) -> tuple[Any, Metrics]:
        prepared, pull_back = jax.vjp(prepare, params)
        gradient, metrics = _accumulated(loss, prepared, batch, accumulate)
        return pull_back(gradient)[0], metrics

    mesh = jax.sharding.get_abstract_mesh()
    if not mesh.empty and mesh.shape["data"] == mesh.size > 1:
        # Parameters are whole on every device: each adds up its own microbatches, and sums cross
        # devices once. Left to the compiler they would cross after every microbatch.
        across = jax.shard_map(
            lambda params, batch: jax.lax.psum(on_device(params, batch), mesh.axis_names),
            in_specs=(PartitionSpec(), PartitionSpec(mesh.axis_names)),
            out_specs=PartitionSpec(),
            check_vma=False,
        )
    else:
        across = on_device
    gradient, metrics = across(params, batch)
    count = jnp.maximum(metrics["loss"][1], 1)
    return jax.tree.map(lambda g: g / count, gradient), metrics


def _accumulated(
    loss: Callable[[Any, dict[str, Array]], Metrics],
    params: Any,
    batch: dict[str, Array],
    accumulate: int,
) -> tuple[Any, Metrics]:
    """Sums of the gradient and of the metrics over the microbatches of a batch."""

    def total(params: Any, batch: dict[str, Array]) -> tuple[Array, Metrics]:
        metrics = loss(params, batch)
        return metrics["loss"][0], metrics

    def one(batch: dict[str, Array]) -> tuple[Any, Metrics]:
        return jax.grad(total, has_aux=True)(params, batch)

    if accumulate == 1:
        return one(batch)

    def split(x: Array) -> Array:
        # [B / n, n, ...] and a swap, not [n, B / n, ...]: each device's rows stay on it.
        x = x.reshape(-1, accumulate, *x.shape[1:]).swapaxes(0, 1)
        return constrain(x, None, "batch", *(None,) * (x.ndim - 2))

    def add(carry: Any, microbatch: dict[str, Array]) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, carry, one(microbatch)), None

    microbatches = jax.tree.map(split, batch)
    first = jax.tree.map(lambda x: x[0], microbatches)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(one, first))
    sums, _ = jax.lax.scan(add, zeros, microbatches)
    return sums
