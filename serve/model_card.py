"""The README.md of an exported model: what it is, what was measured, what may be done with it."""

import json
from collections.abc import Mapping

from model.parameters import count
from serve.hugging_face import family
from serve.load import Trained

_FAMILIES = {"qwen3": "Qwen3", "llama3": "Llama 3", "gpt2": "GPT-2"}


def model_card(trained: Trained, stage: str, figures: Mapping[str, float]) -> str:
    """Markdown with the YAML head that model hubs read.

    Args:
        stage: of the run, whose model this is.
        figures: the run's report.json, "stage/metric" -> number.
    """
    config, architecture = trained.config, trained.architecture
    name = f"{config.name} ({stage})"
    head = {
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["primer", "jax"],
        "model_name": name,
    }
    lines = ["---"]
    lines += [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
    lines += ["---", "", f"# {_plain(name)}", ""]
    lines += [
        f"A language model of {count(architecture):,} parameters, trained with Primer: the stage "
        f"`{stage}`, step {trained.step}.",
        "",
        f"- Architecture: {_FAMILIES[family(architecture)]}, {architecture.layers} layers of width "
        f"{architecture.width}, {architecture.heads} heads of {architecture.head_dim} "
        f"({architecture.kv_heads} of keys and values)",
        f"- Context: {architecture.context} tokens",
        f"- Vocabulary: {trained.tokenizer.vocab_size} tokens, embedding of "
        f"{architecture.vocab_size} rows",
        f"- Text of pretraining: `{_plain(_without_folders(config.data.source))}`",
        "",
        "## Measured",
        "",
    ]
    if figures:
        lines += ["All figures of the run's report.", "", "| stage / metric | value |", "|---|---|"]
        lines += [f"| {_plain(key)} | {value:.6g} |" for key, value in sorted(figures.items())]
    else:
        lines += ["The run has no report."]
    lines += [
        "",
        "## Licence",
        "",
        "Primer's code is under the Apache License 2.0. That says nothing of these weights: their "
        "licence is for whoever trained them to choose, and the text they were trained on, and the "
        "model they may have been started from, can bind that choice. None has been entered here; "
        "name it as `license` above before you publish the model.",
        "",
        "## Limits",
        "",
        "The model can be wrong, and can write what is untrue or harmful with confidence. Measure "
        "it for your purpose before you rely on it.",
    ]
    return "\n".join(lines) + "\n"


def _without_folders(sources: str) -> str:
    """Names of files alone: the folders of a machine are not for the public."""
    return ", ".join(source.rpartition("/")[2] for source in sources.split(","))


def _plain(text: str) -> str:
    """Text that ends no line, table cell or code of Markdown."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("`", "'")
