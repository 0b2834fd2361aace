"""A run that takes seconds: three steps of a small model on a small text of many scripts."""

import atexit
import functools
import pathlib
import random
import tempfile

from configs.defaults import get_config
from data import tokenizer, tokens
from train import pretrain

_WORDS = "the cat sat on a mat and Zoë saw 日本語 😀 naïve dogs run fast over hills".split()


@functools.cache
def folder() -> pathlib.Path:
    """Where the run is (run/, with checkpoints of steps 2 and 3) and what it read (training.txt,
    held_out.txt). Made once for all tests: one that changes something copies it first."""
    temporary = tempfile.TemporaryDirectory()
    atexit.register(temporary.cleanup)
    place = pathlib.Path(temporary.name)
    _write_text(place / "training.txt", seed=0, paragraphs=200)
    _write_text(place / "held_out.txt", seed=1, paragraphs=20)
    config = get_config()
    config.data.source = str(place / "training.txt")
    config.data.validation = str(place / "held_out.txt")
    config.data.document_bytes = 200
    config.tokenizer.vocab_size = 300
    config.model.depth = 1
    # A completion can be long enough to be interrupted.
    config.model.context, config.train.context = 4096, 64
    config.mesh.data = config.mesh.cpu_devices = 8
    config.train.batch = 8
    config.train.steps = 3
    config.train.optimizer = "adamw"  # compiles faster
    config.train.average = 0.9
    config.checkpoint.steps = 1
    config.watch.sample_tokens = 0
    config.watch.eval_steps = 3
    for stage in (tokenizer, tokens, pretrain):
        stage.run(config, str(place / "run"))
    return place


def _write_text(path: pathlib.Path, seed: int, paragraphs: int) -> None:
    draw = random.Random(seed)
    lines = (" ".join(draw.choices(_WORDS, k=30)) + "." for _ in range(paragraphs))
    path.write_text("\n\n".join(lines), encoding="utf-8")
