"""The bytes of a page to its text, whatever the page says of its encoding."""

import codecs
import re

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

# The HTML standard looks for a declaration in the first 1024 bytes; pages put it later.
_HEAD_BYTES = 4096
_DECLARED = re.compile(
    rb"""(?i)<(?:meta|\?xml)[^>]*?(?:charset|encoding)\s*=\s*["']?\s*([\w:.-]+)"""
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Control characters, which stand in no text, and which lxml refuses.
_CONTROL_BYTES = bytes({*range(32), 127} - set(b"\t\n\r"))
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# Among so many characters of more than one byte, at most one in ten may be damaged.
_DAMAGED = 10


def decode(data: bytes, charset: str | None = None) -> str:
    """The text of a page, without control characters.

    Tried in order: a byte order mark; UTF-8, which hardly anything else happens to be, also where a
    few characters are damaged; the declared encodings, in the header, then in the page; what the
    bytes look like. Damaged characters become U+FFFD.

    Args:
        charset: that of the HTTP header, if it has one.
    """
    try:
        # Most pages; and in UTF-8 these bytes are never a part of another character.
        text = data.translate(None, _CONTROL_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _CONTROL.sub("", _decoded(data, charset))
    for never in ("\ufffe", "\uffff"):
        text = text.replace(never, "")
    return text


def _decoded(data: bytes, charset: str | None) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    text = data.decode("utf-8", "replace")
    if text.count("\ufffd") * _DAMAGED < len(text) - len(text.encode("ascii", "ignore")):
        return text
    inside = _DECLARED.search(data[:_HEAD_BYTES])
    for declared in (charset, inside and inside[1].decode("ascii", "replace")):
        encoding = _python_encoding(declared)
        if encoding and not encoding.startswith("utf"):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                continue  # it is not what it says it is
    encoding = _python_encoding(detect_encoding(data))
    if encoding is None or encoding.startswith("utf"):
        encoding = "cp1252"  # it is not UTF-8, which is also the detector's word for "unknown"
    return data.decode(encoding, "replace")


def _python_encoding(name: str | None) -> str | None:
    """Python's name of a character encoding that the HTML standard knows."""
    if not name:
        return None
    try:
        known = map_encoding_to_html5(name.strip().lower(), fallback_utf8=False)
        return codecs.lookup(known).name if known else None
    except LookupError:
        return None
