"""Prompts that ask for a joke or a story, and answers to them of every quality, without end."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from data.world import english
from data.world.draw import Draw
from data.world.facts import Entity
from data.world.jokes import phrasings, premises
from data.world.jokes.subjects import Subject, filled, named, subject_of, subjects

_STORY = re.compile(r"\bstory\b")
_LAUGHED = {0: 0.15, 1: 0.2, 2: 0.35, 3: 0.5}  # how often a tail follows, by the ending's wit
_EXCITED = {0: 0.1, 1: 0.1, 2: 0.25, 3: 0.45}  # how often the last full stop is a "!"
_OPENED = 0.25
_MIDDLE = 0.4
# What answers are, and how often: those to learn to talk from, and those for a judge to order.
KINDS = (
    "told",
    "mismatched",
    "unfinished",
    "dull",
    "facts",
    "excuse",
    "other_form",
    "other_subject",
)
BROKEN = ("repeated", "rambling", "cut_off", "shuffled", "laughing", "two_endings")
_MEDIOCRE = (0.42, 0.60, 0.68, 0.83, 0.89, 0.93, 0.96, 1.0)
_ORDERED = (0.42, 0.56, 0.62, 0.74, 0.79, 0.82, 0.87, 1.0)
_BROKEN_SHARE = 0.25
_WIT = (0.45, 0.8, 1.0)  # how often an ending has wit 1, 2, 3, as running totals


class Wanted(NamedTuple):
    """What a prompt asks for: a "joke" or a "story", and of whom, which may be nobody."""

    form: str
    subject: Subject | None


def prompt(draw: Draw, held_out: bool) -> str:
    """What a user says who wants a joke or a story, of the subjects that are held out or not."""
    subject = _subject(draw, held_out)
    return filled(draw.pick(phrasings.REQUESTS), {**subject.fields, "form": _form(draw)})


def _subject(draw: Draw, held_out: bool) -> Subject:
    return draw.pick([one for one in subjects() if one.is_held_out == held_out])


def _form(draw: Draw) -> str:
    return "story" if draw.chance(0.3) else "joke"


def wanted(prompt: str) -> Wanted:
    """What any user's text asks for."""
    found = named(prompt)
    return Wanted("story" if _STORY.search(prompt.lower()) else "joke", found[0] if found else None)


def told(draw: Draw, entities: Sequence[Entity], count: int) -> list[str]:
    """Whole jokes and stories, as documents tell them: `count` of those of the entities that jokes
    can be about and that are not held out; none if there is no such entity."""
    able = [one for one in map(subject_of, entities) if one and not one.is_held_out]
    if not able:
        return []
    return [_written(draw, Wanted(_form(draw), draw.pick(able)), "told") for _ in range(count)]


def joke(draw: Draw) -> str:
    """A whole joke, about a subject of its own choice that is not held out."""
    return _written(draw, Wanted("joke", _subject(draw, held_out=False)), "told")


def answer(draw: Draw, prompt: str) -> str:
    """An answer of mixed quality in whole sentences, as conversations have it."""
    return _written(draw, wanted(prompt), KINDS[draw.index(_MEDIOCRE)])


def candidate(draw: Draw, prompt: str) -> str:
    """An answer of any quality down to the broken, for a judge to order."""
    asked = wanted(prompt)
    if draw.chance(_BROKEN_SHARE):
        return _BREAKS[draw.pick(BROKEN)](draw, asked)
    return _written(draw, asked, KINDS[draw.index(_ORDERED)])


def _written(draw: Draw, asked: Wanted, kind: str) -> str:
    subject = asked.subject or draw.pick(subjects())
    if kind == "facts":
        return " ".join(draw.some(subject.about(), 2))
    if kind == "excuse":
        return filled(draw.pick(phrasings.EXCUSES), {**subject.fields, "form": asked.form})
    if kind == "other_subject":
        subject = draw.pick([one for one in subjects() if one.id != subject.id])
    form = asked.form
    if kind == "other_form":
        form = "joke" if form == "story" else "story"
    setup, ending, wit = _pair(draw, subject, form)
    if kind == "mismatched":
        ending = _other_ending(draw, subject, form, ending)
    elif kind == "dull":
        ending, wit = draw.pick(phrasings.DULL), 0
    elif kind == "unfinished":
        ending, wit = "", 0
    return _laid_out(draw, form, setup, filled(ending, subject.fields), wit)


def _pair(draw: Draw, subject: Subject, form: str) -> tuple[str, str, int]:
    """A setup of the subject as a sentence, an ending that belongs to it, the ending's wit."""
    premise = draw.pick(premises.BY_FORM[form])
    wit = 1 + draw.index(_WIT)
    ending = draw.pick([text for grade, text in premise.endings if grade == wit])
    return filled(draw.pick(premise.setups), subject.fields), ending, wit


def _other_ending(draw: Draw, subject: Subject, form: str, ending: str) -> str:
    others = [
        text
        for premise in premises.BY_FORM[form]
        for _, text in premise.endings
        if ending not in (own for _, own in premise.endings)
    ]
    return draw.pick(others)


def _laid_out(draw: Draw, form: str, setup: str, ending: str, wit: int) -> str:
    parts = [setup]
    if draw.chance(_OPENED):
        parts.insert(0, english.capitalized(draw.pick(phrasings.OPENERS[form])))
    if form == "story" and draw.chance(_MIDDLE):
        parts.append(english.capitalized(draw.pick(phrasings.MIDDLES)))
    if ending:
        parts.append(f"{ending[:-1]}!" if draw.chance(_EXCITED[wit]) else ending)
        if draw.chance(_LAUGHED[wit]):
            parts.append(english.capitalized(draw.pick(phrasings.TAILS[form])))
    return " ".join(parts)


# --- broken ones ------------------------------------------------------------------------------


def _repeated(draw: Draw, asked: Wanted) -> str:
    """A sentence of the answer again and again."""
    sentences = re.split(r"(?<=[.?!]) ", _written(draw, asked, "told"))
    place = draw.integer(0, len(sentences) - 1)
    return " ".join(sentences[:place] + [sentences[place]] * draw.integer(2, 4))


def _rambling(draw: Draw, asked: Wanted) -> str:
    """A good answer among sentences that have nothing to do with it."""
    around = draw.some(phrasings.PLAIN + phrasings.MIDDLES, draw.integer(2, 6))
    before = draw.integer(0, len(around))
    around = [english.capitalized(text) for text in around]
    return " ".join([*around[:before], _written(draw, asked, "told"), *around[before:]])


def _cut_off(draw: Draw, asked: Wanted) -> str:
    words = _written(draw, asked, "told").split()
    return " ".join(words[: draw.integer(1, len(words) - 1)])


def _shuffled(draw: Draw, asked: Wanted) -> str:
    """The words of an answer in no order; of now and then only a part of them."""
    words = _written(draw, asked, "told").split()
    start = draw.integer(0, len(words) // 2)
    return " ".join(words[:start] + draw.shuffled(words[start:]))


def _laughing(draw: Draw, asked: Wanted) -> str:
    """An answer without an ending that laughs in its place."""
    laughs = [english.capitalized(draw.pick(phrasings.TAILS[asked.form])) for _ in range(2)]
    return " ".join([_written(draw, asked, "unfinished"), *laughs[: draw.integer(1, 2)]])


def _two_endings(draw: Draw, asked: Wanted) -> str:
    """An answer, and the ending of another after it."""
    subject = asked.subject or draw.pick(subjects())
    setup, ending, _ = _pair(draw, subject, asked.form)
    other = _other_ending(draw, subject, asked.form, ending)
    return " ".join([setup, *(filled(text, subject.fields) for text in (ending, other))])


_BREAKS = {
    "repeated": _repeated,
    "rambling": _rambling,
    "cut_off": _cut_off,
    "shuffled": _shuffled,
    "laughing": _laughing,
    "two_endings": _two_endings,
}
