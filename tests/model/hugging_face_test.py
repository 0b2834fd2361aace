"""The three families against their implementations in `transformers`, logits and gradients."""

import unittest
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from model.config import ModelConfig, from_mapping
from model.losses import token_log_probs
from model.parameters import parameters, shapes, unembedding
from model.transformer import hidden_states, logits
from serve import hugging_face

try:
    import torch
    import transformers
except ImportError:
    torch = None

B, T = 3, 48
SIZES = {
    "vocab_size": 97,
    "layers": 2,
    "width": 48,
    "heads": 4,
    "kv_heads": 2,
    "head_dim": 16,  # not width / heads
    "mlp_width": 80,
    "context": 128,
}
# With heads of 16 and this theta, wavelengths are 6, 32, 167, ... tokens: the first is kept, the
# second interpolated, the others stretched.
SCALING = {
    "factor": 8.0,
    "low_frequency_factor": 1.0,
    "high_frequency_factor": 4.0,
    "original_context": 64,
}


def our_parameters(state: Mapping[str, np.ndarray], config: ModelConfig) -> dict[str, Any]:
    """Our tree from the state dict of one of their models."""
    params = hugging_face.empty(config)
    for tensor, name in hugging_face.names_to_read(config, set(state), "the model").items():
        hugging_face.fill(params, tensor, state[name])
    return params


def qwen3(tied: bool) -> tuple[Any, ModelConfig]:
    config = from_mapping(SIZES | {"family": "qwen3", "tied": tied, "rope_theta": 1e6})
    theirs = transformers.Qwen3Config(
        **_llama_sizes(config), rope_parameters={"rope_type": "default", "rope_theta": 1e6}
    )
    return transformers.Qwen3ForCausalLM(theirs), config


def llama3(tied: bool) -> tuple[Any, ModelConfig]:
    config = from_mapping(SIZES | {"family": "llama3", "tied": tied, "rope_scaling": SCALING})
    theirs = transformers.LlamaConfig(
        **_llama_sizes(config),
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": config.rope_theta,
            "factor": SCALING["factor"],
            "low_freq_factor": SCALING["low_frequency_factor"],
            "high_freq_factor": SCALING["high_frequency_factor"],
            "original_max_position_embeddings": SCALING["original_context"],
        },
    )
    return transformers.LlamaForCausalLM(theirs), config


def gpt2(tied: bool) -> tuple[Any, ModelConfig]:
    sizes = SIZES | {"kv_heads": 4, "head_dim": 12}
    config = from_mapping(sizes | {"family": "gpt2", "tied": tied})
    theirs = transformers.GPT2Config(
        vocab_size=config.vocab_size,
        n_positions=config.context,
        n_embd=config.width,
        n_layer=config.layers,
        n_head=config.heads,
        n_inner=config.mlp_width,
        bos_token_id=None,
        eos_token_id=None,
        tie_word_embeddings=tied,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    return transformers.GPT2LMHeadModel(theirs), config


def _llama_sizes(config: ModelConfig) -> dict[str, Any]:
    return {
        "vocab_size": config.vocab_size,
        "hidden_size": config.width,
        "intermediate_size": config.mlp_width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "max_position_embeddings": config.context,
        "rms_norm_eps": config.norm_eps,
        "tie_word_embeddings": config.tied,
    }


def _randomise(model: Any) -> None:
    """Scales around one, biases and embeddings of 0.3, matrices of 1/sqrt(width)."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2:
                embedding = any(word in name for word in ("embed", "wte", "wpe", "lm_head"))
                parameter.normal_(0, 0.3 if embedding else SIZES["width"] ** -0.5)
            else:
                parameter.normal_(0.0 if name.endswith("bias") else 1.0, 0.3)


@unittest.skipIf(torch is None, "PyTorch or transformers is not installed")
class HuggingFaceTest(parameterized.TestCase):
    @parameterized.product(family=(qwen3, llama3, gpt2), tied=(True, False))
    def test_logits_and_gradients_equal_those_of_transformers(self, family, tied):
        model, config = family(tied)
        _randomise(model)
        random = np.random.default_rng(0)
        tokens = random.integers(0, config.vocab_size, (B, T + 1))
        inputs, targets = tokens[:, :-1], tokens[:, 1:]

        their_logits = model(torch.tensor(inputs)).logits
        cross_entropy = torch.nn.functional.cross_entropy(
            their_logits.flatten(0, 1), torch.tensor(targets).flatten()
        )
        cross_entropy.backward()
        values = {name: p.detach().numpy() for name, p in model.named_parameters()}
        slopes = {name: p.grad.numpy() for name, p in model.named_parameters()}

        params = jax.tree.map(jnp.asarray, our_parameters(values, config))
        self.assertEqual(jax.tree.map(jnp.shape, params), _shapes(config))

        def forward(params):
            hidden = hidden_states(params, config, inputs)
            log_probs = token_log_probs(hidden, unembedding(params), targets)
            return -log_probs.mean(), logits(params, hidden)

        (loss, our_logits), gradient = jax.jit(jax.value_and_grad(forward, has_aux=True))(params)
        self.assertGreater(their_logits.detach().std(), 1.0)  # logits as wide as a trained model's
        np.testing.assert_allclose(our_logits, their_logits.detach(), rtol=0, atol=1e-4)
        self.assertAlmostEqual(float(loss), cross_entropy.item(), delta=1e-5)
        # The mapping is linear, so what takes weights to weights takes gradients to gradients.
        expected = our_parameters(slopes, config)
        self.assertEqual(jax.tree.structure(gradient), jax.tree.structure(expected))
        jax.tree.map(
            lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5),
            gradient,
            expected,
        )


def _shapes(config: ModelConfig) -> dict[str, Any]:
    return jax.tree.map(lambda leaf: leaf.shape, shapes(parameters(config)))


if __name__ == "__main__":
    absltest.main()
