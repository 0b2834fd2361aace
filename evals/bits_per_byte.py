"""Bits per byte: the bits that the model needs for a text, over the bytes of the text.

Nats per token compare models of one tokenizer; bits per byte compare any two, and a compressor.
"""

import itertools
import os
import sys
from collections.abc import Iterable, Iterator

import numpy as np
from jax.sharding import Mesh
from tqdm import tqdm

from data import loader, sources
from data.encoding import Tokenizer
from data.errors import InputError
from serve.load import Trained
from train import loop
from train.pretrain import figures, held_out_evaluator
from train.step import total_loss


def held_out(trained: Trained, mesh: Mesh, workdir: str | os.PathLike) -> dict[str, float]:
    """Nats per token as "val_loss", and "bits_per_byte", on all of the run's held-out text."""
    evaluate = held_out_evaluator(trained.config, trained.architecture, mesh, workdir)
    return evaluate(trained.params, True)


def of_text(trained: Trained, mesh: Mesh, spec: str, workdir: str = "") -> dict[str, float]:
    """The figures of `held_out` on another text: a source, or several, each of them whole.

    It is read as held-out text is: in rows of config.train.context tokens, every token of every
    document a target once, and the end_of_text after it.

    Args:
        spec: as config.data.source, without weights.
        workdir: the folder of the run, whose pages the source "web" is.

    Raises:
        InputError: a source cannot be read, or there is no text.
    """
    parts = sources.parse(spec)
    if weighted := [part.spec for part in parts if part.weight is not None]:
        raise InputError(f"all of {weighted[0]} is read, whatever its weight: leave out the @")
    reading = sources.reading(trained.config, workdir)
    hints = [sources.size_hint(part.spec, reading) for part in parts]
    train, tokenizer = trained.config.train, trained.tokenizer
    with tqdm(
        total=None if None in hints else sum(hints),
        desc=f"bits per byte of {spec}",
        unit="B",
        unit_scale=True,
        disable=not sys.stderr.isatty(),
    ) as progress:
        sizes: list[int] = []

        def texts(part: sources.Source) -> Iterator[str]:
            for _, text in sources.documents(part.spec, reading):
                sizes.append(len(text.encode("utf-8")))
                progress.update(sizes[-1])
                yield text

        rows = (row for part in parts for row in _rows(texts(part), tokenizer, train.context))
        end = tokenizer.end_of_text if train.separate_documents else None
        batches = _batches(rows, train.batch // train.accumulate, mesh, end)
        first = next(batches, None)
        if first is None:
            raise InputError(f"there is no text in {spec}: give a source that has some")
        total = total_loss(trained.architecture, mesh)
        nats, targets = total(trained.params, itertools.chain([first], batches))
    return figures(nats, targets, sum(sizes))


def _rows(texts: Iterable[str], tokenizer: Tokenizer, context: int) -> Iterator[np.ndarray]:
    """The stream end_of_text, document, end_of_text, document, ... in rows [T + 1], neighbours
    sharing one token, the last padded."""
    end = np.array([tokenizer.end_of_text], np.int32)
    left = end
    for text in texts:
        left = np.concatenate([left, tokenizer.encode(text).astype(np.int32), end])
        while len(left) > context:
            yield left[: context + 1]
            left = left[context:]
    if len(left) > 1:
        yield np.pad(left, (0, context + 1 - len(left)), constant_values=loader.PADDING)


def _batches(
    rows: Iterator[np.ndarray], batch: int, mesh: Mesh, end_of_text: int | None
) -> Iterator[loop.Batch]:
    """This host's part of batches of `batch` rows; what the last one lacks is padding."""
    mine = loop.local_rows(mesh, batch)
    while several := list(itertools.islice(rows, batch)):
        several += [np.full_like(several[0], loader.PADDING)] * (batch - len(several))
        yield loader.arrange(np.stack(several)[mine], end_of_text)
