"""Small models of each family with random parameters, in the place of trained ones, for tests of
what exchanges models with other programs."""

import json
import pathlib
from typing import Any

from configs.defaults import get_config
from data import tokenizer as training
from data.encoding import Tokenizer
from model.config import from_mapping
from serve.load import Trained
from tests.model.random_parameters import random_parameters

TEXT = "the cat saw Zoë and 日本語 and 😀 😀 on the naïve mat while 123 dogs ran\n" * 20
SCALING = {
    "factor": 8.0,
    "low_frequency_factor": 1.0,
    "high_frequency_factor": 4.0,
    "original_context": 64,
}
# Rows of 64 and 96 weights, which quantisation divides into blocks; the embedding has more rows
# than the tokenizer has tokens.
SIZES = {
    "vocab_size": 384,
    "layers": 2,
    "width": 64,
    "heads": 4,
    "kv_heads": 2,
    "head_dim": 32,
    "mlp_width": 96,
    "context": 256,
}
FAMILIES = {
    "qwen3": {"family": "qwen3", "tied": True, "rope_theta": 1e6},
    "qwen3_untied": {"family": "qwen3", "tied": False},
    "llama3": {"family": "llama3", "rope_scaling": SCALING},
    "gpt2": {"family": "gpt2", "kv_heads": 4, "head_dim": 16, "tied": True},
}


def make(workdir: pathlib.Path, name: str, pattern: str = "qwen2", **sizes: Any) -> Trained:
    """The model FAMILIES[name]; `workdir` gets what a run of it would have beside checkpoints."""
    (workdir / "tokenizer").mkdir(parents=True)
    made = training.train_bpe([TEXT], 320, pattern)
    (workdir / "tokenizer" / "tokenizer.json").write_text(made.to_str(), encoding="utf-8")
    (workdir / "report.json").write_text(json.dumps({"chat/val_loss": 1.25}))
    architecture = from_mapping(SIZES | FAMILIES[name] | sizes)
    config = get_config()
    config.name = "small"
    tokenizer = Tokenizer.load(workdir / "tokenizer")
    return Trained(random_parameters(architecture), architecture, tokenizer, config, 7)
