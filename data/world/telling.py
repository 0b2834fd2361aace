"""Puts facts into words: clauses, sentences, questions and answers drawn from the phrasings."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from data.world import english, phrasings
from data.world.draw import Draw
from data.world.facts import Entity, Fact

# Facts whose fields are kept: more than the world has, but made-up ones are without end.
REMEMBERED = 1 << 14
_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True)
class Subject:
    """An entity of a document and the facts the document tells about it."""

    entity: Entity
    facts: tuple[Fact, ...]


@functools.cache
def _parts(template: str) -> tuple[tuple[str, ...], ...]:
    """The template cut at its brackets: text as a tuple of one, alternatives as one of many."""
    return tuple(tuple(part.split("|")) for part in _ALTERNATIVES.split(template))


def expand(draw: Draw, template: str) -> str:
    """The template with one alternative of each "[this|that]" chosen; brackets do not nest."""
    if "[" not in template:
        return template
    return "".join([p[0] if len(p) == 1 else draw.pick(p) for p in _parts(template)])


def fill(draw: Draw, templates: Sequence[str], **fields: str | int) -> str:
    """One of the templates, its alternatives chosen and its {fields} filled in."""
    return expand(draw, draw.pick(templates)).format_map(fields)


def _key(fact: Fact) -> str:
    return f"{fact.kind}.{fact.relation}"


@functools.lru_cache(maxsize=REMEMBERED)
def fields(fact: Fact) -> dict[str, str]:
    """The template fields of a fact: its entity's forms, its value's, and the verb's."""
    value = fact.value
    named = dict(fact.forms)
    named |= {"v": value, "av": english.with_article(value), "vs": english.plural(value)}
    named["is"], named["was"] = ("are", "were") if english.is_plural(value) else ("is", "was")
    if fact.relation in phrasings.VERBS:
        named["past"], named["participle"] = phrasings.VERBS[fact.relation]
    return named


@functools.lru_cache(maxsize=REMEMBERED)
def _templates(table: str, fact: Fact) -> tuple[str, ...] | str:
    """A fact's entry in STATEMENTS, CONTINUATIONS, ...; empty if the table has none."""
    templates = getattr(phrasings, table)
    return templates.get(f"{_key(fact)}:{fact.value}") or templates.get(_key(fact), ())


def _unused(draw: Draw, templates: Sequence[str], used: set[str] | None) -> str:
    """One of the templates, if possible one not in ``used``, to which it is added."""
    template = draw.pick(templates)
    if used is not None:
        for _ in range(4):
            if template not in used:
                break
            template = draw.pick(templates)
        used.add(template)
    return template


def clause(draw: Draw, fact: Fact, known: bool = False, used: set[str] | None = None) -> str:
    """A statement of the fact that names its entity, without capital and full stop.

    A person who is known from the text before may be called by the short name. Templates in
    ``used`` are avoided.
    """
    template = _unused(draw, _templates("STATEMENTS", fact), used)
    if known and fact.kind == "person" and draw.chance(0.6):
        return template.format_map(fields(fact) | {"e": fields(fact)["k"]})
    return template.format_map(fields(fact))


def continuation(draw: Draw, fact: Fact) -> str:
    """A statement of the fact about an entity that the sentence before has named."""
    return draw.pick(_templates("CONTINUATIONS", fact)).format_map(fields(fact))


def hint(draw: Draw, fact: Fact) -> str:
    """A continuation that does not name the entity, not even by a short name."""
    templates = [text for text in _templates("CONTINUATIONS", fact) if "{k}" not in text]
    return draw.pick(templates).format_map(fields(fact))


def question(draw: Draw, fact: Fact, used: set[str] | None = None) -> str:
    """A question whose answer is the fact's value, capitalized."""
    template = _unused(draw, _templates("QUESTIONS", fact), used)
    return english.capitalized(template.format_map(fields(fact)))


def has_reverse_question(fact: Fact) -> bool:
    return bool(_templates("REVERSE_QUESTIONS", fact))


def reverse_question(draw: Draw, fact: Fact, used: set[str] | None = None) -> str:
    """A question that gives the value and asks for the entity, capitalized."""
    template = _unused(draw, _templates("REVERSE_QUESTIONS", fact), used)
    return english.capitalized(template.format_map(fields(fact)))


def short_answer(fact: Fact) -> str:
    """The value as the bare answer to a question: "the euro", "in 1879", "a cub"."""
    template = _templates("SHORT_ANSWERS", fact) or "{v}"
    return template.format_map(fields(fact))


def asked(draw: Draw, fact: Fact, used: set[str] | None = None) -> tuple[str, str]:
    """A question about the fact, now and then the other way round, and its bare answer."""
    if has_reverse_question(fact) and draw.chance(0.3):
        return reverse_question(draw, fact, used), fact.forms["e"]
    return question(draw, fact, used), short_answer(fact)


def opening(draw: Draw, subject: Subject) -> tuple[str, list[Fact]]:
    """A clause that introduces the subject with one to three of its facts, and those facts."""
    by_name = {fact.relation: fact for fact in reversed(subject.facts)}
    work = next((by_name[verb] for verb in phrasings.VERBS if verb in by_name), None)
    if work:
        by_name["work"] = work
    openings = phrasings.OPENINGS[subject.entity.kind]
    possible = [entry for entry in openings if all(name in by_name for name in entry[0])]
    if not possible:
        return clause(draw, subject.facts[0]), [subject.facts[0]]
    names, template = draw.pick(possible)
    filled = dict(subject.entity.forms)
    for name in names:
        value = fields(by_name[name])
        filled |= {name: value["v"], f"{name}_a": value["av"], f"{name}_s": value["vs"]}
        if name == "work":
            filled |= {"past": value["past"]}
    return template.format_map(filled), [by_name[name] for name in names]


def sentences(draw: Draw, told: Sequence[Fact], continued: float = 0.35) -> list[str]:
    """One sentence a fact, all about one entity; some go on with a pronoun."""
    return [
        english.sentence(
            continuation(draw, fact) if i and draw.chance(continued) else clause(draw, fact, i > 0)
        )
        for i, fact in enumerate(told)
    ]
