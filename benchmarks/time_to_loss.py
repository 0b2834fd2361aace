"""Seconds from an empty folder to 1.88 nats per character of Shakespeare, against nanoGPT.

    git clone https://github.com/karpathy/nanoGPT
    python -m benchmarks.time_to_loss --text=input.txt --nanogpt=nanoGPT [--rounds=3]

nanoGPT publishes that loss for its CPU setting: 4 layers, 4 heads, width 128, context 64, batch 12,
2,000 steps. Both sides train a model of those sizes on the first nine tenths of the text and are
measured on the last tenth. Both run as their users start them, whole processes in turn, imports
and compilation counted: `python -m train.main --config=configs/shakespeare.py`, from the plain text
on, with its sampling turned off and no evaluation before its last step; and nanoGPT's own train.py,
from data already prepared.

nanoGPT's clock stops when the validation loss that it prints (an estimate from 20 random batches,
every 250 steps) is at the target, or at its end if that never happens. Ours stops when the loss
over all of the validation text, as written to metrics.jsonl, is; if it is not, the run has failed.

Needs PyTorch beside requirements-dev.txt.
"""

import importlib.util
import json
import os
import pathlib
import pickle
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import app, flags

TEXT = flags.DEFINE_string("text", None, "Tiny Shakespeare: one file of plain text.", required=True)
NANOGPT = flags.DEFINE_string("nanogpt", None, "A checkout of nanoGPT.", required=True)
TARGET = flags.DEFINE_float("target", 1.88, "Nats per character on the last tenth of the text.")
ROUNDS = flags.DEFINE_integer("rounds", 3, "Runs of each side.", lower_bound=1)

ROOT = pathlib.Path(__file__).parents[1]
# nanoGPT's README, "I only have a macbook".
SETTING = (
    "--device=cpu --compile=False --eval_iters=20 --log_interval=1 --block_size=64 "
    "--batch_size=12 --n_layer=4 --n_head=4 --n_embd=128 --max_iters=2000 "
    "--lr_decay_iters=2000 --dropout=0.0"
).split()


def primer(training: str, validation: str, folder: pathlib.Path, target: float) -> float:
    """Seconds until metrics.jsonl holds a validation loss at most `target`."""
    (folder / "train.txt").write_text(training, encoding="utf-8")
    (folder / "validation.txt").write_text(validation, encoding="utf-8")
    metrics = folder / "run" / "base" / "metrics.jsonl"
    command = [
        *(sys.executable, "-m", "train.main", "--config=configs/shakespeare.py"),
        f"--workdir={folder / 'run'}",
        f"--config.data.source={folder / 'train.txt'}",
        f"--config.data.validation={folder / 'validation.txt'}",
        *("--config.watch.prompts=()", "--config.watch.eval_steps=1000000"),
    ]
    start = time.perf_counter()
    with (folder / "output").open("w+") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        losses: list[float] = []
        try:
            while process.poll() is None and not losses:
                time.sleep(0.05)
                losses = _validation_losses(metrics)
            seconds = time.perf_counter() - start
            losses = losses or _validation_losses(metrics)
        finally:
            process.terminate()
            process.wait()
        if not losses:
            output.seek(0)
            sys.exit(f"error: train.main ended without a loss:\n{output.read()[-2000:]}")
    print(f"Primer   {losses[-1]:.4f} nats per character after {seconds:.1f} s", flush=True)
    if losses[-1] > target:
        sys.exit(f"error: that is above {target}")
    return seconds


def _validation_losses(metrics: pathlib.Path) -> list[float]:
    text = metrics.read_text() if metrics.exists() else ""
    lines = text.rpartition("\n")[0].splitlines()  # the last one may be half written
    return [record["val_loss"] for record in map(json.loads, lines) if "val_loss" in record]


def nanogpt(
    training: str, validation: str, checkout: pathlib.Path, folder: pathlib.Path, target: float
) -> float:
    """Seconds until nanoGPT prints a validation loss at most `target`, or ends."""
    copy = folder / "nanogpt"
    shutil.copytree(checkout, copy, ignore=shutil.ignore_patterns(".git", "out*"))
    characters = sorted(set(training + validation))
    ids = {character: number for number, character in enumerate(characters)}
    data = copy / "data" / "shakespeare_char"
    for name, text in (("train.bin", training), ("val.bin", validation)):
        np.array([ids[character] for character in text], np.uint16).tofile(data / name)
    vocabulary = {"vocab_size": len(ids), "stoi": ids, "itos": dict(enumerate(characters))}
    (data / "meta.pkl").write_bytes(pickle.dumps(vocabulary))

    command = [sys.executable, "train.py", "config/train_shakespeare_char.py", *SETTING]
    start = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=copy,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        loss, tail = float("inf"), ""
        for line in process.stdout:
            tail = tail[-2000:] + line
            if found := re.match(r"step \d+: train loss \S+, val loss (\S+)", line):
                loss = float(found[1])
                if loss <= target:
                    break
        seconds = time.perf_counter() - start
        process.terminate()
    if loss == float("inf"):
        sys.exit(f"error: nanoGPT's train.py ended without a loss:\n{tail}")
    print(f"nanoGPT  {loss:.4f} nats per character after {seconds:.1f} s", flush=True)
    return seconds


def main(argv: list[str]) -> None:
    if argv[1:]:
        sys.exit(f"error: unexpected argument {argv[1]!r}")
    if importlib.util.find_spec("torch") is None:
        sys.exit("error: nanoGPT needs PyTorch: pip install torch")
    checkout = pathlib.Path(NANOGPT.value)
    for path in (pathlib.Path(TEXT.value), checkout / "train.py"):
        if not path.exists():
            sys.exit(f"error: there is no {path}")
    text = pathlib.Path(TEXT.value).read_text(encoding="utf-8")
    training, validation = text[: int(len(text) * 0.9)], text[int(len(text) * 0.9) :]
    seconds: tuple[list[float], list[float]] = [], []
    for _ in range(ROUNDS.value):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            seconds[0].append(primer(training, validation, folder, TARGET.value))
            seconds[1].append(nanogpt(training, validation, checkout, folder, TARGET.value))
    ours, theirs = map(statistics.median, seconds)
    print(f"medians  Primer {ours:.1f} s, nanoGPT {theirs:.1f} s, ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    app.run(main)
