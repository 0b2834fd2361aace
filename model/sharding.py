"""Where arrays live on a device mesh.

The mesh has three axes: "data" (batches split, parameters copied), "fsdp" (batches and parameters
split) and "tensor" (heads, MLP and vocabulary split). `RULES` maps the logical axis names of
parameters and activations to them, and alone decides what is split how.
"""

from typing import Any

import jax
import numpy as np
from jax import Array
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from model.parameters import Param

AXES = ("data", "fsdp", "tensor")

RULES: dict[str | None, str | tuple[str, ...] | None] = {
    None: None,
    "layers": None,
    "embed": "fsdp",
    "heads": "tensor",
    "kv_heads": "tensor",
    "mlp": "tensor",
    "vocab": "tensor",
    "batch": ("data", "fsdp"),
    "matrices": ("data", "fsdp", "tensor"),
}


def make_mesh(data: int, fsdp: int, tensor: int, devices: list[Any] | None = None) -> Mesh:
    """A mesh of all devices; one of the three sizes may be -1 and takes what the others leave.

    Raises:
        ValueError: the sizes do not multiply to the number of devices.
    """
    devices = jax.devices() if devices is None else devices
    sizes = [data, fsdp, tensor]
    asked = f"mesh (data={data}, fsdp={fsdp}, tensor={tensor})"
    if sizes.count(-1) > 1 or any(size < 1 and size != -1 for size in sizes):
        raise ValueError(f"{asked}: sizes are at least 1, and at most one is -1 (what is left)")
    if -1 in sizes:
        known = -int(np.prod(sizes))
        sizes[sizes.index(-1)] = max(1, len(devices) // known)
    if int(np.prod(sizes)) != len(devices):
        raise ValueError(f"{asked} does not fit the {len(devices)} devices here")
    return jax.make_mesh(
        tuple(sizes), AXES, axis_types=(AxisType.Auto,) * len(AXES), devices=devices
    )


def partition_spec(
    axes: tuple[str | None, ...], shape: tuple[int, ...], mesh: Mesh | jax.sharding.AbstractMesh
) -> PartitionSpec:
    """The PartitionSpec of an array with these logical axes.

    A dimension that its mesh axes do not divide stays whole (two key-value heads on a tensor axis
    of four, say): correct everywhere, and `launch.plan` shows what it costs.
    """

    def place(axis: str | None, size: int) -> str | tuple[str, ...] | None:
        names = RULES[axis]
        names = (names,) if isinstance(names, str) else names or ()
        # Inside a shard_map, an axis that is handled by hand is none of the compiler's business.
        names = tuple(name for name in names if name not in _manual_axes(mesh))
        parts = int(np.prod([mesh.shape[name] for name in names])) if names else 1
        if parts == 1 or size % parts:
            return None
        return names if len(names) > 1 else names[0]

    return PartitionSpec(*(place(axis, size) for axis, size in zip(axes, shape, strict=True)))


def shardings(declarations: dict[str, Any], mesh: Mesh) -> dict[str, Any]:
    """The NamedSharding of every declared parameter."""
    return jax.tree.map(
        lambda p: NamedSharding(mesh, partition_spec(p.axes, p.shape, mesh)),
        declarations,
        is_leaf=lambda p: isinstance(p, Param),
    )


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """How the leading axis of every array of a batch is split."""
    return NamedSharding(mesh, PartitionSpec(RULES["batch"]))


def batch_parts(mesh: Mesh) -> int:
    """In how many parts the rows of a batch are split."""
    return int(np.prod([mesh.shape[name] for name in RULES["batch"]]))


def constrain(x: Array, *axes: str | None) -> Array:
    """Pins an activation's layout by logical axis names. Without a mesh, and where nothing would be
    split, it returns x unchanged, for the compiler to lay out as it likes.

    The mesh is that of `jax.set_mesh` around the jitted call.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty:
        return x
    spec = partition_spec(axes, x.shape, mesh)
    if all(place is None for place in spec):
        return x
    return jax.lax.with_sharding_constraint(x, spec)


def open_batch_axes(batch: int) -> tuple[str, ...]:
    """The mesh axes over which a batch of so many rows is split and that no shard_map around this
    has taken; () where there are none."""
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty:
        return ()
    (place,) = partition_spec(("batch",), (batch,), mesh)
    return (place,) if isinstance(place, str) else place or ()


def undivided_axes() -> frozenset[str]:
    """The mesh axes of one device that no shard_map around this has taken."""
    mesh = jax.sharding.get_abstract_mesh()
    return frozenset(name for name, size in mesh.shape.items() if size == 1) - _manual_axes(mesh)


def _manual_axes(mesh: Mesh | jax.sharding.AbstractMesh) -> frozenset[str]:
    return frozenset(
        name
        for name, kind in zip(mesh.axis_names, mesh.axis_types, strict=True)
        if kind == AxisType.Manual
    )
