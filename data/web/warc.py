"""Records of a WARC file, cut so that no record can harm another.

fastwarc parses headers. The cutting is done here, since a reader that trusts Content-Length loses
the records behind one that lies, ends a file at its first damaged gzip member, and hands out a
record cut short as if it were whole. A WARC file as crawls write it is one gzip member a record:
nothing in a member can reach beyond it. Files packed as one member, or not packed, are cut by
Content-Length, and where that is wrong by the next record's first line.

Memory is bounded by `max_bytes` of `records`, whatever a file holds.
"""

import contextlib
import dataclasses
import io
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from fastwarc.warc import ArchiveIterator, WarcRecord

_CHUNK_BYTES = 1 << 16
_HEADER_BYTES = 1 << 16
_CRUMB_BYTES = 64
# Behind a damaged member the next is looked for in so many bytes that were already read, so many
# times a file: a file made of beginnings must not be read again from each of them.
_TAIL_BYTES = 1 << 17
_RESCANS = 1000
_GZIP_MAGIC = b"\x1f\x8b\x08"
_NEXT_RECORD = b"\nWARC/1."
_BLANK = b"\r\n \t\0"

TRUNCATED = "truncated"
CORRUPT = "corrupt_gzip"
WRONG_LENGTH = "wrong_length"
OVERSIZE = "oversize"
BAD_HEADER = "bad_header"


@dataclasses.dataclass(frozen=True)
class Record:
    """One record, or what is left of it.

    Attributes:
        kind: WARC-Type; "unknown" if the header tells none, "" if it cannot be read.
        url: WARC-Target-URI.
        date: WARC-Date.
        block: all bytes after the header; empty where there is a problem.
        length: Content-Length as declared.
        problem: "", or why the block cannot be used.
    """

    kind: str
    url: str
    date: str
    block: bytes
    length: int
    problem: str = ""


def records(file: BinaryIO, max_bytes: int) -> Iterator[Record]:
    """Every record of a WARC file, gzip or plain, in order.

    Args:
        file: read from its start to its end, never sought.
        max_bytes: a block longer than this is passed over, its problem OVERSIZE.
    """
    source = _Window(file.read)
    if source.starts_with(_GZIP_MAGIC[:2]):
        yield from _packed_records(source, max_bytes)
    else:
        yield from _records(source, lambda: TRUNCATED, max_bytes)


def _packed_records(source: "_Window", max_bytes: int) -> Iterator[Record]:
    damaged = 0
    while not source.is_empty():
        if not source.starts_with(_GZIP_MAGIC):
            if source.starts_with(b"\0"):  # padding of an archive's last block
                source.take(1)
                continue
            yield Record("", "", "", b"", 0, CORRUPT)
            source.skip_to(_GZIP_MAGIC)
            continue
        member = _Member(source)
        last = ""
        for record in _records(_Window(member.read), lambda m=member: m.state, max_bytes):
            last = record.problem
            yield record
        if member.state and member.state != last:
            yield Record("", "", "", b"", 0, member.state)
        if member.state:
            # What was taken for the rest of this member may hold the beginning of the next.
            damaged += 1
            source.put_back(member.tail() if damaged <= _RESCANS else b"")
            source.skip_to(_GZIP_MAGIC)


def _records(window: "_Window", end_state: Callable[[], str], max_bytes: int) -> Iterator[Record]:
    """Records of one stream; `end_state` tells, once the stream has ended, why it ended early."""
    while True:
        window.skip_blank()
        if window.is_empty():
            return
        end = window.find(b"\r\n\r\n", _HEADER_BYTES)
        header = window.take(end + 4) if end >= 0 and window.starts_with(b"WARC/1.") else b""
        parsed = _parsed(header)
        if parsed is None:
            window.take(1)
            found = window.skip_to(_NEXT_RECORD)
            yield Record("", "", "", b"", 0, BAD_HEADER if found else end_state() or BAD_HEADER)
            continue
        length, block = parsed.content_length, b""
        if not window.holds(min(length, max_bytes + 1)):
            swallowed = length <= max_bytes and window.find(_NEXT_RECORD, length) >= 0
            problem = WRONG_LENGTH if swallowed else end_state() or WRONG_LENGTH
        elif length > max_bytes:
            beginning, left = window.take(max_bytes), length - max_bytes
            problem = OVERSIZE if window.skip(left) == left else end_state() or WRONG_LENGTH
            if problem == WRONG_LENGTH:
                window.put_back(beginning)
        else:
            problem = WRONG_LENGTH if window.peek(4, start=length).strip(_BLANK) else ""
        if problem == WRONG_LENGTH:
            # The next record may lie inside what was meant to be the block, or behind it. Nothing
            # of that is taken out and put back: it may be full of such records.
            window.skip_to(_NEXT_RECORD)
        elif problem != OVERSIZE:
            block = window.take(length)
        yield _record(parsed, block, problem)


def _parsed(header: bytes) -> WarcRecord | None:
    try:
        return next(iter(ArchiveIterator(io.BytesIO(header), parse_http=False)), None)
    except (OSError, ValueError):
        return None


def _record(parsed: WarcRecord, block: bytes, problem: str) -> Record:
    headers = {name.lower(): value for name, value in parsed.headers.items()}
    return Record(
        kind=_clean(headers.get("warc-type", "unknown")).lower()[:32],
        url=_clean(headers.get("warc-target-uri", "")).strip("<>"),
        date=_clean(headers.get("warc-date", "")),
        block=b"" if problem else block,
        length=parsed.content_length,
        problem=problem,
    )


def _clean(value: str) -> str:
    """A header's value that any file format can hold."""
    return "".join(c for c in value.encode("utf-8", "replace").decode() if c.isprintable())[:4096]


class _Window:
    """A stream seen through a buffer that can be searched, of bounded size."""

    def __init__(self, read: Callable[[int], bytes]):
        self._read = read
        self._data = bytearray()
        self._ended = False

    def _fill(self, size: int) -> None:
        while len(self._data) < size and not self._ended:
            chunk = self._read(_CHUNK_BYTES)
            self._data += chunk
            self._ended = not chunk

    def is_empty(self) -> bool:
        self._fill(1)
        return not self._data

    def holds(self, size: int) -> bool:
        """Whether there are so many bytes."""
        self._fill(size)
        return len(self._data) >= size

    def peek(self, size: int, start: int = 0) -> bytes:
        self._fill(start + size)
        return bytes(self._data[start : start + size])

    def starts_with(self, prefix: bytes) -> bool:
        return self.peek(len(prefix)) == prefix

    def take(self, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end."""
        self._fill(size)
        taken = bytes(memoryview(self._data)[:size])
        del self._data[:size]
        return taken

    def take_some(self) -> bytes:
        """What is at hand, or a chunk; nothing only at the end."""
        self._fill(1)
        return self.take(min(len(self._data), _CHUNK_BYTES))

    def put_back(self, data: bytes) -> None:
        self._data[:0] = data

    def skip(self, size: int) -> int:
        """Passes over up to `size` bytes, and says how many there were."""
        left = size
        while left and not self.is_empty():
            step = min(left, len(self._data))
            del self._data[:step]
            left -= step
        return size - left

    def skip_blank(self) -> None:
        while not self.is_empty():
            solid = len(self._data) - len(self._data.lstrip(_BLANK))
            del self._data[:solid]
            if self._data:
                return

    def find(self, pattern: bytes, limit: int) -> int:
        """Where `pattern` stands in the first `limit` bytes, or -1."""
        start = 0
        while True:
            found = self._data.find(pattern, start, limit)
            if found >= 0 or self._ended or len(self._data) >= limit:
                return found
            start = max(0, len(self._data) - len(pattern) + 1)
            self._fill(len(self._data) + 1)

    def skip_to(self, pattern: bytes) -> bool:
        """Passes over everything before the next `pattern`; all there is if there is none."""
        while True:
            found = self._data.find(pattern)
            if found >= 0:
                del self._data[:found]
                return True
            if self._ended:
                self._data.clear()
                return False
            del self._data[: max(0, len(self._data) - len(pattern) + 1)]
            self._fill(len(self._data) + 1)


class _Member:
    """The content of the gzip member at the head of `source`, as a stream that ends with it.

    Attributes:
        state: "" while the member is or may be whole, else TRUNCATED or CORRUPT.
    """

    def __init__(self, source: _Window):
        self._source = source
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._taken = bytearray()
        self.state = ""

    def read(self, size: int) -> bytes:
        """1 to `size` bytes, or nothing: the member has ended, whole or not."""
        while not self._inflate.eof and not self.state:
            chunk = self._inflate.unconsumed_tail or self._take()
            before = self._inflate.copy()
            try:
                data = self._inflate.decompress(chunk, size)
            except zlib.error:
                self.state = CORRUPT
                return _until_error(before, chunk, size)
            if self._inflate.eof:
                self._source.put_back(self._inflate.unused_data)
            elif not chunk and not data:
                self.state = TRUNCATED
            if data:
                return data
        return b""

    def _take(self) -> bytes:
        chunk = self._source.take_some()
        self._taken += chunk
        del self._taken[:-_TAIL_BYTES]
        return chunk

    def tail(self) -> bytes:
        """The last of what was taken from the source, not with the member's own first byte."""
        return bytes(self._taken[1:])


def _until_error(inflate, chunk: bytes, size: int) -> bytes:
    """What a chunk gives before its damage: often enough the header that names the page."""
    found = b""
    with contextlib.suppress(zlib.error):
        for start in range(0, len(chunk), _CRUMB_BYTES):
            found += inflate.decompress(chunk[start : start + _CRUMB_BYTES], size - len(found))
            if inflate.unconsumed_tail:
                break
    return found
