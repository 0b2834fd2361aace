"""The stage that turns conversations into packed rows of tokens on disk.

Each source of `config.sft.sources` is rendered through the chat template, cut or dropped where it
does not fit, and packed whole into rows of `config.sft.context` + 1 tokens:

    NAME_data/source_0/     the TFDS data set of the first source: splits "train" and "validation"
    NAME_data/counts.json   of every source: conversations by split and kind, tokens, learnt tokens
                            and rows; what was dropped and cut, by reason

A record is a row: its tokens, which of them are learnt, and the length of each conversation in it.
What stands after a conversation's last reply teaches nothing and is left out. Conversations that
begin with the same turn of a user are on the same side of the split. "replay" needs no files of
its own: see data.chat_loader.
"""

import collections
import json
import os
import pathlib
import sys
from typing import NamedTuple

import numpy as np
import tqdm
from ml_collections import ConfigDict

from data import chat_sources, conversations, records, sources
from data.encoding import Tokenizer
from data.errors import InputError
from data.run_folder import (
    cleared_partial,
    is_done,
    mark_done,
    record,
    replace_folder,
    write_atomically,
)
from data.tokens import token_dtype

COUNTS = "counts.json"
# Rows being filled at a time: enough that most are filled to the last few tokens.
OPEN_ROWS = 64
_WRITE_ROWS = 256


def run(config: ConfigDict, workdir: str) -> None:
    """Writes the run's chat data from config.sft.sources with `workdir`/tokenizer.

    Written under another name and renamed when whole; stopped, it begins anew.

    Raises:
        InputError: replay without a weight, a source without a conversation that fits, none to
            train or validate on, a tokenizer without control tokens, or a full disk; and what
            sources raise.
    """
    folder = folder_of(config, workdir)
    if is_done(folder):
        return
    if folder.exists():
        raise InputError(f"{folder} exists but is not finished chat data: move it away")
    tokenizer = Tokenizer.load(pathlib.Path(workdir) / "tokenizer")
    fraction = config.sft.validation_fraction
    if not 0 < fraction < 1:
        raise InputError(
            f"config.sft.validation_fraction is {fraction}: it must lie between 0 and 1"
        )
    named = sources.parse(config.sft.sources, "config.sft.sources")
    if any(source.spec == chat_sources.REPLAY and source.weight is None for source in named):
        raise InputError(
            "replay in config.sft.sources has no weight, and there is far more text than there are "
            "conversations: give every source one, as in world@0.6,replay@0.4"
        )
    partial = cleared_partial(folder)
    with records.full_disk_explained(partial):
        written = [
            _write(config, workdir, source, tokenizer, partial / f"source_{number}")
            for number, source in enumerate(named)
            if source.spec != chat_sources.REPLAY
        ]
        _check(config, written)
        counts = {
            "context": row_context(config),
            "sources": written,
            "files": records.file_sizes(partial),
        }
        write_atomically(partial / COUNTS, json.dumps(counts, indent=2) + "\n")
        figures = _figures(written)
        mark_done(partial, figures)
        record(workdir, {f"{folder.name}/{name}": value for name, value in figures.items()})
        replace_folder(partial, folder)


def folder_of(config: ConfigDict, workdir: str | os.PathLike) -> pathlib.Path:
    """Where the conversations of the stage config.sft.name are."""
    return pathlib.Path(workdir) / f"{config.sft.name}_data"


def row_context(config: ConfigDict, section: str = "sft") -> int:
    """Tokens that a row gives the model: those of config's section, or of pretraining's rows.

    Raises:
        InputError: more than the model can take.
    """
    context = config[section].context or config.train.context or config.model.context
    if not 2 <= context <= config.model.context:
        raise InputError(
            f"config.{section}.context is {context}: it must be at least 2 and at most "
            f"config.model.context ({config.model.context})"
        )
    return context


def _write(
    config: ConfigDict,
    workdir: str,
    source: sources.Source,
    tokenizer: Tokenizer,
    folder: pathlib.Path,
) -> dict:
    """Writes one source's data set and returns its counts."""
    most, fraction = row_context(config) + 1, config.sft.validation_fraction
    splits = ("train", "validation")
    dtype = token_dtype(tokenizer)
    features = {"tokens": dtype, "learnt": np.dtype(np.uint8), "lengths": np.dtype(np.int32)}
    writer = records.Writer(folder, splits, features, "chat", "Conversations packed into rows.")
    packers = {split: Packer(most) for split in splits}
    full: dict[str, list[dict]] = {split: [] for split in splits}
    counts = {split: collections.Counter() for split in splits}
    kinds: dict[str, collections.Counter] = {split: collections.Counter() for split in splits}
    dropped: collections.Counter = collections.Counter()
    truncated = 0

    def keep(split: str, rows: list[list["Piece"]], at_least: int = 0) -> None:
        full[split] += [_row(row, dtype) for row in rows]
        if len(full[split]) > at_least:
            writer.add(split, full[split])
            full[split] = []

    found = chat_sources.conversations(source.spec, config, workdir, dropped)
    progress = tqdm.tqdm(
        found, f"tokens of {source.spec}", unit=" conversations", disable=not sys.stderr.isatty()
    )
    for conversation in progress:
        whole = rendered(tokenizer, conversation)
        piece = fit(whole, most)
        if piece is None:
            dropped[f"no reply ends within {most} tokens"] += 1
            continue
        truncated += len(piece.tokens) < len(whole.tokens)
        split = "validation" if chat_sources.is_held_out(conversation, fraction) else "train"
        counts[split]["conversations"] += 1
        counts[split]["tokens"] += len(piece.tokens)
        counts[split]["learnt"] += int(piece.learnt.sum())
        kinds[split][conversation.get("kind", "")] += 1
        keep(split, packers[split].add(piece), _WRITE_ROWS)
    for split in splits:
        keep(split, packers[split].rest())
    for split, number in writer.close().items():
        counts[split]["rows"] = number
    keys = ("conversations", "tokens", "learnt", "rows")
    return {
        "name": folder.name,
        "source": source.spec,
        "weight": source.weight,
        "splits": {
            split: {key: counts[split][key] for key in keys}
            | {"kinds": {kind: n for kind, n in sorted(kinds[split].items()) if kind}}
            for split in splits
        },
        "truncated": truncated,
        "dropped": dict(dropped.most_common()),
    }


class Piece(NamedTuple):
    """A conversation in tokens. tokens: [N] int32; learnt: [N] bool."""

    tokens: np.ndarray
    learnt: np.ndarray


def rendered(tokenizer: Tokenizer, conversation: dict) -> Piece:
    """The tokens of a conversation up to the end of its last reply."""
    tokens, mask = conversations.render(
        tokenizer, conversation["messages"], conversation.get("tools", ())
    )
    end = int(np.flatnonzero(mask)[-1]) + 1
    return Piece(tokens[:end], mask[:end] > 0)


def fit(piece: Piece, most: int) -> Piece | None:
    """The piece up to the last reply that ends within `most` tokens; None if there is none."""
    if len(piece.tokens) <= most:
        return piece
    ends = np.flatnonzero(piece.learnt[:-1] & ~piece.learnt[1:]) + 1
    ends = ends[ends <= most]
    return Piece(piece.tokens[: ends[-1]], piece.learnt[: ends[-1]]) if len(ends) else None


class Packer:
    """Puts pieces into rows of at most `most` tokens, first fit: each into the oldest row that has
    room. Where too many rows are open, the fullest is given up."""

    def __init__(self, most: int):
        self._most = most
        self._rows: list[list[Piece]] = []
        self._room: list[int] = []

    def add(self, piece: Piece) -> list[list[Piece]]:
        """Takes in a piece, of at most `most` tokens, and returns the rows that are finished."""
        size = len(piece.tokens)
        for number, room in enumerate(self._room):
            if room >= size:
                self._rows[number].append(piece)
                self._room[number] -= size
                return [self._taken(number)] if self._room[number] == 0 else []
        self._rows.append([piece])
        self._room.append(self._most - size)
        if self._room[-1] == 0:
            return [self._taken(-1)]
        if len(self._rows) > OPEN_ROWS:
            return [self._taken(self._room.index(min(self._room)))]
        return []

    def _taken(self, number: int) -> list[Piece]:
        del self._room[number]
        return self._rows.pop(number)

    def rest(self) -> list[list[Piece]]:
        """The rows that are still open."""
        return self._rows


def _row(pieces: list[Piece], dtype: np.dtype) -> dict[str, np.ndarray]:
    return {
        "tokens": np.concatenate([piece.tokens for piece in pieces]).astype(dtype),
        "learnt": np.concatenate([piece.learnt for piece in pieces]).astype(np.uint8),
        "lengths": np.array([len(piece.tokens) for piece in pieces], np.int32),
    }


def _check(config: ConfigDict, written: list[dict]) -> None:
    if not written:
        raise InputError(
            f"config.sft.sources is {config.sft.sources!r}, without a source of conversations: "
            "add world, or files of conversations"
        )
    for source in written:
        if not any(split["conversations"] for split in source["splits"].values()):
            reasons = ", ".join(f"{n}: {reason}" for reason, n in source["dropped"].items())
            raise InputError(
                f"no conversation of {source['source']} can be learnt from "
                f"({reasons or 'it is empty'})"
            )
    for split, remedy in (("train", "lower"), ("validation", "raise")):
        if not any(source["splits"][split]["rows"] for source in written):
            raise InputError(
                f"no conversation of {config.sft.sources} falls into the {split} split: "
                f"{remedy} config.sft.validation_fraction, or give more conversations"
            )


def _figures(written: list[dict]) -> dict[str, int]:
    def total(split: str, key: str) -> int:
        return sum(source["splits"][split][key] for source in written)

    return {
        "train_conversations": total("train", "conversations"),
        "validation_conversations": total("validation", "conversations"),
        "train_tokens": total("train", "tokens"),
        "learnt_tokens": total("train", "learnt"),
        "train_rows": total("train", "rows"),
        "truncated": sum(source["truncated"] for source in written),
        "dropped": sum(sum(source["dropped"].values()) for source in written),
    }
