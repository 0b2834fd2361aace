"""A part of the report."""

from typing import NamedTuple

from data import page


class Part(NamedTuple):
    """`key` is what the table of contents refers to, `html` the whole section."""

    key: str
    title: str
    html: str


def part(key: str, title: str, intro: str, *shown: str) -> list[Part]:
    """A part that says in `intro`, a text, what is `shown`; none where there is nothing to show."""
    if not any(shown):
        return []
    return [Part(key, title, page.section(key, title, f"<p>{page.text(intro)}</p>", *shown))]
