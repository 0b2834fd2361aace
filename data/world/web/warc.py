"""Pages as the records of a WARC file (ISO 28500), one gzip member a record, as crawls write it."""

import base64
import hashlib
import uuid
import zlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from data.world.web.page import Page

_SOFTWARE = b"software: primer world crawl\r\nformat: WARC File Format 1.0\r\n"
_ROBOT = "PrimerBot/1.0 (+https://robot.example/)"
_NAMESPACE = uuid.UUID("6b0c8f9e-0d1c-4a7e-9a5e-3f7f2f0a6f11")


def info(name: str, date: str) -> bytes:
    """The record that opens a file."""
    fields = {"WARC-Type": "warcinfo", "WARC-Filename": name}
    return _packed(_record(fields, f"info {name}", date, "application/warc-fields", _SOFTWARE))


def records(page: Page) -> Iterator[bytes]:
    """The request, the response and the crawler's notes on one page, in that order."""
    address = urlsplit(page.url)
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {address.hostname}\r\nUser-Agent: {_ROBOT}\r\n"
        "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.5\r\n"
        "Accept-Language: en\r\nConnection: Keep-Alive\r\n\r\n"
    ).encode()
    yield _packed(
        _record(
            {"WARC-Type": "request", "WARC-Target-URI": page.url},
            f"request {page.url}",
            page.date,
            "application/http; msgtype=request",
            request,
        )
    )
    yield _response(page)
    notes = f"fetchTimeMs: {len(page.body) % 700 + 40}\r\ncharset-detected: UTF-8\r\n".encode()
    yield _packed(
        _record(
            {"WARC-Type": "metadata", "WARC-Target-URI": page.url},
            f"metadata {page.url}",
            page.date,
            "application/warc-fields",
            notes,
        )
    )


def _response(page: Page) -> bytes:
    header = "".join(f"{name}: {value}\r\n" for name, value in page.headers)
    block = f"HTTP/1.1 {page.status}\r\n{header}\r\n".encode("latin-1") + page.body
    fields = {
        "WARC-Type": "response",
        "WARC-Target-URI": page.url,
        "WARC-IP-Address": "192.0.2.1",
        "WARC-Payload-Digest": _digest(page.body),
    }
    if page.flaw == "truncated":
        fields["WARC-Truncated"] = "length"
    kind = "application/http; msgtype=response"
    missing = len(block) if page.flaw == "length" else 0
    packed = _packed(_record(fields, f"response {page.url}", page.date, kind, block, missing))
    return packed[: len(packed) * 3 // 5] if page.flaw == "cut" else packed


def _record(
    fields: dict[str, str], name: str, date: str, kind: str, block: bytes, missing: int = 0
) -> bytes:
    lines = ["WARC/1.0", *(f"{key}: {value}" for key, value in fields.items())]
    lines += [
        f"WARC-Record-ID: <urn:uuid:{uuid.uuid5(_NAMESPACE, f'{name} {date}')}>",
        f"WARC-Date: {date}",
        f"WARC-Block-Digest: {_digest(block)}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(block) + missing}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def _digest(content: bytes) -> str:
    return f"sha1:{base64.b32encode(hashlib.sha1(content).digest()).decode()}"


def _packed(record: bytes) -> bytes:
    # zlib writes no time of day into the gzip header: the same record gives the same bytes.
    packer = zlib.compressobj(6, wbits=zlib.MAX_WBITS | 16)
    return packer.compress(record) + packer.flush()
