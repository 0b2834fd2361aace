"""Runs of tests.rl.toy_program, left alone or killed."""

import os
import pathlib
import subprocess
import sys

from tests.train.final_state import final_state

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _start(workdir: pathlib.Path, name: str) -> subprocess.Popen:
    settings = {"XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.rl.toy_program", str(workdir), name],
        cwd=ROOT,
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def whole(workdir: pathlib.Path, name: str) -> str:
    """Runs to the end; what it said."""
    process = _start(workdir, name)
    _, said = process.communicate(timeout=300)
    if process.returncode:
        raise AssertionError(said)
    return said


def killed_after(workdir: pathlib.Path, name: str, step: int) -> None:
    """Runs until the figures of a step are out, and kills it."""
    process = _start(workdir, name)
    for line in process.stderr:
        if line.split(" ")[:1] == [name if name == "ppo" else "rl"] and f" {step}/" in line:
            process.kill()
            break
    process.communicate()


def state_of(folder: pathlib.Path) -> dict[str, bytes]:
    """Every array of the newest checkpoint of a stage, as bytes."""
    steps = [int(path.name) for path in (folder / "checkpoints").iterdir() if path.name.isdigit()]
    return final_state(folder.parent, folder.name, max(steps))
