"""Figures over items: a mean with what it is uncertain by, and the mean over tasks."""

from collections.abc import Mapping, Sequence

from train.agreement import wilson


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95% interval of the mean of values in 0..1 by Wilson's score (1927).

    Of right and wrong answers it holds its level for few items and for shares near 0 and 1; of
    values between, whose variance is smaller, it is too wide rather than too narrow.
    """
    return wilson(sum(values) / len(values), len(values))


def centred(accuracy: float, chance: float) -> float:
    """0 for guessing, 1 for all right; below 0 where guessing is better."""
    return (accuracy - chance) / (1.0 - chance)


def centred_mean(accuracies: Mapping[str, float], chances: Mapping[str, float]) -> float:
    """The mean over tasks of centred accuracies, as CORE of DCLM (arXiv 2406.11794) is.

    CORE is over 22 tasks, most with ten examples: this is comparable with it only as far as the
    tasks and the examples are.
    """
    values = [centred(value, chances[name]) for name, value in accuracies.items()]
    return sum(values) / len(values)
