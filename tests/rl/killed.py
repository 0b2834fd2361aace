"""Runs of tests.rl.toy_program, and what is left of them where they are killed."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Container

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


def whole(
    workdir: pathlib.Path,
    name: str,
    moments: Container[int] = (),
    left: pathlib.Path | None = None,
) -> str:
    """Runs to the end; what it said.

    `left` becomes the folder as a kill would have left it when the figures of the last of the steps
    `moments` were out: a copy of it, made while the program is stopped.
    """
    process = _start(workdir, name)
    said = []
    for line in process.stderr:
        said.append(line)
        figures = re.match(rf"{'ppo' if name == 'ppo' else 'rl'} (\d+)/", line)
        if figures and int(figures[1]) in moments:
            process.send_signal(signal.SIGSTOP)
            shutil.rmtree(left, ignore_errors=True)
            shutil.copytree(workdir, left)
            process.send_signal(signal.SIGCONT)
    if process.wait(timeout=300):
        raise AssertionError("".join(said))
    return "".join(said)


def state_of(folder: pathlib.Path) -> dict[str, bytes]:
    """Every array of the newest checkpoint of a stage, as bytes."""
    steps = [int(path.name) for path in (folder / "checkpoints").iterdir() if path.name.isdigit()]
    return final_state(folder.parent, folder.name, max(steps))
