"""Entities that nobody has met, with facts that are true of nothing: to practise reading on.

What a text says of them cannot be answered from memory, so that it has to be read. They are of the
world's kinds and are told in the world's words; a value is that of some entity of the kind, or made
up where it is a name, a noun or a number.
"""

import functools

from data.world import english, facts
from data.world.chat import words
from data.world.draw import Draw
from data.world.facts import Entity, Fact

_MADE_UP = 0.4  # how often a value that can be made up is
_NAMES = frozenset(
    "country.capital country.neighbour country.language country.adjective person.birthplace "
    "person.nationality moon.planet".split()
)
_NOUNS = frozenset("country.currency animal.young animal.group animal.sound".split())
# Lowest and highest.
_NUMBERS = {
    "person.born": (1400, 1990),
    "person.died": (1400, 2020),
    "moon.year": (1600, 2020),
    "element.number": (1, 150),
}
_PRONOUNS = ({"he": "he", "him": "him", "his": "his"}, {"he": "she", "him": "her", "his": "her"})


def entity(draw: Draw, kind: str) -> Entity:
    """A made-up entity of one of ``facts.KINDS`` with the relations of one that exists."""
    forms = _forms(draw, kind)
    name = forms["e"]
    whole = f"imagined/{kind}/{facts.slug(name)}"
    found = {}
    for fact in draw.pick(_of_kind(kind)).facts:
        value = _value(draw, fact)
        identity = f"{whole}/{fact.relation}/{facts.slug(value)}"
        found[fact.relation, value] = Fact(identity, name, kind, fact.relation, value, forms)
    return Entity(whole, kind, name, forms, tuple(found.values()))


def _forms(draw: Draw, kind: str) -> dict[str, str]:
    name = words.name(draw)
    if kind == "person":
        return {"e": f"{words.name(draw)} {name}", "k": name} | draw.pick(_PRONOUNS)
    if kind in ("animal", "thing"):
        name = name.lower()
        return {"e": name, "a": english.with_article(name), "s": english.plural(name)}
    return {"e": name.lower() if kind == "element" else name}


def _value(draw: Draw, fact: Fact) -> str:
    relation = f"{fact.kind}.{fact.relation}"
    made_up = draw.chance(_MADE_UP)
    if made_up and relation in _NAMES:
        return words.name(draw)
    if made_up and relation in _NOUNS:
        return words.name(draw).lower()
    if made_up and relation in _NUMBERS:
        return str(draw.integer(*_NUMBERS[relation]))
    return draw.pick(_values(fact.kind, fact.relation))


@functools.cache
def _of_kind(kind: str) -> tuple[Entity, ...]:
    return tuple(entity for entity in facts.entities() if entity.kind == kind)


@functools.cache
def _values(kind: str, relation: str) -> tuple[str, ...]:
    """As often as the world has each."""
    return tuple(
        fact.value for fact in facts.load() if (fact.kind, fact.relation) == (kind, relation)
    )
