"""Packed conversations to training batches: random access, shuffled, the same on any hosts.

As in data.loader, row i of epoch e depends on the seed alone, and a batch on its number. Rows of
several sources are mixed by weight; "replay" gives rows of the token shards of pretraining, every
token of which is learnt, because a model that sees conversations alone forgets what it was not
asked about.
"""

import json
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import grain
import numpy as np
from ml_collections import ConfigDict

from data import chat_sources, chat_tokens, loader, records, sources
from data.errors import InputError
from data.loader import PADDING


class ChatData(NamedTuple):
    """Rows of the chat data and of replay, each [3, T + 1] int32 (see `ChatRows`).

    train: endless. validation: conversations alone, once. epoch: how many rows of `train` there
    are, on the average, until every conversation has been seen once.
    """

    train: grain.MapDataset
    validation: grain.MapDataset
    epoch: float


def open_chat_data(config: ConfigDict, workdir: str | os.PathLike) -> ChatData:
    """Opens what the stage data.chat_tokens has written.

    Raises:
        InputError: there is none, a shard is damaged, or there is nothing to replay.
    """
    folder = chat_tokens.folder_of(config, workdir)
    try:
        counts = json.loads((folder / chat_tokens.COUNTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"there is no chat data in {folder}: run the stage data.chat_tokens first"
        ) from error
    records.check_sizes(folder, counts["files"])
    context = counts["context"]
    train, weights, validation = [], [], []
    for part in counts["sources"]:
        rows = {
            split: ChatRows(folder / part["name"], split, context)
            for split in ("train", "validation")
            if part["splits"][split]["rows"]
        }
        if "train" in rows:
            train.append(rows["train"])
            weights.append(part["weight"] or len(rows["train"]))
        if "validation" in rows:
            validation.append(grain.MapDataset.source(rows["validation"]))
    epoch = sum(map(len, train)) / sum(weights)
    for source in sources.parse(config.sft.sources, "config.sft.sources"):
        if source.spec == chat_sources.REPLAY:
            replayed, shares = _replay(source, config, workdir, context)
            train += replayed
            weights += shares
    return ChatData(
        train=loader.mixture(train, weights, config.seed),
        validation=grain.MapDataset.concatenate(validation),
        epoch=epoch * sum(weights),
    )


def _replay(
    source: sources.Source,
    config: ConfigDict,
    workdir: str | os.PathLike,
    context: int,
) -> tuple[list["ReplayRows"], list[float]]:
    """Rows of each source of pretraining, and their weights, which add up to that of `source`."""
    corpus = loader.open_corpus(workdir)
    end = corpus.end_of_text if config.train.separate_documents else None
    shares = [stream.weight or stream.tokens for stream in corpus.train]
    rows = [ReplayRows(loader.Rows(stream, context), end) for stream in corpus.train]
    return rows, [source.weight * share / sum(shares) for share in shares]


class ChatRows:
    """Rows of packed conversations by number, [3, T + 1] int32.

    The tokens, padded with -1; 1 where a token is learnt; the number of its conversation, from 1.

    Raises in reading:
        InputError: a shard cannot be read.
    """

    def __init__(self, folder: pathlib.Path, split: str, context: int):
        import tensorflow_datasets as tfds

        self._folder, self._context = folder, context
        try:
            builder = tfds.builder_from_directory(os.fspath(folder))
            self._records = builder.as_data_source(split=split)
        except Exception as error:  # TFDS and its readers raise many kinds
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> InputError:
        return InputError(
            f"the chat data in {self._folder} cannot be read "
            f"({str(error).splitlines()[0][:200]}): {records.remake(self._folder.parent)}"
        )

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, number: int) -> np.ndarray:
        try:
            record = self._records[int(number)]
        except Exception as error:  # a flipped bit shows as one of several kinds
            raise self._unreadable(error) from error
        size = len(record["tokens"])
        row = np.full((3, self._context + 1), PADDING, np.int32)
        row[0, :size] = record["tokens"]
        row[1, :size] = record["learnt"]
        row[2, :size] = np.repeat(np.arange(len(record["lengths"])) + 1, record["lengths"])
        return row


class ReplayRows:
    """Rows of pretraining in the form of ChatRows: every token is learnt.

    With `end_of_text` documents are kept apart as in pretraining; without, a row is one text.
    """

    def __init__(self, rows: loader.Rows, end_of_text: int | None):
        self._rows, self._end_of_text = rows, end_of_text

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> np.ndarray:
        tokens = self._rows[number]
        opens = tokens == self._end_of_text if self._end_of_text is not None else tokens < PADDING
        opens[0] = True
        return np.stack([tokens, tokens != PADDING, np.cumsum(opens)]).astype(np.int32)


def arrange(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Rows [B, 3, T + 1] as the arrays of a batch, [B, T] each, that data.loader.batches describes:
    inputs, targets, mask, segment_ids and positions.

    The first token of a conversation is never learnt, so no target is predicted from another
    conversation; and padding, in a segment of its own, is no target.
    """
    tokens, learnt, segments = (rows[:, part] for part in range(3))
    segment_ids = np.maximum(segments[:, :-1], 0)
    number = np.arange(segment_ids.shape[1], dtype=np.int32)
    opens = np.diff(segment_ids, axis=1, prepend=-1) != 0
    starts = np.maximum.accumulate(np.where(opens, number, 0), axis=1)
    return {
        "inputs": np.maximum(tokens[:, :-1], 0),
        "targets": np.maximum(tokens[:, 1:], 0),
        "mask": (learnt[:, 1:] > 0).astype(np.float32),
        "segment_ids": segment_ids,
        "positions": (number - starts).astype(np.int32),
    }


def batches(
    rows: grain.MapDataset, batch: int, offsets: Sequence[int] | None = None, start: int = 0
) -> Iterator[dict[str, np.ndarray]]:
    """Batches from number `start` on, as data.loader.batches gives those of pretraining."""
    return loader.arranged(rows, batch, arrange, offsets, start)
