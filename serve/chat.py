"""Talking to a trained model in the terminal.

    python -m serve.chat --workdir=runs/laptop --base
    python -m serve.chat --workdir=runs/laptop --base --prompt="The capital of France is"

With --base, the base model goes on with a text. --prompt completes one text, printing what the
model adds, and exits; without it every line typed is completed. Ctrl-C stops a completion, Ctrl-D
(or the end of the input) ends the program.
"""

import sys
from collections.abc import Iterable

import jax
from absl import app, flags, logging

from data.errors import InputError, one_line_errors
from model.sampling import Sampling, sampling
from serve.complete import completion, prompt_ids, text_pieces
from serve.load import Trained, decoding_mesh, load

WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder.")
BASE = flags.DEFINE_bool("base", False, "Complete text with the base model.")
PROMPT = flags.DEFINE_string(
    "prompt", None, "Complete this text and exit; of an empty one, the model writes a beginning."
)
TEMPERATURE = flags.DEFINE_float("temperature", 0.8, "0 takes the most likely token.")
TOP_K = flags.DEFINE_integer("top_k", 0, "Only the k most likely tokens; 0: no limit.")
TOP_P = flags.DEFINE_float(
    "top_p", 0.95, "The fewest most likely tokens that together have this probability."
)
MIN_P = flags.DEFINE_float(
    "min_p", 0.0, "Only tokens at least this fraction as likely as the most likely one."
)
SEED = flags.DEFINE_integer(
    "seed", 0, "Of the choice of tokens; line n, counted from 0, has seed + n."
)
MAX_TOKENS = flags.DEFINE_integer("max_tokens", 256, "Most tokens to write.")

# A terminal obeys control characters, and a model may have learnt some: they are shown instead.
_SHOWN = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_SHOWN = {code: shown for code, shown in _SHOWN.items() if chr(code) not in "\n\t"}


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    with one_line_errors():
        settings = _settings(argv)
        sys.stdout.reconfigure(errors="backslashreplace")
        with jax.set_mesh(decoding_mesh()):
            trained = load(WORKDIR.value, "base")
            if PROMPT.value is not None:
                _complete(trained, PROMPT.value, settings, SEED.value)
            else:
                _complete_lines(trained, settings)


def _settings(argv: list[str]) -> Sampling:
    """The flags, checked before anything is loaded."""
    if len(argv) > 1:
        raise InputError(f'unexpected argument {argv[1]!r}; a text to complete is --prompt="..."')
    if WORKDIR.value is None:
        raise InputError("no --workdir; give the folder of a run, such as --workdir=runs/laptop")
    if not BASE.value:
        raise InputError(
            f"{WORKDIR.value} has no chat model; add --base to complete text with its base model"
        )
    if MAX_TOKENS.value < 1:
        raise InputError(f"--max_tokens is {MAX_TOKENS.value}; it must be at least 1")
    try:
        return sampling(1, TEMPERATURE.value, TOP_K.value, TOP_P.value, MIN_P.value)
    except ValueError as error:
        raise InputError(f"--{error}") from error


def _complete(trained: Trained, prompt: str, settings: Sampling, seed: int) -> None:
    ids = prompt_ids(trained, prompt)
    tokens = completion(trained, ids, settings, seed, MAX_TOKENS.value)
    _show(text_pieces(tokens, trained.tokenizer))


def _show(pieces: Iterable[str]) -> None:
    terminal = sys.stdout.isatty()
    for piece in pieces:
        sys.stdout.write(piece.translate(_SHOWN) if terminal else piece)
        sys.stdout.flush()
    print(flush=True)


def _complete_lines(trained: Trained, settings: Sampling) -> None:
    """Completes one line after another; what is wrong with a line ends that line alone."""
    terminal = sys.stdin.isatty()
    if terminal:
        import readline  # noqa: F401 - gives input() line editing and history

        print(
            f"{WORKDIR.value}, base model of step {trained.step}. Type the beginning of a text; "
            "Ctrl-C stops a completion, Ctrl-D ends.",
            file=sys.stderr,
        )
    number = 0
    while True:
        try:
            line = input("> " if terminal else "")
            _complete(trained, line, settings, SEED.value + number)
            number += 1
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
        except KeyboardInterrupt:
            print()
        except EOFError:
            if terminal:
                print()
            return


if __name__ == "__main__":
    app.run(main)
