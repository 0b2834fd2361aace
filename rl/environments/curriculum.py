"""Which level of difficulty to practise next: those where some answers are right and some wrong.

The state is one number a level, the recent rate of success, in a tuple: plain data that a
checkpoint holds. A group whose answers are all right or all wrong teaches nothing, and the variance
of a reward of 0 or 1 with rate r is r (1 - r): in proportion to it levels are drawn, and a little
beyond, so that a level that has become possible is noticed.
"""

from collections.abc import Sequence

_UNKNOWN = 0.5  # the rate of a level that nobody has tried: worth trying
_ALWAYS = 0.02  # added to every level's variance
_MEMORY = 0.9  # of the rate before, at each update


def start(levels: int) -> tuple[float, ...]:
    """The rates of `levels` levels before anything is known."""
    return (_UNKNOWN,) * levels


def weights(rates: Sequence[float]) -> list[float]:
    """How often each level is drawn, in proportion."""
    return [rate * (1 - rate) + _ALWAYS for rate in rates]


def level(rates: Sequence[float], u: float) -> int:
    """The level, from 1, that a number u from [0, 1) draws."""
    each = weights(rates)
    left = u * sum(each)
    for number, weight in enumerate(each, 1):
        left -= weight
        if left < 0:
            return number
    return len(each)


def updated(rates: Sequence[float], tried: int, reward: float) -> tuple[float, ...]:
    """The rates after the mean reward (0 to 1) of one group at level `tried`, from 1."""
    return tuple(
        _MEMORY * rate + (1 - _MEMORY) * reward if number == tried else rate
        for number, rate in enumerate(rates, 1)
    )
