"""What jokes and stories can be about: the best-known animals, things and people of the world."""

import functools
import re
import string
from collections.abc import Mapping
from typing import NamedTuple

from data.world import english, facts
from data.world.draw import Draw
from data.world.facts import Entity
from data.world.jokes import phrasings

# How many of the best-known of a kind.
_MOST = {"animal": 90, "thing": 70, "person": 30}
_HELD_OUT = 0.15
_FACTS = ("food", "covering", "use", "place", "profession")  # of phrasings.ABOUT


class Subject(NamedTuple):
    """fields: what templates are filled with. names: how a text names it, in lower case."""

    id: str
    kind: str
    fields: Mapping[str, str]
    names: tuple[str, ...]

    @property
    def is_held_out(self) -> bool:
        """Whether it is kept for measuring: no training prompt is about it."""
        return Draw(f"jokes/held out/{self.id}").chance(_HELD_OUT)

    def about(self) -> list[str]:
        """Plain sentences about it."""
        return [
            filled(text, self.fields)
            for text in phrasings.ABOUT[self.kind]
            if _fields_of(text) <= set(self.fields)
        ]


def _fields_of(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def filled(template: str, fields: Mapping[str, str]) -> str:
    """The template as a sentence."""
    return english.capitalized(template.format_map(fields))


def subject_of(entity: Entity) -> Subject | None:
    """An animal, a thing or a person as a subject; None of what is none of these."""
    if entity.kind not in _MOST:
        return None
    known = {fact.relation: fact.value for fact in entity.facts if fact.relation in _FACTS}
    if entity.kind == "person":
        name, he = entity.forms["k"], entity.forms["he"]
        forms = {"a": name, "the": name, "it": he}
        forms |= {"its": entity.forms["his"], "him": entity.forms["him"]}
        names = (name.lower(), entity.name.lower())
    else:
        forms = {"a": entity.forms["a"], "the": f"the {entity.name}", "it": "it"}
        forms |= {"its": "its", "him": "it"}
        names = (entity.name.lower(), entity.forms["s"].lower())
    return Subject(entity.id, entity.kind, known | forms, names)


@functools.cache
def subjects() -> tuple[Subject, ...]:
    """All of them, in the order of the world's tables."""
    left, found = dict(_MOST), []
    for entity in facts.entities():
        if left.get(entity.kind, 0) > 0:
            left[entity.kind] -= 1
            found.append(subject_of(entity))
    return tuple(found)


@functools.cache
def _by_name() -> tuple[re.Pattern, dict[str, Subject]]:
    names = {name: subject for subject in subjects() for name in subject.names}
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b"), names


def named(text: str) -> list[Subject]:
    """The subjects that a text names, each once, in order."""
    pattern, names = _by_name()
    found = {names[name].id: names[name] for name in pattern.findall(text.lower())}
    return list(found.values())
