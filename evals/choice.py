"""Multiple choice by likelihood: which option the model finds likeliest after its context."""

from collections.abc import Sequence


def chosen(log_probs: Sequence[float]) -> int:
    """The option of the largest summed log-probability; the first of several."""
    return max(range(len(log_probs)), key=lambda i: (log_probs[i], -i))


def chosen_by_length(log_probs: Sequence[float], texts: Sequence[str]) -> int:
    """The option of the largest log-probability a byte of its text (UTF-8, without the white space
    around it), so that long options are not at a disadvantage.

    As the acc_bytes of lm-evaluation-harness; its acc_norm divides by characters, which is the same
    for ASCII.
    """
    sizes = [max(1, len(text.strip().encode("utf-8"))) for text in texts]
    return chosen([value / size for value, size in zip(log_probs, sizes, strict=True)])
