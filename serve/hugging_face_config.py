"""config.json of Hugging Face's `transformers`, for the Qwen3, Llama 3 and GPT-2 families.

`described` writes it; `architecture` reads it, and refuses by name what the model here does not
compute. Spellings of transformers 4 and 5 are both written and both read.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from data.errors import InputError
from model.config import ModelConfig, from_mapping
from serve.hugging_face import family

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
    sizes = _gpt2_sizes(read) if kind == "gpt2" else _llama_sizes(read, kind)
    if kind != "gpt2":
        sizes |= _rope(settings, where)
    tied = settings.get("tie_word_embeddings", kind == "gpt2")
    result = {"family": kinds[kind], "tied": bool(tied), **sizes}
    try:
        from_mapping(result)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    return result


def _gpt2_sizes(read: Callable[..., Any]) -> dict[str, Any]:
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


def _llama_sizes(read: Callable[..., Any], kind: str) -> dict[str, Any]:
    width, heads = read("hidden_size", int), read("num_attention_heads", int)
    # Qwen3's head is not a share of the width, and must be said.
    head_dim = None if kind == "qwen3" else width // max(1, heads)
    return {
        "vocab_size": read("vocab_size", int),
        "context": read("max_position_embeddings", int),
        "width": width,
        "layers": read("num_hidden_layers", int),
        "heads": heads,
        "kv_heads": read("num_key_value_heads", int, heads),
        "head_dim": read("head_dim", int, head_dim),
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
