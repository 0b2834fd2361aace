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
    span: tuple[Array, Array] | None = None,
) -> tuple[Any, Metrics]:
    """The gradient of sum / count of `loss(prepare(params), batch)["loss"]`, and metrics' totals.

    The count must not depend on the parameters. The batch is cut into `accumulate` microbatches,
    one after the other; their sums are added before the one division by the total count, so the
    result is that of the whole batch whatever each microbatch's count. `prepare` (a change of
    layout, say) and its gradient run once, outside the microbatches.

    `span`, two int32 scalars: only the microbatches from the first up to the second. So batches of
    many sizes take one compiled function, and no longer than they must.
    """

    def on_device(
        params: Any, batch: dict[str, Array], span: tuple[Array, Array] | None
    ) -> tuple[Any, Metrics]:
        prepared, pull_back = jax.vjp(prepare, params)
        gradient, metrics = _accumulated(loss, prepared, batch, accumulate, span)
        return pull_back(gradient)[0], metrics

    mesh = jax.sharding.get_abstract_mesh()
    if not mesh.empty and mesh.shape["data"] == mesh.size > 1:
        # Parameters are whole on every device: each adds up its own microbatches, and sums cross
        # devices once. Left to the compiler they would cross after every microbatch.
        across = jax.shard_map(
            lambda *args: jax.lax.psum(on_device(*args), mesh.axis_names),
            in_specs=(PartitionSpec(), PartitionSpec(mesh.axis_names), PartitionSpec()),
            out_specs=PartitionSpec(),
            check_vma=False,
        )
    else:
        across = on_device
    gradient, metrics = across(params, batch, span)
    count = jnp.maximum(metrics["loss"][1], 1)
    return jax.tree.map(lambda g: g / count, gradient), metrics


def _accumulated(
    loss: Callable[[Any, dict[str, Array]], Metrics],
    params: Any,
    batch: dict[str, Array],
    accumulate: int,
    span: tuple[Array, Array] | None,
) -> tuple[Any, Metrics]:
    """Sums of the gradient and of the metrics over the microbatches of a batch."""

    def total(params: Any, batch: dict[str, Array]) -> tuple[Array, Metrics]:
        metrics = loss(params, batch)
        return metrics["loss"][0], metrics

    def one(batch: dict[str, Array]) -> tuple[Any, Metrics]:
        return jax.grad(total, has_aux=True)(params, batch)

    if accumulate == 1 and span is None:
        return one(batch)

    def add(carry: Any, microbatch: dict[str, Array]) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, carry, one(microbatch)), None

    microbatches = split(batch, accumulate)
    first = jax.tree.map(lambda x: x[0], microbatches)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(one, first))
    if span is None:
        sums, _ = jax.lax.scan(add, zeros, microbatches)
        return sums
    return jax.lax.fori_loop(
        *span, lambda i, carry: add(carry, jax.tree.map(lambda x: x[i], microbatches))[0], zeros
    )


def split(batch: Any, count: int) -> Any:
    """Every array [B, ...] of a batch as [count, B / count, ...]: row b is in microbatch b % count,
    so that the rows of a device stay on it."""

    def of_array(x: Array) -> Array:
        x = x.reshape(-1, count, *x.shape[1:]).swapaxes(0, 1)
        return constrain(x, None, "batch", *(None,) * (x.ndim - 2))

    return jax.tree.map(of_array, batch)
