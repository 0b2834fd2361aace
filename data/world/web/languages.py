"""Pages in other languages than English, from the sentences in ``languages/``.

A line of a language's file is "name", "title", "fact" or "prose", a colon, and words. A name has
four fields: a country's name, the forms that follow a verb and that mean "of it", and its capital;
a title or fact takes them as {0} to {3}.
"""

import functools
from pathlib import Path

from data.world.draw import Draw
from data.world.web.page import Article, Section

_FOLDER = Path(__file__).parent / "languages"
# What older pages in the language are encoded in.
CHARSETS = {
    "de": "iso-8859-1",
    "es": "iso-8859-1",
    "fr": "iso-8859-1",
    "it": "iso-8859-1",
    "ja": "shift_jis",
    "nl": "windows-1252",
    "pl": "iso-8859-2",
    "pt": "iso-8859-1",
    "ru": "windows-1251",
    "zh": "gb18030",
}
NAMES = tuple(CHARSETS)
_UNSPACED = ("ja", "zh")


@functools.cache
def _lines(language: str) -> dict[str, tuple[str, ...]]:
    lines: dict[str, list[str]] = {"name": [], "title": [], "fact": [], "prose": []}
    with open(_FOLDER / f"{language}.txt", encoding="utf-8") as file:
        for line in file:
            kind, _, words = line.rstrip("\n").partition(": ")
            lines[kind].append(words)
    return {kind: tuple(words) for kind, words in lines.items()}


def article(draw: Draw, language: str) -> Article:
    """A text of three to six paragraphs in the language."""
    lines = _lines(language)
    prose = draw.shuffled(lines["prose"])
    joint = "" if language in _UNSPACED else " "
    countries = [name.split(" | ") for name in draw.some(lines["name"], draw.integer(3, 6))]
    paragraphs = []
    for country in countries:
        facts = draw.some(lines["fact"], draw.integer(2, 3))
        sentences = [fact.format(*country) for fact in facts]
        sentences += [prose.pop() for _ in range(min(len(prose), draw.integer(2, 3)))]
        paragraphs.append(joint.join(draw.shuffled(sentences)))
    title = draw.pick(lines["title"]).format(*countries[0])
    return Article((Section(title, tuple(paragraphs)),), "K. Larsen", "2018-06-09")
