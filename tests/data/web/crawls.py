"""Small WARC files for the tests, honest or not."""

import gzip
import os
import pathlib

DATE = "2024-05-01T12:00:00Z"
ROOT = pathlib.Path(__file__).resolve().parents[3]
SHARED = pathlib.Path(os.environ.get("PRIMER_SHARED_DATA", ROOT.parent / "shared" / "data"))
REAL = SHARED / "warc"

_PROSE = (
    "The {0} old bridge over the river was built by the people of the village in the summer of "
    "the year after the great flood.\n"
    "It has {0} arches of grey stone, and each of them carries a mark that the mason cut with "
    "his own hand, so that he would be paid for it.\n"
    "Those who cross it in the evening say that the water below is never quite still, and that "
    "it is best to be home before the bells of the church begin to ring.\n"
    "In {1} the council wanted to replace it with a bridge of steel, but the plan was given up "
    "when the price became known.\n"
    "Today it is closed to cars, and children fish from it with lines that they have made from "
    "string and a bent pin."
)
_WORDS = "amber birch cedar delta ember frost grove heron ivory jade kestrel lilac maple".split()


def record(
    url: str,
    block: bytes,
    kind: str = "response",
    length: int | str | None = None,
    packed: bool = True,
) -> bytes:
    """One WARC record, as a gzip member of its own if `packed`; `length` is what it claims."""
    header = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:0>\r\nWARC-Date: {DATE}\r\n"
        f"WARC-Target-URI: {url}\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(block) if length is None else length}\r\n\r\n"
    )
    whole = header.encode() + block + b"\r\n\r\n"
    return gzip.compress(whole, mtime=0) if packed else whole


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """An HTTP response."""
    lines = [f"HTTP/1.1 {status}", *(headers or ("Content-Type: text/html; charset=utf-8",))]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def html(text: str) -> bytes:
    """A page with `text` as its article, a paragraph a line."""
    paragraphs = "".join(f"<p>{line}</p>" for line in text.splitlines())
    return (
        "<!doctype html><html><head><title>Page</title></head><body><nav><a href='/'>Home</a></nav>"
        f"<article><h1>Page</h1>{paragraphs}</article></body></html>"
    ).encode()


def response(url: str, text: str) -> bytes:
    """An honest record of an honest page."""
    return record(url, http(html(text)))


def article(number: int) -> str:
    """A text that passes every filter; two of them have hardly a run of five words in common."""
    lines = _PROSE.format(number, 1900 + number).split(" ")
    step = 4 + number % 3
    return " ".join(
        f"{word} {_WORDS[(place * 7 + number * 5) % 13]}{number}" if place % step == 0 else word
        for place, word in enumerate(lines)
    )
