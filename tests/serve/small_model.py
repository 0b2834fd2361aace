"""A small model that was never trained, with a tokenizer: text of it depends on all that came
before, which is what tests of decoding need."""

import functools
import pathlib
import tempfile

import numpy as np

from data import tokenizer as training
from data.encoding import Tokenizer
from model.config import ModelConfig
from serve.load import Trained
from tests.model.random_parameters import random_parameters

CONTEXT = 96
TEXT = "the cat saw Zoë and 日本語 and 😀 😀 on the naïve mat while the dogs ran\n" * 20


@functools.cache
def tokenizer() -> Tokenizer:
    made = training.train_bpe([TEXT], 320, "qwen2")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "tokenizer.json"
        path.write_text(made.to_str(), encoding="utf-8")
        return Tokenizer.load(path)


@functools.cache
def trained() -> Trained:
    config = ModelConfig(
        vocab_size=384,  # more than the tokenizer's
        layers=2,
        width=64,
        heads=4,
        kv_heads=2,
        head_dim=16,
        mlp_width=128,
        context=CONTEXT,
    )
    return Trained(random_parameters(config), config, tokenizer(), None, 0)


def prompts(count: int, longest: int = 70, seed: int = 0) -> list[np.ndarray]:
    """Random tokens, of random lengths from 1 on."""
    random = np.random.default_rng(seed)
    most = trained().tokenizer.vocab_size
    lengths = random.integers(1, longest + 1, count)
    return [random.integers(0, most, length).astype(np.int32) for length in lengths]
