"""A trained stage of a run, ready to use: parameters, architecture, tokenizer and config."""

import os

import jax
from jax.sharding import Mesh

from model.parameters import parameters
from model.quantize import quantized, quantized_declarations
from model.sharding import make_mesh, shardings
from train import trained
from train.trained import Trained, read_config

__all__ = ["WEIGHTS", "Trained", "decoding_mesh", "load", "read_config"]


# What the weights can be loaded as: as they are, or the layers' matrices quantised.
WEIGHTS = ("float32", "int8")


def load(
    workdir: str | os.PathLike,
    stage: str = "base",
    mesh: Mesh | None = None,
    weights: str = "float32",
) -> Trained:
    """train.trained.load, onto `decoding_mesh()` where no mesh is given.

    Args:
      weights: of WEIGHTS; "int8" as model.quantize makes them.
    """
    mesh = decoding_mesh() if mesh is None else mesh
    found = trained.load(workdir, stage, mesh)
    if weights == "float32":
        return found
    places = shardings(quantized_declarations(parameters(found.architecture)), mesh)
    return found._replace(params=jax.jit(quantized, out_shardings=places)(found.params))


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
