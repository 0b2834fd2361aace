"""A trained stage of a run, ready to use: parameters, architecture, tokenizer and config."""

import os

import jax
from jax.sharding import Mesh

from model.sharding import make_mesh
from train import trained
from train.trained import Trained, read_config

__all__ = ["Trained", "decoding_mesh", "load", "read_config"]


def load(workdir: str | os.PathLike, stage: str = "base", mesh: Mesh | None = None) -> Trained:
    """train.trained.load, onto `decoding_mesh()` where no mesh is given."""
    return trained.load(workdir, stage, decoding_mesh() if mesh is None else mesh)


def decoding_mesh(slots: int = 1) -> Mesh:
    """All devices, as is fastest for writing `slots` texts at a time."""
    devices = len(jax.devices())
    if jax.devices()[0].platform == "cpu" and slots % devices == 0:
        # Rows are what a CPU is short of: each core writes texts of its own.
        return make_mesh(data=-1, fsdp=1, tensor=1)
    # Bound by the bandwidth at which weights are read; this adds up that of every device.
    return make_mesh(data=1, fsdp=1, tensor=-1)
