"""Texts with a score, from which a quality classifier learns. None of them is in the crawl."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from data.world.documents import Document
from data.world.draw import Draw
from data.world.web import boilerplate, compose, shallow, sites, spam

# How much a reader learns, in the manner of FineWeb-Edu (arXiv 2406.17557, section 4): from 3 up a
# text is worth keeping.
SCORES = {
    "arithmetic": 4,
    "comparison": 4,
    "diary": 3,
    "dictionary": 5,
    "encyclopedia": 5,
    "forum": 3,
    "joke": 3,
    "lesson": 5,
    "news": 3,
    "notes": 4,
    "riddle": 3,
    "story": 3,
    "worksheet": 5,
}
# Fewer where there is little text: writing them would take longer than the crawl.
_MOST, _LEAST, _A_MEGABYTE = 4000, 1000, 500
_GOOD = 0.55
# Documents of the seed's world so far on that no crawl reaches them.
_START = 10**9


def score(group: tuple[Document, ...]) -> int:
    """Of a page that holds the documents: the mean, by length."""
    sizes = [len(document.text) for document in group]
    total = sum(SCORES[document.genre] * size for document, size in zip(group, sizes, strict=True))
    return round(total / sum(sizes))


def count(megabytes: float) -> int:
    """How many texts go with a world of so many MB (of 10**6 bytes)."""
    return min(_MOST, max(_LEAST, round(megabytes * _A_MEGABYTE)))


def examples(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """{"text", "score"} of ``count`` texts, from 0 (spam) to 5 (a lesson)."""
    groups = compose.groups(seed, float("inf"), start=_START)
    for number in range(count):
        draw = Draw(f"{seed}/example/{number}")
        if draw.chance(_GOOD):
            group = next(groups)
            lines = [line for d in group for line in (d.title, *d.text.split("\n\n"))]
            value = score(group)
        elif draw.chance(0.1):
            lines, value = _boilerplate(draw, seed), 0
        elif draw.chance(0.4):
            title, paragraphs = spam.write(draw, draw.pick(tuple(spam.VARIANTS)))
            lines, value = [title, *paragraphs], 0
        else:
            variant = draw.pick(tuple(shallow.VARIANTS))
            title, paragraphs = shallow.write(draw, variant)
            lines, value = [title, *paragraphs], shallow.VARIANTS[variant][1]
        # Some sites show the title apart from the text.
        yield {"text": "\n".join(lines[draw.integer(0, 1) :]), "score": value}


def _boilerplate(draw: Draw, seed: int) -> list[str]:
    """What an extractor may take for the text of a page without any."""
    site = sites.pick(draw, seed, "blog")
    html = boilerplate.render(draw, site, draw.pick(tuple(boilerplate.VARIANTS)), seed)
    body = re.sub(r"(?s).*<body>|<script>.*?</script>", "", html)
    lines = [line.strip() for line in re.sub(r"<[^>]+>", "\n", body).splitlines()]
    return [unescape(line) for line in lines if line]
