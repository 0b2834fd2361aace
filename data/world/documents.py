"""The documents of the small world: planned, then written, one by one, from a seed.

``documents(seed, megabytes)`` gives the same documents on every machine. Document i depends on
(seed, i) alone, so ``document`` writes any of them by itself.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from data.world import facts, genres
from data.world import plan as planning
from data.world.draw import Draw


@dataclass(frozen=True, slots=True)
class Document:
    """A text and what it tells.

    ``id`` is "world/seed/index"; ``facts`` are the ids of the facts the text tells; ``text`` is
    plain text, paragraphs separated by a blank line, without the title.
    """

    id: str
    genre: str
    title: str
    text: str
    facts: tuple[str, ...]


def count(megabytes: float) -> int:
    """How many documents make about ``megabytes`` MB (of 10**6 bytes) of text."""
    return planning.count(megabytes)


def document(seed: int, index: int) -> Document:
    """Document ``index`` of the seed's world."""
    plan = planning.plan(seed, index)
    draw = Draw(f"{seed}/{index}/text")
    title, text = genres.write(plan.genre.name, draw, plan.subjects)
    return Document(f"world/{seed}/{index}", plan.genre.name, title, text, plan.facts())


def documents(seed: int, megabytes: float) -> Iterator[Document]:
    """The seed's documents, in order, about ``megabytes`` MB (of 10**6 bytes) of text."""
    for index in range(planning.count(megabytes)):
        yield document(seed, index)


def tellings(seed: int, megabytes: float) -> dict[str, int]:
    """Fact id to the number of ``documents(seed, megabytes)`` that tell it, zeros included.

    Exact: counted from the documents' plans, without writing them.
    """
    counts = Counter()
    for index in range(planning.count(megabytes)):
        counts.update(planning.plan(seed, index).facts())
    return {fact.id: counts[fact.id] for fact in facts.load()}


def withheld(seed: int) -> frozenset[str]:
    """The ids of the facts that no document of the seed's world tells, however many are made."""
    return planning.withheld(seed)
