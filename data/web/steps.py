"""The filters in the order of FineWeb (arXiv 2406.17557, section 3), on one page after another."""

import codecs
import collections
import dataclasses
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import logging

from data.web import (
    c4,
    classifier,
    duplicates,
    extract,
    fineweb,
    funnel,
    gopher,
    language,
    pages,
    pii,
    urls,
)
from data.web.decisions import Drop
from data.web.sandbox import Sandbox
from data.web.settings import DUPLICATES, EXACT, NEAR, PII, READ, Settings
from data.web.words import words


@dataclasses.dataclass
class Document:
    """A page on its way through the steps; what is not known yet is None or empty."""

    id: int
    url: str
    date: str
    html: bytes | None
    text: str | None
    charset: str = ""
    problem: Drop | None = None
    # What is wrong with the page and does not keep it from being read.
    oddities: tuple[str, ...] = ()
    words: list[str] | None = None
    language: str = ""
    language_score: float | None = None
    quality_score: float | None = None
    text_hash: bytes = b""
    bands: list[bytes] = dataclasses.field(default_factory=list)
    sketch: bytes = b""

    @classmethod
    def of(cls, page: pages.Page) -> "Document":
        problem = Drop(READ, page.problem, page.figure) if page.problem else None
        return cls(page.id, page.url, page.date, page.html, page.text, page.charset, problem)

    def size(self) -> int:
        """Bytes of the text, or of the HTML while there is no text."""
        if self.text is None:
            return len(self.html or b"")
        return len(self.text.encode())

    def replace_text(self, text: str) -> None:
        if text != self.text:
            self.text, self.words = text, None


WRONG_CHARSET = "wrong_charset"
OWN_ENTITIES = "own_entities"

# Pages that a step may fail on before it is asked whether it fails on most.
_FAILURES = 20

# The reason of an extraction that ended its process, and a page on which none should.
_CRASHED = "crashed"
_HARMLESS = b"<html><body><p>This page harms nobody.</p></body></html>"

Step = Callable[[Document], Drop | None]


class Chain:
    """The steps that look at one page alone, with whatever they hold in memory.

    Attributes:
        settings: what it was made with.
        duplicates: the names of the steps that look for copies, in order.
    """

    def __init__(self, settings: Settings, blocklist: str = "", model: str = ""):
        """What is on this machine: the file that `urls.compile_blocklists` has written, the folder
        that `classifier.train` has. "": none."""
        self.settings = settings
        wanted = None if language.STEP in settings.skip else settings.language
        self._sandbox = Sandbox(settings.extraction, wanted)
        self._model = classifier.load(model) if model else None
        steps: dict[str, Step] = {
            READ: _read,
            urls.STEP: lambda document: urls.check(document.url, settings.urls, blocklist),
            extract.STEP: self._extract,
            language.STEP: self._language,
            gopher.REPETITION: lambda document: gopher.repetition(
                document.text, settings.repetition, _words(document)
            ),
            gopher.QUALITY: lambda document: gopher.quality(
                document.text, settings.gopher, _words(document)
            ),
            c4.STEP: self._c4,
            fineweb.STEP: lambda document: fineweb.quality(
                document.text, settings.fineweb, _words(document)
            ),
            classifier.STEP: self._classify,
        }
        self._steps = {name: step for name, step in steps.items() if name not in settings.skip}
        if self._model is None:
            self._steps.pop(classifier.STEP, None)
        self._calls: collections.Counter = collections.Counter()
        self._failures: collections.Counter = collections.Counter()
        self.duplicates = tuple(name for name in DUPLICATES if name not in settings.skip)

    @property
    def names(self) -> tuple[str, ...]:
        """In the order in which pages meet them."""
        last = () if PII in self.settings.skip else (PII,)
        return (*self._steps, *self.duplicates, *last)

    def close(self) -> None:
        """Ends the process that extracts; another starts with the next page."""
        self._sandbox.close()

    def filter(self, document: Document, tally: funnel.Tally) -> Drop | None:
        """Takes a document through the steps before the search for copies; None: it passes.

        A step that fails on a page drops it, under its own reason: one page must not stop a run.
        One that fails on most pages raises what it fails with.
        """
        size = document.size()
        tally.left(funnel.INPUT, size, document.text is not None)
        for name, step in self._steps.items():
            before = document.text
            drop = self._drop_of(name, step, document, tally)
            if drop is not None:
                self._pass_over(name, drop.step, tally)
                return drop
            if document.text is not before:
                size = document.size()
            tally.left(name, size, document.text is not None)
        for oddity in document.oddities:
            tally.counts[f"recovered/{oddity}"] += 1
        timed(tally, NEAR, self._sign, document)
        return None

    def _drop_of(
        self, name: str, step: Step, document: Document, tally: funnel.Tally
    ) -> Drop | None:
        """What a step says, also where it fails.

        Raises:
            Exception: whatever the step fails with, where it fails on most pages.
            RuntimeError: extraction ends its process on harmless pages too.
        """
        self._calls[name] += 1
        try:
            drop = timed(tally, name, step, document)
        except Exception as error:
            self._failures[name] += 1
            if self._failures[name] > max(_FAILURES, self._calls[name] // 2):
                raise  # it is not the pages
            logging.log_first_n(logging.ERROR, "%s: %s", 3, name, traceback.format_exc())
            return Drop(name, f"failed_{type(error).__name__}")
        if drop is not None and drop.reason == _CRASHED:
            self._failures[name] += 1
            if self._failures[name] % _FAILURES == 0:
                self._check_extraction()
        return drop

    def _check_extraction(self) -> None:
        found = self._sandbox.text_of(_HARMLESS)
        if isinstance(found, Drop) and found.reason == _CRASHED:
            raise RuntimeError("the process that extracts ends on every page; see what it printed")

    def _pass_over(self, name: str, dropping: str, tally: funnel.Tally) -> None:
        """Books a page that `name` drops for a later step as passed by those before that one.

        Extraction does so for pages clearly in other languages; what it would have made of them is
        not known and counts as no bytes.
        """
        names = list(self._steps)
        for passed in names[names.index(name) : names.index(dropping)]:
            tally.left(passed, 0, is_text=True)

    def edit(self, text: str, tally: funnel.Tally) -> str:
        """The text of a kept document without personal data."""
        if PII in self.settings.skip:
            return text
        edited, counts = timed(tally, PII, pii.replace, text, self.settings.pii)
        tally.left(PII, len(edited.encode()), is_text=True)
        if any(counts.values()):
            tally.counts[f"changed/{PII}"] += 1
        return edited

    def _extract(self, document: Document) -> Drop | None:
        if document.html is None:
            return None  # it came as text
        document.oddities = oddities(document.html, document.charset)
        found = self._sandbox.text_of(document.html, document.charset or None)
        if isinstance(found, Drop):
            return found
        document.replace_text(found)
        return None

    def _language(self, document: Document) -> Drop | None:
        found = language.choose(document.text, self.settings.language)
        if isinstance(found, Drop):
            return found
        document.language, document.language_score = found
        return None

    def _c4(self, document: Document) -> Drop | None:
        cleaned = c4.clean(document.text, self.settings.c4)
        if isinstance(cleaned, Drop):
            return cleaned
        document.replace_text(cleaned)
        return None

    def _classify(self, document: Document) -> Drop | None:
        found = classifier.check(document.text, self._model, self.settings.classifier)
        if isinstance(found, Drop):
            return found
        document.quality_score = found
        return None

    def _sign(self, document: Document) -> None:
        if EXACT in self.duplicates:
            document.text_hash = duplicates.exact_key(document.text)
        if NEAR in self.duplicates:
            signature = duplicates.signature(document.text, self.settings.minhash)
            document.bands = duplicates.bands(signature, self.settings.minhash)
            document.sketch = sketch(signature)


def _read(document: Document) -> Drop | None:
    if document.problem is None and document.html is not None:
        # In UTF-16 every other byte of a Latin letter is NUL; anywhere else it is no text.
        if not document.html.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            if nul := document.html.count(0):
                return Drop(READ, "nul_bytes", nul)
    elif document.problem is None and "\0" in document.text:
        return Drop(READ, "nul_bytes", document.text.count("\0"))
    return document.problem


def oddities(html: bytes, charset: str) -> tuple[str, ...]:
    """What of a page is wrong, or hostile, and harmless to this pipeline.

    WRONG_CHARSET: see `is_misdeclared`. OWN_ENTITIES: the page declares entities, which HTML does
    not have; a billion laughs is made of them. They are not expanded.
    """
    found = {
        WRONG_CHARSET: is_misdeclared(html, charset),
        OWN_ENTITIES: b"<!ENTITY" in html,
    }
    return tuple(name for name, is_so in found.items() if is_so)


def is_misdeclared(html: bytes, charset: str) -> bool:
    """Whether a page's bytes contradict the encoding that the server declares."""
    if not charset or html.isascii():
        return False
    try:
        declares_utf8 = codecs.lookup(charset).name == "utf-8"
        html.decode(charset)
    except (LookupError, ValueError):
        return True
    try:
        html.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not declares_utf8  # what is UTF-8 by its bytes is hardly anything else by chance


def _words(document: Document) -> list[str]:
    if document.words is None:
        document.words = words(document.text)
    return document.words


def sketch(signature: np.ndarray) -> bytes:
    """The low byte of every hash of a signature (b-bit minwise hashing, Li and König 2010)."""
    return (signature & np.uint64(0xFF)).astype(np.uint8).tobytes()


def sketched_similarity(one: bytes, other: bytes) -> float:
    """The Jaccard similarity that two sketches tell; 1/256 of unequal hashes have equal bytes."""
    equal = np.mean(np.frombuffer(one, np.uint8) == np.frombuffer(other, np.uint8))
    return float((equal - 1 / 256) / (1 - 1 / 256))


def timed(tally: funnel.Tally, name: str, function: Callable, *arguments: Any) -> Any:
    """Calls the function, and books its time under the step `name`.

    CPU time, but of extraction, which another process does, the time that passes.
    """
    clock = time.monotonic if name == extract.STEP else time.thread_time
    started = clock()
    try:
        return function(*arguments)
    finally:
        tally.seconds[name] += clock() - started
