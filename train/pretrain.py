"""Pretraining: the next token of every document, from random parameters. Stage "base".

`run` trains on what data.tokens has written; `loss` and `make_step` are pure and are what
benchmarks, launch.plan and tests use.
"""

import itertools
import math
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data import loader
from data.errors import InputError
from data.run_folder import is_done, mark_done, record, write_atomically
from data.tokenizer import Tokenizer
from model import decode
from model.attention import check_backend
from model.config import ModelConfig
from model.losses import token_log_probs
from model.parameters import count, flops_per_token, parameters, unembedding
from model.sampling import sampling
from model.sharding import make_mesh
from model.transformer import hidden_states, unstacked
from train import loop, state, watch
from train.gradients import Metrics, gradients
from train.optimizer import optimizer
from train.peak import matmul_peak
from train.scaling import resolve

NAME = "base"


def loss(params: dict[str, Any], config: ModelConfig, batch: dict[str, Array]) -> Metrics:
    """Cross-entropy in nats: {"loss": (sum over targets, number of targets)}.

    Args:
      batch: "inputs", "targets" [B, T] int32, "mask" [B, T] float32 (1 where the target counts);
        with "segment_ids" and "positions" [B, T] int32, documents of a row are kept apart.
    """
    hidden = hidden_states(
        params,
        config,
        batch["inputs"],
        positions=batch.get("positions"),
        segment_ids=batch.get("segment_ids"),
    )
    log_probs = token_log_probs(hidden, unembedding(params), batch["targets"], config.loss_chunk)
    return {"loss": (-jnp.sum(log_probs * batch["mask"]), jnp.sum(batch["mask"]))}


def make_step(
    config: ModelConfig,
    update: optax.GradientTransformation,
    accumulate: int = 1,
    average: float = 0.0,
) -> Callable[[state.State, dict[str, Array]], tuple[state.State, Metrics]]:
    """The pure function (state, batch) -> (state, metrics) of one optimizer step."""

    def step(current: state.State, batch: dict[str, Array]) -> tuple[state.State, Metrics]:
        gradient, metrics = gradients(
            lambda params, rows: loss(params, config, rows),
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
    folder = pathlib.Path(workdir) / NAME
    if is_done(folder):
        return
    tokenizer = Tokenizer.load(pathlib.Path(workdir) / "tokenizer")
    config, architecture = resolve(config, tokenizer.vocab_size)
    mesh = _mesh(config, architecture)
    lead = jax.process_index() == 0
    if lead:
        write_atomically(folder / "config.json", config.to_json_best_effort(indent=2) + "\n")
    with jax.set_mesh(mesh):
        plan = make_plan(config, architecture, mesh, tokenizer, pathlib.Path(workdir))
        final, figures = loop.run(plan, folder, mesh, config)
    del final
    if lead:
        watch.loss_curve(folder, f"{config.name}: {count(architecture):,} parameters")
        record(workdir, {f"{NAME}/{name}": value for name, value in figures.items()})
        mark_done(folder, figures)


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
    layout = state.layout(declarations, update, bool(train.average), mesh)
    places = jax.tree.map(lambda leaf: leaf.sharding, layout)
    key = jax.random.key(config.seed)

    corpus = loader.open_corpus(workdir)
    rows = loader.training_rows(corpus, train.context, config.seed)
    mine = loop.local_rows(mesh, train.batch)
    end = corpus.end_of_text if train.separate_documents else None
    evaluate = held_out_evaluator(config, architecture, mesh, workdir)

    tokens = train.batch * train.context
    return loop.Plan(
        name=NAME,
        layout=layout,
        initial=jax.jit(
            lambda: state.initial(key, declarations, update, bool(train.average)),
            out_shardings=places,
        ),
        step=jax.jit(
            make_step(architecture, update, train.accumulate, train.average),
            out_shardings=(places, None),
            donate_argnums=0,
        ),
        batches=lambda start: loader.batches(rows, train.batch, mine, start, end),
        evaluate=lambda current, final: evaluate(current.best, final),
        sample=_sampler(config, architecture, tokenizer),
        steps=train.steps,
        tokens=tokens,
        flops=tokens * flops_per_token(architecture, train.context),
        peak=matmul_peak(mesh, architecture.dtype),
    )


def _mesh(config: ConfigDict, architecture: ModelConfig) -> Mesh:
    """The mesh of config.mesh, checked against everything that must fit it."""
    train, shape = config.train, config.mesh
    try:
        mesh = make_mesh(shape.data, shape.fsdp, shape.tensor)
        check_backend(architecture.attention, architecture.dtype, mesh.devices.flat[0].platform)
    except ValueError as error:
        raise InputError(str(error)) from error
    parts = mesh.shape["data"] * mesh.shape["fsdp"] * train.accumulate
    if train.batch % parts:
        raise InputError(
            f"train.batch is {train.batch} rows, which do not divide over {parts} (mesh data "
            f"{mesh.shape['data']} · fsdp {mesh.shape['fsdp']} · train.accumulate "
            f"{train.accumulate}); set it to a multiple of {parts}"
        )
    return mesh


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
    architecture: ModelConfig, mesh: Mesh
) -> Callable[[dict[str, Any], Iterable[loop.Batch]], tuple[float, float]]:
    """(params, batches) -> the nats of all targets of the batches, and how many targets."""

    @jax.jit
    def of_batch(params: dict[str, Any], batch: dict[str, Array]) -> Metrics:
        return loss(params, architecture, batch)

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


def _sampler(
    config: ConfigDict, architecture: ModelConfig, tokenizer: Tokenizer
) -> Callable[[state.State], str]:
    # A document opens with end_of_text: so does what is to be continued.
    prompts = [[tokenizer.end_of_text, *tokenizer.encode(text)] for text in config.watch.prompts]
    longest = max(map(len, prompts), default=0)
    steps = min(config.watch.sample_tokens, architecture.context - longest) if prompts else 0
    padded = np.array([ids + [0] * (longest - len(ids)) for ids in prompts], np.int32)
    lengths = np.array([len(ids) for ids in prompts], np.int32)
    settings = sampling(len(prompts), temperature=0.8, top_p=0.95)

    @jax.jit
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
            tokenizer.end_of_text,
        )

    def sample(current: state.State) -> str:
        if steps < 1:
            return ""
        tokens, counts = jax.device_get(write(current.best))
        return "\n".join(
            f"> {prompt}{tokenizer.decode(row[:n])}"
            for prompt, row, n in zip(config.watch.prompts, tokens, counts, strict=True)
        )

    return sample
