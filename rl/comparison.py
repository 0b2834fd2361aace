"""The stage that compares ways to use what a reward model has learnt, by what each gains and how
far it strays: gold against KL, for policies and for the best of n answers.

    comparison/comparison.json   a row for each
    comparison/comparison.txt    the same as a table
    comparison/comparison.png    gold against KL

All answer the same held-out prompts at temperature 1: those of the half that no policy was stopped
by (rl.unverified). The best of n is of the reference's own answers, by the reward model; its
divergence from the reference is at most log n - (n - 1) / n (arXiv 2401.01879).
"""

import contextlib
import json
import math
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from data import conversations
from data.errors import InputError
from data.run_folder import is_done, mark_done, record, write_atomically
from evals.answers import said, sample_seeds
from rl import divergence, feedback, unverified
from rl.environments import named
from rl.environments.environment import Environment, HeldOut, Problem, held_out_problems
from rl.environments.jokes import NAME as ENVIRONMENT
from rl.rollout import has_room, trajectories
from serve.engine import Engine
from serve.load import Trained, decoding_mesh, load
from serve.turns import Bounds, Trajectory, Turns
from train.reward import RewardModel

NAME = "comparison"
_SLOTS = 64


class Row(NamedTuple):
    """A way to answer: means over prompts. gold, its standard error and proxy are in standard
    deviations of the reference's answers above their mean; kl in nats an answer; length in tokens.
    """

    name: str
    gold: float
    gold_error: float
    proxy: float
    kl: float
    length: float


class Answers(NamedTuple):
    """Figures of answers to P prompts, S each: [P, S]. proxy are rewards as rl.feedback gives them,
    gold is in the judge's own unit."""

    proxy: np.ndarray
    gold: np.ndarray
    kl: np.ndarray
    length: np.ndarray


def run(config: ConfigDict, workdir: str) -> None:
    """Compares the stages of the run in `workdir`.

    Raises:
        InputError: the reference or the reward model is not there, or a setting cannot be.
    """
    section = config.comparison
    folder = pathlib.Path(workdir) / NAME
    if is_done(folder):
        return
    _check(section)
    mesh = decoding_mesh(_SLOTS)
    reference = load(workdir, section.stages[0], mesh)
    environment = named.environment(ENVIRONMENT, config)

    def fits(problem: Problem) -> bool:
        context = reference.architecture.context
        return has_room(reference.tokenizer, problem, section.tokens, context)

    problems, numbers, _ = _problems(config, workdir, environment, fits)
    seeds = [sample_seeds(config.seed, seed, section.samples) for seed in numbers]
    score = RewardModel.load(workdir, section.reward).score
    end = reference.tokenizer.special[conversations.END]
    own: feedback.Scale | None = None
    measure = divergence.measurer(
        reference.architecture, reference.tokenizer.vocab_size, mesh, jax.device_count() * 4
    )
    found: dict[str, Answers] = {}
    for stage in section.stages:
        if not (pathlib.Path(workdir) / stage / "config.json").exists():
            continue
        one = reference if stage == section.stages[0] else load(workdir, stage, mesh)
        written = _written(one, problems, seeds, section.tokens)
        worth = [
            environment.gold(problem, said(turn))
            for problem, turn in zip(_each(problems, section.samples), written, strict=True)
        ]
        shape = (section.prompts, section.samples)
        scores = feedback.raw_scores(score, written)
        own = own or feedback.scale(scores, "proxy")
        judged = feedback.judged(scores, written, own, config.rlhf.unfinished, end)
        found[stage] = Answers(
            np.array([verdict.reward for verdict in judged]).reshape(shape),
            np.array(worth).reshape(shape),
            measure(reference.params, written).reshape(shape),
            np.array([len(turn.tokens) for turn in written]).reshape(shape),
        )
    rows = compared(found, section.best_of)
    write_atomically(folder / "comparison.json", json.dumps([r._asdict() for r in rows], indent=1))
    write_atomically(folder / "comparison.txt", table(rows))
    _draw(folder, rows, config.name)
    figures = {f"{row.name}_{what}": getattr(row, what) for row in rows for what in ("gold", "kl")}
    record(workdir, {f"{NAME}/{name}": value for name, value in figures.items()})
    mark_done(folder, figures)


def _problems(
    config: ConfigDict, workdir: str, environment: Environment, fits: Callable[[Problem], bool]
) -> HeldOut:
    """Held-out problems that no policy was stopped by.

    Raises:
        InputError: hardly any are left.
    """
    section = config.comparison
    folders = [pathlib.Path(workdir) / stage for stage in section.stages]
    seen = set().union(*map(unverified.stopped_by, folders))
    found = held_out_problems(environment, config.seed, section.prompts, (1,), fits, seen)
    if len(found.problems) < section.prompts:
        raise InputError(
            f"config.comparison.prompts is {section.prompts}: there are {len(found.problems)} "
            "different held-out prompts beside those that policies are stopped by; lower it, or "
            "the eval_problems of their sections"
        )
    return found


def _check(section: ConfigDict) -> None:
    if not section.stages or not section.best_of:
        raise InputError("config.comparison.stages and best_of must name at least one each")
    if section.prompts < 2 or not 1 <= min(section.best_of) <= max(section.best_of):
        raise InputError(
            "config.comparison.prompts must be at least 2, and each of best_of at least 1"
        )
    if max(section.best_of) > section.samples:
        raise InputError(
            f"config.comparison.best_of has {max(section.best_of)}, more than the "
            f"{section.samples} answers of config.comparison.samples"
        )


def _each(problems: Sequence[Problem], samples: int) -> list[Problem]:
    return [problem for problem in problems for _ in range(samples)]


def _written(
    one: Trained, problems: Sequence[Problem], seeds: Sequence[Sequence[int]], tokens: int
) -> list[Trajectory]:
    engine = Engine(one.params, one.architecture, one.tokenizer, _SLOTS)
    with contextlib.closing(Turns(engine, (), Bounds(0, tokens, tokens, 0), in_step=True)) as turns:
        return trajectories(turns, one.tokenizer, problems, seeds)


def compared(found: dict[str, Answers], best_of: Sequence[int]) -> list[Row]:
    """A row for each stage and each n.

    Args:
        found: answers by stage; the first is the reference.
    """
    reference = next(iter(found.values()))
    gold = feedback.scale(reference.gold.ravel(), "gold")
    proxy = feedback.scale(reference.proxy.ravel(), "proxy")
    whole = np.full(reference.gold.shape, 1 / reference.gold.shape[1])
    ways = [(name, answers, whole, float(answers.kl.mean())) for name, answers in found.items()]
    for n in best_of:
        weights = best_of_weights(reference.proxy, n)
        ways.append((f"best_of_{n}", reference, weights, best_of_kl(n)))
    rows = []
    for name, answers, weights, kl in ways:
        own = gold.of(np.sum(weights * answers.gold, axis=1))  # [P]
        liked = proxy.of(np.sum(weights * answers.proxy, axis=1))
        length = np.sum(weights * answers.length, axis=1)
        error = unverified.standard_error(own[:, None])
        rows.append(
            Row(name, float(own.mean()), error, float(liked.mean()), kl, float(length.mean()))
        )
    return rows


def best_of_weights(proxy: np.ndarray, n: int) -> np.ndarray:
    """How often each of S answers is the best of n of them drawn without replacement: the mean over
    all such draws needs none.

    Of n drawn, the one of rank r (0 the worst) is the best in C(r, n - 1) of C(S, n) draws.

    Args:
        proxy: [P, S].

    Returns:
        [P, S]; each row adds up to 1.
    """
    S = proxy.shape[1]
    chance = np.array([math.comb(rank, n - 1) / math.comb(S, n) for rank in range(S)])
    ranks = np.argsort(np.argsort(proxy, axis=1, kind="stable"), axis=1)
    return chance[ranks]


def best_of_kl(n: int) -> float:
    """The most that the best of n independent answers strays from their distribution, in nats."""
    return math.log(n) - (n - 1) / n


def table(rows: Sequence[Row]) -> str:
    """The rows as text."""
    lines = [f"{'':16}{'gold':>8}{'±':>7}{'proxy':>8}{'KL':>8}{'tokens':>8}"]
    lines += [
        f"{row.name:16}{row.gold:8.3f}{row.gold_error:7.3f}{row.proxy:8.3f}{row.kl:8.3f}"
        f"{row.length:8.1f}"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _draw(folder: pathlib.Path, rows: Sequence[Row], title: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    curve = [row for row in rows if row.name.startswith("best_of_")]
    axes.plot([row.kl for row in curve], [row.gold for row in curve], color="grey", lw=1)
    for row in rows:
        axes.errorbar(row.kl, row.gold, row.gold_error, marker="o", ms=4)
        axes.annotate(row.name, (row.kl, row.gold), xytext=(4, 4), textcoords="offset points")
    axes.set(
        xlabel="KL to the reference, nats an answer",
        ylabel="gold, in deviations of the reference",
        title=title,
    )
    axes.grid(alpha=0.3)
    figure.savefig(folder / "comparison.png", dpi=120)
