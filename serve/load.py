"""A trained stage of a run, ready to use: parameters, architecture, tokenizer and config."""

import os

from jax.sharding import Mesh

from model.sharding import make_mesh
from train import trained
from train.trained import Trained, read_config

__all__ = ["Trained", "decoding_mesh", "load", "read_config"]


def load(workdir: str | os.PathLike, stage: str = "base", mesh: Mesh | None = None) -> Trained:
    """train.trained.load, onto `decoding_mesh()` where no mesh is given."""
    return trained.load(workdir, stage, decoding_mesh() if mesh is None else mesh)


def decoding_mesh() -> Mesh:
    """All devices along the axis that splits heads, MLP and vocabulary: decoding is bound by the
    bandwidth at which weights are read, and this adds up that of every device."""
    return make_mesh(data=1, fsdp=1, tensor=-1)
