"""A continuation that the model would write itself, and how surprised it is by it."""

from collections.abc import Sequence

import numpy as np


def would_write(log_probs: np.ndarray, best: np.ndarray) -> bool:
    """Whether each token, of log-probability [T], is the likeliest in its place, of `best` [T]."""
    return bool(np.all(log_probs == best))


def nats(log_probs: Sequence[float]) -> float:
    """The mean over items of what a whole continuation costs. exp of it is what is reported as the
    perplexity of LAMBADA."""
    return -sum(log_probs) / len(log_probs)
