"""Pretraining: the next token of every document, from random parameters. Stage "base".

`run` trains on what data.tokens has written; `loss` and `make_step` are pure, and also those of
fine-tuning, benchmarks, launch.plan and tests.
"""

import itertools
import math
import os
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data import loader
from data.run_folder import is_done
from data.tokenizer import Tokenizer
from model.config import ModelConfig
from model.losses import token_log_probs
from model.parameters import initialise, parameters, unembedding
from model.sharding import shardings
from model.transformer import hidden_states, unstacked
from train import loop, stage, state, trained
from train.gradients import Metrics, gradients
from train.optimizer import optimizer
from train.scaling import resolve

NAME = "base"


def loss(
    params: dict[str, Any], config: ModelConfig, batch: dict[str, Array], few: bool = False
) -> Metrics:
    """Cross-entropy in nats: {"loss": (sum over targets, number of targets)}.

    Args:
      batch: "inputs", "targets" [B, T] int32, "mask" [B, T] float32 (1 where the target counts);
        with "segment_ids" and "positions" [B, T] int32, documents of a row are kept apart.
      few: of most targets the mask is 0: the same loss, computed for the others alone.
    """
    hidden = hidden_states(
        params,
        config,
        batch["inputs"],
        positions=batch.get("positions"),
        segment_ids=batch.get("segment_ids"),
    )
    log_probs = token_log_probs(
        hidden,
        unembedding(params),
        batch["targets"],
        config.loss_chunk,
        batch["mask"] if few else None,
    )
    return {"loss": (-jnp.sum(log_probs * batch["mask"]), jnp.sum(batch["mask"]))}


# (params, config, batch) -> metrics, whose "loss" is to fall.
Objective = Callable[[dict[str, Any], ModelConfig, dict[str, Array]], Metrics]


def make_step(
    config: ModelConfig,
    update: optax.GradientTransformation,
    accumulate: int = 1,
    average: float = 0.0,
    objective: Objective = loss,
) -> Callable[[state.State, dict[str, Array]], tuple[state.State, Metrics]]:
    """The pure function (state, batch) -> (state, metrics) of one optimizer step."""

    def step(current: state.State, batch: dict[str, Array]) -> tuple[state.State, Metrics]:
        gradient, metrics = gradients(
            lambda params, rows: objective(params, config, rows),
            current.params,
            batch,
            accumulate,
            prepare=lambda params: unstacked(params, config),
        )
        changes, opt_state = update.update(gradient, current.optimizer, current.params)
        params = optax.apply_updates(current.params, changes)
        metrics["gradient_norm"] = (optax.tree.norm(gradient), jnp.ones(()))
        following = state.State(
            step=current.step + 1,
            params=params,
            optimizer=opt_state,
            average=(
                optax.incremental_update(params, current.average, 1 - average) if average else None
            ),
        )
        return following, metrics

    return step


def run(config: ConfigDict, workdir: str) -> None:
    """Trains the base model of the run in `workdir`, or goes on with it."""
    if is_done(pathlib.Path(workdir) / NAME):
        return
    tokenizer = Tokenizer.load(pathlib.Path(workdir) / "tokenizer")
    config, architecture = resolve(config, tokenizer.vocab_size)
    mesh = stage.mesh_of(config, architecture)
    stage.run(
        NAME,
        config,
        architecture,
        mesh,
        workdir,
        lambda: make_plan(config, architecture, mesh, tokenizer, pathlib.Path(workdir)),
    )


def make_plan(
    config: ConfigDict,
    architecture: ModelConfig,
    mesh: Mesh,
    tokenizer: Tokenizer,
    workdir: pathlib.Path,
) -> loop.Plan:
    """Everything the loop needs, from the resolved config of a run. Allocates no parameters."""
    train = config.train
    declarations = parameters(architecture)
    update = optimizer(train, declarations)
    places = shardings(declarations, mesh)
    key = jax.random.key(config.seed)

    corpus = loader.open_corpus(workdir)
    opening = round(train.opening * train.steps) * train.batch
    rows = loader.training_rows(corpus, train.context, config.seed, train.opening_source, opening)
    mine = loop.local_rows(mesh, train.batch)
    end = corpus.end_of_text if train.separate_documents else None
    evaluate = held_out_evaluator(config, architecture, mesh, workdir)
    # A document opens with end_of_text: so does what is to be continued.
    prompts = [[tokenizer.end_of_text, *tokenizer.encode(text)] for text in config.watch.prompts]
    return stage.plan(
        NAME,
        config,
        architecture,
        mesh,
        update,
        make_step(architecture, update, train.accumulate, train.average),
        params=jax.jit(lambda: initialise(key, declarations), out_shardings=places),
        batches=lambda start: loader.batches(rows, train.batch, mine, start, end),
        evaluate=lambda current, final: evaluate(current.best, final),
        sample=stage.sampler(
            config,
            architecture,
            tokenizer,
            config.watch.prompts,
            prompts,
            tokenizer.end_of_text,
        ),
    )


def reading_as_base(
    config: ConfigDict, workdir: str | os.PathLike, otherwise: ConfigDict
) -> ConfigDict:
    """`config`, with text cut into rows as for the base model of the run in `workdir`, so that the
    figures of its stages compare; or as in `otherwise`, where the run has no such stage."""
    begun = (pathlib.Path(workdir) / NAME / "config.json").exists()
    base = trained.read_config(workdir, NAME) if begun else otherwise
    result = config.copy_and_resolve_references()
    for key in ("context", "separate_documents"):
        result.train[key] = base.train[key]
    return result


def held_out_evaluator(
    config: ConfigDict, architecture: ModelConfig, mesh: Mesh, workdir: pathlib.Path
) -> Callable[[dict[str, Any], bool], dict[str, float]]:
    """(params, whether to read all of it) -> `figures` on the run's held-out text.

    It is read in rows of config.train.context tokens, as many at a time as a microbatch of
    training has. `config` is the resolved one.
    """
    train = config.train
    corpus = loader.open_corpus(workdir)
    rows = loader.validation_rows(corpus, train.context)
    batch = train.batch // train.accumulate
    mine = loop.local_rows(mesh, batch)
    end = corpus.end_of_text if train.separate_documents else None
    few = -(-config.watch.eval_rows // batch)
    total = total_loss(architecture, mesh)
    counts = corpus.counts["validation"]

    def evaluate(params: dict[str, Any], final: bool) -> dict[str, float]:
        batches = loader.batches(rows, batch, mine, end_of_text=end)
        nats, targets = total(params, batches if final else itertools.islice(batches, few))
        # Over all the held-out text this is exact; over its first rows, bytes are estimated from
        # their number per token.
        return figures(nats, targets, targets * counts["bytes"] / counts["tokens"])

    return evaluate


def total_loss(
    architecture: ModelConfig, mesh: Mesh, objective: Objective = loss
) -> Callable[[dict[str, Any], Iterable[loop.Batch]], tuple[float, float]]:
    """(params, batches) -> the nats of all targets of the batches, and how many targets."""

    @jax.jit
    def of_batch(params: dict[str, Any], batch: dict[str, Array]) -> Metrics:
        return objective(params, architecture, batch)

    def total(params: dict[str, Any], batches: Iterable[loop.Batch]) -> tuple[float, float]:
        nats = targets = 0.0
        for batch in batches:
            metrics = of_batch(params, loop.to_devices(batch, mesh))
            # Waiting for each: with many independent calls in flight, the sums over several CPU
            # devices can wait for one another for ever.
            batch_nats, batch_targets = jax.device_get(metrics["loss"])
            nats, targets = nats + float(batch_nats), targets + float(batch_targets)
        return nats, targets

    return total


def figures(nats: float, targets: float, text_bytes: float) -> dict[str, float]:
    """Nats per token as "val_loss", and "bits_per_byte", which compares across tokenizers."""
    return {"val_loss": nats / targets, "bits_per_byte": nats / math.log(2) / text_bytes}
