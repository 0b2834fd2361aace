"""What trying several times gains at inference: stage config.best_of_n.name.

A model answers each held-out problem of an environment N times. From these, for every n of
config.best_of_n.n, the share of problems that come out right if of n answers is taken

    mean      any one: the same for every n
    majority  the one that most of them agree on (Wang et al. 2022, arXiv 2203.11171)
    reward    the one that a reward model scores highest (where config.best_of_n.reward names one)
    pass      a right one, if there is one: what no choice can exceed (pass@n)

Figures go into the report, as best_of_n/majority_8; the folder has accuracy.png and every answer,
readable, with its vote and score, in answers.jsonl. A run that is stopped begins anew.
"""

import dataclasses
import math
import pathlib
import time
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from data import conversations
from data.errors import InputError
from data.run_folder import is_done, mark_done, record, write_json_lines
from evals import answers, exact_match
from evals.pass_at_k import pass_at_k
from model.sampling import check_sampling
from rl import feedback
from rl.environments import named
from rl.environments.answers import normalised
from rl.environments.environment import (
    Environment,
    Problem,
    Verdict,
    check_tools,
    chosen_levels,
    held_out_problems,
)
from rl.rollout import has_room
from serve.load import Trained, load
from serve.tools.resolve import resolve as resolve_tools
from serve.tools.tool import closing_tools
from serve.turns import Bounds
from train.reward import RewardModel
from train.stage import check_counts

_LABELS = {
    "pass": "any is right (pass@n)",
    "reward": "best by the reward model",
    "majority": "majority vote",
    "mean": "one answer",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Tries:
    """The N answers to a problem.

    Attributes:
        right: [N] bool.
        votes: N; what each comes to, None where that is nothing.
        scores: [N] of a reward model; None without one.
    """

    right: np.ndarray
    votes: Sequence[Hashable | None]
    scores: np.ndarray | None = None


def best_scored(right: np.ndarray, scores: np.ndarray, n: int) -> float:
    """The probability that of n of the N answers, drawn without replacement, the one with the
    highest score is right; of equal scores, each is taken equally often.

    Raises:
        ValueError: n is not 1 to N.
    """
    total, chance = _total(len(right), n), 0.0
    for score in np.unique(scores):
        equal, below = scores == score, int(np.sum(scores < score))
        # The best has this score: all are up to it, and not all below it.
        count = math.comb(below + int(np.sum(equal)), n) - math.comb(below, n)
        chance += count / total * float(np.mean(right[equal]))
    return chance


def majority(right: np.ndarray, votes: Sequence[Hashable | None], n: int) -> float:
    """The share of right answers among those that a vote takes, one of each n that follow one
    another: the first of those that most agree on. None votes for nothing; with nothing else the
    answer is wrong.

    Raises:
        ValueError: n is not 1 to N.
    """
    _total(len(right), n)
    won = []
    for start in range(0, len(right) - n + 1, n):
        part = list(votes[start : start + n])
        winner = exact_match.majority(part)
        won.append(winner is not None and bool(right[start + part.index(winner)]))
    return sum(won) / len(won)


def _total(N: int, n: int) -> int:
    if not 1 <= n <= N:
        raise ValueError(f"{n} of {N} answers cannot be drawn")
    return math.comb(N, n)


def figures(tries: Sequence[Tries], numbers: Sequence[int]) -> dict[str, float]:
    """The mean over problems of every measure: "mean", and "majority_8", "pass_8", "reward_8"."""
    found = {"mean": float(np.mean([np.mean(one.right) for one in tries]))}
    for n in numbers:
        found[f"majority_{n}"] = float(np.mean([majority(t.right, t.votes, n) for t in tries]))
        found[f"pass_{n}"] = float(
            np.mean([pass_at_k(len(t.right), int(np.sum(t.right)), n) for t in tries])
        )
        if tries[0].scores is not None:
            found[f"reward_{n}"] = float(
                np.mean([best_scored(t.right, t.scores, n) for t in tries])
            )
    return found


def run(config: ConfigDict, workdir: str) -> None:
    """Measures the model of config.best_of_n.stage.

    Raises:
        InputError: a setting, or what it names, must be put right.
    """
    section = config.best_of_n
    folder = pathlib.Path(workdir) / section.name
    if is_done(folder):
        return
    begun = time.monotonic()
    numbers = _checked(section)
    environment = named.environment(section.environment, config)
    if environment.gold:
        raise InputError(
            f"nothing verifies the answers of {environment.name}: set "
            "config.best_of_n.environment to problems that can be verified"
        )
    trained = load(workdir, section.stage)
    problems = held_out(config, environment, trained)
    model = RewardModel.load(workdir, section.reward) if section.reward else None
    given = _answers(config, workdir, trained, problems)
    verdicts = [
        [environment.verify(problem, one.text) for one in own]
        for problem, own in zip(problems, given, strict=True)
    ]
    tries = [
        Tries(
            np.array([verdict.reward >= 1 for verdict in judged]),
            [normalised(problem, one.text) for one in own],
            scores,
        )
        for problem, own, judged, scores in zip(
            problems,
            given,
            verdicts,
            _scores(model, given, trained.tokenizer.special[conversations.END]),
            strict=True,
        )
    ]
    found = figures(tries, numbers)
    write_json_lines(folder / "answers.jsonl", _readable(problems, given, verdicts, tries))
    _draw(folder, f"{config.name}: {section.environment}, {len(problems)} problems", found, numbers)
    for name, value in found.items():
        print(f"{section.name}/{name} {value:.4f}", flush=True)
    record(workdir, {f"{section.name}/{name}": value for name, value in found.items()})
    mark_done(folder, found | {"seconds": time.monotonic() - begun})


def held_out(config: ConfigDict, environment: Environment, trained: Trained) -> list[Problem]:
    """The problems to measure on, of all levels in turn; those that leave the model no room for an
    answer are left out, and counted."""
    section, context = config.best_of_n, trained.architecture.context
    levels = chosen_levels(environment, section.levels, "best_of_n")

    def fits(problem: Problem) -> bool:
        return has_room(trained.tokenizer, problem, section.tokens, context)

    found = held_out_problems(environment, config.seed, section.problems, levels, fits)
    if found.left_out:
        print(
            f"{section.name}: {found.left_out} problems were left out, too long for the model's "
            "context; others took their places"
        )
    if shortfall := found.shortfall(section.problems, "best_of_n.problems"):
        print(f"{section.name}: {shortfall}")
    return found.problems


def _checked(section: ConfigDict) -> list[int]:
    """config.best_of_n.n in order, if it and the other settings can be used."""
    numbers = sorted(set(section.n))
    if not numbers or numbers[0] < 1:
        raise InputError("config.best_of_n.n must name numbers of answers, at least 1 each")
    check_counts(section, "best_of_n", ("problems", "tokens"))
    try:
        check_sampling(section.temperature, 0, 1.0, 0.0)
    except ValueError as error:
        raise InputError(f"config.best_of_n.{error}") from error
    if not section.temperature and numbers[-1] > 1:
        raise InputError(
            "config.best_of_n.temperature is 0, at which all answers to a problem are the same: "
            "set it to 1"
        )
    return numbers


def _answers(
    config: ConfigDict, workdir: str, trained: Trained, problems: Sequence[Problem]
) -> list[list[answers.Answer]]:
    """As many answers to each problem as the most that are to be chosen from."""
    section = config.best_of_n
    with closing_tools(resolve_tools(section.tools, workdir, config, seed=config.seed)) as tools:
        check_tools(problems, [tool.name for tool in tools], "best_of_n")
        return answers.ask(
            answers.engine_of(trained),
            [problem.question for problem in problems],
            tools,
            Bounds(tokens=section.tokens, total_tokens=section.tokens),
            max(section.n),
            section.temperature,
            config.seed,
        )


def _scores(
    model: RewardModel | None, given: Sequence[Sequence[answers.Answer]], end: int
) -> list[np.ndarray | None]:
    """Of the answers to each problem, as many to each; without a model, None. An answer that is not
    ended (rl.feedback.is_ended) is below all that are."""
    if model is None:
        return [None] * len(given)
    written = [one.trajectory for own in given for one in own]
    ended = [feedback.is_ended(one, end) for one in written]
    scores = np.where(ended, feedback.raw_scores(model.score, written), -np.inf)
    return np.split(scores, len(given))


def _readable(
    problems: Sequence[Problem],
    given: Sequence[Sequence[answers.Answer]],
    verdicts: Sequence[Sequence[Verdict]],
    tries: Sequence[Tries],
) -> list[dict[str, Any]]:
    """Every answer with its verdict, reward, vote and score."""
    lines = []
    for problem, own, judged, tried in zip(problems, given, verdicts, tries, strict=True):
        for number, (answer, verdict) in enumerate(zip(own, judged, strict=True)):
            line = answers.readable(problem.question, answer, verdict.why)
            line["reward"], vote = verdict.reward, tried.votes[number]
            line["vote"] = None if vote is None else str(vote)
            if tried.scores is not None:
                score = float(tried.scores[number])
                line["score"] = score if math.isfinite(score) else None
            lines.append(line)
    return lines


def _draw(
    folder: pathlib.Path, title: str, found: dict[str, float], numbers: Sequence[int]
) -> None:
    """Draws accuracy.png: the share of problems against n."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for measure, label in _LABELS.items():
        shares = [found.get(f"{measure}_{n}", found.get(measure)) for n in numbers]
        if None not in shares:
            axes.plot(numbers, shares, marker="o", ms=4, label=label)
    axes.set_xscale("log", base=2)
    axes.set_xticks(numbers, [str(n) for n in numbers])
    axes.set(xlabel="answers to choose from", ylabel="share of problems right", title=title)
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(folder / "accuracy.png", dpi=120)
