"""Pages out of files: WARC, WET, folders of HTML, and JSONL and Parquet whose text is plain.

The input is a comma-separated list of files, globs and folders, local or whatever fsspec opens, and
of lists of such files, one a line, as Common Crawl publishes of every dump (warc.paths.gz). It is
cut into shards, the units of work: a shard is one file, or a number of small HTML files. A page is
named by its shard and its place therein, so that the names do not depend on who reads what.
"""

import collections
import dataclasses
import json
import os
import posixpath
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import fsspec
import pyarrow
import pyarrow.parquet

from data import readers
from data.errors import InputError
from data.web import layout, responses, warc

# Longest first: the last letters of a name decide.
FORMATS = {
    ".warc.wet.gz": "wet",
    ".warc.wet": "wet",
    ".wet.gz": "wet",
    ".wet": "wet",
    ".warc.gz": "warc",
    ".warc": "warc",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".jsonl.zst": "jsonl",
    ".json.gz": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
LISTS = (".paths", ".paths.gz")
HTML_FILES_A_SHARD = 256
# A page is shard << PAGE_BITS | place: sorted, pages stand in the order in which they are read.
PAGE_BITS = 32

NO_TEXT = "no_text"
BAD_JSON = "bad_json"
NOT_PARQUET = "not_parquet"

_DUMP = re.compile(r"CC-MAIN-\d{4}-\d{2}(?:-\d{2})?")
_URL_KEYS = ("url", "URL", "uri", "id", "source")
_DATE_KEYS = ("date", "timestamp", "created", "crawl_date")


class Unreadable(InputError):
    """A file is there but could not be read just now: trying again may help."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """A unit of work.

    Attributes:
        number: from 0, in the order of the sorted paths.
        format: a value of FORMATS.
        paths: one path, or several of "html".
        root: what a page's URL leaves out of a path of "html".
        dump: the crawl it belongs to; copies are looked for within one crawl.
    """

    number: int
    format: str
    paths: tuple[str, ...]
    root: str = ""
    dump: str = ""


@dataclasses.dataclass(frozen=True)
class Page:
    """A page as it was found.

    Attributes:
        id: unique in a run; pages sort in reading order by it.
        url, date: as the source has them; "" where it has none.
        html: the bytes of an HTML page; None if the page came as text.
        text: the text of a page that skips extraction.
        charset: what the server declared.
        problem: "" or why the page cannot be used; then there is neither html nor text.
        figure: the number that the problem is about.
    """

    id: int
    url: str = ""
    date: str = ""
    html: bytes | None = None
    text: str | None = None
    charset: str = ""
    problem: str = ""
    figure: float = 0.0


def shards(spec: str) -> list[Shard]:
    """The shards of an input, files sorted within each word of the list.

    Raises:
        InputError: a word matches nothing, or a file's suffix says nothing about its format.
    """
    found: list[Shard] = []
    for word in (word.strip() for word in spec.split(",")):
        if not word:
            continue
        root, paths = ("", _listed(word)) if word.endswith(LISTS) else _matching(word)
        loose = []
        for path in paths:
            format_ = format_of(path)
            if format_ == "html":
                loose.append(path)
            else:
                dump = _DUMP.search(path)
                found.append(Shard(len(found), format_, (path,), dump=dump[0] if dump else ""))
        for start in range(0, len(loose), HTML_FILES_A_SHARD):
            group = tuple(loose[start : start + HTML_FILES_A_SHARD])
            found.append(Shard(len(found), "html", group, root=root))
    if not found:
        raise InputError("no input is named: give --input a file, a folder or a glob of pages")
    return found


def format_of(path: str) -> str | None:
    """The format that a file's name tells, or None."""
    name = posixpath.basename(path).lower()
    fits = [suffix for suffix in FORMATS if name.endswith(suffix)]
    return FORMATS[max(fits, key=len)] if fits else None


def _matching(word: str) -> tuple[str, list[str]]:
    """The folder that a word of the input is about, and the sorted files that it names."""
    known = " ".join(FORMATS)
    try:
        filesystem, path = fsspec.url_to_fs(os.path.expanduser(word))
        if any(letter in path for letter in "*?["):
            root = path[: min(path.find(letter) for letter in "*?[" if letter in path)]
            root = root.rpartition("/")[0]
            paths = filesystem.glob(path)
        elif filesystem.isdir(path):
            root, paths = path, filesystem.find(path)
        else:
            root = posixpath.dirname(path)
            paths = [path] if filesystem.exists(path) else []
            if paths and not format_of(path):
                raise InputError(
                    f"the suffix of {word} says nothing about its format: rename it to one of "
                    f"{known}"
                )
    except InputError:
        raise
    except ImportError as error:
        raise InputError(f"{word} needs a package that is missing: {error}") from error
    except Exception as error:  # each remote file system has its own exceptions
        raise InputError(
            f"the input {word} cannot be reached ({type(error).__name__}: {error}): check the path "
            "and the credentials"
        ) from error
    paths = [found for found in paths if format_of(found) and not _is_labels(found)]
    if not paths:
        raise InputError(f"no file matches the input {word}: known suffixes are {known}")
    return root, [filesystem.unstrip_protocol(found) for found in sorted(paths)]


def _listed(word: str) -> list[str]:
    """The files that a list names, in its order.

    A line that is no URL and no absolute path is relative to the folder of the list, or, as in
    Common Crawl's, to a folder further up that the line begins with: "crawl-data/CC-MAIN-2024-10/x"
    in https://host/crawl-data/CC-MAIN-2024-10/warc.paths.gz is https://host/crawl-data/... too.

    Raises:
        InputError: the list cannot be read, is empty, or a name in it has an unknown suffix.
    """
    try:
        with _opened(word) as file:
            text = readers.decompressed(file, word).read().decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"the list {word} cannot be read ({error})") from error
    paths = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if "://" not in line and not line.startswith("/"):
            top = f"/{line.partition('/')[0]}/"
            folder = word[: word.find(top)] if top in word else posixpath.dirname(word)
            line = posixpath.join(folder, line)
        if not format_of(line):
            known = " ".join(FORMATS)
            raise InputError(f"{word} names {line}, whose suffix is none of {known}")
        paths.append(line)
    if not paths:
        raise InputError(f"the list {word} names no file")
    return paths


def _is_labels(path: str) -> bool:
    """Whether a file of a made crawl holds no pages."""
    folder, name = posixpath.split(path)
    made = posixpath.basename(folder) == layout.CRAWL
    return made and name in (layout.LABELS, layout.SCORED)


def read(
    shard: Shard, max_bytes: int, text_key: str, problems: collections.Counter
) -> Iterator[Page]:
    """Every page of a shard, usable or not; never more than one in memory.

    Args:
        max_bytes: longest page taken, before and after its content encoding is undone.
        text_key: field of JSONL and Parquet that holds the text.
        problems: counts, by name, what is no page: other records, and damage outside of pages.

    Raises:
        InputError: a file cannot be opened, or has no text under the key.
        Unreadable: where it lies did not answer, or not to the file's end.
    """
    for place, page in enumerate(_read(shard, max_bytes, text_key, problems)):
        yield dataclasses.replace(page, id=shard.number << PAGE_BITS | place)


def _read(
    shard: Shard, max_bytes: int, text_key: str, problems: collections.Counter
) -> Iterator[Page]:
    for path in shard.paths:
        with _opened(path) as file:
            try:
                yield from _pages(file, path, shard, max_bytes, text_key, problems)
            except (InputError, MemoryError):
                raise
            except Exception as error:  # each file system has its own exceptions
                if path.startswith(("/", "file://")) and not isinstance(error, OSError):
                    raise
                raise Unreadable(
                    f"{path} could not be read to its end ({type(error).__name__}: {error}): start "
                    "again, finished shards are kept"
                ) from error


def _pages(
    file: BinaryIO,
    path: str,
    shard: Shard,
    max_bytes: int,
    text_key: str,
    problems: collections.Counter,
) -> Iterator[Page]:
    if shard.format == "warc":
        yield from _responses(file, max_bytes, problems)
    elif shard.format == "wet":
        yield from _conversions(file, max_bytes, problems)
    elif shard.format == "html":
        yield _html_file(file, path, shard.root, max_bytes)
    elif shard.format == "jsonl":
        yield from _json_lines(file, path, text_key, max_bytes, problems)
    else:
        yield from _parquet(file, text_key, max_bytes, problems)


def _opened(path: str) -> BinaryIO:
    try:
        return fsspec.open(path, "rb").open()
    except Exception as error:  # each file system has its own exceptions
        lasting = isinstance(error, FileNotFoundError | PermissionError | ImportError)
        raise (InputError if lasting else Unreadable)(
            f"{path} cannot be opened ({type(error).__name__}: {error})"
        ) from error


def _responses(file: BinaryIO, max_bytes: int, problems: collections.Counter) -> Iterator[Page]:
    for record in warc.records(file, max_bytes):
        if record.kind != "response":
            problems[f"records: {record.kind}" if record.kind else f"damage: {record.problem}"] += 1
        elif record.problem:
            yield _unusable(record)
        else:
            body = responses.body(record.block, max_bytes)
            yield Page(
                id=0,
                url=record.url,
                date=record.date,
                html=None if body.problem else body.content,
                charset=body.charset,
                problem=body.problem,
                figure=body.figure,
            )


def _conversions(file: BinaryIO, max_bytes: int, problems: collections.Counter) -> Iterator[Page]:
    for record in warc.records(file, max_bytes):
        if record.kind != "conversion":
            problems[f"records: {record.kind}" if record.kind else f"damage: {record.problem}"] += 1
        elif record.problem:
            yield _unusable(record)
        else:
            yield _text_page(record.url, record.date, record.block.decode("utf-8", "replace"))


def _unusable(record: warc.Record) -> Page:
    return Page(0, record.url, record.date, problem=record.problem, figure=float(record.length))


def _text_page(url: str, date: str, text: str) -> Page:
    if text.strip():
        return Page(0, url, date, text=text)
    return Page(0, url, date, problem=NO_TEXT)


def _html_file(file: BinaryIO, path: str, root: str, max_bytes: int) -> Page:
    url = path.partition(root.rstrip("/") + "/")[2] if root else ""
    content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        return Page(0, url or path, problem=warc.OVERSIZE, figure=float(max_bytes))
    if not content.strip():
        return Page(0, url or path, problem=responses.EMPTY)
    return Page(0, url or path, html=content)


def _json_lines(
    file: BinaryIO, path: str, text_key: str, max_bytes: int, problems: collections.Counter
) -> Iterator[Page]:
    try:
        for line in _lines(readers.decompressed(file, path), max_bytes):
            if line is None or line.strip():
                yield _json_page(line, text_key)
    except InputError:  # the packed stream is damaged; what came before is good
        problems[f"damage: {warc.CORRUPT}"] += 1


def _json_page(line: bytes | None, text_key: str) -> Page:
    if line is None:
        return Page(0, problem=warc.OVERSIZE)
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        return Page(0, problem=BAD_JSON, figure=float(len(line)))
    return _from_fields(record, text_key)


def _from_fields(record: dict[str, Any], text_key: str) -> Page:
    url, date = _first(record, _URL_KEYS), _first(record, _DATE_KEYS)
    text = record.get(text_key)
    if not isinstance(text, str):
        return Page(0, url, date, problem=NO_TEXT)
    return _text_page(url, date, text.encode("utf-8", "replace").decode("utf-8"))


def _first(record: dict[str, Any], keys: tuple[str, ...]) -> str:
    values = (record.get(key) for key in keys)
    value = str(next((value for value in values if value), ""))
    return value[:4096].encode("utf-8", "replace").decode("utf-8")


def _lines(file: BinaryIO, max_bytes: int) -> Iterator[bytes | None]:
    """Lines; None for one that is too long."""
    while line := file.readline(max_bytes + 1):
        if len(line) <= max_bytes or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(1 << 20)
        yield None


def _parquet(
    file: BinaryIO, text_key: str, max_bytes: int, problems: collections.Counter
) -> Iterator[Page]:
    try:
        table = pyarrow.parquet.ParquetFile(file)
        names = table.schema_arrow.names
        columns = [name for name in names if name in {text_key, *_URL_KEYS, *_DATE_KEYS}]
        for batch in table.iter_batches(batch_size=64, columns=columns):
            for record in batch.to_pylist():
                page = _from_fields(record, text_key)
                if page.text is not None and len(page.text) > max_bytes:
                    size = float(len(page.text))
                    page = Page(0, page.url, page.date, problem=warc.OVERSIZE, figure=size)
                yield page
    except (pyarrow.ArrowException, UnicodeDecodeError):
        problems[f"damage: {NOT_PARQUET}"] += 1


def check_text_key(found: list[Shard], text_key: str) -> None:
    """Looks into the first file of JSONL and of Parquet for the text, before work begins.

    Raises:
        InputError: it has other fields only.
    """
    for format_ in ("jsonl", "parquet"):
        path = next((shard.paths[0] for shard in found if shard.format == format_), None)
        if path is None:
            continue
        with _opened(path) as file:
            keys = _first_keys(file, path, format_)
        if keys and text_key not in keys:
            raise InputError(
                f"{path} has no text under the key {text_key!r} (its keys: "
                f"{', '.join(keys[:20])}): set the key that holds the text"
            )


def _first_keys(file: BinaryIO, path: str, format_: str) -> list[str]:
    try:
        if format_ == "parquet":
            return pyarrow.parquet.ParquetFile(file).schema_arrow.names
        record = json.loads(readers.decompressed(file, path).readline(1 << 26))
        return list(record) if isinstance(record, dict) else []
    except (ValueError, RecursionError, pyarrow.ArrowException):
        return []  # damaged at its very start: reading will count that


def signature(found: list[Shard]) -> str:
    """What a started run must find again to go on: every path with its size, as JSON.

    No size of what the web serves: a question a file, for a published dump that does not change.
    """
    sizes = []
    for shard in found:
        for path in shard.paths:
            filesystem, name = fsspec.url_to_fs(path)
            asked = not path.startswith(("http://", "https://"))
            sizes.append([shard.number, path, filesystem.size(name) if asked else None])
    return json.dumps(sizes)
