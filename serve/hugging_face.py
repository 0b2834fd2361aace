"""Models of the Qwen3, Llama 3 and GPT-2 families under the names of Hugging Face's `transformers`.

Tensors and their names stand in two tables, read both ways: export takes a tensor out of our
parameters (`value`), import puts one in (`fill`), one at a time. Settings of config.json likewise:
`described` writes them, `architecture` reads them and refuses what the model here does not compute.
"""

import functools
import operator
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from data.errors import InputError
from model.config import FAMILIES, ModelConfig, from_mapping
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

# Our family -> model_type and the class of their model.
_CLASSES = {
    "qwen3": ("qwen3", "Qwen3ForCausalLM"),
    "llama3": ("llama", "LlamaForCausalLM"),
    "gpt2": ("gpt2", "GPT2LMHeadModel"),
}

# Settings that change what is computed, and the only values under which it is what we compute.
# A setting that is absent has the first.
_LLAMA_ONLY = {
    "hidden_act": ("silu",),
    "attention_bias": (False, None),
    "mlp_bias": (False, None),
    "use_sliding_window": (False, None),
    "partial_rotary_factor": (1.0, None),
    "quantization_config": (None,),
}
_GPT2_ONLY = {
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "quantization_config": (None,),
}
_ROPE_TYPES = ("default", "llama3")
# Our fields of a RopeScaling and theirs.
_SCALING = {
    "factor": "factor",
    "low_frequency_factor": "low_freq_factor",
    "high_frequency_factor": "high_freq_factor",
    "original_context": "original_max_position_embeddings",
}


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


def described(config: ModelConfig, dtype: str, special: Mapping[str, Any]) -> dict[str, Any]:
    """The config.json of a model.

    Args:
      dtype: of the tensors, such as "float32".
      special: bos_token_id, eos_token_id and pad_token_id.

    Raises:
      InputError: the model is of none of the three families.
    """
    name = family(config)
    kind, model_class = _CLASSES[name]
    common = {
        "architectures": [model_class],
        "model_type": kind,
        "vocab_size": config.vocab_size,
        "tie_word_embeddings": config.tied,
        "initializer_range": 0.02,
        "use_cache": True,
        # Of transformers 4 and 5.
        "torch_dtype": dtype,
        "dtype": dtype,
        **special,
    }
    if name == "gpt2":
        return common | {
            "n_positions": config.context,
            "n_ctx": config.context,
            "n_embd": config.width,
            "n_layer": config.layers,
            "n_head": config.heads,
            "n_inner": config.mlp_width,
            "activation_function": "gelu_new",
            "layer_norm_epsilon": config.norm_eps,
            "attn_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "resid_pdrop": 0.0,
        }
    scaling = None
    if config.rope_scaling is not None:
        scaling = {"rope_type": "llama3"} | {
            theirs: getattr(config.rope_scaling, ours) for ours, theirs in _SCALING.items()
        }
    result = common | {
        "hidden_size": config.width,
        "intermediate_size": config.mlp_width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "max_position_embeddings": config.context,
        "rms_norm_eps": config.norm_eps,
        "hidden_act": "silu",
        "attention_bias": False,
        "attention_dropout": 0.0,
        # Read by transformers 4, llama.cpp and vLLM; the next by transformers 5.
        "rope_theta": config.rope_theta,
        "rope_scaling": scaling,
        "rope_parameters": (scaling or {"rope_type": "default"})
        | {"rope_theta": config.rope_theta},
    }
    if name == "qwen3":
        return result | {"use_sliding_window": False, "sliding_window": None}
    return result | {"mlp_bias": False}


def architecture(settings: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The `config.model` of a config.json, as `model.config.from_mapping` takes it.

    Args:
      where: the file, for errors.

    Raises:
      InputError: another architecture, or a setting that the model here does not compute.
    """
    kinds = {kind: name for name, (kind, _) in _CLASSES.items()}
    kind = settings.get("model_type")
    if kind not in tuple(kinds):
        raise InputError(
            f"{where} is of the architecture {kind!r}; those that can be imported are "
            f"{', '.join(kinds)}"
        )
    for setting, allowed in (_GPT2_ONLY if kind == "gpt2" else _LLAMA_ONLY).items():
        given = settings.get(setting, allowed[0])
        if given not in allowed:
            raise InputError(f"{where} has {setting} {_short(given)}, which is not supported here")
    layers = settings.get("layer_types") or []
    layers = layers if isinstance(layers, list) else [layers]
    for layer in layers:
        if layer != "full_attention":
            raise InputError(
                f"{where} has layer_types with {_short(layer)}, which is not supported here"
            )
    read = functools.partial(_number, settings, where)
    sizes = _gpt2_sizes(read) if kind == "gpt2" else _llama_sizes(read)
    if kind != "gpt2":
        sizes |= _rope(settings, where)
    tied = settings.get("tie_word_embeddings", kind == "gpt2")
    result = {"family": kinds[kind], "tied": bool(tied), **sizes}
    try:
        from_mapping(result)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    return result


def _gpt2_sizes(read: Any) -> dict[str, Any]:
    width, heads = read("n_embd", int), read("n_head", int)
    return {
        "vocab_size": read("vocab_size", int),
        "context": read("n_positions", int),
        "width": width,
        "layers": read("n_layer", int),
        "heads": heads,
        "kv_heads": heads,
        "head_dim": width // max(1, heads),
        "mlp_width": read("n_inner", int, 4 * width),
        "norm_eps": read("layer_norm_epsilon", float, 1e-5),
    }


def _llama_sizes(read: Any) -> dict[str, Any]:
    width, heads = read("hidden_size", int), read("num_attention_heads", int)
    return {
        "vocab_size": read("vocab_size", int),
        "context": read("max_position_embeddings", int),
        "width": width,
        "layers": read("num_hidden_layers", int),
        "heads": heads,
        "kv_heads": read("num_key_value_heads", int, heads),
        "head_dim": read("head_dim", int, width // max(1, heads)),
        "mlp_width": read("intermediate_size", int),
        "norm_eps": read("rms_norm_eps", float, 1e-6),
    }


def _rope(settings: Mapping[str, Any], where: str) -> dict[str, Any]:
    rope = settings.get("rope_parameters") or settings.get("rope_scaling") or {}
    if not isinstance(rope, dict):
        raise InputError(f"{where} has rope_parameters {_short(rope)}, which is no object")
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind not in _ROPE_TYPES:
        raise InputError(
            f"{where} has the rope_type {_short(kind)}; supported are {', '.join(_ROPE_TYPES)}"
        )
    if rope.get("partial_rotary_factor", 1.0) not in (1.0, None):
        raise InputError(f"{where} has a partial_rotary_factor, which is not supported here")
    theta = rope if "rope_theta" in rope else settings
    result = {"rope_theta": _number(theta, where, "rope_theta", float, 10_000.0)}
    if kind == "llama3":
        result["rope_scaling"] = {
            ours: _number(rope, where, theirs, int if ours == "original_context" else float)
            for ours, theirs in _SCALING.items()
        }
    return result


def _number(
    settings: Mapping[str, Any], where: str, name: str, kind: type, default: Any = None
) -> Any:
    given = settings.get(name)
    given = default if given is None else given
    allowed = (int,) if kind is int else (int, float)
    # Sizes beyond this are no model's, and would be multiplied before anything else is looked at.
    if isinstance(given, bool) or not isinstance(given, allowed) or not 0 < given < 1 << 31:
        raise InputError(f"{where} has {name} {_short(given)}, which is no size of a model")
    return kind(given)


def _short(thing: Any) -> str:
    return repr(thing)[:80]


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    return functools.reduce(operator.getitem, path, tree)


def _has(tree: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return False
        tree = tree[key]
    return True
