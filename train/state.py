"""What a training run carries from step to step."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from model import parameters
from model.sharding import shardings


@flax.struct.dataclass
class State:
    """`step` counts the steps of the loop. `average` are the parameters to evaluate and use where
    those of the last step are not: their moving average or, where a stage stops at a peak
    (rl.early_stopping), those of the peak; else None. Checkpoints know both by that name. `carried`
    are arrays by name that a stage hands from step to step beside these, or None."""

    step: Array
    params: dict[str, Any]
    optimizer: optax.OptState
    average: dict[str, Any] | None
    carried: dict[str, Array] | None = None

    @property
    def best(self) -> dict[str, Any]:
        """The parameters to evaluate and use."""
        return self.params if self.average is None else self.average


def starting(
    params: dict[str, Any],
    update: optax.GradientTransformation,
    average: bool,
    carried: dict[str, Array] | None = None,
) -> State:
    """The state before the first step. Pure, to be jitted with the shardings of `layout`."""
    return State(
        step=jnp.zeros((), jnp.int32),
        params=params,
        optimizer=update.init(params),
        average=params if average else None,
        carried=carried,
    )


def initial(
    key: Array,
    declarations: dict[str, Any],
    update: optax.GradientTransformation,
    average: bool,
    carried: dict[str, Array] | None = None,
) -> State:
    """`starting` from random parameters."""
    return starting(parameters.initialise(key, declarations), update, average, carried)


def layout(
    declarations: dict[str, Any],
    update: optax.GradientTransformation,
    average: bool,
    mesh: Mesh,
    carried: dict[str, Array] | None = None,
) -> State:
    """The State as jax.ShapeDtypeStructs with shardings; allocates nothing.

    Whatever the optimizer keeps per parameter lies where the parameter lies: a leaf of its state
    whose path ends in a parameter's path and whose shape is the parameter's takes its sharding.
    """
    abstract = jax.eval_shape(
        lambda: initial(jax.random.key(0), declarations, update, average, carried)
    )
    places = dict(_by_path(shardings(declarations, mesh)))
    shapes = dict(_by_path(parameters.shapes(declarations)))
    whole = NamedSharding(mesh, PartitionSpec())

    def place(path: tuple[Any, ...], leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        names = tuple(key.key for key in path if isinstance(key, jax.tree_util.DictKey))
        sharding = whole
        for start in range(len(names)):
            name = names[start:]
            if name in shapes and shapes[name].shape == leaf.shape:
                sharding = places[name]
                break
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    return jax.tree_util.tree_map_with_path(place, abstract)


def _by_path(tree: Any) -> list[tuple[tuple[str, ...], Any]]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [(tuple(key.key for key in path), leaf) for path, leaf in leaves]
