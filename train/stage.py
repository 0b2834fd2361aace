"""What pretraining and fine-tuning have in common: settings, a mesh, a plan for the loop, samples,
a record of the run."""

import functools
import math
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
import optax
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from data import conversations
from data.encoding import Tokenizer
from data.errors import InputError
from data.run_folder import mark_done, record, write_atomically
from model import decode
from model.attention import check_backend
from model.config import ModelConfig
from model.parameters import count, flops_per_token, parameters
from model.sampling import sampling
from model.sharding import batch_parts, make_mesh
from train import loop, state, watch
from train.gradients import Metrics
from train.matmul_peak import matmul_peak
from train.scaling import with_model


def run(
    name: str,
    config: ConfigDict,
    architecture: ModelConfig,
    mesh: Mesh,
    workdir: str,
    make_plan: Callable[[], loop.Plan],
    finish: Callable[[pathlib.Path, dict[str, float]], dict[str, float]] | None = None,
) -> None:
    """Takes the steps of a plan in `workdir`/`name`, and writes what came of it.

    Args:
        config: the resolved one; it is written beside the checkpoints.
        make_plan: called under the mesh.
        finish: (the stage's folder, the figures of the run) -> further figures of the report, by
            their full names; draws what there is to draw. None: the curve of the loss.
    """
    folder = pathlib.Path(workdir) / name
    lead = jax.process_index() == 0
    if lead:
        write_atomically(folder / "config.json", config.to_json_best_effort(indent=2) + "\n")
    with jax.set_mesh(mesh):
        final, figures = loop.run(make_plan(), folder, mesh, config)
    del final
    if lead:
        title = f"{config.name}: {count(architecture):,} parameters"
        further = finish(folder, figures) if finish else watch.loss_curve(folder, title)
        named = {f"{name}/{figure}": value for figure, value in figures.items()}
        record(workdir, named | (further or {}))
        mark_done(folder, figures)


def fine_tuning(
    config: ConfigDict, section: ConfigDict, base: ConfigDict, context: int, epoch: float
) -> ConfigDict:
    """The run's config with the settings of a later stage in the place of pretraining's, so that
    all that reads `train` reads those of this stage.

    Args:
        section: the stage's, such as config.sft.
        base: the resolved config of the stage to start from.
        context: tokens a row.
        epoch: rows until everything has been seen once.
    """
    result = with_model(config, base.model)
    train = result.train
    train.context = context
    # A stage of practice starts with as many rows as it has answers (rl.stage): not those.
    train.batch = section.batch or config.train.batch or base.train.batch
    train.accumulate = section.accumulate or config.train.accumulate
    train.steps = section.steps or max(1, math.ceil(section.epochs * epoch / train.batch))
    train.learning_rate = section.learning_rate_fraction * base.train.learning_rate
    train.muon_learning_rate = section.learning_rate_fraction * base.train.muon_learning_rate
    for key in ("warmup", "decay", "final_rate", "weight_decay"):
        train[key] = section[key]
    train.average = 0.0
    if config.checkpoint.folder:
        result.checkpoint.folder = os.path.join(config.checkpoint.folder, section.name)
    return result


def mesh_of(config: ConfigDict, architecture: ModelConfig, section: str = "train") -> Mesh:
    """The mesh of config.mesh, checked against everything that must fit it.

    Args:
        section: the section of the config that the number of rows comes from, for the error.
    """
    train, shape = config.train, config.mesh
    check_counts(config.train, section, ("steps", "batch", "accumulate"))
    check_counts(config.watch, "watch", ("log_steps", "eval_steps", "eval_rows"))
    check_counts(config.checkpoint, "checkpoint", ("steps", "keep"))
    check_fractions(config.train, section, ("warmup", "decay", "final_rate"))
    try:
        mesh = make_mesh(shape.data, shape.fsdp, shape.tensor, _devices(shape.cpu_devices))
        platform = mesh.devices.flat[0].platform
        check_backend(
            architecture.attention, architecture.dtype, platform, train.separate_documents
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    if platform == "cpu" and architecture.dtype != "float32" and 1 < batch_parts(mesh) < mesh.size:
        # The loss leaves the tensor axis of its shard_map to the compiler (model.losses), whose
        # sums of 16-bit numbers then abort XLA on a CPU, and with it the process.
        raise InputError(
            f"model.dtype is {architecture.dtype}, which CPUs cannot compute with on mesh.tensor "
            f"{shape.tensor} beside data or fsdp: set it to float32, or mesh.tensor to 1"
        )
    parts = batch_parts(mesh) * train.accumulate
    if train.batch % parts:
        raise InputError(
            f"{section}.batch is {train.batch} rows, which do not divide over {parts} (mesh data "
            f"{mesh.shape['data']} · fsdp {mesh.shape['fsdp']} · {section}.accumulate "
            f"{train.accumulate}); set it to a multiple of {parts}"
        )
    return mesh


def check_counts(values: ConfigDict, section: str, keys: Sequence[str], least: int = 1) -> None:
    """Refuses numbers below the least.

    Args:
        values: that hold the keys; section: what the user knows them as.

    Raises:
        InputError: names the key.
    """
    for key in keys:
        if values[key] < least:
            raise InputError(
                f"config.{section}.{key} is {values[key]}; it must be at least {least}"
            )


def check_fractions(values: ConfigDict, section: str, keys: Sequence[str]) -> None:
    """Refuses numbers outside of 0 to 1.

    Args:
        values, section: as of check_counts.

    Raises:
        InputError: names the key.
    """
    for key in keys:
        if not 0 <= values[key] <= 1:
            raise InputError(
                f"config.{section}.{key} is {values[key]}; it is a fraction: set it between 0 and 1"
            )


def _devices(on_cpu: int) -> list[Any]:
    """All devices; of a CPU that is split into more than config.mesh asks for, the first."""
    devices = jax.devices()
    if on_cpu and devices[0].platform == "cpu":
        return devices[: on_cpu * jax.process_count()]
    return devices


def plan(
    name: str,
    config: ConfigDict,
    architecture: ModelConfig,
    mesh: Mesh,
    update: optax.GradientTransformation,
    step: Callable[[state.State, dict[str, Array]], tuple[state.State, Metrics]],
    params: Callable[[], dict[str, Any]],
    batches: Callable[[int], Iterator[loop.Batch]],
    evaluate: Callable[[state.State, bool], dict[str, float]],
    sample: Callable[[state.State], str],
    declare: Callable[[ModelConfig], dict[str, Any]] = parameters,
    rows: int = 1,
    unembeds: bool = True,
) -> loop.Plan:
    """Everything the loop needs. Allocates no parameters.

    Args:
        config: resolved; its `train` section is that of the stage.
        update: the optimizer that `step` applies.
        params: makes the parameters to start from, on the mesh.
        batches, evaluate, sample: as of loop.Plan.
        declare: the declarations of the parameters of an architecture.
        rows: sequences of train.context tokens that one row of a batch holds.
        unembeds: whether the step computes logits.
    """
    train = config.train
    layout = state.layout(declare(architecture), update, bool(train.average), mesh)
    places = jax.tree.map(lambda leaf: leaf.sharding, layout)
    begin = jax.jit(
        lambda params: state.starting(params, update, bool(train.average)), out_shardings=places
    )
    jitted = jax.jit(step, out_shardings=(places, None), donate_argnums=0)
    tokens = train.batch * rows * train.context
    return loop.Plan(
        name=name,
        layout=layout,
        initial=lambda: begin(params()),
        step=lambda current, batch: jitted(current, loop.to_devices(batch, mesh)),
        batches=batches,
        evaluate=evaluate,
        sample=sample,
        steps=train.steps,
        tokens=tokens,
        flops=tokens * flops_per_token(architecture, train.context, unembeds),
        peak=matmul_peak(mesh, architecture.dtype),
    )


def sampler(
    config: ConfigDict,
    architecture: ModelConfig,
    mesh: Mesh,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    prompts: Sequence[Sequence[int]],
    end: int,
) -> Callable[[state.State], str]:
    """state -> what the model writes after each of `prompts`, shown as `texts`.

    Up to config.watch.sample_tokens tokens, or to the token `end`.
    """
    longest = max(map(len, prompts), default=0)
    steps = min(config.watch.sample_tokens, architecture.context - longest) if prompts else 0
    padded = np.array([[*ids, *[0] * (longest - len(ids))] for ids in prompts], np.int32)
    lengths = np.array([len(ids) for ids in prompts], np.int32)
    settings = sampling(len(prompts), temperature=0.8, top_p=0.95)

    # Whole on every device, so that each host can read all of it.
    @functools.partial(jax.jit, out_shardings=NamedSharding(mesh, PartitionSpec()))
    def write(params: dict[str, Any]) -> tuple[Array, Array]:
        keys = jax.random.split(jax.random.key(config.seed), len(prompts))
        return decode.generate(
            params,
            architecture,
            padded,
            lengths,
            keys,
            settings,
            steps,
            tokenizer.vocab_size,
            end,
        )

    def sample(current: state.State) -> str:
        if steps < 1:
            return ""
        tokens, counts = jax.device_get(write(current.best))
        return "\n".join(
            f"> {text}{tokenizer.decode(row[:n])}"
            for text, row, n in zip(texts, tokens, counts, strict=True)
        )

    return sample


def answerer(
    config: ConfigDict,
    architecture: ModelConfig,
    mesh: Mesh,
    tokenizer: Tokenizer,
    questions: Sequence[str],
) -> Callable[[state.State], str]:
    """state -> what the model answers to each of `questions`, as `sampler`."""
    return sampler(
        config,
        architecture,
        mesh,
        tokenizer,
        [f"{text}\n" for text in questions],
        [
            conversations.prompt_ids(tokenizer, [{"role": "user", "content": text}])
            for text in questions
        ],
        tokenizer.special[conversations.END],
    )
