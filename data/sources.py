"""Where text comes from: a source named in a config to its documents, one after another.

A source is one word of `config.data.source`, which is a comma-separated list; `@number` after a
word is its weight:

    world                                     the project's own small world
    web                                       what the run's web pipeline has kept
    library                                   what the world withholds from its documents; to search
    repetitions                               text to learn copying from
    comprehension                             text with questions that it answers, to learn reading
    book.txt    corpus/*.jsonl.gz    corpus/  files, globs, folders; gzip and zstd by suffix
    hf://datasets/user/name/*.parquet         whatever fsspec can open: hf, gs, s3, https, ...
    tfds:lm1b    tfds:wiki40b/en/validation   a TFDS name, with a split if not train
    a.txt@0.7,b/*.jsonl@0.3                   a mixture by weight
"""

import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import fsspec
import xxhash
from ml_collections import ConfigDict

from data import readers, run_folder
from data.encoding import well_formed
from data.errors import InputError
from data.web import layout

TEXT = (".txt", ".text", ".md", ".tokens")
# Many sets of JSON Lines are called .json (C4's, for one).
JSON_LINES = (".jsonl", ".ndjson", ".json")
PARQUET = (".parquet",)
PACKED = (".gz", ".gzip", ".zst", ".zstd")

ALTERNATIVES = (
    "give a folder or file of text, a prepared TFDS set (tfds:name) or the embedded world "
    "(config.data.source=world)"
)
# What lies beside the data where a set was downloaded from the Hugging Face hub: what is said of
# it, in files of JSON and, unless the set is text itself, in files of text.
_ABOUT = ("dataset_info", "dataset_infos", "dataset_dict", "state")
_CARDS = ("readme", "license")
# Practice that says nothing of how well text is modelled: none of it is validated on.
PRACTICE = ("repetitions", "comprehension")
# What the project and the run hold themselves, and no file of a user's.
EMBEDDED = ("world", "web", "library", *PRACTICE)
# Part of the format: another seed would move documents between the splits of every run.
SPLIT_SEED = 20

_WEIGHT = re.compile(r"(.*)@([0-9.]+(?:[eE][-+]?[0-9]+)?)$")


@dataclasses.dataclass(frozen=True)
class Source:
    """One source and its weight in the mixture; no weight means in proportion to its size."""

    spec: str
    weight: float | None = None


@dataclasses.dataclass(frozen=True)
class Reading:
    """How documents are read; the keys of `config.data` and `config.world` by the same names.

    Attributes:
        text_key: field of JSON objects, Parquet files and TFDS sets that holds the text.
        document_bytes: plain text is cut at blank lines into documents of about so many bytes.
        world_seed, world_megabytes: which world "world" is.
        world_chat: config.world_chat, which says what is kept for measuring; empty: its defaults.
        web: the folder that "web" is; "": there is none.
    """

    text_key: str = "text"
    document_bytes: int = 8192
    world_seed: int = 0
    world_megabytes: float = 24.0
    world_chat: Mapping = dataclasses.field(default_factory=dict)
    web: str = ""


def reading(config: ConfigDict, workdir: str | os.PathLike = "") -> Reading:
    """The part of a run's config that says how documents are read.

    Args:
        workdir: the run's folder, in which "web" is; "": there is no such source.
    """
    if config.data.document_bytes < 1:
        raise InputError("config.data.document_bytes must be at least 1")
    return Reading(
        text_key=config.data.text_key,
        document_bytes=config.data.document_bytes,
        world_seed=config.world.seed,
        world_megabytes=config.world.megabytes,
        world_chat=config.world_chat.to_dict(),
        web=os.path.join(workdir, layout.OUTPUT) if workdir else "",
    )


def parse(spec: str, key: str = "config.data.source") -> list[Source]:
    """The sources of a comma-separated list, weights after `@`.

    Args:
        key: the setting that holds the list, for the error that says it is empty.

    Raises:
        InputError: nothing is named, or only some of several sources have a weight, or a weight is
            not positive.
    """
    sources = []
    for word in (word.strip() for word in spec.split(",")):
        if not word:
            continue
        match = _WEIGHT.match(word)
        if not match:
            sources.append(Source(word))
            continue
        try:
            weight = float(match[2])
        except ValueError:
            weight = 0.0
        if not weight > 0:
            raise InputError(f"the weight of source {word} must be a positive number")
        sources.append(Source(match[1].strip(), weight))
    if not sources:
        raise InputError(f"{key} names no source: {ALTERNATIVES}")
    if len({source.weight is None for source in sources}) > 1:
        bare = next(source.spec for source in sources if source.weight is None)
        raise InputError(f"source {bare} has no weight while others have: give all or none one")
    return sources


def documents(
    spec: str, reading: Reading, problems: collections.Counter | None = None
) -> Iterator[tuple[str, str]]:
    """Documents of one source, in a fixed order, as (id, text); never a whole file in memory.

    Text is valid Unicode: bytes that are not UTF-8 and lone surrogates become U+FFFD. What is
    replaced or passed over is counted in `problems` by reason.

    Raises:
        InputError: the source is missing, unreachable or damaged, or has no text under the key. An
            empty one yields nothing.
    """
    problems = collections.Counter() if problems is None else problems
    if spec == "world":
        stream = _world(reading)
    elif spec == "library":
        stream = _library(reading)
    elif spec in PRACTICE:
        stream = _practice(spec, reading)
    elif spec == "web":
        stream = _web(reading, problems)
    elif spec.startswith("tfds:"):
        stream = _tfds(spec.removeprefix("tfds:"), reading.text_key, problems)
    else:
        stream = _files(spec, reading, problems)
    for name, text in stream:
        whole = well_formed(text)
        if whole is not text:
            problems["documents with lone surrogates, replaced"] += 1
        yield name, whole


def is_held_out(text: str, fraction: float) -> bool:
    """Whether a document belongs to the validation split, by a hash of its text alone.

    Equal texts always fall on the same side, whatever their order or number, so a copy of a
    validation document is never trained on.
    """
    digest = xxhash.xxh64_intdigest(text.encode("utf-8"), seed=SPLIT_SEED)
    return digest < fraction * 2.0**64


def training_documents(
    config: ConfigDict,
    source: Source,
    problems: collections.Counter | None = None,
    workdir: str | os.PathLike = "",
) -> Iterator[tuple[str, str]]:
    """Documents of the training split of one source of the config; `workdir` as for `reading`."""
    fraction = held_out_fraction(config, source.spec)
    for name, text in documents(source.spec, reading(config, workdir), problems):
        if not is_held_out(text, fraction):
            yield name, text


def held_out_fraction(config: ConfigDict, spec: str) -> float:
    """The fraction of a source's documents held out; 0 where validation text has its own source.

    Raises:
        InputError: the fraction is not between 0 and 1.
    """
    if config.data.validation:
        return 0.0
    fraction = config.data.validation_fraction
    if not 0 < fraction < 1:
        raise InputError(
            f"config.data.validation_fraction is {fraction}: it must lie between 0 and 1"
        )
    return 0.0 if spec in PRACTICE else fraction


def size_hint(spec: str, reading: Reading) -> int | None:
    """About how many bytes of text a source has, where that can be told without reading it."""
    if spec == "world":
        return round(reading.world_megabytes * 1e6)
    if spec in PRACTICE:
        from data.world import comprehension, repetitions

        share = repetitions.SHARE if spec == "repetitions" else comprehension.SHARE
        return round(reading.world_megabytes * share * 1e6)
    if spec == "web":
        return _web_account(reading)["funnel"][-1]["bytes"]
    if spec == "library" or spec.startswith("tfds:") or _is_remote(spec):
        return None
    filesystem, paths = matching_files(spec)
    if all(path.lower().endswith(TEXT) for path in paths):
        return sum(filesystem.size(path) for path in paths)
    return None


# --- the world, the web and TFDS ----------------------------------------------------------------


def _world(reading: Reading) -> Iterator[tuple[str, str]]:
    from data.world import documents as world

    for document in world.documents(reading.world_seed, reading.world_megabytes):
        yield document.id, document.text


def _library(reading: Reading) -> Iterator[tuple[str, str]]:
    from data.world.chat import search

    for document in search.library(reading.world_seed):
        yield document.id, document.text


def _practice(spec: str, reading: Reading) -> Iterator[tuple[str, str]]:
    from data.world import chat, comprehension, repetitions

    seed, megabytes = reading.world_seed, reading.world_megabytes
    if spec == "repetitions":
        yield from repetitions.documents(seed, megabytes)
    else:
        yield from comprehension.documents(seed, megabytes, reading.world_chat or chat.defaults())


def _web(reading: Reading, problems: collections.Counter) -> Iterator[tuple[str, str]]:
    if not _web_account(reading)["pages_kept"]:
        return
    plain = dataclasses.replace(reading, text_key="text")
    yield from _files(f"{reading.web}/{layout.DOCUMENTS}", plain, problems)


def _web_account(reading: Reading) -> dict:
    """What the web pipeline says of its output.

    Raises:
        InputError: there is none, or it is not finished.
    """
    if not reading.web or not run_folder.is_done(reading.web):
        raise InputError(
            f"the source web is what a run's stage data.web.pipeline keeps, and there is no "
            f"finished {reading.web or 'run'}: name that stage in config.stages before those that "
            "read text, or give another source"
        )
    return json.loads(pathlib.Path(reading.web, layout.STATS).read_text(encoding="utf-8"))


def _tfds(name: str, text_key: str, problems: collections.Counter) -> Iterator[tuple[str, str]]:
    examples = _tfds_examples(name)
    for number in range(len(examples)):
        example = examples[number]
        text = example.get(text_key) if isinstance(example, dict) else None
        if isinstance(text, bytes):
            try:
                text = text.decode("utf-8")
            except UnicodeDecodeError:
                problems["documents with bytes that are not UTF-8, replaced"] += 1
                text = text.decode("utf-8", "replace")
        if not isinstance(text, str):
            there = ", ".join(example) if isinstance(example, dict) else "none"
            raise InputError(
                f"tfds:{name} has no text under the key {text_key!r} (its keys: {there}): set "
                "config.data.text_key"
            )
        if text.strip():
            yield f"tfds:{name}#{number}", text
        else:
            problems["documents of white space"] += 1


def _tfds_examples(name: str):
    """A random-access view of a TFDS set, prepared first if it is not."""
    import tensorflow_datasets as tfds

    data_dir = os.environ.get("TFDS_DATA_DIR")
    # "name/config/split", "name/split" and "name/config" look alike: the last word is a split if
    # the set without it has one of that name.
    stem, _, last = name.rpartition("/")
    attempts = [(stem, last)] if stem else []
    if not (stem and "[" in last):
        attempts.append((name, "train"))
    reasons = []
    for builder_name, split in attempts:
        try:
            builder = tfds.builder(builder_name, data_dir=data_dir, file_format="array_record")
            if not builder.is_prepared():
                builder.download_and_prepare(file_format="array_record")
            if split.partition("[")[0] not in {*builder.info.splits, "all"}:
                there = ", ".join(builder.info.splits)
                reasons.append(f"{builder_name} has the splits {there}, not {split}")
                continue
            return builder.as_data_source(split=split)
        except Exception as error:  # TFDS raises whatever a builder, a download or a disk raises
            reasons.append(_reason(error))
    raise InputError(
        f"the TFDS set {name} cannot be read from {data_dir or 'the default folder of TFDS'} "
        f"({reasons[-1]}): prepare it there as array_record (TFDS_DATA_DIR names another folder), "
        "or give another source"
    )


# --- files ------------------------------------------------------------------------------------


def _files(spec: str, reading: Reading, problems: collections.Counter) -> Iterator[tuple[str, str]]:
    filesystem, paths = matching_files(spec)
    for path in paths:
        kind = _kind(path)
        with _opened(filesystem, path, spec) as file:
            if kind in PARQUET:
                stream = readers.parquet(file, path, reading.text_key, problems)
            else:
                file = readers.decompressed(file, path)
                if kind in JSON_LINES:
                    stream = readers.json_lines(file, path, reading.text_key, problems)
                else:
                    stream = readers.plain_text(file, path, reading.document_bytes, problems)
            for number, text in stream:
                yield f"{path}#{number}", text


def records(spec: str, problems: collections.Counter | None = None) -> Iterator[tuple[str, dict]]:
    """JSON objects of files, as (id, object): of JSON Lines, JSON arrays and the rows of Parquet.

    What is passed over is counted in `problems` by reason.

    Raises:
        InputError: no file matches, or one is plain text, unreachable or damaged.
    """
    problems = collections.Counter() if problems is None else problems
    filesystem, paths = matching_files(spec)
    for path in paths:
        kind = _kind(path)
        if kind in TEXT:
            raise InputError(
                f"{path} is plain text, and records are wanted: give JSON Lines, a JSON array or "
                "Parquet"
            )
        with _opened(filesystem, path, spec) as file:
            if kind in PARQUET:
                stream = readers.parquet_records(file, path)
            else:
                stream = readers.json_records(readers.decompressed(file, path), path, problems)
            for number, record in stream:
                yield f"{path}#{number}", record


def matching_files(spec: str) -> tuple[fsspec.AbstractFileSystem, list[str]]:
    """The file system and the sorted paths that a file, glob or folder names.

    Of a glob or folder without files that only say something about the others; what is named
    exactly is always taken.

    Raises:
        InputError: nothing matches, the place cannot be reached, the protocol's package is missing,
            or a file's suffix says nothing about how to read it.
    """
    with _explained(spec):
        filesystem, path = fsspec.url_to_fs(os.path.expanduser(spec))
        is_glob = any(letter in path for letter in "*?[")
        # A name may hold such letters, too; to ask a distant place for it would be a request more.
        if is_glob and (_is_remote(spec) or not filesystem.exists(path)):
            paths = _of_data(filesystem.glob(path))
        elif filesystem.isdir(path):
            paths = _of_data(filesystem.find(path))
        else:
            paths = [path] if filesystem.exists(path) else []
            if paths:
                _kind(path)
    if not paths:
        known = " ".join(TEXT + JSON_LINES + PARQUET)
        where = "" if _is_remote(spec) else f" (seen from {os.getcwd()})"
        raise InputError(
            f"no file matches the source {spec}{where}: check the path; known suffixes are "
            f"{known}, all but the last also packed as .gz or .zst"
        )
    return filesystem, sorted(paths)


def _of_data(paths: list[str]) -> list[str]:
    """The files of a folder that can be read and hold data."""
    kinds = {path: _kind(path, None) for path in paths}
    names = {path: posixpath.basename(path).lower().partition(".")[0] for path in paths}
    found = [
        path
        for path, kind in kinds.items()
        if kind and not (kind in JSON_LINES and names[path] in _ABOUT)
    ]
    if all(kinds[path] in TEXT for path in found):
        return found
    return [path for path in found if not (kinds[path] in TEXT and names[path] in _CARDS)]


_REFUSE = object()


def _kind(path: str, unknown=_REFUSE) -> str | None:
    """The suffix that tells how to read a file, without that of its packing."""
    name = path.lower()
    stem, suffix = posixpath.splitext(name)
    if suffix in PACKED:
        suffix = posixpath.splitext(stem)[1]
        if suffix in PARQUET:
            suffix = ""
    if suffix in TEXT + JSON_LINES + PARQUET:
        return suffix
    if unknown is not _REFUSE:
        return unknown
    known = " ".join(TEXT + JSON_LINES + PARQUET)
    raise InputError(
        f"the suffix of {path} says nothing about its format: rename it to one of {known}"
    )


def _is_remote(spec: str) -> bool:
    return "://" in spec and not spec.startswith(("file://", "local://"))


@contextlib.contextmanager
def _opened(filesystem: fsspec.AbstractFileSystem, path: str, spec: str) -> Iterator[BinaryIO]:
    with _explained(spec, path):
        file = filesystem.open(path, "rb")
    with file, _explained(spec, path):
        yield file


@contextlib.contextmanager
def _explained(spec: str, path: str | None = None) -> Iterator[None]:
    """Turns what a file system raises into one sentence."""
    name = path or spec
    try:
        yield
    except (InputError, MemoryError):
        raise
    except ImportError as error:
        raise InputError(f"{spec} needs a package that is missing: {_reason(error)}") from error
    except Exception as error:  # each remote file system has its own exceptions
        if _is_remote(spec):
            raise InputError(
                f"the source {name} cannot be reached ({_reason(error)}): {ALTERNATIVES}"
            ) from error
        if isinstance(error, OSError | ValueError):
            raise InputError(f"{name} cannot be read ({_reason(error)})") from error
        raise


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
