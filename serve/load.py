"""A model, ready to use: parameters, architecture, tokenizer and config. A trained stage of a run,
or a Hugging Face folder."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data.errors import InputError
from model.parameters import count, parameters
from model.quantize import quantized, quantized_declarations
from model.sharding import make_mesh, shardings
from serve.imported import read_hf, read_sizes
from train import trained
from train.trained import Trained, read_config

__all__ = [
    "WEIGHTS",
    "Trained",
    "about",
    "check_source",
    "context_length",
    "decoding_mesh",
    "load",
    "load_hf",
    "read_config",
]


# Tokens, where nothing is asked for.
_IMPORTED_CONTEXT = 4096
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

    Raises:
        InputError: as train.trained.load, or the stage is a reward model, which writes no text.
    """
    if trained.is_reward_model(read_config(workdir, stage), stage):
        raise InputError(
            f"the stage {stage!r} of {workdir} is a reward model and writes no text: name another"
        )
    mesh = decoding_mesh() if mesh is None else mesh
    return _with_weights(trained.load(workdir, stage, mesh), mesh, weights)


def load_hf(model: str, mesh: Mesh | None = None, weights: str = "float32") -> Trained:
    """The model of a Hugging Face folder, as `load` gives one. Of a run's config there is its name
    alone, and its step is 0.

    Raises:
        InputError: the folder is not whole, or of an architecture or with settings that are not
            computed here.
    """
    mesh = decoding_mesh() if mesh is None else mesh
    params, architecture, tokenizer = read_hf(model)
    params = jax.device_put(params, shardings(parameters(architecture), mesh))
    config = ConfigDict({"name": pathlib.Path(model).resolve().name})
    return _with_weights(Trained(params, architecture, tokenizer, config, 0), mesh, weights)


def _with_weights(found: Trained, mesh: Mesh, weights: str) -> Trained:
    if weights == "float32":
        return found
    places = shardings(quantized_declarations(parameters(found.architecture)), mesh)
    return found._replace(params=jax.jit(quantized, out_shardings=places)(found.params))


def about(trained: Trained, stage: str, workdir: str | None, model: str | None = None) -> str:
    """What has been loaded, from a run or from the folder `model`, in a line for a person."""
    if model is not None:
        return f"{model}: {count(trained.architecture):,} parameters"
    return f"{workdir}: the model of the stage {stage}, step {trained.step}"


def context_length(trained: Trained, asked: int | None, imported: bool) -> int | None:
    """Tokens of a prompt and its text together, for which memory is to be taken.

    Args:
        asked: of the flag --context; None: not given.
        imported: whether the model is of a Hugging Face folder. Those have contexts of which a slot
            takes gigabytes, so that they get no more of it than they are asked to.

    Returns:
        None: as many as the model has been trained for.

    Raises:
        InputError: the model has not been trained for as many.
    """
    if asked is None and not imported:
        return None
    most = trained.architecture.context
    if asked is None:
        return min(most, _IMPORTED_CONTEXT)
    if asked > most:
        raise InputError(f"--context is {asked}, but the model's is {most}")
    return asked


def check_source(
    workdir: str | None, model: str | None, tools: Sequence[str], of_a_run: Mapping[str, Any]
) -> None:
    """Refuses flags that do not say which model is meant, before anything is loaded.

    Args:
        workdir, model: of the flags --workdir and --model, one of which is to be given.
        tools: of --tools.
        of_a_run: values of further flags that mean something in a run alone; None: not given.

    Raises:
        InputError: both or none are given, --model beside what needs a run, or a folder without a
            model that can be used here.
    """
    if model is None and workdir is None:
        raise InputError(
            "no --workdir; give the folder of a run, such as --workdir=runs/laptop, or --model=DIR "
            "with one of Hugging Face"
        )
    if model is None:
        return
    if workdir is not None:
        raise InputError("--model and --workdir both name a model: leave one of them out")
    for name, value in of_a_run.items():
        if value is not None:
            raise InputError(f"--{name} is for models of a run: leave it or --model out")
    if "search" in (name.strip() for name in tools):
        raise InputError(
            "the tool search keeps its index in a run, and --model has none: leave search out, or "
            "make the folder a run with serve.import_hf"
        )
    read_sizes(model)


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
