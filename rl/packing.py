"""Rollouts in rows of one size, so that every step of training takes the same compiled function.

A row holds several rollouts, which do not see each other (as data.chat_loader packs
conversations). Place t of a row predicts the token after it: `inputs` and `targets` of a rollout
are its prompt and tokens without the last and without the first. Masks come from lengths, never
from the value of a token.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from serve.turns import Trajectory

Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Packed:
    """N trajectories in B rows of T places.

    Attributes:
        arrays: [B, T] each. inputs, targets, positions int32, as data.loader.batches has them;
            segment_ids int32, 0 on padding and 1, 2, ... on the trajectories of a row; mask
            float32, 1 where the policy chose the target; sampler_log_probs float32, those of the
            targets when they were sampled, 0 where the mask is 0.
        used: microbatches that hold anything, the first ones; rows of microbatch n are those whose
            number leaves n when divided by the number of microbatches (train.gradients.split).
        rows, starts, lengths: of each trajectory: its row, and its places
            [start, start + length), one for each of its tokens, those of tools included.
    """

    arrays: Arrays
    used: int
    rows: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def spread(self, values: Sequence[float]) -> np.ndarray:
        """[B, T] float32 with values[n] at the places of trajectory n; 0 elsewhere."""
        array = np.zeros(self.arrays["mask"].shape, np.float32)
        for row, start, length, value in zip(
            self.rows, self.starts, self.lengths, values, strict=True
        ):
            array[row, start : start + length] = value
        return array


def pack(
    written: Sequence[Trajectory],
    rows: int,
    context: int,
    microbatch: int,
    random: np.random.Generator,
) -> Packed:
    """Trajectories in `rows` rows of `context` places, as few of them in use as first-fit
    decreasing finds (at most 11/9 of the fewest there are, and one more).

    Args:
        rows: a multiple of microbatch; as many as trajectories always suffice.
        microbatch: rows that are computed at a time.
        random: shuffles the rows, so that the first microbatches are a fair sample.

    Raises:
        ValueError: they do not fit.
    """
    sizes = [len(one.prompt) + len(one.tokens) - 1 for one in written]
    row_of, start_of, count = _first_fit(sizes, context)
    if count > rows:
        raise ValueError(f"{len(written)} trajectories need {count} rows, and there are {rows}")
    used, microbatches = -(-count // microbatch), rows // microbatch
    place = random.permutation(count)
    place = place % microbatch * microbatches + place // microbatch
    row_of = place[row_of]
    arrays = {
        name: np.zeros((rows, context), np.int32)
        for name in ("inputs", "targets", "positions", "segment_ids")
    } | {name: np.zeros((rows, context), np.float32) for name in ("mask", "sampler_log_probs")}
    segments = np.zeros(rows, np.int32)
    for one, row, start, size in zip(written, row_of, start_of, sizes, strict=True):
        ids = np.concatenate([one.prompt, np.asarray(one.tokens, np.int32)])
        span, own = slice(start, start + size), slice(start + len(one.prompt) - 1, start + size)
        segments[row] += 1
        arrays["inputs"][row, span], arrays["targets"][row, span] = ids[:-1], ids[1:]
        arrays["positions"][row, span] = np.arange(size)
        arrays["segment_ids"][row, span] = segments[row]
        arrays["mask"][row, own] = one.mask
        arrays["sampler_log_probs"][row, own] = one.log_probs
    lengths = np.array([len(one.tokens) for one in written])
    starts = start_of + np.array([len(one.prompt) - 1 for one in written])
    return Packed(arrays, used, row_of, starts, lengths)


def _first_fit(sizes: Sequence[int], context: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The row and the first place of each size, and how many rows there are; the largest first."""
    row_of, start_of = np.zeros((2, len(sizes)), int)
    filled: list[int] = []
    for n in np.argsort(-np.asarray(sizes), kind="stable"):
        if sizes[n] > context:
            raise ValueError(f"a trajectory of {sizes[n] + 1} tokens does not fit a row")
        fitting = (row for row, full in enumerate(filled) if full + sizes[n] <= context)
        row = next(fitting, len(filled))
        if row == len(filled):
            filled.append(0)
        row_of[n], start_of[n] = row, filled[row]
        filled[row] += sizes[n]
    return row_of, start_of, len(filled)
