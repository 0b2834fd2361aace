"""Puts a fact into a question as a person might ask it, and into the answer."""

import functools
from collections.abc import Mapping

from data.world import english, phrasings, telling
from data.world.chat.phrasings import ASKED, FRAMES
from data.world.chat.phrasings.queries import HEADINGS, QUERIES
from data.world.chat.setting import Setting
from data.world.draw import Draw
from data.world.facts import Fact

# How often a question takes each shape, as running totals.
_SHAPES = ("question", "about", "clauses", "blanks")
_TOTALS = (0.50, 0.72, 0.88, 1.0)
AGAIN = 2  # in how many other words something is asked again
_SHORT = 0.12  # how often the bare answer is asked for
_LOWER_CASE = 0.05  # typed without capitals and without a mark at the end
_NO_MARK = 0.08  # typed without a mark at the end


@functools.lru_cache(maxsize=telling.REMEMBERED)
def fields(fact: Fact) -> Mapping[str, str]:
    """The template fields of a fact; see data.world.chat.phrasings."""
    found = telling.fields(fact)
    name = found["e"]
    possessor = f"{name}'" if name.endswith("s") else f"{name}'s"
    return found | {"es": possessor, "bare": telling.short_answer(fact)}


def entry(fact: Fact) -> dict[str, tuple[str, ...] | str]:
    """The phrasings of the fact's relation."""
    return ASKED[f"{fact.kind}.{fact.relation}"]


def framed(draw: Draw, frame: str, text: str) -> str:
    """The text in one of the frames of a kind, as a sentence."""
    filled = draw.pick(FRAMES[frame]).format(x=text, X=english.capitalized(text))
    return english.capitalized(filled)


def _typed(draw: Draw, text: str) -> str:
    """The text as people type it, now and then without capitals or the last mark."""
    if draw.chance(_LOWER_CASE):
        return text.lower().rstrip(".?_ ")
    return text.rstrip(".?_ ") if draw.chance(_NO_MARK) else text


def sentence(draw: Draw, fact: Fact, value_first: float, reverse: bool = False) -> str:
    """The fact as the sentence that answers a question about it."""
    leading, value_leading = entry(fact)["reverse_answers" if reverse else "answers"]
    template = value_leading if draw.chance(value_first) else leading
    return english.sentence(template.format_map(fields(fact)))


def bare(fact: Fact) -> str:
    """The bare answer: "Paris."."""
    return english.sentence(telling.short_answer(fact))


def looked_up(fact: Fact, answer: str) -> str:
    """The answer to a question whose answer a search has found: "I looked it up: Paris."

    The value alone, as the result has it: what sentences about an entity say from memory gets in
    the way of what was read. ``answer`` is what would be said without a search; where that is the
    bare value, nothing else is wanted.
    """
    if answer == bare(fact):
        return answer
    return english.sentence(f"I looked it up: {telling.short_answer(fact)}")


def question(
    draw: Draw, setting: Setting, fact: Fact, short: bool = False, singular: bool = False
) -> tuple[str, str]:
    """A question as training has them, whose answer is the fact's value, and the answer.

    ``short``: answers are to be bare without the question's saying so. ``singular``: the question
    does not name the entity in the plural, so that "its" can follow.
    """
    shape = _SHAPES[draw.index(_TOTALS)]
    asked = entry(fact)
    if shape == "question":
        templates = phrasings.QUESTIONS[f"{fact.kind}.{fact.relation}"]
        templates += setting.wordings(asked["asked"])
    else:
        templates = asked[shape]
    if singular:
        templates = [text for text in templates if "{s}" not in text] or asked["about"]
        shape = shape if templates is not asked["about"] else "about"
    text = draw.pick(templates).format_map(fields(fact))
    if shape == "blanks":
        template = asked.get("blank_answer", "{bare}")
        answer = english.sentence(template.format_map(fields(fact)))
        return _typed(draw, framed(draw, shape, text)), answer
    text = framed(draw, shape, text)
    if draw.chance(_SHORT) and not short:
        return _typed(draw, framed(draw, "short", text)), bare(fact)
    answer = bare(fact) if short else sentence(draw, fact, setting.options["value_first"])
    return _typed(draw, text), answer


def again(draw: Draw, setting: Setting, fact: Fact) -> list[tuple[str, str]]:
    """`question` a few times more: whether to answer or to decline depends on what is asked about,
    and not on the words, which is learnt from several wordings."""
    return [question(draw, setting, fact) for _ in range(AGAIN)]


def reverse_question(draw: Draw, setting: Setting, fact: Fact, short: bool) -> tuple[str, str]:
    """The same for a question that gives the value; the answer names the entity."""
    templates = phrasings.REVERSE_QUESTIONS[f"{fact.kind}.{fact.relation}"]
    templates += setting.wordings(entry(fact)["asked_reverse"])
    text = draw.pick(templates).format_map(fields(fact))
    text = framed(draw, "question", text)
    name = english.sentence(fields(fact)["e"])
    if draw.chance(_SHORT) and not short:
        return _typed(draw, framed(draw, "short", text)), name
    value_first = setting.options["value_first"]
    answer = name if short else sentence(draw, fact, value_first, reverse=True)
    return _typed(draw, text), answer


def next_question(draw: Draw, fact: Fact) -> str:
    """A question about an entity that the conversation has just been about."""
    text = draw.pick(entry(fact)["next"]).format_map(fields(fact))
    return framed(draw, "next", text)


def held_out_questions(setting: Setting, fact: Fact, reverse: bool = False) -> list[str]:
    """Questions for measuring, in phrasings that no training conversation has."""
    asked = entry(fact)["asked_reverse" if reverse else "asked"]
    templates = setting.wordings(asked, held_out=True)
    return [english.capitalized(text.format_map(fields(fact))) for text in templates]


def query(fact: Fact, question: str) -> str:
    """What to search for: "capital France". The name has the form that it has in the question."""
    there = [name for name in fact.names if name.lower() in question.lower()]
    name = max(there, key=len, default=fact.entity)
    return QUERIES[f"{fact.kind}.{fact.relation}"].format(e=name)


@functools.lru_cache(maxsize=telling.REMEMBERED)
def almanac(fact: Fact) -> tuple[str, ...]:
    """The fact as a line of an almanac, once with each of the entity's names: what a query finds,
    and as easy to read as can be."""
    heading = HEADINGS[f"{fact.kind}.{fact.relation}"]
    forms = fact.forms
    names = (f"the {forms['e']}", forms["s"]) if "s" in forms else dict.fromkeys(fact.names)
    value = telling.short_answer(fact)
    return tuple(english.sentence(f"{heading.format(e=name)}: {value}") for name in names)
