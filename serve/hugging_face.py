"""Models of the Qwen3, Llama 3 and GPT-2 families under the names of Hugging Face's `transformers`.

Tensors and their names stand in two tables, read both ways: export takes a tensor out of our
parameters (`value`), import puts one in (`fill`), one at a time.
"""

import functools
import operator
import re
from typing import Any, NamedTuple

import jax
import numpy as np

from data.errors import InputError
from model.config import FAMILIES, ModelConfig
from model.parameters import Param, parameters

# Their name -> ours. {} is the number of a layer. Matrices are [out, in] there and [in, out] here.
_LLAMA = {
    "model.embed_tokens.weight": "embedding",
    "model.layers.{}.input_layernorm.weight": "layers.attention.norm.scale",
    "model.layers.{}.self_attn.q_proj.weight": "layers.attention.query.weight",
    "model.layers.{}.self_attn.k_proj.weight": "layers.attention.key.weight",
    "model.layers.{}.self_attn.v_proj.weight": "layers.attention.value.weight",
    "model.layers.{}.self_attn.q_norm.weight": "layers.attention.query_norm.scale",
    "model.layers.{}.self_attn.k_norm.weight": "layers.attention.key_norm.scale",
    "model.layers.{}.self_attn.o_proj.weight": "layers.attention.output.weight",
    "model.layers.{}.post_attention_layernorm.weight": "layers.mlp.norm.scale",
    "model.layers.{}.mlp.gate_proj.weight": "layers.mlp.gate.weight",
    "model.layers.{}.mlp.up_proj.weight": "layers.mlp.up.weight",
    "model.layers.{}.mlp.down_proj.weight": "layers.mlp.down.weight",
    "model.norm.weight": "norm.scale",
    "lm_head.weight": "unembedding",
}
# Here matrices are [in, out] on both sides (Conv1D); query, key and value are one.
_GPT2 = {
    "transformer.wte.weight": "embedding",
    "transformer.wpe.weight": "positions",
    "transformer.h.{}.ln_1.weight": "layers.attention.norm.scale",
    "transformer.h.{}.ln_1.bias": "layers.attention.norm.bias",
    "transformer.h.{}.attn.c_attn.weight": (
        "layers.attention.query.weight",
        "layers.attention.key.weight",
        "layers.attention.value.weight",
    ),
    "transformer.h.{}.attn.c_attn.bias": (
        "layers.attention.query.bias",
        "layers.attention.key.bias",
        "layers.attention.value.bias",
    ),
    "transformer.h.{}.attn.c_proj.weight": "layers.attention.output.weight",
    "transformer.h.{}.attn.c_proj.bias": "layers.attention.output.bias",
    "transformer.h.{}.ln_2.weight": "layers.mlp.norm.scale",
    "transformer.h.{}.ln_2.bias": "layers.mlp.norm.bias",
    "transformer.h.{}.mlp.c_fc.weight": "layers.mlp.up.weight",
    "transformer.h.{}.mlp.c_fc.bias": "layers.mlp.up.bias",
    "transformer.h.{}.mlp.c_proj.weight": "layers.mlp.down.weight",
    "transformer.h.{}.mlp.c_proj.bias": "layers.mlp.down.bias",
    "transformer.ln_f.weight": "norm.scale",
    "transformer.ln_f.bias": "norm.bias",
    "lm_head.weight": "unembedding",
}
# Saved with some models and computed here: masks, and frequencies of rotary positions.
_BUFFERS = re.compile(r".*\.(attn\.(masked_)?bias|rotary_emb\.inv_freq)")


class Tensor(NamedTuple):
    """One of their tensors: `name` and `shape` there; `ours` are the paths of the parameters that
    it holds, side by side on the last axis, of the given `layer` (None: of no layer)."""

    name: str
    shape: tuple[int, ...]
    ours: tuple[tuple[str, ...], ...]
    layer: int | None
    transposed: bool


def family(config: ModelConfig) -> str:
    """Which of the three families a model is of: "qwen3", "llama3" or "gpt2".

    Raises:
        InputError: none of them computes what it does.
    """
    for name, fields in FAMILIES.items():
        shape = {"biases": False} | fields
        fixed = ("norm", "mlp", "position", "qk_norm", "biases")
        if all(getattr(config, field) == shape[field] for field in fixed):
            if name != "gpt2" or (config.heads, config.heads * config.head_dim) == (
                config.kv_heads,
                config.width,
            ):
                return name
    raise InputError(
        f"a model with model.norm {config.norm}, mlp {config.mlp}, position {config.position}, "
        f"qk_norm {config.qk_norm}, biases {config.biases} and {config.heads} heads "
        f"({config.kv_heads} of keys) of {config.head_dim} is none of the Qwen3, Llama 3 and GPT-2 "
        "families: train one with config.model.family alone, and heads as GPT-2 has them"
    )


def tensors(config: ModelConfig) -> list[Tensor]:
    """Every tensor of the model, in the order of its layers.

    Raises:
        InputError: the model is of none of the three families.
    """
    gpt2 = family(config) == "gpt2"
    declared = parameters(config)
    first, layers, last = [], [], []
    for theirs, ours in (_GPT2 if gpt2 else _LLAMA).items():
        paths = tuple(
            tuple(path.split(".")) for path in ((ours,) if isinstance(ours, str) else ours)
        )
        if not _has(declared, paths[0]):  # of another member of the family
            continue
        shapes = [_at(declared, path).shape for path in paths]
        of_layer = "{}" in theirs
        shape = (*shapes[0][:-1], sum(shape[-1] for shape in shapes))[of_layer:]
        transposed = not gpt2 and paths[0][-1] == "weight"
        shape = shape[::-1] if transposed else shape
        tensor = Tensor(theirs, shape, paths, None, transposed)
        (layers if of_layer else last if layers else first).append(tensor)
    numbered = [
        tensor._replace(name=tensor.name.format(i), layer=i)
        for i in range(config.layers)
        for tensor in layers
    ]
    return first + numbered + last


def value(params: dict[str, Any], tensor: Tensor) -> np.ndarray:
    """The tensor's value, [tensor.shape] float32, out of our parameters."""
    parts = [_at(params, path) for path in tensor.ours]
    if tensor.layer is not None:
        parts = [part[tensor.layer] for part in parts]
    parts = [np.asarray(jax.device_get(part)) for part in parts]
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
    return whole.T if tensor.transposed else whole


def empty(config: ModelConfig) -> dict[str, Any]:
    """Parameters on the host for `fill` to fill: arrays of float32 that hold anything."""
    return jax.tree.map(
        lambda param: np.empty(param.shape, np.float32),
        parameters(config),
        is_leaf=lambda leaf: isinstance(leaf, Param),
    )


def fill(params: dict[str, Any], tensor: Tensor, array: np.ndarray) -> None:
    """Puts a value [tensor.shape] of any floating dtype into parameters made by `empty`."""
    array = array.T if tensor.transposed else array
    start = 0
    for path in tensor.ours:
        target = _at(params, path)
        target = target if tensor.layer is None else target[tensor.layer]
        target[...] = array[..., start : start + target.shape[-1]]
        start += target.shape[-1]


def names_to_read(config: ModelConfig, present: set[str], where: str) -> dict[Tensor, str]:
    """The name under which each tensor is present in a folder `where`.

    Names may lack the model's own prefix, as those of the GPT-2 that OpenAI published. Buffers, and
    an lm_head beside a tied embedding, are of no matter.

    Raises:
        InputError: a tensor is missing, or there is one that the model has no place for.
    """
    found = {}
    for tensor in tensors(config):
        bare = re.sub(r"^(model|transformer)\.", "", tensor.name)
        name = next((name for name in (tensor.name, bare) if name in present), None)
        if name is None:
            raise InputError(f"{where} has no tensor {tensor.name}: it is not whole")
        found[tensor] = name
    left = sorted(
        name
        for name in present - set(found.values())
        if not _BUFFERS.fullmatch(f".{name}") and not (config.tied and name == "lm_head.weight")
    )
    if left:
        raise InputError(
            f"{where} has the tensor {left[0]}, for which a {family(config)} model has no place"
        )
    return found


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    return functools.reduce(operator.getitem, path, tree)


def _has(tree: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return False
        tree = tree[key]
    return True
