"""Evaluates a checkpoint of a run, and writes the figures into the run's report.json.

    python -m evals.main --workdir=runs/laptop
    python -m evals.main --workdir=runs/laptop --text=book.txt

With --text, bits per byte are those of a text of yours, and only printed: report.json keeps those
of the run's held-out text.
"""

import dataclasses
import difflib
import math
import sys

import jax
from absl import app, flags, logging
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data.errors import InputError, one_line_errors
from data.run_folder import record
from evals import bits_per_byte
from model.attention import check_backend
from model.sharding import make_mesh
from serve.load import WEIGHTS, Trained, load, read_config

# Task -> function of (trained stage, mesh, workdir) to its figures.
TASKS = {"bits_per_byte": bits_per_byte.held_out}

WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder.")
STAGE = flags.DEFINE_string("stage", "base", "Which stage's newest checkpoint.")
NAMES = flags.DEFINE_list("tasks", ["bits_per_byte"], f"Any of {', '.join(TASKS)}.")
PRECISION = flags.DEFINE_enum(
    "weights", WEIGHTS[0], WEIGHTS, "What the weights are served as; figures of int8 are named so."
)
TEXT = flags.DEFINE_string(
    "text", None, "A source, as config.data.source, to take bits_per_byte on instead."
)


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    with one_line_errors():
        _check(argv)
        workdir, stage = WORKDIR.value, STAGE.value
        config = read_config(workdir, stage)
        if config.mesh.cpu_devices:
            jax.config.update("jax_num_cpu_devices", config.mesh.cpu_devices)
        mesh = _mesh(config)
        with jax.set_mesh(mesh):
            trained = _runnable(load(workdir, stage, mesh, PRECISION.value), mesh)
            if TEXT.value is not None:
                _print(f"{TEXT.value}: ", bits_per_byte.of_text(trained, mesh, TEXT.value))
                return
            for name in NAMES.value:
                figures = _named(TASKS[name](trained, mesh, workdir))
                _print(f"{stage}/", figures)
                if jax.process_index() == 0:
                    record(workdir, {f"{stage}/{key}": value for key, value in figures.items()})


def _check(argv: list[str]) -> None:
    """Refuses what cannot be meant, before anything is loaded."""
    if len(argv) > 1:
        raise InputError(f"unexpected argument {argv[1]!r}; a text to measure is --text=FILE")
    if WORKDIR.value is None:
        raise InputError("no --workdir; give the folder of a run, such as --workdir=runs/laptop")
    for name in NAMES.value:
        if name not in TASKS:
            near = difflib.get_close_matches(name, TASKS, n=1, cutoff=0.0)[0]
            raise InputError(
                f"no task {name!r}; did you mean {near!r}? There are: {', '.join(TASKS)}"
            )
    if TEXT.value is not None and NAMES.value != ["bits_per_byte"]:
        raise InputError("--text is for --tasks=bits_per_byte alone: leave one of the two out")


def _mesh(config: ConfigDict) -> Mesh:
    """The stage's own mesh, where figures equal training's to the last digit; if these devices do
    not make it up, as many of them as can share a batch."""
    shape, rows = config.mesh, config.train.batch // config.train.accumulate
    try:
        mesh = make_mesh(shape.data, shape.fsdp, shape.tensor)
        if rows % (mesh.shape["data"] * mesh.shape["fsdp"]) == 0:
            return mesh
    except ValueError:
        pass  # made for other devices than these
    devices = jax.devices()[: math.gcd(rows, len(jax.devices()))]
    print(f"not on the mesh of training, but on {len(devices)} device(s)", file=sys.stderr)
    return make_mesh(data=1, fsdp=-1, tensor=1, devices=devices)


def _runnable(trained: Trained, mesh: Mesh) -> Trained:
    """With the reference attention, where the one of training does not run on these devices."""
    architecture = trained.architecture
    try:
        check_backend(architecture.attention, architecture.dtype, mesh.devices.flat[0].platform)
        return trained
    except ValueError:
        print(f"without {architecture.attention} attention, which is not here", file=sys.stderr)
        return trained._replace(architecture=dataclasses.replace(architecture, attention="xla"))


def _named(figures: dict[str, float]) -> dict[str, float]:
    """Under names of their own where the weights are not those of training."""
    ending = "" if PRECISION.value == WEIGHTS[0] else f"_{PRECISION.value}"
    return {f"{name}{ending}": value for name, value in figures.items()}


def _print(prefix: str, figures: dict[str, float]) -> None:
    for name, value in figures.items():
        print(f"{prefix}{name} {value:.6f}")


if __name__ == "__main__":
    app.run(main)
