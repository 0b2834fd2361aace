"""A policy on prompts whose answers nothing verifies: what a reward model says (the proxy), what
the hidden judge says (gold), and how far it has strayed.

A policy that is optimised against a proxy is at first better by both, and then by the proxy alone
(Gao et al. 2022, arXiv 2210.10760). Held-out prompts come in two halves: one says when to stop, and
what is reported is of the other, since the highest of many noisy figures flatters itself.

Both are in standard deviations of the start's answers to all held-out prompts, sampled at
temperature 1, above their mean.
"""

import dataclasses
import functools
import itertools
import json
import math
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data.errors import InputError
from data.run_folder import write_atomically
from evals.answers import model_id, said
from model.config import ModelConfig
from rl import divergence, evaluation, feedback
from rl.environments.environment import Problem, asked
from rl.feedback import Scale
from rl.practice import Params, Practice
from rl.rollout import Rollout
from serve.turns import Trajectory
from train import watch
from train.reward import RewardModel

START = "start.json"
TO_STOP_BY = "gold_to_stop_by"
_PANELS = (
    ("proxy, in deviations of the start", ("proxy",)),
    ("gold, in deviations of the start", ("gold", TO_STOP_BY)),
    ("KL to the start, nats an answer", ("held_out_kl",)),
    ("tokens an answer", ("held_out_length",)),
    ("entropy, nats a token", ("held_out_entropy",)),
)


class Judges(NamedTuple):
    """What measures a policy on held-out prompts.

    gold: the hidden judge's scale. of: (problem, text) -> what it says, on its own scale.
    strayed: turns -> of each its divergence from the start, in nats (rl.divergence).
    """

    gold: Scale
    of: Callable[[Problem, str], float]
    strayed: Callable[[Sequence[Trajectory]], np.ndarray]

    def golds(self, rollouts: Sequence[Rollout]) -> np.ndarray:
        """Of each, in deviations of the start, [N]. What was not ended says nothing."""
        worth = [self.of(one.problem, said(one.trajectory)) for one in rollouts]
        return self.gold.of(np.array(worth))


def prepared(
    config: ConfigDict,
    architecture: ModelConfig,
    mesh: Mesh,
    practice: Practice,
    start: Params,
    workdir: str,
) -> tuple[Practice, Judges]:
    """The practice with rewards by the reward model config.rl.reward, and what measures it.

    The scales that the start's answers set are kept in start.json of the stage's folder for as long
    as the run lasts, unless a model or a setting that they depend on is replaced.

    Args:
        config: the resolved one of the stage.
        start: parameters of the model that training starts from, on `mesh`.

    Raises:
        InputError: there is no such reward model, the start's answers are all worth the same, or
            there are too few held-out problems.
    """
    rl, environment = config.rl, practice.environment
    if len(set(says_when_to_stop(practice.held_out_problems.problems))) < 2:
        raise InputError(
            f"{environment.name} has a single held-out problem, and config.rl.reward takes two "
            "halves of them, to stop by and to report on: give an environment with more"
        )
    score = RewardModel.load(workdir, rl.reward, mesh).score
    path = pathlib.Path(workdir) / rl.name / START
    of = environment.gold or (lambda problem, text: environment.verify(problem, text).reward)
    measured = _measured_by(config, workdir)
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if kept.get("measured_by") != measured:
        problems, written = practice.held_out_answers(start)
        given = {
            "proxy": feedback.raw_scores(score, written),
            "gold": [of(one, said(turn)) for one, turn in zip(problems, written, strict=True)],
        }
        kept = {what: feedback.scale(values, what)._asdict() for what, values in given.items()}
        kept["measured_by"] = measured
        write_atomically(path, json.dumps(kept, indent=2) + "\n")
    end = practice.writer.end
    rewards = feedback.scored(score, Scale(**kept["proxy"]), rl.unfinished, end)
    rows = config.train.batch // config.train.accumulate
    measure = divergence.measurer(architecture, practice.writer.vocab_size, mesh, rows)
    judges = Judges(Scale(**kept["gold"]), of, functools.partial(measure, start))
    return dataclasses.replace(practice, rewards=rewards), judges


def _measured_by(config: ConfigDict, workdir: str) -> dict[str, Any]:
    """What the scales of the start depend on: another of these, and they are measured anew."""
    rl = config.rl
    settings = ("environment", "levels", "tokens", "eval_problems", "eval_samples")
    found = {name: rl[name] for name in settings} | {"seed": config.seed}
    found |= {stage: model_id(workdir, stage) for stage in (rl.start, rl.reward)}
    return json.loads(json.dumps(found))  # as it is read from a file


def says_when_to_stop(problems: Sequence[Problem]) -> list[bool]:
    """Of each held-out problem, whether it is of the half that says when to stop: every second is,
    and one that asks the same as an earlier one is of that one's half."""
    return _of_first_half([asked(one.messages) for one in problems])


def stopped_by(folder: pathlib.Path) -> set[str]:
    """Of the held-out problems that the policy of a stage was asked, what those of the half that
    said when to stop ask (rl.environments.environment.asked)."""
    lines = watch.records(folder / evaluation.ROLLOUTS)
    first = [asked(line["prompt"]) for line in lines if line["step"] == lines[0]["step"]]
    return set(itertools.compress(first, _of_first_half(first)))


def _of_first_half(asked_for: Sequence[str]) -> list[bool]:
    places: dict[str, int] = {}
    return [places.setdefault(one, len(places)) % 2 == 0 for one in asked_for]


def figures(
    rollouts: Sequence[Rollout], samples: int, gold: np.ndarray, strayed: np.ndarray
) -> dict[str, float]:
    """Means over an evaluation; proxy and gold over the half of the prompts to report on.

    Args:
        rollouts: `samples` of each held-out problem, neighbours.
        gold: [N], of each in deviations of the start.
        strayed: [N], of each in nats.
    """
    to_stop_by = np.repeat(says_when_to_stop([r.problem for r in rollouts[::samples]]), samples)
    rewards = np.array([one.reward for one in rollouts])
    surprise = -sum(sum(one.trajectory.log_probs) for one in rollouts)
    return evaluation.figures(rollouts) | {
        "proxy": float(rewards[~to_stop_by].mean()),
        "gold": float(gold[~to_stop_by].mean()),
        "gold_error": standard_error(gold[~to_stop_by].reshape(-1, samples)),
        TO_STOP_BY: float(gold[to_stop_by].mean()),
        "held_out_kl": float(strayed.mean()),
        # Of the sampled tokens, whose mean is the entropy.
        "held_out_entropy": surprise / max(1, sum(one.length for one in rollouts)),
    }


def standard_error(values: np.ndarray) -> float:
    """Of the mean of [problems, samples]: samples of one problem are not independent."""
    means = values.mean(axis=1)
    return float(means.std(ddof=1) / math.sqrt(len(means))) if len(means) > 1 else 0.0


def summary(folder: pathlib.Path) -> dict[str, float]:
    """Proxy and gold before the first step, at the peak of the half to stop by, and at the end."""
    lines = _evaluations(folder)
    highest = max(lines, key=lambda line: line[TO_STOP_BY])
    moments = {"before": lines[0], "peak": highest, "end": lines[-1]}
    found = {
        f"{what}_{moment}": line[what]
        for what in ("gold", "proxy")
        for moment, line in moments.items()
    }
    return found | {"peak_step": highest["step"], "kl_peak": highest["held_out_kl"]}


def draw(folder: pathlib.Path, title: str) -> None:
    """Draws rlhf.png: the curves of the evaluations in the folder's metrics.jsonl."""
    from matplotlib.figure import Figure

    lines = _evaluations(folder)
    peak = summary(folder)["peak_step"]
    figure = Figure(figsize=(8, 11), layout="constrained")
    for axes, (label, names) in zip(figure.subplots(len(_PANELS)), _PANELS, strict=True):
        steps = [line["step"] for line in lines]
        for name in names:
            axes.plot(steps, [line[name] for line in lines], marker="o", ms=3, label=name)
        axes.axvline(peak, color="grey", ls=":", lw=1)
        axes.set(ylabel=label)
        axes.grid(alpha=0.3)
        if len(names) > 1:
            axes.legend()
    axes.set(xlabel="step (dotted: the peak of the half to stop by)")
    figure.suptitle(title)
    figure.savefig(folder / "rlhf.png", dpi=120)


def _evaluations(folder: pathlib.Path) -> list[dict[str, Any]]:
    return [line for line in watch.records(folder / "metrics.jsonl") if TO_STOP_BY in line]
