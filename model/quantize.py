"""Matrices of the layers in int8, for serving: a quarter of the memory of float32.

A matrix [in, out] becomes int8 and one float32 scale per output channel, symmetric: the largest
weight of a channel is 127. Its input is quantised likewise when it comes, with one scale per token,
and the product is taken in int8 and summed in int32 (arXiv 2208.07339, without its outliers).
Norms, biases, the embedding and the unembedding stay as they are.

`layers.linear` tells such a matrix by its scale. There is no gradient.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from model.parameters import Param

_LARGEST = 127


def quantized(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters with every layer's matrices as {"weight": int8, "scale": float32, ...}.

    Scales are [L, out], or [out] of a layer that stands alone. Pure: jit it with donated
    parameters.
    """
    return _with_matrices(params, _quantized_matrix)


def quantized_declarations(declarations: dict[str, Any]) -> dict[str, Any]:
    """What `quantized` makes of parameters, as declarations, of which shardings follow."""

    def matrix(weight: Param) -> dict[str, Param]:
        shape, axes = (*weight.shape[:-2], weight.shape[-1]), (*weight.axes[:-2], weight.axes[-1])
        return {
            "weight": dataclasses.replace(weight, dtype=jnp.int8),
            "scale": dataclasses.replace(weight, shape=shape, axes=axes),
        }

    return _with_matrices(declarations, matrix)


def is_quantized(params: dict[str, Any]) -> bool:
    """Whether parameters are those that `quantized` makes."""
    layers = params["layers"]
    layer = layers[0] if isinstance(layers, list) else layers
    return "scale" in layer["attention"]["query"]


def matmul(weights: dict[str, Array], x: Array) -> Array:
    """x [..., in] · weight [in, out] in the dtype of x, from what `quantized` has made."""
    size = jnp.max(jnp.abs(x), axis=-1, keepdims=True).astype(jnp.float32)  # [..., 1]
    rounded = _rounded(x.astype(jnp.float32), size)
    total = jax.lax.dot_general(
        rounded,
        weights["weight"],
        (((x.ndim - 1,), (0,)), ((), ())),
        preferred_element_type=jnp.int32,
    )
    scales = (size / _LARGEST) * weights["scale"].astype(jnp.float32)
    return (total.astype(jnp.float32) * scales).astype(x.dtype)


def _quantized_matrix(weight: Array) -> dict[str, Array]:
    size = jnp.max(jnp.abs(weight), axis=-2, keepdims=True)  # [..., 1, out]
    return {"weight": _rounded(weight, size), "scale": (size / _LARGEST).squeeze(-2)}


def _rounded(x: Array, size: Array) -> Array:
    """x in units of size / 127; where all is zero, zero."""
    return jnp.round(x * (_LARGEST / jnp.where(size > 0, size, 1))).astype(jnp.int8)


def _with_matrices(tree: dict[str, Any], matrix: Any) -> dict[str, Any]:
    """The tree with {"weight": w} of every layer in the form `matrix` gives to w."""

    def visit(node: Any) -> Any:
        if isinstance(node, list):
            return [visit(inner) for inner in node]
        if not isinstance(node, dict):
            return node
        inner = {key: visit(value) for key, value in node.items() if key != "weight"}
        return inner | matrix(node["weight"]) if "weight" in node else inner

    return tree | {"layers": visit(tree["layers"])}
