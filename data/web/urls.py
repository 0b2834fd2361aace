"""Pages that their address gives away: blocklists in UT1's layout, and words (arXiv 2406.17557).

UT1 is the blocklist of the University of Toulouse: a folder a category, in it a file `domains` with
one host a line and a file `urls` with one address without scheme a line. A list of millions of
lines is compiled once into a sorted array of 64-bit hashes on disk, which every process maps into
its memory and all of them share. At 5 million lines, an address that is not listed is taken for one
that is with probability 3e-13 a look-up.
"""

import array
import dataclasses
import functools
import gzip
import os
import pathlib
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np
import xxhash

from data.errors import InputError
from data.web.decisions import Drop

_LISTS = pathlib.Path(__file__).parent / "lists"


@dataclasses.dataclass(frozen=True)
class Urls:
    """What bars a page."""

    # A folder in UT1's layout, or one such category; its files may be packed with gzip. "": none.
    blocklists: str = ""
    # The categories of it that count, by the names of their folders. (): all.
    categories: tuple[str, ...] = ()
    # Text files with a word a line, beside those of data/web/lists. One banned word of the address
    # bars the page, several soft words do, and a substring does, punctuation taken out.
    banned_words: str = ""
    soft_words: str = ""
    banned_substrings: str = ""
    # Different ones. FineWeb's number (arXiv 2406.17557, section 3.3). 0: they do not count.
    min_soft_words: int = 2


STEP = "urls"

# Labels of a host and parts of a path that are looked up: more are nobody's honest address.
_MAX_PARTS = 16
_MAX_URL = 4096
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_NOT_WORD = re.compile(r"[^a-z0-9]+")


def check(url: str, settings: Urls, compiled: str = "") -> Drop | None:
    """Whether the address of a page bars it.

    Args:
        compiled: the file that `compile_blocklists` has written. "": no list.

    Returns:
        None: the page passes. The figure of a drop is the number of soft words, or 1.
    """
    url = url.strip()[:_MAX_URL]
    host, path = split(url)
    if compiled:
        hosts = _hosts(host)
        found = _listed(
            compiled, [_host_key(h) for h in hosts] + [_url_key(u) for u in _urls(host, path)]
        )
        if found.any():
            place = int(np.argmax(found))
            reason = "host" if place == 0 else "parent_host" if place < len(hosts) else "url"
            return Drop(STEP, reason, 1)
    banned, soft, substrings = _words(
        settings.banned_words, settings.soft_words, settings.banned_substrings
    )
    lower = urllib.parse.unquote(url).lower()
    found_words = set(_NOT_WORD.split(lower))
    if not banned.isdisjoint(found_words):
        return Drop(STEP, "banned_word", 1)
    count = len(soft & found_words)
    if settings.min_soft_words and count >= settings.min_soft_words:
        return Drop(STEP, "soft_words", count)
    if substrings.search(_NOT_WORD.sub("", lower)):
        return Drop(STEP, "banned_substring", 1)
    return None


def split(url: str) -> tuple[str, str]:
    """(host, path with query) of an address with or without a scheme, in the form that lists have.

    The host is in lower case and ASCII, without user, port and last dot; the path without fragment
    and without slashes at its end. Never raises: of what is no address, the host is "".
    """
    rest = _SCHEME.sub("", url).partition("#")[0]
    end = min((rest.find(mark) for mark in "/?\\" if mark in rest), default=len(rest))
    host, path = rest[:end].rpartition("@")[2].lower(), rest[end:].rstrip("/")
    if not host.startswith("["):  # an IPv6 address keeps its colons
        host = host.partition(":")[0]
    host = host.strip(".").strip()
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            pass  # an impossible name is looked up as it stands
    return host, path


def _hosts(host: str) -> list[str]:
    """The host and the domains above it, to the second level."""
    labels = host.split(".")[-_MAX_PARTS:]
    if all(label.isdigit() for label in labels):
        return [host]  # an IPv4 address has nothing above it
    return [host] + [".".join(labels[start:]) for start in range(1, len(labels) - 1)]


def _urls(host: str, path: str) -> list[str]:
    """The address and the folders that it is in: a list that bars a folder bars what is in it."""
    host = host.removeprefix("www.")
    parts = path.partition("?")[0].split("/")[: _MAX_PARTS + 1]
    folders = [host + "/".join(parts[:end]) for end in range(len(parts), 1, -1)]
    return list(dict.fromkeys([host + path, *folders]))


def _host_key(host: str) -> int:
    return xxhash.xxh3_64_intdigest(b"h" + host.encode("utf-8", "replace"))


def _url_key(url: str) -> int:
    return xxhash.xxh3_64_intdigest(b"u" + url.encode("utf-8", "replace"))


def _listed(compiled: str, keys: list[int]) -> np.ndarray:
    """bool, one a key."""
    listed = _mapped(compiled)
    if not len(listed):
        return np.zeros(len(keys), bool)
    wanted = np.array(keys, np.uint64)
    places = np.searchsorted(listed, wanted)
    return (places < len(listed)) & (listed[np.minimum(places, len(listed) - 1)] == wanted)


@functools.lru_cache(maxsize=4)
def _mapped(compiled: str) -> np.ndarray:
    return np.load(compiled, mmap_mode="r")


def compile_blocklists(folder: str, compiled: str, categories: tuple[str, ...] = ()) -> int:
    """Writes the sorted hashes of a folder of blocklists to the file `compiled`, as .npy, whole.

    Memory: 8 bytes a line, twice while sorting.

    Returns:
        The number of different entries.

    Raises:
        InputError: there is no such folder, category, or list in it.
    """
    root = pathlib.Path(folder)
    files = sorted(
        path
        for path in root.rglob("*")
        if path.name.removesuffix(".gz") in ("domains", "urls") and path.is_file()
    )
    if categories:
        present = {path.parent.name for path in files}
        if missing := sorted(set(categories) - present):
            raise InputError(
                f"{folder} has no category {missing[0]!r}: web.urls.categories can name "
                f"{', '.join(sorted(present)) or 'none of it'}"
            )
        files = [path for path in files if path.parent.name in categories]
    if not files:
        raise InputError(
            f"{folder} has no file named domains or urls, in it or in its folders: "
            "web.urls.blocklists must name a folder in UT1's layout"
        )
    keys = array.array("Q")
    for path in files:
        keys.extend(_keys(path))
    hashes = np.unique(np.frombuffer(keys, np.uint64)) if keys else np.empty(0, np.uint64)
    partial = f"{compiled}.{os.getpid()}.partial"
    with open(partial, "wb") as file:
        np.save(file, hashes)
    os.replace(partial, compiled)
    return len(hashes)


def _keys(path: pathlib.Path) -> Iterator[int]:
    opened: BinaryIO = gzip.open(path) if path.suffix == ".gz" else open(path, "rb")
    hosts = path.name.startswith("domains")
    with opened as file:
        try:
            for line in file:
                entry = line.decode("utf-8", "replace").strip()
                if not entry or entry.startswith("#"):
                    continue
                host, rest = split(entry)
                if hosts:
                    yield _host_key(host)
                else:
                    yield _url_key(host.removeprefix("www.") + rest)
        except (EOFError, OSError) as error:
            raise InputError(f"the blocklist {path} cannot be read ({error})") from error


@functools.lru_cache(maxsize=4)
def _words(banned: str, soft: str, substrings: str) -> tuple[frozenset, frozenset, re.Pattern]:
    parts = read_words("banned_substrings", substrings)
    # A pattern that never matches where there is nothing to find.
    pattern = "|".join(sorted(map(re.escape, parts))) or r"(?!)"
    return (
        frozenset(read_words("banned_words", banned)),
        frozenset(read_words("soft_words", soft)),
        re.compile(pattern),
    )


def read_words(name: str, extra: str = "") -> set[str]:
    """The words of the project's own list and of the file `extra`, reduced to a-z and 0-9.

    Raises:
        InputError: `extra` cannot be read.
    """
    lines: list[str] = []
    for path in (_LISTS / f"{name}.txt", extra):
        if path:
            try:
                lines += pathlib.Path(path).read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(
                    f"web.urls.{name} names {path}, which cannot be read ({error})"
                ) from error
    return set(_reduced(line for line in lines if not line.startswith("#")))


def _reduced(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if word := _NOT_WORD.sub("", line.lower()):
            yield word
