"""A continuation that the model would write itself, and how surprised it is by it."""

import math
from collections.abc import Sequence


def perplexity(log_probs: Sequence[float]) -> float:
    """exp of the mean negative log-probability of whole continuations, as is usual for LAMBADA.

    Infinite where it is too large to be a float.
    """
    try:
        return math.exp(-sum(log_probs) / len(log_probs))
    except OverflowError:
        return math.inf
