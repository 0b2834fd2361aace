"""A trained stage of a run, ready to use: parameters, architecture, tokenizer and config.

Only reads, so that a run can be tried while it trains.
"""

import json
import os
import pathlib
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data.encoding import Tokenizer
from data.errors import InputError
from model.config import ModelConfig
from model.parameters import parameters, shapes
from model.sharding import make_mesh, shardings
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
    return ConfigDict(json.loads(path.read_text(encoding="utf-8")))


def load(workdir: str | os.PathLike, stage: str = "base", mesh: Mesh | None = None) -> Trained:
    """The newest intact checkpoint of a stage.

    Args:
      mesh: where the parameters go; None: `decoding_mesh()`.

    Raises:
      InputError: there is no such run, stage or finished checkpoint, or all are damaged.
    """
    workdir = pathlib.Path(workdir)
    config = read_config(workdir, stage)
    tokenizer = Tokenizer.load(workdir / "tokenizer")
    config, architecture = resolve(config, tokenizer.vocab_size)
    declarations = parameters(architecture)
    places = shardings(declarations, decoding_mesh() if mesh is None else mesh)
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


def decoding_mesh(slots: int = 1) -> Mesh:
    """The devices, laid out as is fastest for writing `slots` texts at a time."""
    devices = jax.devices()
    if devices[0].platform != "cpu":
        # Bound by the bandwidth at which weights are read, and this adds up that of every device.
        return make_mesh(data=1, fsdp=1, tensor=-1)
    # Sums over the devices of a CPU take longer than what they save. Each writes texts of its own;
    # where there are too few texts for that, one of them works, with all cores.
    if slots % len(devices):
        devices = devices[:1]
    return make_mesh(data=-1, fsdp=1, tensor=1, devices=devices)
