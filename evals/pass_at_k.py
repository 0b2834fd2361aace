"""Programs that a model writes, judged by tests that run in the sandbox of the Python tool."""

import math
import re
import secrets
from collections.abc import Callable

_FENCED = re.compile(r"```[^\n`]{0,20}\n(.*?)(?:```|\Z)", re.DOTALL)
_END = "[DONE]"


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """The chance that one of k programs passes, of which `samples` were tried and `passed` did: the
    unbiased estimator 1 - C(n - c, k) / C(n, k) (arXiv 2107.03374).

    Raises:
        ValueError: there are fewer samples than k, or more that passed than there are.
    """
    if not 1 <= k <= samples or not 0 <= passed <= samples:
        raise ValueError(f"no pass@{k} of {passed} right among {samples}")
    return 1.0 - math.comb(samples - passed, k) / math.comb(samples, k)


def program_of(text: str) -> str:
    """The program in what a model has written: of its fenced blocks the last that defines a
    function, or else the first; without any, all of it up to the mark at which examples end."""
    blocks = _FENCED.findall(text) or [text.split(_END)[0]]
    defining = [block for block in blocks if "def " in block]
    return (defining[-1] if defining else blocks[0]).strip("\n")


def passes(run: Callable[[str], str], program: str, tests: str) -> bool:
    """Whether the tests run to their end after the program.

    Args:
        run: of the sandbox; what a program printed, and its error.
    """
    # Drawn anew, so that no program can print it: what stands behind the tests was reached.
    reached = secrets.token_hex(16)
    # A program may define a print of its own.
    own = f"print_{secrets.token_hex(8)}"
    printed = run(f"{own} = print\n{program}\n\n{tests}\n\n{own}()\n{own}('{reached}')\n")
    return printed.split("\n")[-1] == reached
