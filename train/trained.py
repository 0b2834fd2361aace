"""A trained stage of a run: parameters, architecture, tokenizer and config.

Only reads, so that a run can be tried while it trains.
"""

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
from absl import logging
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data.encoding import Tokenizer
from data.errors import InputError
from data.json_object import read_object
from data.run_folder import is_done
from model.attention import check_backend
from model.config import ModelConfig
from model.parameters import parameters, shapes
from model.sharding import shardings
from train.checkpoints import read_newest
from train.scaling import resolve


class Trained(NamedTuple):
    """What a stage has made.

    `params` are those to use: the moving average where the stage kept one. `config` is the run's,
    with everything resolved that it left open. `step` is the checkpoint's.
    """

    params: dict[str, Any]
    architecture: ModelConfig
    tokenizer: Tokenizer
    config: ConfigDict
    step: int


def read_config(workdir: str | os.PathLike, stage: str = "base") -> ConfigDict:
    """The resolved config that a stage was trained with.

    Raises:
        InputError: there is no such run, or the stage has not begun in it.
    """
    workdir = pathlib.Path(workdir)
    if not stage:
        raise InputError("no stage is named to read a model from: give one, such as base")
    if not workdir.is_dir():
        raise InputError(
            f"there is no run at {workdir}: give --workdir the folder that train.main made, such "
            "as runs/laptop"
        )
    path = workdir / stage / "config.json"
    if not path.is_file():
        begun = sorted(path.parent.name for path in workdir.glob("*/config.json"))
        raise InputError(
            f"the stage {stage!r} of {workdir} has not been trained (trained: "
            f"{', '.join(begun) or 'none'}): run train.main on it first"
        )
    try:
        return ConfigDict(read_object(path))
    except InputError as error:
        raise InputError(f"{error}: restore it from a copy") from error


def read_start(workdir: str | os.PathLike, stage: str) -> ConfigDict:
    """`read_config` of a stage that another is to start from.

    Raises:
        InputError: as `read_config`, or the stage has not finished.
    """
    config = read_config(workdir, stage)
    if not is_done(pathlib.Path(workdir) / stage):
        raise InputError(
            f"the stage {stage!r} of {workdir} has not finished, and nothing can start from it: "
            "run train.main on it until it has"
        )
    return config


def is_reward_model(config: Mapping[str, Any], stage: str) -> bool:
    """Whether a stage with such a config is a reward model, which writes no text."""
    reward = config.get("reward")
    return bool(reward) and reward.get("name") == stage


def load(
    workdir: str | os.PathLike,
    stage: str,
    mesh: Mesh,
    declare: Callable[[ModelConfig], dict[str, Any]] = parameters,
) -> Trained:
    """The newest intact checkpoint of a stage, its parameters on `mesh`.

    Where the attention that it was trained with does not run on these devices, it has the fastest
    that does, and a warning says so.

    Args:
        declare: the declarations of those to read, given the architecture. A stage's checkpoint may
            hold more.

    Raises:
        InputError: there is no such run, stage or finished checkpoint, or all are damaged.
    """
    workdir = pathlib.Path(workdir)
    config = read_config(workdir, stage)
    tokenizer = Tokenizer.load(workdir / "tokenizer")
    platform = mesh.devices.flat[0].platform
    config, architecture = resolve(_runnable(config, platform), tokenizer.vocab_size, platform)
    declarations = declare(architecture)
    places = shardings(declarations, mesh)
    wanted = jax.tree.map(
        lambda leaf, place: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place),
        *(shapes(declarations), places),
    )
    part = "average" if config.train.average else "params"
    folder = config.checkpoint.folder or str((workdir / stage).absolute())
    found = read_newest(folder, {part: wanted})
    if found is None:
        raise InputError(
            f"the stage {stage!r} of {workdir} has no checkpoint yet: wait for the first, after "
            f"{config.checkpoint.steps} steps, or run train.main on it again"
        )
    step, restored = found
    return Trained(restored[part], architecture, tokenizer, config, step)


def _runnable(config: ConfigDict, platform: str) -> ConfigDict:
    """With attention left to `resolve`, where that of training does not run on this platform."""
    try:
        check_backend(config.model.attention, config.model.dtype, platform)
    except ValueError as error:
        logging.warning("not computed as it was trained: %s", error)
        config = config.copy_and_resolve_references().unlock()
        config.model.attention = "auto"
    return config
