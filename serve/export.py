"""Writes a trained model for other programs: as a Hugging Face folder or as a GGUF file.

    python -m serve.export --workdir=runs/laptop --output=exported
    python -m serve.export --workdir=runs/laptop --stage=base --dtype=bfloat16 --output=exported
    python -m serve.export --workdir=runs/laptop --format=gguf --dtype=q8_0 --output=model.gguf

A Hugging Face folder loads in `transformers` and in what is built on it: weights in safetensors,
tokenizer with chat template, and a model card with what the run has measured. In float32 it is the
model exactly: serve.import_hf makes the same parameters of it again. A GGUF file is what llama.cpp
runs.
"""

import pathlib

from absl import app, flags, logging

from data.errors import InputError, one_line_errors
from serve import gguf_file, safetensors_folder
from serve.exported import check_free, export_gguf, export_hf
from serve.load import load

DTYPES = {
    "hf": tuple(safetensors_folder.DTYPES),
    "gguf": tuple(gguf_file.FILE_TYPES),
}

WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder.")
STAGE = flags.DEFINE_string("stage", "chat", "The stage whose newest model is exported.")
FORMAT = flags.DEFINE_enum("format", "hf", list(DTYPES), "A Hugging Face folder or a GGUF file.")
OUTPUT = flags.DEFINE_string("output", None, "The folder or file to write; must not exist yet.")
DTYPE = flags.DEFINE_string(
    "dtype",
    "float32",
    f"Of the weights: {', '.join(DTYPES['hf'])}; in GGUF also q8_0 and q4_0.",
)


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    with one_line_errors():
        _check(argv)
        trained = load(WORKDIR.value, STAGE.value)
        write = export_gguf if FORMAT.value == "gguf" else export_hf
        write(trained, WORKDIR.value, STAGE.value, OUTPUT.value, DTYPE.value)
        print(f"{OUTPUT.value}: the model of the stage {STAGE.value}, step {trained.step}")


def _check(argv: list[str]) -> None:
    """Refuses what cannot be meant, before anything is loaded."""
    if len(argv) > 1:
        raise InputError(f"unexpected argument {argv[1]!r}; where to write is --output={argv[1]}")
    for flag, example in ((WORKDIR, "runs/laptop"), (OUTPUT, "exported")):
        if flag.value is None:
            raise InputError(f"no --{flag.name}; give one, such as --{flag.name}={example}")
    allowed = DTYPES[FORMAT.value]
    if DTYPE.value not in allowed:
        raise InputError(
            f"--dtype is {DTYPE.value}; with --format={FORMAT.value} it is one of "
            f"{', '.join(allowed)}"
        )
    check_free(pathlib.Path(OUTPUT.value), FORMAT.value == "hf")


if __name__ == "__main__":
    app.run(main)
