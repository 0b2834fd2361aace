"""How well scores order answers as somebody else does, and how far to trust their differences.

Pure functions of numpy arrays. A pair is two answers to one prompt that are not tied; a difference
is the score of the better one less that of the worse one.
"""

import math

import numpy as np

_TEMPERATURES = np.geomspace(0.02, 50, 400)
_BINS = 10


def differences(scores: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """The difference of every pair, [P] float64.

    Args:
      scores: [N, K]. ranks: [N, K] int, 1 is the best, equal is tied, 0 is no answer.
    """
    better = (ranks[:, :, None] < ranks[:, None]) & (ranks[:, :, None] > 0)
    return (scores[:, :, None] - scores[:, None])[better].astype(np.float64)


def agreement(differences: np.ndarray) -> float:
    """The share of pairs ordered rightly, equal scores counting half."""
    return float(np.mean((differences > 0) + 0.5 * (differences == 0)))


def wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a share of `count` (Wilson 1927), by default of 95%.

    Pairs of one prompt are not independent: with several answers a prompt it is a little narrow.
    """
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (centre - spread) / (1 + z * z / count), (centre + spread) / (1 + z * z / count)


def with_interval(differences: np.ndarray) -> dict[str, float]:
    """The share of pairs ordered rightly and its interval of 95%, as figures of a stage."""
    share = agreement(differences)
    low, high = wilson(share, len(differences))
    return {"agreement": share, "agreement_low": low, "agreement_high": high}


def temperature(differences: np.ndarray) -> float:
    """What to divide differences by so that their sigmoids are the likeliest probabilities
    (Guo et al. 2017, arXiv 1706.04599); the best of a grid from 0.02 to 50."""
    losses = [np.mean(np.logaddexp(0, -differences / t)) for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def calibration_error(differences: np.ndarray) -> float:
    """Expected calibration error of the sigmoid of the differences: over ten bins of confidence
    from 0.5 to 1, the mean distance of confidence from the share that is right."""
    confidence = 1 / (1 + np.exp(-np.abs(differences)))
    right = (differences > 0) + 0.5 * (differences == 0)
    bins = np.minimum(((confidence - 0.5) * 2 * _BINS).astype(int), _BINS - 1)
    error = 0.0
    for number in range(_BINS):
        inside = bins == number
        if inside.any():
            error += abs(float(np.sum(confidence[inside] - right[inside])))
    return error / len(differences)
