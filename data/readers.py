"""Bytes of one file to its documents' texts: plain text, JSON Lines and Parquet, streamed.

Every reader takes an open binary file and yields `(number, text)`, number counting the documents or
records of the file from 0. What cannot be used is counted by its reason in `problems` and passed
over. Memory is bounded whatever the file holds.
"""

import codecs
import collections
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow
import pyarrow.parquet

from data.errors import InputError

SEPARATOR = b"<|endoftext|>"
CHUNK_BYTES = 1 << 20
# How far into a plain text file a separator must appear for the file to be one of separated
# documents.
PEEK_BYTES = 8 << 20
MAX_DOCUMENT_BYTES = 16 << 20
MAX_LINE_BYTES = 64 << 20
# A key that none of so many records has is a wrong key.
RECORDS_BEFORE_KEY_IS_MISSING = 1000

# The end of a paragraph: the rest of its last line and the blank lines after it.
_BLANK_LINES = re.compile(rb"\n(?:[ \t\r]*\n)+")
_LINE_ENDS = b"\r\n"
_AFTER_ELEMENT = re.compile(r"[\s,]*")


def decompressed(file: BinaryIO, name: str) -> BinaryIO:
    """The file's content, unpacked if the suffix of `name` says gzip or zstd.

    Raises in reading: InputError, naming the file, where the packed stream is damaged or ends
    early.
    """
    suffix = name.lower()
    if suffix.endswith((".gz", ".gzip")):
        unpacked = gzip.GzipFile(fileobj=file)
    elif suffix.endswith((".zst", ".zstd")):
        # Of the zstd readers this one refuses a stream that stops in the middle of a frame.
        unpacked = pyarrow.CompressedInputStream(pyarrow.PythonFile(file, "r"), "zstd")
    else:
        return file
    return io.BufferedReader(_Checked(unpacked, name), buffer_size=CHUNK_BYTES)


class _Checked(io.RawIOBase):
    """A raw stream whose decompression errors name the file."""

    def __init__(self, stream, name: str):
        self._stream, self._name = stream, name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        try:
            data = self._stream.read(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile, pyarrow.ArrowException, OSError) as error:
            # What the file's place raises says nothing of the file.
            if isinstance(error, OSError) and (
                error.errno is not None or isinstance(error, ConnectionError | TimeoutError)
            ):
                raise
            raise InputError(
                f"{self._name} is damaged or cut short ({error}): fetch it again, or take it out "
                "of the source"
            ) from error
        buffer[: len(data)] = data
        return len(data)


def plain_text(
    file: BinaryIO, name: str, document_bytes: int, problems: collections.Counter
) -> Iterator[tuple[int, str]]:
    """Documents of a UTF-8 text file.

    If `<|endoftext|>` stands in the first 8 MB it separates the documents, and line ends beside it
    go with it. Otherwise whole paragraphs are grouped until a document has `document_bytes` bytes
    or more; the blank lines that end it belong to it, so that the documents joined give the file
    again. A stretch without blank lines is cut at a line's end, a space or anywhere, in this order,
    when it gets eight times as long. Documents of white space alone are passed over.
    """
    chunks = iter(lambda: file.read(CHUNK_BYTES), b"")
    head = bytearray()
    for chunk in chunks:
        head += chunk
        if len(head) >= PEEK_BYTES or SEPARATOR in head:
            break
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(f"{name} is UTF-16 text: convert it to UTF-8")
    if head[:3] == b"\xef\xbb\xbf":
        del head[:3]
    separated = SEPARATOR in head
    number = 0
    ended = False
    while head or not ended:
        if separated:
            found = _separated_document(head, ended)
        else:
            found = _paragraphs(head, document_bytes, ended)
        if found is None:
            chunk = next(chunks, b"")
            ended = not chunk
            head += chunk
            continue
        end, gap = found
        separated = separated or gap > 0  # later than expected, but separated it is
        document = bytes(head[:end])
        del head[: end + gap]
        text = _decoded(document.strip(_LINE_ENDS) if separated else document, problems)
        if text.strip():
            yield number, text
            number += 1
        elif text:
            problems["documents of white space"] += 1


def _separated_document(head: bytearray, ended: bool) -> tuple[int, int] | None:
    """Length of the first document and of the separator after it; None: more bytes are needed."""
    end = head.find(SEPARATOR, 0, MAX_DOCUMENT_BYTES + len(SEPARATOR))
    if end >= 0:
        return end, len(SEPARATOR)
    if len(head) >= MAX_DOCUMENT_BYTES + len(SEPARATOR):
        return _cut_before(head, MAX_DOCUMENT_BYTES), 0
    return (len(head), 0) if ended else None


def _paragraphs(head: bytearray, document_bytes: int, ended: bool) -> tuple[int, int] | None:
    """The same for paragraphs of about `document_bytes` together."""
    limit = 8 * document_bytes
    match = _BLANK_LINES.search(head, max(0, document_bytes - 2), limit)
    # A run of blank lines at the end of what has been read may go on.
    if match and (match.end() < min(len(head), limit) or (ended and match.end() == len(head))):
        end = match.end()
    elif len(head) > limit:
        end = _cut_before(head, limit)
    elif ended:
        end = len(head)
    else:
        return None
    separator = head.find(SEPARATOR, 0, end)
    return (end, 0) if separator < 0 else (separator, len(SEPARATOR))


def _cut_before(head: bytearray, limit: int) -> int:
    """The best place at or before `limit` to cut a text that has no better boundary."""
    for boundary in (b"\n", b" "):
        end = head.rfind(boundary, limit // 2, limit) + 1
        if end:
            return end
    end = limit
    while end > limit - 4 and head[end] & 0xC0 == 0x80:  # not inside a UTF-8 sequence
        end -= 1
    return end


def _decoded(document: bytes, problems: collections.Counter) -> str:
    try:
        return document.decode("utf-8")
    except UnicodeDecodeError:
        problems["documents with bytes that are not UTF-8, replaced"] += 1
        return document.decode("utf-8", "replace")


def json_lines(
    file: BinaryIO, name: str, text_key: str, problems: collections.Counter
) -> Iterator[tuple[int, str]]:
    """The string under `text_key` of each line's JSON object.

    Lines that are not JSON objects, have no text, or are longer than 64 MB are counted and passed
    over.

    Raises:
        InputError: no line is a JSON object, or none of the first thousand has the key.
    """
    keys: list[str] = []
    objects = found = bad = 0
    for number, record in _values(_lines(file, problems)):
        if not isinstance(record, dict):
            bad += 1
            problems["lines that are not JSON objects"] += 1
            continue
        objects += 1
        keys = keys or list(record)
        text = record.get(text_key)
        if isinstance(text, str):
            found += 1
            if text.strip():
                yield number, text
            else:
                problems["documents of white space"] += 1
        else:
            problems["records without text"] += 1
            if not found and objects >= RECORDS_BEFORE_KEY_IS_MISSING:
                break
    if objects and not found:
        raise _missing_key(name, text_key, keys)
    if bad and not objects:
        raise InputError(f"no line of {name} is a JSON object: it must hold one object a line")


def json_records(
    file: BinaryIO, name: str, problems: collections.Counter
) -> Iterator[tuple[int, dict]]:
    """The objects of a file that is one JSON array of them, or has one on each line.

    What is no object is counted and passed over.

    Raises:
        InputError: the array is damaged or cut short, or has an element that is longer than 64 MB
            or nested too deep.
    """
    first = file.read(1)
    if first == codecs.BOM_UTF8[:1]:
        first += file.read(len(codecs.BOM_UTF8) - 1)
        first = file.read(1) if first == codecs.BOM_UTF8 else first
    while first and not first.strip():
        first = file.read(1)
    if first == b"[":
        values = _array(file, name)
    else:
        values = _values(_lines(file, problems, first))
    for number, value in values:
        if isinstance(value, dict):
            yield number, value
        else:
            problems["records that are not JSON objects"] += 1


def _values(lines: Iterator[bytes]) -> Iterator[tuple[int, object]]:
    """What each line holds as JSON, None for one that is none; blank lines are passed over."""
    for number, line in enumerate(lines):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                yield number, None


def _array(file: BinaryIO, name: str) -> Iterator[tuple[int, object]]:
    """The elements of a JSON array whose opening bracket has been read."""
    decoder = json.JSONDecoder(parse_int=_number)
    utf8 = codecs.getincrementaldecoder("utf-8")("replace")
    text, at, number = "", 0, 0
    while True:
        at = _AFTER_ELEMENT.match(text, at).end()
        if text.startswith("]", at):
            return
        try:
            value, end = decoder.raw_decode(text, at)
            # A number that ends where the text read so far ends may go on.
            whole = end < len(text)
        except RecursionError as error:
            # Where it ends, only reading it would tell.
            raise InputError(
                f"element {number} of the JSON array {name} is nested too deep to be read: take it "
                "out, or give JSON Lines, where such an element is left out"
            ) from error
        except ValueError:
            whole = False
        if whole:
            yield number, value
            number, at = number + 1, end
            continue
        # As much again as there is, so that a long element is not tried over and over.
        chunk = file.read(max(CHUNK_BYTES, len(text) - at))
        if not chunk or len(text) - at > MAX_LINE_BYTES:
            raise InputError(
                f"the JSON array {name} cannot be read from its element {number} on: it is "
                "damaged, cut short, or that element is longer than 64 MB"
            )
        text, at = text[at:] + utf8.decode(chunk), 0


def _number(digits: str) -> int | float:
    """An integer of JSON; one of more digits than Python reads is as good as infinite."""
    most = sys.get_int_max_str_digits()
    return float(digits) if 0 < most < len(digits) else int(digits)


def _lines(
    file: BinaryIO, problems: collections.Counter, beginning: bytes = b""
) -> Iterator[bytes]:
    # A line too long comes as an empty one, so that the others keep their numbers.
    if beginning:
        yield beginning + file.readline(MAX_LINE_BYTES)
    while line := file.readline(MAX_LINE_BYTES):
        if len(line) < MAX_LINE_BYTES or line.endswith(b"\n"):
            yield line
            continue
        problems["lines longer than 64 MB"] += 1
        while line and not line.endswith(b"\n"):
            line = file.readline(CHUNK_BYTES)
        yield b""


def parquet(
    file: BinaryIO, name: str, text_key: str, problems: collections.Counter
) -> Iterator[tuple[int, str]]:
    """The strings of column `text_key`, read a row group at a time.

    Raises:
        InputError: the file is not Parquet or is damaged, or has no such column of strings.
    """
    try:
        table = pyarrow.parquet.ParquetFile(file)
        names = table.schema_arrow.names
        if text_key not in names:
            raise _missing_key(name, text_key, names)
        kind = table.schema_arrow.field(text_key).type
        if pyarrow.types.is_dictionary(kind):
            kind = kind.value_type
        if not _holds_text(kind):
            raise InputError(
                f"column {text_key} of {name} holds {kind}, not text: set config.data.text_key"
            )
        number = 0
        for batch in table.iter_batches(batch_size=256, columns=[text_key]):
            for value in batch.column(0).to_pylist():
                text = _decoded(value, problems) if isinstance(value, bytes) else value
                if text is None:
                    problems["records without text"] += 1
                elif text.strip():
                    yield number, text
                else:
                    problems["documents of white space"] += 1
                number += 1
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise _not_parquet(name, error) from error


def parquet_records(file: BinaryIO, name: str) -> Iterator[tuple[int, dict]]:
    """The rows of a Parquet file as objects, without what is null.

    Its structs have the fields of all rows, null where a row has none: arguments that no call was
    given, properties that no tool has. A list keeps its nulls.

    Raises:
        InputError: the file is not Parquet or is damaged.
    """
    try:
        number = 0
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(batch_size=64):
            for row in batch.to_pylist():
                yield number, _without_nulls(row)
                number += 1
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise _not_parquet(name, error) from error


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    return value


def _not_parquet(name: str, error: Exception) -> InputError:
    reason = str(error).strip().splitlines()[0]
    return InputError(
        f"{name} is not a whole Parquet file ({reason}): fetch it again, or take it out of the "
        "source"
    )


def _holds_text(kind: pyarrow.DataType) -> bool:
    types = pyarrow.types
    return any(
        test(kind)
        for test in (
            types.is_string,
            types.is_large_string,
            types.is_string_view,
            types.is_binary,
            types.is_large_binary,
        )
    )


def _missing_key(name: str, text_key: str, keys: list[str]) -> InputError:
    there = ", ".join(keys[:20]) or "none"
    return InputError(
        f"{name} has no text under the key {text_key!r} (its keys: {there}): set "
        "config.data.text_key"
    )
