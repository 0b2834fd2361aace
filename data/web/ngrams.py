"""Runs of n words as 64-bit hashes, a whole document at a time."""

import functools
from collections.abc import Sequence

import numpy as np
import xxhash

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def word_hashes(words: Sequence[str]) -> np.ndarray:
    """uint64 [T], the same on every machine and in every process."""
    return np.fromiter(map(_word_hash, words), np.uint64, len(words))


@functools.lru_cache(maxsize=1 << 16)
def _word_hash(word: str) -> int:
    # A lone surrogate, which damaged text can hold, has no UTF-8 of its own.
    return xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass"))


def ngram_hashes(hashes: np.ndarray, n: int) -> np.ndarray:
    """The hash of every run of n words.

    Args:
        hashes: uint64 [T] of the words.

    Returns:
        uint64 [max(0, T - n + 1)]: the polynomial of the words' hashes in a fixed odd number, with
        its bits mixed so that every one of them depends on every word.
    """
    count = len(hashes) - n + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    mixed = hashes[:count].copy()
    for place in range(1, n):
        mixed *= _MULTIPLIER
        mixed += hashes[place : place + count]
    mixed ^= mixed >> np.uint64(32)
    mixed *= _MULTIPLIER
    mixed ^= mixed >> np.uint64(29)
    return mixed
