"""What a page of the crawl is, and what is known of it: text planned, bytes served, label kept."""

import dataclasses
import html
from typing import Any

# The steps of the pipeline as labels name them, in the order in which pages meet them.
STEPS = (
    "read",
    "urls",
    "extraction",
    "language",
    "quality",
    "exact_duplicates",
    "near_duplicates",
)


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading and what stands under it; lines of a paragraph are separated by newlines."""

    title: str
    paragraphs: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Article:
    """The main text of a page: what extraction has to find, no more and no less.

    The first section's title is the page's.
    """

    sections: tuple[Section, ...]
    author: str
    date: str  # of publication, "2019-04-30"
    is_thread: bool = False  # each paragraph of the first section is a post of its own

    @property
    def title(self) -> str:
        return self.sections[0].title


@dataclasses.dataclass(frozen=True)
class Label:
    """The truth about a page.

    Attributes:
        url: of the page; no two pages of a crawl have the same.
        kind: "good", "exact_copy", "near_copy", "adult", "spam", "low_quality", "language",
            "boilerplate", "damaged" or "no_page".
        variant: what sort of that kind.
        design: of the site; "" where there is none.
        drop: the step of STEPS that must drop the page, or nothing if all must keep it.
        may: steps that would not be wrong to drop it, whether or not another one must.
        documents: ids of the world's documents that are told on the page.
        copy_of: URL of the page that this one is a copy of; that page comes earlier in the crawl.
        similarity: to the original, as Jaccard index of the sets of 5-grams of words.
        language: ISO 639-1 code of the main text.
        score: educational value from 0 to 5; None where nothing is to be judged.
        pii: the e-mail and public IP addresses in the main text, as they stand there.
        not_pii: strings in the main text that look like such addresses and are none.
        charset: what the body is encoded in, where that is not what the server declares.
    """

    url: str
    kind: str
    variant: str = ""
    design: str = ""
    drop: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    copy_of: str | None = None
    similarity: float | None = None
    language: str = "en"
    score: int | None = None
    pii: tuple[str, ...] = ()
    not_pii: tuple[str, ...] = ()
    charset: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As a line of labels.jsonl holds it."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Page:
    """A response as the crawl stored it.

    Attributes:
        url, label: the label's URL is the page's.
        date: when it was fetched, "2024-05-02T10:15:00Z".
        status: "200 OK".
        headers: of HTTP, in order.
        body: as sent.
        text: the main text that extraction should find; "" where there is none.
        flaw: "" or how the record is damaged: "cut" (its gzip member ends early), "length" (its
            Content-Length promises more than there is), "truncated" (the crawler stopped reading,
            and said so).
    """

    url: str
    date: str
    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    label: Label
    text: str = ""
    flaw: str = ""


def escaped(text: str) -> str:
    """Text as it stands between tags."""
    return html.escape(text, quote=False)
