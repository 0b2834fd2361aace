"""The fact tables: what is true in the small world.

One tab-separated file a kind in ``tables/``, the best-known entities first, so that the row
order is the order of popularity. An empty cell is a fact the world does not state. Names are
spelled the English way without accents. Several values in a cell are separated by semicolons.
"""

import csv
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from data.world import english

_TABLES = Path(__file__).parent / "tables"
KINDS = {
    "country": "countries",
    "element": "elements",
    "animal": "animals",
    "planet": "planets",
    "moon": "moons",
    "person": "people",
    "thing": "things",
}
# Columns that say how an entity is named rather than what is true of it.
_NAMING = ("name", "article", "plural", "short", "sex")
_PRONOUNS = {"m": ("he", "him", "his"), "f": ("she", "her", "her")}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is true: ``relation`` of ``entity`` is ``value``.

    ``id`` is "kind/entity/relation", with the value appended where a relation may hold for
    several values ("country/spain/neighbour/portugal", "person/homer/wrote/the-iliad").
    ``entity`` is the name as it stands in running text ("the Netherlands", "lion"), ``forms`` all
    template fields that name the entity.
    """

    id: str
    entity: str
    kind: str
    relation: str
    value: str
    forms: Mapping[str, str] = field(compare=False, repr=False)

    @property
    def names(self) -> list[str]:
        """What the entity may be called: its name, its plural, a person's short name."""
        return [self.forms[form] for form in ("e", "s", "k") if form in self.forms]


@dataclass(frozen=True, eq=False)
class Entity:
    """Something facts are about. ``forms`` are the template fields that name it."""

    id: str
    kind: str
    name: str
    forms: dict[str, str]
    facts: tuple[Fact, ...]


def slug(text: str) -> str:
    """The text as part of an id: lower case letters and digits joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _forms(kind: str, row: dict[str, str]) -> dict[str, str]:
    name = f"{row['article']} {row['name']}" if row.get("article") else row["name"]
    forms = {"e": name}
    if kind in ("animal", "thing"):
        forms |= {"a": english.with_article(name), "s": row["plural"] or english.plural(name)}
    if kind == "person":
        forms["k"] = row["short"]
        forms["he"], forms["him"], forms["his"] = _PRONOUNS[row["sex"]]
    return forms


def _values(kind: str, row: dict[str, str]) -> list[tuple[str, str, bool]]:
    """(relation, value, whether the relation may hold for several values) of one row."""
    values = []
    for column, cell in row.items():
        if column in _NAMING or not cell:
            continue
        if column == "neighbours":
            values += [("neighbour", value, True) for value in cell.split(";")]
        elif column == "works":
            values += [(*work.split(":", 1), True) for work in cell.split(";")]
        else:
            values.append((column, cell, False))
    return values


def _entity(kind: str, row: dict[str, str]) -> Entity:
    forms = _forms(kind, row)
    name = forms["e"]
    identity = f"{kind}/{slug(row['name'])}"
    facts = tuple(
        Fact(
            f"{identity}/{relation}/{slug(value)}" if several else f"{identity}/{relation}",
            name,
            kind,
            relation,
            value,
            forms,
        )
        for relation, value, several in _values(kind, row)
    )
    return Entity(identity, kind, name, forms, facts)


@functools.cache
def entities() -> tuple[Entity, ...]:
    """Every entity, kind by kind, the best known of a kind first."""
    found = []
    for kind, table in KINDS.items():
        with open(_TABLES / f"{table}.tsv", encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            found += [_entity(kind, row) for row in rows]
    return tuple(found)


@functools.cache
def load() -> tuple[Fact, ...]:
    """Every fact of the world, in table order."""
    return tuple(fact for entity in entities() for fact in entity.facts)
