"""Pretraining: the next token of every document, from random parameters. Stage "base".

`run` trains on what data.tokens has written; what a step computes is in train.step.
"""

import itertools
import math
import os
import pathlib
from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data import loader
from data.run_folder import is_done
from data.tokenizer import Tokenizer
from model.config import ModelConfig
from model.parameters import initialise, parameters
from model.sharding import shardings
from train import loop, stage, trained
from train.optimizer import optimizer
from train.scaling import resolve
from train.step import make_step, total_loss

NAME = "base"


def run(config: ConfigDict, workdir: str) -> None:
    """Trains the base model of the run in `workdir`, or goes on with it."""
    if is_done(pathlib.Path(workdir) / NAME):
        return
    tokenizer = Tokenizer.load(pathlib.Path(workdir) / "tokenizer")
    config, architecture = resolve(config, tokenizer.vocab_size)
    stage.check_fractions(config.train, "train", ("opening", "average"))
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
            mesh,
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
    eval_batches = -(-config.watch.eval_rows // batch)
    total = total_loss(architecture, mesh)
    counts = corpus.counts["validation"]

    def evaluate(params: dict[str, Any], final: bool) -> dict[str, float]:
        batches = loader.batches(rows, batch, mine, end_of_text=end)
        some = batches if final else itertools.islice(batches, eval_batches)
        nats, targets = total(params, some)
        # Over all the held-out text this is exact; over its first rows, bytes are estimated from
        # their number per token.
        return figures(nats, targets, targets * counts["bytes"] / counts["tokens"])

    return evaluate


def figures(nats: float, targets: float, text_bytes: float) -> dict[str, float]:
    """Nats per token as "val_loss", and "bits_per_byte", which compares across tokenizers."""
    return {"val_loss": nats / targets, "bits_per_byte": nats / math.log(2) / text_bytes}
