"""The same model in PyTorch, for the benchmarks that compare with it."""

import os
from typing import Any

import jax
import numpy as np

from model.config import ModelConfig
from serve import hugging_face


def share_devices() -> None:
    """Makes every core a device of JAX, and leaves PyTorch its part of a GPU. Must come before
    anything asks for a device."""
    jax.config.update("jax_num_cpu_devices", os.cpu_count())
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"


def pytorch_device() -> str:
    """Where PyTorch is to compute, which is where JAX does; with all cores, and float32 products
    rounded on a GPU as JAX's are."""
    import torch

    torch.set_num_threads(os.cpu_count())
    torch.set_float32_matmul_precision("high")
    return "cpu" if jax.default_backend() == "cpu" else "cuda"


def pytorch_model(architecture: ModelConfig, weights: dict[str, np.ndarray]) -> Any:
    """The Qwen3ForCausalLM of an architecture with these weights, in float32."""
    import torch
    import transformers

    model = transformers.Qwen3ForCausalLM(
        transformers.Qwen3Config(
            vocab_size=architecture.vocab_size,
            hidden_size=architecture.width,
            intermediate_size=architecture.mlp_width,
            num_hidden_layers=architecture.layers,
            num_attention_heads=architecture.heads,
            num_key_value_heads=architecture.kv_heads,
            head_dim=architecture.head_dim,
            max_position_embeddings=architecture.context,
            rms_norm_eps=architecture.norm_eps,
            rope_theta=architecture.rope_theta,
            tie_word_embeddings=architecture.tied,
            attn_implementation="sdpa",
        )
    ).float()
    absent = model.load_state_dict({k: torch.tensor(v) for k, v in weights.items()}, strict=False)
    if absent.unexpected_keys or set(absent.missing_keys) - {"lm_head.weight"}:
        raise RuntimeError(f"transformers names its weights otherwise: {absent}")
    return model


def perturbed(params: dict[str, Any]) -> dict[str, Any]:
    """With noise on every value."""
    # Initial values have output projections of zero, which would hide most of the gradient from
    # the comparison of losses.
    random = np.random.default_rng(0)
    return jax.tree.map(
        lambda x: x + 0.02 * random.standard_normal(x.shape).astype(np.float32), params
    )


def named_weights(params: dict[str, Any], architecture: ModelConfig) -> dict[str, np.ndarray]:
    """Our parameters under the names of `transformers`."""
    params = jax.device_get(params)
    return {
        tensor.name: hugging_face.value(params, tensor)
        for tensor in hugging_face.tensors(architecture)
    }
