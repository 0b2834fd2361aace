"""The stage that turns documents into token shards on disk.

A source becomes one or two streams of tokens, its training and its validation split:

    end_of_text  document  end_of_text  document  end_of_text  ...

It opens with an end_of_text so that every token of every document, the first one included, is
predicted from something, and the text whose tokens are targets is exactly the text of the split.
The stream is cut into blocks of 4,096 tokens, each a record of a TFDS data set in ArrayRecord
files. Records of fixed length cost the same to read at any place, whether documents are tweets or
books.

    data/source_0/   the TFDS data set of the first source: splits "train" and "validation"
    data/counts.json documents, tokens and bytes of every source and split; sizes of the files
"""

import collections
import dataclasses
import json
import pathlib
import shutil
import sys
from collections.abc import Iterator

import numpy as np
import tqdm
import xxhash
from absl import logging
from ml_collections import ConfigDict

from data import records, sources
from data.encoding import Tokenizer
from data.errors import InputError
from data.run_folder import is_done, mark_done, record, replace_folder, write_atomically

BLOCK_TOKENS = 4096
COUNTS = "counts.json"
# Text tokenized at once, and tokens written at once: enough to keep threads and disk busy.
_BATCH_BYTES = 4 << 20
_WRITE_BLOCKS = 256


@dataclasses.dataclass(frozen=True)
class _Part:
    """One data set to write: a source, and the fraction of it that is validation text."""

    name: str
    spec: str
    weight: float | None
    max_bytes: float
    held_out: float

    @property
    def splits(self) -> tuple[str, ...]:
        if self.held_out == 1:
            return ("validation",)
        return ("train", "validation") if self.held_out else ("train",)


def run(config: ConfigDict, workdir: str) -> None:
    """Writes `workdir`/data from the sources of `config.data` with `workdir`/tokenizer.

    Written under data.partial and renamed when whole. Killed and started again, it keeps the
    sources that were finished.

    Raises:
        InputError: no text, no text to validate on, or a full disk; and what sources raise.
    """
    folder = pathlib.Path(workdir) / "data"
    if is_done(folder):
        return
    if folder.exists():
        raise InputError(f"{folder} exists but is not finished token data: move it away")
    partial = folder.with_name("data.partial")
    tokenizer_file = pathlib.Path(workdir) / "tokenizer" / "tokenizer.json"
    tokenizer = Tokenizer.load(tokenizer_file)
    parts, reading = _parts(config), sources.reading(config, workdir)
    with records.full_disk_explained(partial):
        _keep_what_fits(partial, _fingerprint(config, tokenizer_file))
        written = [_part(part, reading, tokenizer, partial / part.name) for part in parts]
        counts = _counts(written, tokenizer, partial)
        _check_not_empty(config, counts)
        write_atomically(partial / COUNTS, json.dumps(counts, indent=2) + "\n")
        mark_done(partial, {split: counts[split] for split in ("train", "validation")})
        figures = {
            "data/bytes_per_token": counts["train"]["bytes_per_token"],
            "data/train_tokens": counts["train"]["tokens"],
            "data/validation_tokens": counts["validation"]["tokens"],
        }
        record(workdir, figures)
        replace_folder(partial, folder)


def _parts(config: ConfigDict) -> list[_Part]:
    training = sources.parse(config.data.source)
    total = sum(source.weight or 1.0 for source in training)
    limit = config.data.max_bytes or float("inf")
    parts = [
        _Part(
            name=f"source_{number}",
            spec=source.spec,
            weight=source.weight,
            max_bytes=limit * (source.weight or 1.0) / total,
            held_out=sources.held_out_fraction(config, source.spec),
        )
        for number, source in enumerate(training)
    ]
    if config.data.validation:
        parts += [
            _Part(f"validation_{number}", source.spec, None, limit, 1.0)
            for number, source in enumerate(sources.parse(config.data.validation))
        ]
    return parts


def _fingerprint(config: ConfigDict, tokenizer_file: pathlib.Path) -> str:
    """What the written data depends on."""
    digest = xxhash.xxh64_hexdigest(tokenizer_file.read_bytes())
    sections = {key: config[key].to_dict() for key in ("data", "world", "world_chat")}
    chosen = sections | {"tokenizer": digest}
    return json.dumps(chosen, indent=2, sort_keys=True) + "\n"


def _keep_what_fits(partial: pathlib.Path, fingerprint: str) -> None:
    """Clears what a stopped run has left, but for finished sources of the same settings."""
    settings = partial / "settings.json"
    if settings.exists() and settings.read_text(encoding="utf-8") == fingerprint:
        for leftover in partial.iterdir():
            if leftover.is_dir() and not is_done(leftover):
                shutil.rmtree(leftover)
        return
    if partial.exists():
        shutil.rmtree(partial)
    write_atomically(settings, fingerprint)


def _part(
    part: _Part,
    reading: sources.Reading,
    tokenizer: Tokenizer,
    folder: pathlib.Path,
) -> dict:
    """Writes one source's data set, unless it is there, and returns its counts."""
    if not is_done(folder):
        problems: collections.Counter = collections.Counter()
        documents = sources.documents(part.spec, reading, problems)
        total = sources.size_hint(part.spec, reading)
        if total is None and part.max_bytes < float("inf"):
            total = part.max_bytes
        with tqdm.tqdm(
            total=total and min(total, part.max_bytes),
            desc=f"tokens of {part.spec}",
            unit="B",
            unit_scale=True,
            disable=not sys.stderr.isatty(),
        ) as progress:
            splits = _write(documents, part, tokenizer, folder, progress)
        for reason, number in problems.items():
            logging.warning("%s: %d %s", part.spec, number, reason)
        mark_done(folder, {"splits": splits, "problems": dict(problems)})
    summary = json.loads((folder / "DONE").read_text(encoding="utf-8"))
    return {"name": part.name, "source": part.spec, "weight": part.weight} | summary


def _write(
    documents: Iterator[tuple[str, str]],
    part: _Part,
    tokenizer: Tokenizer,
    folder: pathlib.Path,
    progress: tqdm.tqdm,
) -> dict[str, dict[str, int]]:
    """Tokenizes documents into a new data set; returns documents, tokens and bytes by split."""
    counts = {split: {"documents": 0, "tokens": 0, "bytes": 0} for split in part.splits}
    writer = _BlockWriter(folder, part.splits, tokenizer)
    end = np.asarray([tokenizer.end_of_text], writer.dtype)
    for split in part.splits:
        writer.add(split, [end])
    left = part.max_bytes
    for texts, sizes in _batches(documents):
        for text, size, ids in zip(texts, sizes, tokenizer.encode_batch(texts), strict=True):
            if left <= 0:
                break
            split = "validation" if sources.is_held_out(text, part.held_out) else "train"
            writer.add(split, [ids.astype(writer.dtype), end])
            counts[split]["documents"] += 1
            counts[split]["tokens"] += len(ids) + 1
            counts[split]["bytes"] += size
            left -= size
            progress.update(size)
        if left <= 0:
            break
    writer.close()
    return counts


def _batches(documents: Iterator[tuple[str, str]]) -> Iterator[tuple[list[str], list[int]]]:
    """Texts with their sizes in bytes, about 4 MB at a time."""
    texts, sizes, total = [], [], 0
    for _, text in documents:
        texts.append(text)
        sizes.append(len(text.encode("utf-8")))
        total += sizes[-1]
        if total >= _BATCH_BYTES:
            yield texts, sizes
            texts, sizes, total = [], [], 0
    if texts:
        yield texts, sizes


class _BlockWriter:
    """Token arrays in, a data set of blocks out, in the order they come."""

    def __init__(self, folder: pathlib.Path, splits: tuple[str, ...], tokenizer: Tokenizer):
        self.dtype = token_dtype(tokenizer)
        self._writer = records.Writer(
            folder, splits, {"tokens": self.dtype}, "tokens", "A stream of token ids in blocks."
        )
        self._pending: dict[str, list[np.ndarray]] = {split: [] for split in splits}
        self._lengths = dict.fromkeys(splits, 0)

    def add(self, split: str, arrays: list[np.ndarray]) -> None:
        self._pending[split] += arrays
        self._lengths[split] += sum(len(array) for array in arrays)
        if self._lengths[split] >= _WRITE_BLOCKS * BLOCK_TOKENS:
            self._flush(split, whole_blocks=True)

    def _flush(self, split: str, whole_blocks: bool) -> None:
        tokens = np.concatenate(self._pending[split])
        end = len(tokens) // BLOCK_TOKENS * BLOCK_TOKENS if whole_blocks else len(tokens)
        blocks = [
            {"tokens": tokens[start : min(start + BLOCK_TOKENS, end)]}
            for start in range(0, end, BLOCK_TOKENS)
        ]
        self._writer.add(split, blocks)
        self._pending[split] = [tokens[end:]]
        self._lengths[split] = len(tokens) - end

    def close(self) -> None:
        for split, length in self._lengths.items():
            if length:
                self._flush(split, whole_blocks=False)
        self._writer.close()


def token_dtype(tokenizer: Tokenizer) -> np.dtype:
    """The smallest unsigned type that holds every id of the tokenizer."""
    return np.dtype(np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.uint32)


def _counts(written: list[dict], tokenizer: Tokenizer, partial: pathlib.Path) -> dict:
    totals = {}
    for split in ("train", "validation"):
        of_split = [part["splits"][split] for part in written if split in part["splits"]]
        total = {
            key: sum(counts[key] for counts in of_split) for key in ("documents", "tokens", "bytes")
        }
        total["bytes_per_token"] = total["bytes"] / max(1, total["tokens"])
        totals[split] = total
    return totals | {
        "vocab_size": tokenizer.vocab_size,
        "end_of_text": tokenizer.end_of_text,
        "block_tokens": BLOCK_TOKENS,
        "sources": written,
        "files": records.file_sizes(partial),
    }


def _check_not_empty(config: ConfigDict, counts: dict) -> None:
    for part in counts["sources"]:
        if not any(split["documents"] for split in part["splits"].values()):
            raise InputError(f"the source {part['source']} has no text: {sources.ALTERNATIVES}")
    if not counts["train"]["documents"]:
        raise InputError(
            f"no document of {config.data.source} is left to train on: lower "
            "config.data.validation_fraction"
        )
    if not counts["validation"]["documents"]:
        raise InputError(
            f"none of the {counts['train']['documents']} documents of {config.data.source} falls "
            "into the validation split: raise config.data.validation_fraction, or lower "
            "config.data.document_bytes for plain text"
        )
