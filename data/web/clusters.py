"""Connected components of pairs of ids: which pages are copies of each other."""

import array
from collections.abc import Iterable, Iterator

import numpy as np


def copies(pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """(id, kept id) of every page to be removed: all of a cluster but the one with the smallest id.

    Labels go down to the smallest of a cluster along pairs and by pointer jumping (Shiloach and
    Vishkin 1982), in a number of rounds that grows with the logarithm of the cluster's size. Holds
    16 bytes a pair and some 40 a page, and no Python object for either.

    Args:
        pairs: ids of 63 bits, in any order, repeated or not.
    """
    gathered = array.array("q")
    for pair in pairs:
        gathered.extend(pair)
    if not gathered:
        return
    ids, places = np.unique(np.frombuffer(gathered, np.int64), return_inverse=True)
    left, right = places.reshape(-1, 2).T
    labels = np.arange(len(ids))
    while True:
        lowest = np.minimum(labels[left], labels[right])
        lowered = labels.copy()
        # The label's label is lowered too, so that whole trees join and not leaves one by one.
        for target in (left, right, labels[left], labels[right]):
            np.minimum.at(lowered, target, lowest)
        while not np.array_equal(jumped := lowered[lowered], lowered):
            lowered = jumped
        if np.array_equal(lowered, labels):
            break
        labels = lowered
    for place in np.flatnonzero(labels != np.arange(len(ids))):
        yield int(ids[place]), int(ids[labels[place]])
