"""Parameters in which nothing is special, for tests.

Real initial values hide mistakes: output projections of zero make every layer the identity, and
norm scales of one and biases of zero can be applied anywhere, or not at all.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from model.config import ModelConfig
from model.parameters import Param, parameters


def random_parameters(config: ModelConfig, seed: int = 0) -> dict[str, Any]:
    """Values of every declared parameter: scales around one, biases of 0.3, weights 1/sqrt(in)."""
    random = np.random.default_rng(seed)

    def value(path: tuple[Any, ...], param: Param) -> jax.Array:
        x = random.standard_normal(param.shape).astype(np.float32)
        match path[-1].key:
            case "scale":
                x = 1 + 0.3 * x
            case "weight":
                x = x * param.shape[-2] ** -0.5
            case _:  # biases, embeddings
                x = 0.3 * x
        return jnp.asarray(x)

    return jax.tree_util.tree_map_with_path(value, parameters(config))
