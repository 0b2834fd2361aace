"""Rewards from a reward model (train.reward), on a scale that the start of the run sets.

An answer is scored in the tokens that the policy wrote, never decoded and encoded again. Its reward
is how many standard deviations it scores above the mean of the model that training starts from, on
held-out prompts: measured once, before the first step. An answer that was not ended is no answer
that the reward model has learnt to score, and gets a fixed low reward in its place.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from data.errors import InputError
from rl.environments.environment import Problem, Verdict
from rl.rollout import Rewards
from serve.turns import Trajectory

# (prompt tokens, answer tokens) of each -> scores [N], as train.reward.RewardModel.score.
Score = Callable[[Sequence[tuple[Sequence[int], Sequence[int]]]], np.ndarray]


class Scale(NamedTuple):
    """Of a figure of the start's answers: what is 0, and what is 1 from there."""

    mean: float
    deviation: float

    def of(self, value: float | np.ndarray) -> Any:
        """The figure, or figures, in standard deviations above the mean."""
        return (value - self.mean) / self.deviation


def scale(values: Sequence[float], what: str) -> Scale:
    """The scale that the start's answers set.

    Raises:
        InputError: they are all worth the same, so that there is no scale.
    """
    mean, deviation = float(np.mean(values)), float(np.std(values))
    if not deviation > 0:
        raise InputError(
            f"all {len(values)} answers of the start have the {what} {mean:.3f}, so that nothing "
            "says what is a better one: start from a model that has learnt to answer"
        )
    return Scale(mean, deviation)


def raw_scores(score: Score, written: Sequence[Trajectory]) -> np.ndarray:
    """What a reward model gives each turn, [N] float32.

    Raises:
        InputError: a score is not finite.
    """
    return score([(one.prompt, one.tokens) for one in written])


def is_ended(one: Trajectory, end: int) -> bool:
    """Whether the policy has ended its answer as a turn is ended, by the token `end`. What follows
    any other ending a reward model has never seen, and what it says of that is worth nothing."""
    return one.finish_reason == "stop" and one.tokens[-1] == end


def scored(score: Score, own: Scale, unfinished: float, end: int) -> Rewards:
    """Rewards by a reward model.

    Args:
        own: of the reward model's scores.
        unfinished: standard deviations below the start's mean that an answer without an end gets.
        end: as of `is_ended`.
    """

    def rewards(problems: Sequence[Problem], written: Sequence[Trajectory]) -> Sequence[Verdict]:
        return judged(raw_scores(score, written), written, own, unfinished, end)

    return rewards


def judged(
    scores: Sequence[float],
    written: Sequence[Trajectory],
    own: Scale,
    unfinished: float,
    end: int,
) -> list[Verdict]:
    """What turns are worth whose raw scores [N] are there; the rest as of `scored`."""
    return [
        Verdict(own.of(float(value)), f"scored {value:.3f}")
        if is_ended(one, end)
        else Verdict(-unfinished, f"not ended as a turn is ({one.finish_reason})")
        for one, value in zip(written, scores, strict=True)
    ]
