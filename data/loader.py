"""Token shards to training batches: random access, shuffled, the same on any number of hosts.

A stream of tokens (see data.tokens) is read as rows: row i is the tokens from i T to i T + T, both
included, so that neighbours share one token, the target of one and the first input of the other.
Over an epoch every token but the end_of_text that opens the stream is a target exactly once; the
last row is padded. The order of rows depends on the seed alone. A host asks for its own rows of
batch b, rows b B + offset, so that a position in training is one integer, the batch number,
whatever the hosts, processes and threads.
"""

import dataclasses
import functools
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grain
import numpy as np

from data import records
from data.errors import InputError
from data.tokens import BLOCK_TOKENS, COUNTS

PADDING = -1
# Blocks kept in memory by each split of each source: 256 MB of uint16, and the whole of a small
# corpus.
_CACHED_BLOCKS = 1 << 15
_READ = grain.ReadOptions(num_threads=2, prefetch_buffer_size=8)


@dataclasses.dataclass(frozen=True)
class Stream:
    """One split of one source.

    Attributes:
        source: what it was made from, as config.data.source names it.
        folder: its TFDS data set.
        split: "train" or "validation".
        tokens: number of stored tokens, the opening end_of_text included.
        weight: its share of the mixture, or None for its share of the tokens.
    """

    source: str
    folder: str
    split: str
    tokens: int
    weight: float | None


@dataclasses.dataclass(frozen=True)
class Corpus:
    """The token data of a run, its files checked.

    Attributes:
        train, validation: the streams of each split.
        vocab_size: number of token ids.
        end_of_text: the id between documents.
        counts: data/counts.json; `counts["validation"]["bytes"]` is the number of UTF-8 bytes of
            the text whose tokens are the targets of the whole validation split, end_of_text
            counting none, which is what bits per byte divides by.
    """

    train: tuple[Stream, ...]
    validation: tuple[Stream, ...]
    vocab_size: int
    end_of_text: int
    counts: dict


def open_corpus(workdir: str | os.PathLike) -> Corpus:
    """Opens `workdir`/data.

    Raises:
        InputError: there is none, or a shard is missing or has another size than was written.
    """
    folder = pathlib.Path(workdir) / "data"
    try:
        counts = json.loads((folder / COUNTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"there is no token data in {folder}: run the stage data.tokens first"
        ) from error
    records.check_sizes(folder, counts["files"])
    streams = {
        split: tuple(
            Stream(
                source=part["source"],
                folder=str(folder / part["name"]),
                split=split,
                tokens=part["splits"][split]["tokens"] + 1,
                weight=part["weight"],
            )
            for part in counts["sources"]
            if part["splits"].get(split, {}).get("tokens", 0)
        )
        for split in ("train", "validation")
    }
    return Corpus(
        train=streams["train"],
        validation=streams["validation"],
        vocab_size=counts["vocab_size"],
        end_of_text=counts["end_of_text"],
        counts=counts,
    )


class Rows:
    """Rows of a stream by number: [T + 1] int32, the last one padded with -1.

    Raises in reading:
        InputError: a shard cannot be read.
    """

    def __init__(self, stream: Stream, context: int):
        import tensorflow_datasets as tfds

        self._stream = stream
        self._context = context
        try:
            builder = tfds.builder_from_directory(stream.folder)
            self._blocks = builder.as_data_source(split=stream.split)
        except Exception as error:  # TFDS and its readers raise many kinds
            raise self._unreadable(error) from error
        if len(self._blocks) != -(-stream.tokens // BLOCK_TOKENS):
            raise self._unreadable(f"it has {len(self._blocks)} blocks")
        self._block = functools.lru_cache(_CACHED_BLOCKS)(self._read_block)

    def _read_block(self, number: int) -> np.ndarray:
        try:
            return self._blocks[number]["tokens"]
        except Exception as error:  # a flipped bit shows as one of several kinds
            raise self._unreadable(error) from error

    def _unreadable(self, reason) -> InputError:
        folder = pathlib.Path(self._stream.folder)
        return InputError(
            f"the {self._stream.split} token shards in {folder} cannot be read "
            f"({str(reason).splitlines()[0][:200]}): {records.remake(folder.parent)}"
        )

    def __len__(self) -> int:
        return -(-(self._stream.tokens - 1) // self._context)

    def __getitem__(self, number: int) -> np.ndarray:
        start = int(number) * self._context
        end = min(start + self._context + 1, self._stream.tokens)
        row = np.full(self._context + 1, PADDING, np.int32)
        at = start
        while at < end:
            block, offset = divmod(at, BLOCK_TOKENS)
            piece = self._block(block)[offset : offset + end - at]
            row[at - start : at - start + len(piece)] = piece
            at += len(piece)
        return row


def training_rows(
    corpus: Corpus, context: int, seed: int, opening: str = "", count: int = 0
) -> "grain.MapDataset | Opened":
    """Endless rows of the training split, [T + 1] int32, each epoch of each source shuffled anew.

    Several sources are mixed row by row: by weight, or in proportion to their tokens. The first
    `count` rows are of the source `opening` alone.

    Raises:
        InputError: the training split is shorter than one row, or there is no such source.
    """
    longest = max((stream.tokens - 1 for stream in corpus.train), default=0)
    if longest < context:
        raise InputError(
            f"the longest source has {longest} tokens in the training split, fewer than one row of "
            f"{context}: give more text, or set config.train.context or config.model.context lower"
        )
    rows = [Rows(stream, context) for stream in corpus.train]
    weights = [stream.weight or stream.tokens for stream in corpus.train]
    mixed = mixture(rows, weights, seed)
    if not count:
        return mixed
    names = [stream.source for stream in corpus.train]
    if opening not in names:
        raise InputError(
            f"config.train.opening_source is {opening!r}, which is none of the sources of "
            f"config.data.source ({', '.join(names)}): name one of them, or set "
            "config.train.opening to 0"
        )
    return Opened(mixture([rows[names.index(opening)]], [1.0], seed + 1), count, mixed)


class Opened:
    """`count` rows of one random-access source, and then those of another from its first on."""

    def __init__(self, first: Any, count: int, then: Any):
        self._first, self._count, self._then = first, count, then

    def __len__(self) -> int:
        return len(self._then)

    def __getitem__(self, number: int) -> np.ndarray:
        opens = number < self._count
        return self._first[number] if opens else self._then[number - self._count]


def mixture(sources: Sequence[Any], weights: Sequence[float], seed: int) -> grain.MapDataset:
    """Endless rows of random-access sources, mixed row by row by weight, each epoch of each source
    shuffled anew."""
    # Seeds of their own, or else equally long sources would be shuffled alike.
    seeds = np.random.SeedSequence(seed).generate_state(len(sources))
    datasets = [
        grain.MapDataset.source(rows).shuffle(seed=int(own_seed)).repeat(None)
        for rows, own_seed in zip(sources, seeds, strict=True)
    ]
    return datasets[0] if len(datasets) == 1 else grain.MapDataset.mix(datasets, weights)


def validation_rows(corpus: Corpus, context: int) -> grain.MapDataset:
    """All rows of the validation split in order, source by source, [T + 1] int32."""
    datasets = [grain.MapDataset.source(Rows(stream, context)) for stream in corpus.validation]
    return grain.MapDataset.concatenate(datasets)


def batches(
    rows: grain.MapDataset,
    batch: int,
    offsets: Sequence[int] | None = None,
    start: int = 0,
    end_of_text: int | None = None,
) -> Iterator[dict[str, np.ndarray]]:
    """Batches of rows from number `start` on, read ahead by threads.

    Args:
        rows: `training_rows`, which never end, or `validation_rows`, each of which comes once; rows
            missing from the last batch are padding.
        batch: rows in the whole batch, B, over all hosts.
        offsets: which of these rows to return, in this order: those of this host's devices. None
            for all.
        start: number of the first batch; the position to resume from.
        end_of_text: where given, documents are told apart by it.

    Yields:
        inputs, targets [B, T] int32 and mask [B, T] float32, 1 where there is a target. With
        `end_of_text` also segment_ids [B, T] int32, the number of the document in the row from 1,
        and positions [B, T] int32, counted from 0 in the part of the document in the row. An
        end_of_text given as input opens the document after it, since its target is that document's
        first token: the document before has ended with end_of_text as its last target. So no target
        is predicted from another document.
    """
    return arranged(rows, batch, lambda rows: arrange(rows, end_of_text), offsets, start)


def arranged(
    rows: grain.MapDataset,
    batch: int,
    arrange: Callable[[np.ndarray], dict[str, np.ndarray]],
    offsets: Sequence[int] | None = None,
    start: int = 0,
) -> Iterator[dict[str, np.ndarray]]:
    """`batches` of rows of any shape: `arrange` makes the arrays of a batch of them, [B, ...]."""
    source = _Batches(rows, batch, range(batch) if offsets is None else offsets, arrange)
    iterator = iter(grain.MapDataset.source(source).to_iter_dataset(_READ))
    if start:
        iterator.set_state({"next_index": start})
    return iterator


class _Batches:
    """Random access to whole batches, so that one thread works on one batch."""

    def __init__(
        self,
        rows: grain.MapDataset,
        batch: int,
        offsets: Sequence[int],
        arrange: Callable[[np.ndarray], dict[str, np.ndarray]],
    ):
        self._rows, self._batch, self._arrange = rows, batch, arrange
        self._offsets = [int(offset) for offset in offsets]
        if any(not 0 <= offset < batch for offset in self._offsets):
            raise ValueError(f"offsets {self._offsets} are not rows of a batch of {batch}")

    def __len__(self) -> int:
        return -(-len(self._rows) // self._batch)

    def __getitem__(self, number: int) -> dict[str, np.ndarray]:
        first = int(number) * self._batch
        wanted = [first + offset for offset in self._offsets]
        rows = [self._rows[row] for row in wanted if row < len(self._rows)]
        if len(rows) < len(wanted):
            padding = np.full_like(self._rows[0], PADDING)
            rows += [padding] * (len(wanted) - len(rows))
        return self._arrange(np.stack(rows))


def arrange(rows: np.ndarray, end_of_text: int | None = None) -> dict[str, np.ndarray]:
    """Rows [B, T + 1] int32, padded with -1, as the arrays that `batches` yields."""
    inputs, targets = rows[:, :-1], rows[:, 1:]
    arrays = {
        "inputs": np.maximum(inputs, 0),
        "targets": np.maximum(targets, 0),
        "mask": (targets != PADDING).astype(np.float32),
    }
    if end_of_text is None:
        return arrays
    opens = inputs == end_of_text
    opens[:, 0] = True
    number = np.arange(inputs.shape[1], dtype=np.int32)
    starts = np.maximum.accumulate(np.where(opens, number, 0), axis=1)
    arrays["segment_ids"] = np.cumsum(opens, axis=1, dtype=np.int32)
    arrays["positions"] = (number - starts).astype(np.int32)
    return arrays
