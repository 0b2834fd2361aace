"""The main text of a web page, without menus, banners and comments.

`text_of` is a function of the page alone. It is meant for pages that anybody may have written, and
a few of those keep a parser busy for hours or end the process: run it through
`data.web.sandbox.Sandbox` where that must not stop the run.
"""

import dataclasses
import functools
import logging
import re

from lxml import etree, html

from data.errors import InputError
from data.web import expressions
from data.web.decisions import Drop
from data.web.decoding import decode
from data.web.language import Language, early

ENGINES = ("trafilatura", "resiliparse")


@dataclasses.dataclass(frozen=True)
class Extraction:
    """How the main text is found, and what a page may cost."""

    # "trafilatura" (FineWeb's; arXiv 2406.17557, section 3.2) or "resiliparse", some three times
    # as fast and less precise: F1 0.858.
    engine: str = "trafilatura"
    # Where trafilatura finds fewer characters and resiliparse this many times as many, the latter's
    # text is taken: on half of trafilatura's annotated pages F1 is 0.925 with these two, 0.917
    # without, and 0.924 with trafilatura's own slow second try in their place.
    rescue_below: int = 1000
    rescue_ratio: float = 3.0
    # Larger pages are dropped unread. Common Crawl cuts pages at 5 MiB.
    max_bytes: int = 5 << 20
    # CPU time of one page, after which it is dropped. Never elapsed time: a busy machine must not
    # drop other pages than an idle one.
    cpu_seconds: float = 20.0
    # Memory that one page may take beside the libraries.
    memory_megabytes: int = 2048

    def __post_init__(self):
        if self.engine not in ENGINES:
            known = " or ".join(ENGINES)
            raise InputError(f"web.extraction.engine is {self.engine!r}: give {known}")


STEP = "extraction"

# First bytes of what servers send as HTML and is not.
_BINARY = (
    *(b"%PDF-", b"%!PS", b"\xd0\xcf\x11\xe0"),  # documents
    *(
        b"\x89PNG",
        b"GIF8",
        b"\xff\xd8\xff",
        b"\x00\x00\x01\x00",
        b"wOFF",
        b"wOF2",
    ),  # pictures, fonts
    *(b"RIFF", b"ID3", b"OggS"),  # sound and film
    *(b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"Rar!", b"7z\xbc\xaf"),
    *(b"\x7fELF", b"MZ\x90"),  # programs
)
_BLANK_LINES = re.compile(r"\n\s*\n")
# Extractors repeat what they have seen of a page in their log: there are too many pages for that.
logging.getLogger("trafilatura").addHandler(logging.NullHandler())
logging.getLogger("trafilatura").propagate = False


def text_of(
    page: bytes,
    settings: Extraction,
    charset: str | None = None,
    languages: Language | None = None,
) -> str | Drop:
    """The main text of an HTML page, a paragraph a line; or why it has none.

    Args:
        charset: the encoding that the HTTP header declares, if it does.
        languages: if given, pages that are clearly in other languages are dropped, in the name of
            the language step, before the costly part of the extraction.
    """
    if len(page) > settings.max_bytes:
        return Drop(STEP, "too_large", len(page))
    if not page.strip(b"\0 \t\r\n"):
        return Drop(STEP, "empty_page", len(page))
    if page.startswith(_BINARY):
        return Drop(STEP, "not_html", len(page))
    try:
        markup = decode(page, charset)
        tree = _parse(markup)
        if tree is None:
            return Drop(STEP, "no_text", len(page))
        text = _main_text(markup, tree, settings, languages)
    except _TooDeep:
        return Drop(STEP, "too_deep", len(page))
    except RecursionError:
        return Drop(STEP, "too_complex", len(page))
    except MemoryError:
        return Drop(STEP, "memory", len(page))
    except Exception:  # whatever a parser and the heuristics on top of it make of a broken page
        return Drop(STEP, "failed", len(page))
    if isinstance(text, Drop):
        return text
    return text if text and not text.isspace() else Drop(STEP, "no_text", len(page))


class _TooDeep(Exception):
    """Tags within tags, more than the parser follows (libxml2: 256)."""


def _main_text(
    markup: str, tree: html.HtmlElement, settings: Extraction, languages: Language | None
) -> str | Drop:
    rough = functools.cache(lambda: _resiliparse(markup))
    wanted = languages.languages if languages else ()
    # A page that says that it is in a wanted language hardly ever proves to be in another.
    if wanted and _declared_language(tree) not in wanted and (drop := early(rough(), languages)):
        return drop
    if settings.engine == "resiliparse":
        return rough()
    text = _trafilatura(tree)
    if len(text) < settings.rescue_below and len(rough()) > settings.rescue_ratio * len(text):
        return rough()
    return text


def _declared_language(tree: html.HtmlElement) -> str:
    return tree.get("lang", "").strip().lower().replace("_", "-").partition("-")[0]


def _trafilatura(tree: html.HtmlElement) -> str:
    import trafilatura

    return trafilatura.extract(tree, options=_options()) or ""


@functools.cache
def _options():
    from trafilatura import xpaths
    from trafilatura.settings import Extractor

    expressions.quicken(xpaths)  # which changes nothing of what is found
    # Not `dedup`: it keeps what it has seen in the process, so that the text of a page would depend
    # on the pages before it.
    options = Extractor(output_format="txt", fast=True, comments=False, dedup=False)
    # Neither precision nor recall, and no second try for recall, which costs a fifth of the time
    # and finds less than the rescue does.
    options.focus = "plain"
    return options


def _parse(markup: str) -> html.HtmlElement | None:
    # The other engine parses by itself and follows tags to any depth, in time that grows with the
    # square of it: it is only given pages that pass here.
    # Only entities of HTML are read: those that a page declares are never expanded.
    parser = html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False
    )
    # One class for all elements: asking Python for each costs a tenth of the whole extraction.
    parser.set_element_class_lookup(etree.ElementDefaultClassLookup(element=html.HtmlElement))
    try:
        tree = html.document_fromstring(markup.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:  # nothing in it
        tree = None
    log = parser.error_log
    if len(log) and "xcessive depth" in log[-1].message:
        raise _TooDeep
    return tree


def _resiliparse(markup: str) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    text = extract_plain_text(
        markup, main_content=True, links=False, form_fields=False, comments=False, noscript=False
    )
    return _BLANK_LINES.sub("\n", text)
