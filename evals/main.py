"""Evaluates a checkpoint of a run, and writes the figures into the run's report.json.

    python -m evals.main --workdir=runs/laptop
    python -m evals.main --workdir=runs/laptop --text=book.txt
    python -m evals.main --workdir=runs/laptop --data=DIR --tasks=arc_easy,piqa --limit=200
    python -m evals.main --workdir=runs/laptop --data=DIR --tasks=core

With --text, bits per byte are those of a text of yours, and only printed: report.json keeps those
of the run's held-out text.

The other tasks ask questions from files in the folder --data; what they read is in evals/tasks/.
"core" is all of CORE's tasks whose files are there, and the mean over them of accuracies centred at
chance. Every item, with its prompt, answer and verdict, is a line of
WORKDIR/evals/STAGE/TASK.jsonl.

A Hugging Face folder becomes a run to measure by python -m serve.import_hf.
"""

import difflib
import json
import math
import pathlib
import sys

import jax
from absl import app, flags, logging
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data.errors import InputError, one_line_errors
from data.run_folder import record, write_atomically
from evals import bits_per_byte, suite
from evals.tasks import tasks
from model.sharding import batch_parts, make_mesh
from serve.load import WEIGHTS, load, read_config
from train import pretrain

BITS_PER_BYTE = "bits_per_byte"
TASKS = (BITS_PER_BYTE, suite.CORE, *tasks())

WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder.")
STAGE = flags.DEFINE_string("stage", "base", "Which stage's newest checkpoint.")
NAMES = flags.DEFINE_list("tasks", [BITS_PER_BYTE], f"Any of {', '.join(TASKS)}.")
PRECISION = flags.DEFINE_enum(
    "weights", WEIGHTS[0], WEIGHTS, "What the weights are served as; figures of int8 are named so."
)
TEXT = flags.DEFINE_string(
    "text", None, "A source, as config.data.source, to take bits_per_byte on instead."
)
DATA = flags.DEFINE_string("data", None, "The folder of the tasks' files.")
LIMIT = flags.DEFINE_integer("limit", 0, "Most items of a task; 0: all.", lower_bound=0)
SHOTS = flags.DEFINE_integer(
    "shots", None, "Examples before an item. Default: as each task has them.", lower_bound=0
)
SAMPLES = flags.DEFINE_integer(
    "samples",
    1,
    "Texts an item where the model writes: 1 is its likeliest; of more, answers are the majority's "
    "and programs have pass@1 and pass@SAMPLES.",
    lower_bound=1,
)
SEED = flags.DEFINE_integer("seed", 0, "Of examples and samples.")


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    with one_line_errors():
        _check(argv)
        if TEXT.value is not None or BITS_PER_BYTE in NAMES.value:
            _bits_per_byte()
        if set(NAMES.value) != {BITS_PER_BYTE}:
            _suite()


def _bits_per_byte() -> None:
    workdir, stage = WORKDIR.value, STAGE.value
    config = read_config(workdir, stage)
    if config.mesh.cpu_devices:
        jax.config.update("jax_num_cpu_devices", config.mesh.cpu_devices)
    mesh = _mesh(config)
    with jax.set_mesh(mesh):
        trained = load(workdir, stage, mesh, PRECISION.value)
        reading = pretrain.reading_as_base(trained.config, workdir, otherwise=trained.config)
        trained = trained._replace(config=reading)
        if TEXT.value is not None:
            _print(f"{TEXT.value}: ", bits_per_byte.of_text(trained, mesh, TEXT.value, workdir))
            return
        found = bits_per_byte.held_out(trained, mesh, workdir)
    if stage != pretrain.NAME:
        # What fine-tuning calls its val_loss is that of conversations.
        found["text_loss"] = found.pop("val_loss")
    figures = _named(found)
    _print(f"{stage}/", figures)
    _record(figures)


def _suite() -> None:
    """The tasks of the suite, on as many devices as decode fastest."""
    data = pathlib.Path(DATA.value)
    names, absent = _suite_names(data)
    suite.check(names, data, SHOTS.value)
    trained = load(WORKDIR.value, STAGE.value, weights=PRECISION.value)
    settings = suite.Settings(data, LIMIT.value, SHOTS.value, SAMPLES.value, SEED.value)
    results = {}
    for name in names:
        task = tasks()[name]
        results[name] = suite.run(task, trained, STAGE.value, settings)
        (label,) = _named({name: 0.0})
        suite.keep(WORKDIR.value, STAGE.value, label, results[name].lines)
        for line in suite.said(results[name], task.chance):
            print(f"{STAGE.value}/{name}{line}", flush=True)
        _record(_named({f"{name}{key}": v for key, v in results[name].figures.items()}))
    if suite.CORE in NAMES.value:
        _core(results, absent)


def _suite_names(data: pathlib.Path) -> tuple[list[str], list[str]]:
    """The tasks asked for, each once, and those of CORE that "core" lacks the files of."""
    found, absent = [], []
    for name in NAMES.value:
        if name == suite.CORE:
            here, absent = suite.core_present(data)
            found += here
        elif name != BITS_PER_BYTE:
            found.append(name)
    return list(dict.fromkeys(found)), absent


def _core(results: dict[str, suite.Result], absent: list[str]) -> None:
    figures = suite.core_mean(results)
    over = [name for name in results if tasks()[name].core]
    print(
        f"{STAGE.value}/centred_mean {figures['centred_mean']:.4f}: the mean of "
        f"(accuracy - chance) / (1 - chance) over {len(over)} of CORE's tasks: {', '.join(over)}"
    )
    if absent:
        print(f"without {', '.join(absent)}: no file in {DATA.value}", file=sys.stderr)
    _record(_named(figures))
    if jax.process_index() == 0:
        (label,) = _named({suite.CORE: 0.0})
        told = figures | {"tasks": over, "absent": absent}
        path = pathlib.Path(WORKDIR.value) / suite.FOLDER / STAGE.value / f"{label}.json"
        write_atomically(path, json.dumps(told, indent=2) + "\n")


def _record(figures: dict[str, float]) -> None:
    if jax.process_index() == 0:
        record(WORKDIR.value, {f"{STAGE.value}/{key}": value for key, value in figures.items()})


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
    if not NAMES.value:
        raise InputError(f"--tasks names no task; there are: {', '.join(TASKS)}")
    if TEXT.value is not None and NAMES.value != [BITS_PER_BYTE]:
        raise InputError("--text is for --tasks=bits_per_byte alone: leave one of the two out")
    if DATA.value is None and set(NAMES.value) != {BITS_PER_BYTE}:
        name = next(name for name in NAMES.value if name != BITS_PER_BYTE)
        raise InputError(f"no --data; give the folder of the files that --tasks={name} asks from")


def _mesh(config: ConfigDict) -> Mesh:
    """The stage's own mesh, where figures equal training's to the last digit; if these devices do
    not make it up, as many of them as can share a batch."""
    shape, rows = config.mesh, config.train.batch // config.train.accumulate
    try:
        mesh = make_mesh(shape.data, shape.fsdp, shape.tensor)
        if rows % batch_parts(mesh) == 0:
            return mesh
    except ValueError:
        pass  # made for other devices than these
    devices = jax.devices()[: math.gcd(rows, len(jax.devices()))]
    print(f"not on the mesh of training, but on {len(devices)} device(s)", file=sys.stderr)
    return make_mesh(data=1, fsdp=-1, tensor=1, devices=devices)


def _named(figures: dict[str, float]) -> dict[str, float]:
    """Under names of their own where the weights are not those of training."""
    ending = "" if PRECISION.value == WEIGHTS[0] else f"_{PRECISION.value}"
    return {f"{name}{ending}": value for name, value in figures.items()}


def _print(prefix: str, figures: dict[str, float]) -> None:
    for name, value in figures.items():
        print(f"{prefix}{name} {value:.6f}")


if __name__ == "__main__":
    app.run(main)
