"""What a run's config leaves open, filled in: the one dial `model.depth`, and the data."""

import math
from collections.abc import Mapping
from typing import Any

import jax
from ml_collections import ConfigDict

from data.errors import InputError
from model.attention import fastest_backend
from model.config import ModelConfig, from_mapping
from model.parameters import count

# Keys of `model` that change how it is computed, and not what it is.
COMPUTED = ("dtype", "attention", "remat", "scan", "loss_chunk")

_VOCAB_MULTIPLE = 64  # divides over any tensor axis in use


def with_model(config: ConfigDict, model: Mapping[str, Any]) -> ConfigDict:
    """The run's config, open to change, with a model that is there: of the stage that is started
    from, or another's, imported. How it is computed is this run's to say.

    Args:
        model: keys of config.model; those of COMPUTED do not count.
    """
    result = config.copy_and_resolve_references().unlock()
    computed = {key: config.model[key] for key in COMPUTED}
    result.model = ConfigDict(dict(model) | computed)
    return result


def resolve(
    config: ConfigDict, vocab_size: int, platform: str | None = None
) -> tuple[ConfigDict, ModelConfig]:
    """The config with every None of `model`, `train`, `checkpoint` and `watch` decided.

    Rows a step follow from depth: 2^19 tokens at depth 12, growing with its square, since the
    batch that still pays grows as the loss falls (arXiv 1812.06162). AdamW's rate falls with the
    square root of the width: 6e-4 at 768 where it updates everything (GPT-2 small), 4e-3 where
    Muon has the layers' matrices and only the embedding is left to it. Muon's rate is the same at
    all widths, since it scales its update by itself. Steps come from `tokens_per_parameter`.

    Args:
        vocab_size: the tokenizer's.
        platform: "cpu", "gpu" or "tpu", what "auto" attention is chosen for; None: the one here.

    Raises:
        InputError: settings that contradict each other.
    """
    config = config.copy_and_resolve_references().unlock()
    model, train = config.model, config.train
    if model.vocab_size is None:
        model.vocab_size = padded_vocab_size(vocab_size)
    if model.vocab_size < vocab_size:
        raise InputError(
            f"model.vocab_size is {model.vocab_size}, but the tokenizer has {vocab_size} tokens; "
            "leave it out, or raise it"
        )
    if model.attention == "auto":
        platform = platform or jax.default_backend()
        model.attention = fastest_backend(platform, model.dtype, train.separate_documents)
    try:
        architecture = from_mapping(model.to_dict())
    except ValueError as error:
        raise InputError(str(error)) from error
    for key, value in model.items():
        if value is None and hasattr(architecture, key):
            model[key] = getattr(architecture, key)
    if train.context is None:
        train.context = architecture.context
    if not 1 <= train.context <= architecture.context:
        raise InputError(
            f"train.context is {train.context}, longer than the model's or none: raise "
            f"model.context ({architecture.context}), or set it between 1 and that"
        )
    if train.batch is None:
        tokens = 2**19 * (architecture.layers / 12) ** 2
        train.batch = max(1, 2 ** round(math.log2(tokens / train.context)))
    if train.learning_rate is None:
        at_768 = 4e-3 if train.optimizer == "muon" else 6e-4
        train.learning_rate = at_768 * math.sqrt(768 / architecture.width)
    if train.steps is None:
        tokens = train.tokens_per_parameter * count(architecture)
        train.steps = max(1, round(tokens / (train.batch * train.context)))
    if config.watch.eval_steps is None:
        config.watch.eval_steps = max(1, train.steps // 10)
    if config.checkpoint.steps is None:
        config.checkpoint.steps = max(1, train.steps // 20)
    return config.lock(), architecture


def padded_vocab_size(vocab_size: int) -> int:
    """Rows of the embedding for a tokenizer of so many tokens."""
    return -(-vocab_size // _VOCAB_MULTIPLE) * _VOCAB_MULTIPLE
