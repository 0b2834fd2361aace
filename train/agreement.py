"""How well scores order answers as somebody else does, and how far to trust their differences.

Pure functions of numpy arrays. A pair is two answers to one prompt that are not tied; a difference
is the score of the better one less that of the worse one.
"""

import math

import numpy as np

_TEMPERATURES = np.geomspace(0.02, 50, 400)
_BINS = 10
_Z = 1.959963984540054  # of a normal distribution, 95% lie within


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


def wilson(share: float, count: float) -> tuple[float, float]:
    """The 95% interval of a share of `count`, within 0 and 1 (Wilson 1927)."""
    centre = share + _Z * _Z / (2 * count)
    spread = _Z * math.sqrt(share * (1 - share) / count + _Z * _Z / (4 * count * count))
    low, high = ((centre + side) / (1 + _Z * _Z / count) for side in (-spread, spread))
    return max(0.0, low), min(1.0, high)


def with_interval(scores: np.ndarray, ranks: np.ndarray) -> dict[str, float]:
    """The share of pairs ordered rightly and its interval of 95%, as figures of a stage.

    Pairs of one ranking are not independent, so that the interval is that of as many independent
    ones as would vary as much as the rankings do (a ratio estimate over clusters: Cochran 1977,
    section 6.3); of rankings that all agree alike, as many as there are rankings.

    Args:
        scores, ranks: as of `differences`.
    """
    each = [differences(scores[n : n + 1], ranks[n : n + 1]) for n in range(len(ranks))]
    each = [own for own in each if len(own)]
    pairs = np.array([len(own) for own in each])
    right = np.array([agreement(own) * len(own) for own in each])
    N, share = len(each), float(right.sum() / pairs.sum())
    variance = np.sum((right - share * pairs) ** 2) / pairs.sum() ** 2 * N / max(N - 1, 1)
    count = min(pairs.sum(), share * (1 - share) / variance) if variance > 0 else N
    low, high = wilson(share, float(count))
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
