"""The body of an HTTP response as a crawl stored it: status, type and encodings, hostile or not.

A crawler may have kept a body chunked and compressed, or undone both and left the headers as they
were (RFC 9112 section 7.1, RFC 9110 section 8.4). So an encoding is undone where the headers name
it and the bytes bear it out.
"""

import dataclasses
import io
import zlib

from fastwarc.stream_io import BrotliReader, ChunkedReader, GzipReader, ZstdReader
from fastwarc.warc import ArchiveIterator

HTML_TYPES = ("text/html", "application/xhtml+xml")

BAD_HTTP = "bad_http"
STATUS = "status"
CONTENT_TYPE = "content_type"
BAD_ENCODING = "bad_encoding"
ENCODING_BOMB = "encoding_bomb"
EMPTY = "empty"

_NOT_ENCODED = ("", "identity", "none")
_GZIP_MAGIC = b"\x1f\x8b"
_WARC_HEADER = (
    b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http;msgtype=response\r\n"
    b"Content-Length: %d\r\n\r\n"
)


@dataclasses.dataclass(frozen=True)
class Body:
    """A page's bytes, or why there are none.

    Attributes:
        content: the HTML; empty where there is a problem.
        charset: what the header declares, "" if nothing.
        problem: "", or why the response is no page.
        figure: the number that the problem is about: a status, a length.
    """

    content: bytes
    charset: str = ""
    problem: str = ""
    figure: float = 0.0


def body(block: bytes, max_bytes: int) -> Body:
    """The HTML in the block of a WARC response record.

    Args:
        block: status line, headers, body.
        max_bytes: a body that an encoding blows up beyond this is an ENCODING_BOMB; it is not
            decoded further.
    """
    archive = io.BytesIO(_WARC_HEADER % len(block) + block)
    try:
        record = next(iter(ArchiveIterator(archive, parse_http=True)), None)
    except (OSError, ValueError):
        record = None
    status = record and record.http_headers and record.http_headers.status_code
    if not status or not block.startswith(b"HTTP/"):
        return Body(b"", problem=BAD_HTTP, figure=float(len(block)))
    if status != 200:
        return Body(b"", problem=STATUS, figure=float(status))
    headers = {name.lower(): value for name, value in record.http_headers.items()}
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind not in HTML_TYPES:
        return Body(b"", problem=CONTENT_TYPE)
    content = record.reader.read()
    for name in reversed(_encodings(headers)):
        try:
            content = _decoded(content, name, max_bytes + 1)
        except (OSError, ValueError, zlib.error):
            return Body(b"", problem=BAD_ENCODING, figure=float(len(content)))
        if len(content) > max_bytes:
            return Body(b"", problem=ENCODING_BOMB, figure=float(len(block)))
    if not content.strip():
        return Body(b"", problem=EMPTY)
    if not kind and not content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return Body(b"", problem=CONTENT_TYPE)
    return Body(content, charset=record.http_charset or "")


def _encodings(headers: dict[str, str]) -> list[str]:
    """In the order they were applied."""
    named = [*headers.get("content-encoding", "").split(",")]
    named += headers.get("transfer-encoding", "").split(",")
    return [name for word in named if (name := word.strip().lower()) not in _NOT_ENCODED]


def _decoded(content: bytes, name: str, limit: int) -> bytes:
    """At most `limit` bytes of the content, decoded.

    Raises:
        OSError, zlib.error: it is encoded, but damaged.
        ValueError: nobody knows the encoding.
    """
    if name in ("gzip", "x-gzip", "deflate"):
        if content.startswith(_GZIP_MAGIC):
            return GzipReader(io.BytesIO(content)).read(limit)
        return content if name != "deflate" or _is_text(content) else _inflated(content, limit)
    if name == "chunked":
        # The first line of chunked content is a hexadecimal length.
        length = content[:20].partition(b"\r\n")[0].partition(b";")[0].strip()
        if not length or length.strip(b"0123456789abcdefABCDEF"):
            return content
        return ChunkedReader(io.BytesIO(content)).read(limit)
    if _is_text(content):
        return content
    if name == "br":
        return BrotliReader(io.BytesIO(content)).read(limit)
    if name == "zstd":
        return ZstdReader(io.BytesIO(content)).read(limit)
    raise ValueError(name)


def _is_text(content: bytes) -> bool:
    """Whether it looks like HTML already: a tag opens it."""
    return content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _inflated(content: bytes, limit: int) -> bytes:
    # Servers send "deflate" with zlib's header, as they should, and without.
    try:
        return zlib.decompressobj().decompress(content, limit)
    except zlib.error:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, limit)
