"""The front door: runs the stages of a config in order, skipping what is done.

    python -m train.main --config=configs/laptop.py
    python -m train.main --config=configs/gpt_small.py:smoke --workdir=runs/try --config.seed=1

A run may be stopped at any moment (Ctrl-C, SIGTERM, a power cut); the same command goes on. Each
stage is announced, with its seconds when it ends; at the end stands what can be done with the run.
On several hosts, start the same command on each with --distributed; the workdir must be one that
all of them see.

Exit status: 0 done, 1 the loss diverged, 2 something in the call or the input must be put right (a
config too large for the devices' memory, too), 128 + n stopped by signal n with everything saved.
"""

import functools
import importlib
import inspect
import json
import os
import pathlib
import re
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import jax
from absl import app, flags, logging
from ml_collections import ConfigDict, config_flags

from data.errors import InputError, one_line_errors
from data.json_object import differences, read_object
from data.run_folder import figures_of, write_atomically
from train import hosts, memory, progress
from train.loop import Diverged, Stopped
from train.next_steps import next_steps

CONFIG = config_flags.DEFINE_config_file("config", help_string="A file of configs/, with :variant.")
WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder; runs/<config.name> if not given.")
DISTRIBUTED = flags.DEFINE_bool("distributed", False, "One of several hosts (jax.distributed).")
COORDINATOR = flags.DEFINE_string(
    "coordinator_address", None, "host:port of process 0, where JAX cannot find it out by itself."
)
PROCESSES = flags.DEFINE_integer("num_processes", None, "How many hosts, likewise.")
PROCESS = flags.DEFINE_integer("process_id", None, "Which of them this is, likewise.")

# The parameters of a stage's function `run`.
_STAGE = ["config", "workdir"]
# Stages that ask a model on one host: the first words of their names.
_ON_ONE_HOST = ("rl.", "evals.interrogate", "evals.assistant")
# Sections and keys that may differ when a run is taken up again: they change neither what is
# computed nor what was computed before.
_FREE = ("name", "stages", "mesh", "watch", "checkpoint.steps", "checkpoint.keep", "web.processes")


def run(config: ConfigDict, workdir: str) -> None:
    """Runs config.stages in `workdir`. On several hosts, host 0 alone prepares the data.

    A stage is the name of a module; "train.sft:sft=sft_again" runs it with the section
    config.sft_again in the place of config.sft, so that one module may be several stages.

    Raises:
        InputError: before the first stage if one that is named cannot be run; else as the stages,
            or a device's memory is too small.
    """
    lead = jax.process_index() == 0
    stages = [_stage(config, name) for name in config.stages]
    with memory.watched() as peak_gb:
        for number, (name, run_stage) in enumerate(
            zip(config.stages, stages, strict=True), start=1
        ):
            said = f"stage {number} of {len(stages)}: {name}"
            with _announced(config, workdir, name, said, peak_gb) if lead else nullcontext():
                if lead or not name.startswith("data."):
                    _run_stage(run_stage, workdir, name)
                hosts.wait_for_all(said)


def _announced(
    config: ConfigDict, workdir: str, name: str, said: str, peak_gb: Callable[[], float]
) -> AbstractContextManager[None]:
    expected, figures = config.watch.stage_seconds, figures_of(workdir)
    left = progress.time_left(expected, config.stages, name, figures)
    return progress.stage(workdir, name, said, left, peak_gb)


def _run_stage(run_stage: Callable[[str], None], workdir: str, name: str) -> None:
    try:
        run_stage(workdir)
    except InputError as error:
        _, exchange = _parts(name)
        if not exchange:
            raise
        section, replacement = exchange
        raise InputError(
            f"{error} (config.{section} is config.{replacement} in the stage {name})"
        ) from error
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise InputError(
            f"the stage {name} needs more memory than the devices have "
            f"({str(error).splitlines()[0][:200]}): raise train.accumulate or mesh.fsdp, lower "
            "train.batch, or set model.remat=full or model.loss_chunk"
        ) from error


def _parts(name: str) -> tuple[str, tuple[str, str] | None]:
    """Of a name in config.stages the module and, if it exchanges sections, which for which."""
    module, _, exchange = name.partition(":")
    section, _, replacement = exchange.partition("=")
    return module, (section, replacement) if exchange else None


def _stage(config: ConfigDict, name: str) -> Callable[[str], None]:
    """workdir -> what config.stages names `name`, done in it."""
    module, exchange = _parts(name)
    run_stage = _function(module)
    if jax.process_count() > 1 and module.startswith(_ON_ONE_HOST):
        raise InputError(
            f"config.stages names {name!r}, which runs on one host: leave it out here, and run it "
            "on one alone"
        )
    return functools.partial(run_stage, _exchanged(config, name, exchange))


def _function(module: str) -> Callable[[ConfigDict, str], None]:
    if not re.fullmatch(r"\w+(\.\w+)*", module):
        raise InputError(f"config.stages names {module!r}, which is no module's name")
    try:
        run_stage = getattr(importlib.import_module(module), "run", None)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise InputError(
            f"config.stages names {module!r}, which is no module of this project"
        ) from error
    if not callable(run_stage) or _STAGE != list(inspect.signature(run_stage).parameters):
        raise InputError(
            f"config.stages names {module!r}, which is no stage: it has no run(config, workdir)"
        )
    return run_stage


def _exchanged(config: ConfigDict, stage: str, exchange: tuple[str, str] | None) -> ConfigDict:
    if not exchange:
        return config
    section, replacement = exchange
    for name in (section, replacement):
        if not isinstance(config.get(name), ConfigDict):
            raise InputError(f"config.stages has {stage!r}, but there is no config.{name}")
    result = config.copy_and_resolve_references().unlock()
    result[section] = result[replacement]
    return result.lock()


def claim(config: ConfigDict, workdir: str) -> None:
    """Writes config.json into a new workdir, or checks that an old one was made by this config.

    Raises:
        InputError: it was made by another; names the keys.
    """
    path = pathlib.Path(workdir) / "config.json"
    if os.path.exists(workdir) and not os.path.isdir(workdir):
        raise InputError(f"--workdir={workdir} is a file: give a folder")
    mine = json.loads(config.to_json_best_effort())
    if path.exists():
        try:
            theirs = read_object(path)
        except InputError as error:
            raise InputError(f"{error}: restore it, or give another --workdir") from error
        differing = [
            f"{key} was {before}, now {now}"
            for key, (before, now) in differences((theirs, mine))
            if not f"{key}.".startswith(tuple(f"{free}." for free in _FREE))
        ]
        if differing:
            raise InputError(
                f"{workdir} was made with another config ({'; '.join(differing)}): give another "
                "--workdir, delete the folder, or set the keys back"
            )
    write_atomically(path, json.dumps(mine, indent=2) + "\n")


def _config() -> ConfigDict:
    try:
        config = CONFIG.value
    except OSError as error:
        name = config_flags.get_config_filename(flags.FLAGS["config"])
        if pathlib.Path(name).is_file():
            raise
        raise InputError(f"no config file {name!r}; those at hand are in configs/") from error
    if config is None:
        raise InputError("no --config; try --config=configs/laptop.py")
    return config


def _start(config: ConfigDict) -> None:
    """Sets up devices; must come before any computation.

    Raises:
        InputError: flags that name other hosts without --distributed, or that without other hosts.
    """
    if config.mesh.cpu_devices:
        jax.config.update("jax_num_cpu_devices", config.mesh.cpu_devices)
    named = [flag for flag in (COORDINATOR, PROCESSES, PROCESS) if flag.value is not None]
    if not DISTRIBUTED.value:
        if named:
            raise InputError(f"--{named[0].name} is for several hosts: add --distributed")
        return
    try:
        jax.distributed.initialize(COORDINATOR.value, PROCESSES.value, PROCESS.value)
    except ValueError as error:
        raise InputError(
            f"--distributed does not find the other hosts ({str(error).splitlines()[0]}): give "
            "--coordinator_address, --num_processes and --process_id"
        ) from error
    if jax.process_count() == 1:
        # JAX notes SIGTERM for steps that hosts agree on, and what is not a step would not end.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def parse(argv: list[str]) -> list[str]:
    """absl's parser, with one sentence for a flag, a key or a variant that does not exist."""
    with one_line_errors():
        try:
            return flags.FLAGS(argv)
        except flags.Error as error:
            # Of a config that refuses its variant there is a whole traceback, the reason last.
            reason = re.findall(r"(?m)^ *ValueError: (.+)$", str(error))
            raise InputError(reason[-1] if reason else str(error)) from error
        except (KeyError, AttributeError) as error:
            near = re.search(r'Did you mean "(.+?)" instead of "(.+?)"', str(error))
            if near:
                raise InputError(f"no config key {near[2]!r}; did you mean {near[1]!r}?") from error
            raise InputError(
                f"no config key {error}; configs/defaults.py lists them all"
            ) from error
        except TypeError as error:  # a value of another type than the key's
            raise InputError(str(error)) from error


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    with one_line_errors():
        if len(argv) > 1:
            raise InputError(f"unexpected argument {argv[1]!r}; settings are --config.key=value")
        config = _config()
        workdir = WORKDIR.value or os.path.join("runs", config.name)
        _start(config)
        if jax.process_index() == 0:
            claim(config, workdir)
        try:
            run(config, workdir)
        except Diverged as error:
            sys.exit(f"error: {error}")
        except Stopped as stopped:
            print(stopped, file=sys.stderr)
            sys.exit(128 + stopped.signum)
        if jax.process_index() == 0:
            name = config_flags.get_config_filename(flags.FLAGS["config"])
            print(next_steps(workdir, name), flush=True)


if __name__ == "__main__":
    app.run(main, flags_parser=parse)
