"""Direct preference optimization: a policy from preferences, without a reward model. Stage
config.dpo.name.

The policy's own log-probabilities, less those of the model that it started from, are the reward
that preferences are explained by (Rafailov et al. 2023, arXiv 2305.18290). Of a ranking every pair
that is not tied counts. What the frozen model gives each answer is computed once, at the start.
"""

import pathlib
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data import preference_rows
from data.encoding import Tokenizer
from data.errors import InputError
from data.run_folder import is_done
from model.config import ModelConfig
from model.losses import token_log_probs
from model.parameters import parameters, unembedding
from model.transformer import hidden_states
from train import agreement, loop, preference_figures, preference_losses, stage, state, trained
from train.gradients import Metrics
from train.optimizer import optimizer
from train.step import make_step

LOSSES = ("dpo", "ipo")


def answer_log_probs(
    params: dict[str, Any],
    architecture: ModelConfig,
    tokens: Array,
    starts: Array,
    lengths: Array,
) -> Array:
    """log p(answer | prompt) of every row, its closing <|im_end|> included, [B] float32.

    Args:
        tokens: [B, T] int32, prompt and answer.
        starts, lengths: [B] int32, where the answer begins and ends.
    """
    hidden = hidden_states(params, architecture, tokens)
    target = jnp.arange(tokens.shape[1]) + 1
    inside = (target >= starts[:, None]) & (target < lengths[:, None])
    targets = jnp.roll(tokens, -1, axis=1)
    log_probs = token_log_probs(
        hidden, unembedding(params), targets, architecture.loss_chunk, inside
    )
    return jnp.sum(log_probs, axis=1)


def objective(
    kind: str, beta: float, label_smoothing: float
) -> Callable[[dict[str, Any], ModelConfig, dict[str, Array]], Metrics]:
    """(params, architecture, batch as data.preference_rows.arrange gives it) -> metrics.

    Raises:
        InputError: there is no such loss, or a setting that it cannot have.
    """
    if kind not in LOSSES:
        raise InputError(f'config.dpo.loss is "{kind}": it is one of {", ".join(LOSSES)}')
    if not (beta > 0 and 0 <= label_smoothing < 0.5):
        raise InputError(
            f"config.dpo.beta is {beta} and label_smoothing {label_smoothing}: beta must be above "
            "0, and label_smoothing at least 0 and below 0.5"
        )
    if label_smoothing and kind == "ipo":
        raise InputError("config.dpo.label_smoothing is for the loss dpo: set it to 0 for ipo")

    def loss(params: dict[str, Any], architecture: ModelConfig, batch: dict[str, Array]) -> Metrics:
        ranks = batch["ranks"]
        flat = preference_figures.flattened(batch)
        policy = answer_log_probs(
            params, architecture, flat["tokens"], flat["starts"], flat["lengths"]
        ).reshape(ranks.shape)
        chosen, rejected, mask = preference_figures.pairs(policy, ranks)
        pairs = (chosen, rejected, *preference_figures.pairs(batch["reference"], ranks)[:2], mask)
        if kind == "ipo":
            return preference_losses.ipo(*pairs, beta=beta)
        return preference_losses.dpo(*pairs, beta=beta, label_smoothing=label_smoothing)

    return loss


def run(config: ConfigDict, workdir: str) -> None:
    """Trains a policy on the preferences of the run in `workdir`, or goes on with it."""
    if is_done(pathlib.Path(workdir) / config.dpo.name):
        return
    section = config.dpo
    objective(section.loss, section.beta, section.label_smoothing)  # refused before all the work
    tokenizer = Tokenizer.load(pathlib.Path(workdir) / "tokenizer")
    config, architecture, data = preference_figures.opened(config, "dpo", workdir, tokenizer)
    mesh = stage.mesh_of(config, architecture, "dpo")
    stage.run(
        config.dpo.name,
        config,
        architecture,
        mesh,
        workdir,
        lambda: make_plan(config, architecture, mesh, tokenizer, data, workdir),
    )


def make_plan(
    config: ConfigDict,
    architecture: ModelConfig,
    mesh: Mesh,
    tokenizer: Tokenizer,
    data: preference_rows.Opened,
    workdir: str,
) -> loop.Plan:
    """Everything the loop needs. `config` is the resolved one of this stage."""
    train, section = config.train, config.dpo
    update = optimizer(train, parameters(architecture))
    mine = loop.local_rows(mesh, train.batch)
    measure = preference_figures.measurer(
        lambda params, batch: answer_log_probs(
            params, architecture, batch["tokens"], batch["starts"], batch["lengths"]
        ),
        mesh,
        train.batch // train.accumulate,
    )
    reference = trained.load(workdir, section.start, mesh).params
    references = [measure(reference, part.rankings, data.K, data.T) for part in data.parts]
    held_out = data.held_out
    held_out_reference = measure(reference, held_out.rankings, held_out.K, held_out.T)
    del reference
    ranks = preference_figures.ranks_of(held_out.rankings, held_out.K)

    def evaluate(current: state.State, final: bool) -> dict[str, float]:
        count = len(ranks) if final else min(len(ranks), config.watch.eval_rows)
        policy = measure(current.best, held_out.rankings[:count], held_out.K, held_out.T)
        strayed = policy - held_out_reference[:count]
        differences = agreement.differences(strayed, ranks[:count])
        margin = section.beta * float(differences.mean())
        return agreement.with_interval(strayed, ranks[:count]) | {"margin": margin}

    return stage.plan(
        section.name,
        config,
        architecture,
        mesh,
        update,
        make_step(
            architecture,
            update,
            train.accumulate,
            objective=objective(section.loss, section.beta, section.label_smoothing),
        ),
        params=lambda: trained.load(workdir, section.start, mesh).params,
        batches=lambda start: data.batches(train.batch, config.seed, mine, start, references),
        evaluate=evaluate,
        sample=stage.answerer(config, architecture, mesh, tokenizer, section.prompts),
        rows=data.K,
    )
