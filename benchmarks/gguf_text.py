"""Greedy text of Primer's engine against llama.cpp's, from an exported GGUF file in float32.

    python -m benchmarks.gguf_text --workdir=runs/laptop --stage=chat [--tokens=64]

The stage is exported to a file of its own, and both write after the same prompts, one at a time.
Printed is how many of the texts are the same to the last token, how many tokens of the others are
the same before the first that differs, whether both cut the prompts into the same tokens, and the
ratio of their speeds. Rounding may decide between two tokens that are equally likely; nothing else
should differ.

Needs llama-cpp-python, which is built from its source, beside requirements.txt.
"""

import pathlib
import statistics
import sys
import tempfile
import time

import jax
import numpy as np
from absl import app, flags, logging

from benchmarks.llama_cpp_model import LlamaCpp, ours
from data.conversations import prompt_ids
from data.errors import InputError, one_line_errors
from serve.exported import export_gguf
from serve.load import Trained, load

WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder.")
STAGE = flags.DEFINE_string("stage", "chat", "The stage whose newest model writes.")
TOKENS = flags.DEFINE_integer("tokens", 64, "Tokens after each prompt.", lower_bound=1)

BEGINNINGS = ("Once upon a time", "The capital of France is", "Q: What do cows eat?", "Water is")
QUESTIONS = ("Who are you?", "What is the capital of France?", "What is 12 times 34?", "Hello!")


def agreement(one: list[int], other: list[int]) -> int:
    """Tokens before the first that differs."""
    differing = (i for i, (x, y) in enumerate(zip(one, other, strict=True)) if x != y)
    return next(differing, len(one))


def compare(trained: Trained, workdir: str, stage: str, tokens: int) -> str:
    """One line of figures."""
    tokenizer, context = trained.tokenizer, trained.architecture.context
    end = tokenizer.end_of_text
    prompts = [np.array([end, *tokenizer.encode(text)]) for text in BEGINNINGS]
    if stage != "base":
        asked = [[{"role": "user", "content": text}] for text in QUESTIONS]
        prompts += [prompt_ids(tokenizer, messages) for messages in asked]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.gguf"
        export_gguf(trained, workdir, stage, path)
        llama = LlamaCpp(path, context)
        ours(trained, prompts[:1], tokens)  # compiles
        sides = []
        for write in (
            lambda: ours(trained, prompts, tokens),
            lambda: [llama.write(prompt, tokens) for prompt in prompts],
        ):
            start = time.perf_counter()
            sides.append((write(), time.perf_counter() - start))
        same_cut = all(
            llama.encode(text) == tokenizer.encode(text).tolist()
            for text in (*BEGINNINGS, *QUESTIONS)
        )
    same = [agreement(*pair) for pair in zip(sides[0][0], sides[1][0], strict=True)]
    whole = sum(count == tokens for count in same)
    rates = [len(prompts) * tokens / seconds for _, seconds in sides]
    return (
        f"{whole} of {len(prompts)} texts of {tokens} tokens are the same, the median up to token "
        f"{statistics.median(same):.0f}; prompts cut {'alike' if same_cut else 'DIFFERENTLY'}; "
        f"Primer {rates[0]:,.0f} tokens/s, llama.cpp {rates[1]:,.0f}, ratio "
        f"{rates[0] / rates[1]:.2f}"
    )


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    with one_line_errors():
        if WORKDIR.value is None or len(argv) > 1:
            raise InputError("give the folder of a run, such as --workdir=runs/laptop")
        try:
            import llama_cpp  # noqa: F401
        except ImportError:
            sys.exit("error: there is no llama_cpp to compare with: pip install llama-cpp-python")
        jax.config.update("jax_num_cpu_devices", 1)
        trained = load(WORKDIR.value, STAGE.value)
        print(compare(trained, WORKDIR.value, STAGE.value, TOKENS.value))


if __name__ == "__main__":
    app.run(main)
