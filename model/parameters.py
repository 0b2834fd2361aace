"""Parameters, declared once.

`parameters(config)` returns the tree of declarations. Initial values, shardings, checkpoint
targets, counts and FLOPs are read off that tree, so they cannot disagree with one another.
Values are plain nested dicts of arrays; all layers are stacked on a leading axis.
"""

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import initializers

from model.config import ModelConfig


@dataclasses.dataclass(frozen=True)
class Param:
    """One array: its shape, a logical name for each axis (see model.sharding), its initializer."""

    shape: tuple[int, ...]
    axes: tuple[str | None, ...]
    init: Callable[[Array, tuple[int, ...], Any], Array]
    dtype: Any = jnp.float32


def parameters(config: ModelConfig) -> dict[str, Any]:
    """The declarations of every parameter, as a nested dict of Param.

    Matrices are [in, out] with heads flattened (H · head_dim). The unembedding is [V, D], like
    the embedding it may be tied to. Projections that write to the residual stream start at zero,
    so that every layer starts as the identity; other matrices are normal with variance 1/fan_in.
    """
    L, D, F = config.layers, config.width, config.mlp_width
    H, K = config.heads * config.head_dim, config.kv_heads * config.head_dim

    def norm(width: int, axis: str | None = None, layers: bool = True) -> dict[str, Param]:
        shape, axes = ((L, width), ("layers", axis)) if layers else ((width,), (axis,))
        tree = {"scale": Param(shape, axes, initializers.ones)}
        if config.norm == "layer":
            tree["bias"] = Param(shape, axes, initializers.zeros)
        return tree

    def linear(
        fan_in: int, fan_out: int, axes: tuple[str, str], zero: bool = False
    ) -> dict[str, Param]:
        init = initializers.zeros if zero else initializers.normal(fan_in**-0.5)
        tree = {"weight": Param((L, fan_in, fan_out), ("layers", *axes), init)}
        if config.biases:
            tree["bias"] = Param((L, fan_out), ("layers", axes[1]), initializers.zeros)
        return tree

    attention = {
        "norm": norm(D),
        "query": linear(D, H, ("embed", "heads")),
        "key": linear(D, K, ("embed", "kv_heads")),
        "value": linear(D, K, ("embed", "kv_heads")),
        "output": linear(H, D, ("heads", "embed"), zero=True),
    }
    if config.qk_norm:
        attention["query_norm"] = norm(config.head_dim)
        attention["key_norm"] = norm(config.head_dim)
    mlp = {
        "norm": norm(D),
        "up": linear(D, F, ("embed", "mlp")),
        "down": linear(F, D, ("mlp", "embed"), zero=True),
    }
    if config.mlp == "swiglu":
        mlp["gate"] = linear(D, F, ("embed", "mlp"))

    tree: dict[str, Any] = {
        "embedding": Param((config.vocab_size, D), ("vocab", "embed"), initializers.normal(0.02)),
        "layers": {"attention": attention, "mlp": mlp},
        "norm": norm(D, layers=False),
    }
    if config.position == "learned":
        tree["positions"] = Param((config.context, D), (None, "embed"), initializers.normal(0.01))
    if not config.tied:
        tree["unembedding"] = Param(
            (config.vocab_size, D), ("vocab", "embed"), initializers.normal(0.02)
        )
    return tree


def unembedding(params: dict[str, Any]) -> Array:
    """The matrix [V, D] that turns final hidden states into logits."""
    return params.get("unembedding", params["embedding"])


def initialise(key: Array, declarations: dict[str, Any]) -> dict[str, Any]:
    """Initial values. Each leaf's key depends on its path alone, so that adding a parameter
    changes no other. Pure: call it under jit with `out_shardings` to initialise sharded."""

    def value(path, param: Param) -> Array:
        leaf_key = jax.random.fold_in(key, zlib.crc32(jax.tree_util.keystr(path).encode()))
        return param.init(leaf_key, param.shape, param.dtype)

    return jax.tree_util.tree_map_with_path(value, declarations)


def shapes(declarations: dict[str, Any]) -> dict[str, Any]:
    """The declarations as a tree of jax.ShapeDtypeStruct."""
    return jax.tree.map(lambda p: jax.ShapeDtypeStruct(p.shape, p.dtype), declarations)


def count(config: ModelConfig) -> int:
    """Number of parameters, a tied embedding counted once."""
    sizes = jax.tree.map(lambda p: _product(p.shape), parameters(config))
    return sum(jax.tree.leaves(sizes))


def flops_per_token(config: ModelConfig, context: int, unembeds: bool = True) -> float:
    """FLOPs of one training token, forward and backward: 6 · M + 12 · L · H · head_dim · T.

    M counts the weights that multiply activations (every matrix and the unembedding, not the
    embedding look-up); T is the row's length (PaLM, arXiv 2204.02311, appendix B). The causal
    half of the attention matrix is not deducted, and recomputation is not added. ``unembeds``: a
    reward model has no unembedding.
    """
    matrices = jax.tree.leaves(parameters(config)["layers"])
    weights = sum(_product(p.shape) for p in matrices if len(p.shape) == 3)
    weights += unembeds * config.vocab_size * config.width
    attention = 12 * config.layers * config.heads * config.head_dim * context
    return 6.0 * weights + attention


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product
