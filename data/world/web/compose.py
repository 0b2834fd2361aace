"""Documents put together into articles that a web page may hold."""

import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data.world import documents
from data.world.documents import Document

# Gopher's rules, as they are applied to the web, want 50 words, 80% of them with a letter, where
# punctuation marks count as words, and few phrases said twice. Conversations and sums have too
# many marks and phrases, so a page that opens with them goes on with plain prose.
LEAST_WORDS = 100
LEAST_ALPHABETIC = 0.82
_PLAIN = 0.84
_MOST_REPEATED = 0.06  # of the 5-grams, those that stood before
_MOST_FREQUENT = 0.08  # of the words, those in the most frequent 3-gram
_WAITING = 24  # documents that may wait for a page; more are left out

_TOKEN = re.compile(r"\w+(?:'\w+)?|[^\w\s]")


def tokens(text: str) -> list[str]:
    """The words and the punctuation marks of a text."""
    return _TOKEN.findall(text)


def is_worded(found: Sequence[str], least: int = LEAST_WORDS) -> bool:
    """Whether tokens are words enough, and marks and numbers few."""
    return _count_words(found) >= max(least, LEAST_ALPHABETIC * len(found))


def _count_words(found: Sequence[str]) -> int:
    return sum(token[0].isalpha() for token in found)


def is_varied(found: Sequence[str]) -> bool:
    """Whether tokens hardly ever say a thing twice in the same words."""
    words = [token.lower() for token in found if token[0].isalnum()]
    five = list(zip(*(words[i:] for i in range(5)), strict=False))
    three = Counter(zip(*(words[i:] for i in range(3)), strict=False))
    top = max(three.values(), default=0)
    return (
        len(five) - len(set(five)) <= _MOST_REPEATED * len(five)
        and (top if top > 1 else 0) * 3 <= _MOST_FREQUENT * len(words) + 3
    )


@dataclass(frozen=True)
class _Entry:
    document: Document
    tokens: list[str]
    lines: frozenset[str]


class _Stream:
    """The world's documents in order, as pages may take them."""

    def __init__(self, seed: int, start: int):
        self._seed, self._next = seed, start
        self._waiting: deque[_Entry] = deque()

    def _read(self) -> _Entry:
        """The next document that has no line twice."""
        while True:
            document = documents.document(self._seed, self._next)
            self._next += 1
            lines = [document.title, *re.split(r"\n+", document.text)]
            if len(set(lines)) == len(lines):
                return _Entry(document, tokens("\n".join(lines)), frozenset(lines))

    def first(self) -> _Entry:
        return self._waiting.popleft() if self._waiting else self._read()

    def plain(self, lines: frozenset[str]) -> _Entry:
        """The next document of plain prose with none of the lines; others wait or are left out."""
        while True:
            entry = self._read()
            worded = _count_words(entry.tokens) >= _PLAIN * len(entry.tokens)
            if worded and not entry.lines & lines:
                return entry
            if len(self._waiting) < _WAITING:
                self._waiting.append(entry)


def groups(seed: int, megabytes: float, start: int = 0) -> Iterator[tuple[Document, ...]]:
    """The documents of one page after the other, until they are ``megabytes`` MB of text.

    Documents are taken in order from the seed's world, from number ``start``. Those that find no
    page they fit on are left out, so that the world has to be read somewhat further than its first
    ``megabytes``.
    """
    stream, size = _Stream(seed, start), 0
    while size < megabytes * 1e6:
        entry = stream.first()
        group, found, lines = [entry.document], list(entry.tokens), entry.lines
        while not (is_worded(found) and is_varied(found)):
            entry = stream.plain(lines)
            group.append(entry.document)
            found += entry.tokens
            lines |= entry.lines
        size += sum(len(document.text.encode()) for document in group)
        yield tuple(group)
