"""Random choices that stay the same on every Python version.

Only ``random.Random.random`` is documented to give the same numbers for the same seed on all
versions; every choice here is made from it alone.
"""

import bisect
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """A stream of choices named by a string, such as "0/17/text"."""

    def __init__(self, name: str):
        self._next = random.Random(name).random

    def chance(self, probability: float) -> bool:
        return self._next() < probability

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self._next() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        return items[int(self._next() * len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        items = list(items)
        for i in range(len(items) - 1, 0, -1):
            j = int(self._next() * (i + 1))
            items[i], items[j] = items[j], items[i]
        return items

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """Up to ``count`` different items in random order."""
        items = list(items)
        count = min(count, len(items))
        for i in range(count):
            j = i + int(self._next() * (len(items) - i))
            items[i], items[j] = items[j], items[i]
        return items[:count]

    def index(self, cumulative: Sequence[float]) -> int:
        """An index drawn in proportion to weights given as running totals."""
        return bisect.bisect_right(cumulative, self._next() * cumulative[-1])

    def weighted(self, items: Sequence[T], weights: Sequence[float], count: int) -> list[T]:
        """Up to ``count`` different items, each drawn in proportion to its weight.

        Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
        """
        keys = [(self._next() ** (1 / weight), i) for i, weight in enumerate(weights)]
        keys.sort(reverse=True)
        return [items[i] for _, i in keys[:count]]
