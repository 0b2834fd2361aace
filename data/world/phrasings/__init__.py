"""Every fact in many wordings, as plain data: one dictionary from relation to templates.

A key is ``kind.relation`` ("country.capital"); where a value needs words of its own the key is
``kind.relation:value`` ("country.setting:island"). A statement is a clause: it has no capital
and no full stop, so that it can stand alone or follow "did you know that". A continuation is a
clause about an entity named just before. Questions ask for the value, reverse questions give
the value and ask for the entity. Short answers say how a bare value answers a question
("the euro"), and openings put several facts into one clause.

Fields: {e} the entity in running text ("the Netherlands", "gold", "lion"), {a} with its
indefinite article ("a lion"), {s} its plural, {k} a person's short name, {he} {him} {his} a
person's pronouns, {past} {participle} of the verb a work goes with; {v} the value, {av} with
its indefinite article, {vs} its plural, {is} {was} the verb that agrees with it. Openings name a
value by its relation: {capital}, {class_a}, {class_s}; there "work" is any relation of a person
that has a verb.
"""

from data.world.phrasings import animal, country, element, person, sky, thing

VERBS = person.VERBS


def _merge(**kinds: dict[str, object]) -> dict[str, object]:
    """Joins the kinds' dictionaries under ``kind.relation``."""
    return {f"{kind}.{key}": value for kind, table in kinds.items() for key, value in table.items()}


def _per_verb(table: dict[str, object]) -> dict[str, object]:
    """A person's table with the entry "work" repeated for each verb that lacks its own."""
    verbs = {verb: table["work"] for verb in VERBS if "work" in table}
    return verbs | {key: value for key, value in table.items() if key != "work"}


STATEMENTS: dict[str, tuple[str, ...]] = _merge(
    country=country.STATEMENTS,
    element=element.STATEMENTS,
    animal=animal.STATEMENTS,
    planet=sky.PLANET_STATEMENTS,
    moon=sky.MOON_STATEMENTS,
    person=_per_verb(person.STATEMENTS),
    thing=thing.STATEMENTS,
)
CONTINUATIONS: dict[str, tuple[str, ...]] = _merge(
    country=country.CONTINUATIONS,
    element=element.CONTINUATIONS,
    animal=animal.CONTINUATIONS,
    planet=sky.PLANET_CONTINUATIONS,
    moon=sky.MOON_CONTINUATIONS,
    person=_per_verb(person.CONTINUATIONS),
    thing=thing.CONTINUATIONS,
)
QUESTIONS: dict[str, tuple[str, ...]] = _merge(
    country=country.QUESTIONS,
    element=element.QUESTIONS,
    animal=animal.QUESTIONS,
    planet=sky.PLANET_QUESTIONS,
    moon=sky.MOON_QUESTIONS,
    person=person.QUESTIONS,
    thing=thing.QUESTIONS,
)
REVERSE_QUESTIONS: dict[str, tuple[str, ...]] = _merge(
    country=country.REVERSE_QUESTIONS,
    element=element.REVERSE_QUESTIONS,
    animal=animal.REVERSE_QUESTIONS,
    planet=sky.PLANET_REVERSE_QUESTIONS,
    person=_per_verb(person.REVERSE_QUESTIONS),
    thing=thing.REVERSE_QUESTIONS,
)
SHORT_ANSWERS: dict[str, str] = _merge(
    country=country.SHORT_ANSWERS,
    element=element.SHORT_ANSWERS,
    animal=animal.SHORT_ANSWERS,
    planet=sky.PLANET_SHORT_ANSWERS,
    person=person.SHORT_ANSWERS,
    thing=thing.SHORT_ANSWERS,
)
OPENINGS: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "country": country.OPENINGS,
    "element": element.OPENINGS,
    "animal": animal.OPENINGS,
    "planet": sky.PLANET_OPENINGS,
    "moon": sky.MOON_OPENINGS,
    "person": person.OPENINGS,
    "thing": thing.OPENINGS,
}
