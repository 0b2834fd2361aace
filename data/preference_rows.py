"""Preferences in tokens: rankings of answers to training batches of one shape.

A row of a batch is a prompt with all of its answers. As in data.loader, row i of epoch e depends on
the seed alone, and a batch on its number.
"""

import collections
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import grain
import numpy as np
from ml_collections import ConfigDict

from data import chat_tokens, loader, preferences, sources
from data.conversations import prompt_ids
from data.encoding import Tokenizer
from data.errors import InputError

# Answers of one ranking that are used at most.
MOST_ANSWERS = 8
# Rows are padded to a multiple of so many tokens.
_MULTIPLE = 32


class Encoded(NamedTuple):
    """A ranking in tokens.

    start: tokens of the prompt, which every answer shares. answers: of each, the tokens of prompt
    and answer, [N] int32, the closing <|im_end|> the last. ranks: [K] int32, 1 for the best, equal
    where answers are tied.
    """

    start: int
    answers: list[np.ndarray]
    ranks: np.ndarray


class Preferences(NamedTuple):
    """Rankings of a split in tokens, and the rows' shape: K answers of T tokens at most."""

    rankings: list[Encoded]
    K: int
    T: int


def encoded(
    tokenizer: Tokenizer, ranking: dict, most: int, counts: collections.Counter
) -> Encoded | None:
    """A ranking's tokens, or None where too little of it fits.

    An answer that does not fit loses its last tokens before the <|im_end|>; one of which less than
    half would be left is left out.

    Args:
        most: tokens of a row.
        counts: what was cut or left out, by reason.
    """
    messages, tools = ranking["messages"], ranking.get("tools", ())
    prompt = prompt_ids(tokenizer, messages, tools)
    places = {place: n for n, group in enumerate(ranking["ranking"], 1) for place in group}
    answers, ranks = [], []
    for place, text in enumerate(ranking["answers"]):
        if len(answers) == MOST_ANSWERS:
            counts[f"answers after the first {MOST_ANSWERS} of a prompt, left out"] += 1
            continue
        reply = {"role": "assistant", "content": text}
        tokens = chat_tokens.rendered(
            tokenizer, {"messages": [*messages, reply], "tools": tools}
        ).tokens
        if len(tokens) > most:
            if 2 * (most - len(prompt)) < len(tokens) - len(prompt):
                counts[f"answers longer than twice what {most} tokens have room for"] += 1
                continue
            counts["answers cut"] += 1
            tokens = np.concatenate([tokens[: most - 1], tokens[-1:]])
        answers.append(tokens)
        ranks.append(places[place])
    if len(set(ranks)) < 2:
        counts["rankings of which too little fits"] += 1
        return None
    return Encoded(len(prompt), answers, np.array(ranks, np.int32))


def open_preferences(
    spec: str,
    workdir: str | os.PathLike,
    split: str,
    fraction: float,
    tokenizer: Tokenizer,
    most: int,
    counts: collections.Counter,
    unusable: collections.Counter,
) -> Preferences:
    """Every ranking of a source that belongs to a split, in tokens.

    Args:
        counts: what did not fit and was cut or dropped, by reason.
        unusable: the records that are none of either split, by reason.

    Raises:
        InputError: a source cannot be read, or there is no ranking in the split.
    """
    found = []
    for ranking in preferences.of_split(spec, workdir, split, fraction, unusable):
        tokens = encoded(tokenizer, ranking, most, counts)
        if tokens is not None:
            found.append(tokens)
    if not found:
        why = {**unusable, **counts}
        reasons = "; ".join(f"{number} times: {reason}" for reason, number in why.items())
        raise InputError(
            f"no ranking of {spec} is in the split {split} ({reasons or 'it is empty'}): give "
            "more rankings, or another fraction to hold out"
        )
    longest = max(len(tokens) for one in found for tokens in one.answers)
    return Preferences(
        found,
        max(len(one.answers) for one in found),
        min(most, -(-longest // _MULTIPLE) * _MULTIPLE),
    )


class Opened(NamedTuple):
    """What a stage trains on. parts: the training rankings of each source, with weights to mix rows
    by; held_out: those of all sources. K, T: answers and tokens of a row of any of them."""

    parts: list[Preferences]
    weights: list[float]
    held_out: Preferences
    K: int
    T: int

    @property
    def epoch(self) -> float:
        """Rows until every ranking has been seen once, on the average."""
        return sum(len(part.rankings) for part in self.parts)

    def batches(
        self,
        batch: int,
        seed: int,
        offsets: Sequence[int] | None = None,
        start: int = 0,
        references: Sequence[np.ndarray | None] = (),
    ) -> Iterator[dict[str, np.ndarray]]:
        """Shuffled batches without end from number `start` on, each as `arrange` gives it.

        Args:
            offsets: the rows of each batch that this host gives.
            references: of each part, as of PreferenceRows.
        """
        rows = [
            PreferenceRows(part.rankings, self.K, self.T, reference)
            for part, reference in zip(
                self.parts, references or [None] * len(self.parts), strict=True
            )
        ]
        mixed = loader.mixture(rows, self.weights, seed)
        return loader.arranged(mixed, batch, arrange, offsets, start)


def open_sources(
    config: ConfigDict,
    section: str,
    workdir: str | os.PathLike,
    tokenizer: Tokenizer,
    counts: collections.Counter,
) -> Opened:
    """All that the sources of a section of config name, which is "reward" or "dpo".

    Raises:
        InputError: a source cannot be read, or gives no ranking of a split; or the fraction to hold
            out is none.
    """
    most = chat_tokens.row_context(config, section)
    fraction = config[section].validation_fraction
    if not 0 < fraction < 1:
        raise InputError(
            f"config.{section}.validation_fraction is {fraction}: it must lie between 0 and 1"
        )
    named = sources.parse(config[section].sources, f"config.{section}.sources")

    def opened(source: sources.Source, split: str) -> Preferences:
        # A file is read for each split anew: what is of neither is counted the first time.
        again = source.spec != preferences.RANKINGS and split != preferences.SPLITS[0]
        return open_preferences(
            source.spec,
            workdir,
            split,
            fraction,
            tokenizer,
            most,
            counts,
            collections.Counter() if again else counts,
        )

    by_split = {split: [opened(source, split) for source in named] for split in preferences.SPLITS}
    K, T = (max(getattr(part, size) for part in by_split["train"]) for size in "KT")
    weights = [
        source.weight or len(part.rankings)
        for source, part in zip(named, by_split["train"], strict=True)
    ]
    held_out = Preferences(
        [ranking for part in by_split["held_out"] for ranking in part.rankings],
        *(max(getattr(part, size) for part in by_split["held_out"]) for size in "KT"),
    )
    return Opened(by_split["train"], weights, held_out, K, T)


class PreferenceRows:
    """Rankings by number as rows [K, T + 4] int32 of one shape: of each answer its tokens, its
    length, its prompt's length, its rank and the bits of the reference's log-probability.

    Args:
        reference: [N, K] float32, of each answer, what the reference gives it; None: zeros.
    """

    def __init__(
        self,
        rankings: Sequence[Encoded],
        K: int,
        T: int,
        reference: np.ndarray | None = None,
    ):
        self._rankings, self._shape, self._reference = rankings, (K, T + 4), reference

    def __len__(self) -> int:
        return len(self._rankings)

    def __getitem__(self, number: int) -> np.ndarray:
        ranking = self._rankings[int(number)]
        row = np.zeros(self._shape, np.int32)
        for place, tokens in enumerate(ranking.answers):
            row[place, : len(tokens)] = tokens
            row[place, -4:-1] = len(tokens), ranking.start, ranking.ranks[place]
        if self._reference is not None:
            row[:, -1] = self._reference[int(number)].view(np.int32)
        return row


def in_order(
    rankings: Sequence[Encoded], K: int, T: int, batch: int, offsets: Sequence[int] | None = None
) -> Iterator[dict[str, np.ndarray]]:
    """Rankings once, in order, in batches as `arrange` gives them; the last is filled up."""
    rows = grain.MapDataset.source(PreferenceRows(rankings, K, T))
    return loader.arranged(rows, batch, arrange, offsets)


def arrange(rows: np.ndarray) -> dict[str, np.ndarray]:
    """Rows [B, K, T + 4] as the arrays of a batch.

    Returns:
        "tokens" [B, K, T] int32, and [B, K] each: "lengths" int32 (0: no answer), "starts" int32
        (the first token of the answer), "ranks" int32 (1 is the best, equal is tied, 0 is no
        answer), "reference" float32.
    """
    # A batch is filled up with rows of -1, which hold no answers.
    empty = rows[:, :1, -4] < 0
    lengths, starts, ranks = (np.where(empty, 0, rows[:, :, part]) for part in (-4, -3, -2))
    reference = np.ascontiguousarray(np.where(empty, 0, rows[:, :, -1])).view(np.float32)
    return {
        "tokens": np.maximum(rows[:, :, :-4], 0),
        "lengths": lengths,
        "starts": starts,
        "ranks": ranks,
        "reference": reference,
    }
