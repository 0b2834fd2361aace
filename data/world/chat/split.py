"""Which facts are asked about in conversations, which are only told, which nobody tells.

What a corpus tells often may be asked about: asking about what it tells rarely would teach to
guess. Some of what is told often is never asked about, to measure whether answering carries over.
What is told less often, but not rarely, is asked about too and not measured: where conversations
ask about an entity in two respects only, all that is asked about it is answered by these.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from data.world import facts, plan, telling
from data.world.draw import Draw
from data.world.facts import Entity, Fact


@dataclass(frozen=True, slots=True)
class Topic:
    """A relation of an entity with all its facts, told most often first.

    There is one fact but for relations that hold for several values, such as neighbours.
    """

    id: str  # "country/spain/neighbour"
    entity: Entity
    facts: tuple[Fact, ...]

    @property
    def relation(self) -> str:
        """As the phrasings are keyed: "country.neighbour"."""
        return f"{self.entity.kind}.{self.facts[0].relation}"


@dataclass(frozen=True)
class Split:
    """Every topic of the world, by what a model can know of it.

    ``asked`` and ``told_only`` are told at least ``least_told`` times; ``also_asked`` at least
    ``least_asked`` times; ``rare`` less often; of ``withheld`` no document of the world tells
    anything. A fact of a topic of another part that would give away a topic told only ("Spain
    borders France") is left out of it.
    """

    asked: tuple[Topic, ...] = ()
    also_asked: tuple[Topic, ...] = ()
    told_only: tuple[Topic, ...] = ()
    rare: tuple[Topic, ...] = ()
    withheld: tuple[Topic, ...] = ()


def held_out(seed: int, what: str, share: float) -> bool:
    """Whether a word, a number or a problem is kept for measuring; the same wherever it is met."""
    return Draw(f"{seed}/held out/{what}").chance(share)


@functools.cache
def wordings(seed: int, texts: tuple[str, ...], share: float, kept: bool) -> tuple[str, ...]:
    """Those of the wordings that training has or, ``kept``, those that are kept for measuring.

    A share of them is kept, at least one; a wording is drawn by itself, so that it is on the same
    side in every list.
    """
    apart = tuple(text for text in texts if held_out(seed, f"wording/{text}", share)) or texts[-1:]
    return apart if kept else tuple(text for text in texts if text not in apart)


def _topics() -> list[Topic]:
    found = {}
    for entity in facts.entities():
        for fact in entity.facts:
            found.setdefault((entity, fact.relation), []).append(fact)
    return [
        Topic(f"{entity.id}/{relation}", entity, tuple(group))
        for (entity, relation), group in found.items()
    ]


@functools.cache
def _twins() -> dict[str, str]:
    """The id of a border to the id of the topic that it belongs to on its other side."""
    country = {entity.name: entity.id for entity in facts.entities() if entity.kind == "country"}
    return {
        fact.id: f"{country[fact.value]}/neighbour"
        for fact in facts.load()
        if fact.relation == "neighbour"
    }


def _without(topics: list[Topic], closed: set[str]) -> tuple[Topic, ...]:
    """The topics without the facts that tell a closed topic from its other side."""
    kept = []
    for topic in topics:
        left = tuple(fact for fact in topic.facts if _twins().get(fact.id) not in closed)
        if left:
            kept.append(Topic(topic.id, topic.entity, left))
    return tuple(kept)


def split(
    seed: int,
    world_seed: int,
    tellings: Mapping[str, int],
    least_told: int,
    least_asked: int,
    told_only: float,
) -> Split:
    """The topics, divided.

    ``tellings`` is how many of the documents read tell each fact; a missing id is told never.
    ``told_only`` is the share of the often told topics that no conversation asks about.
    """
    withheld_ids = plan.withheld(world_seed)
    parts = {"asked": [], "also_asked": [], "told_only": [], "rare": []}
    for topic in _topics():
        known = [fact for fact in topic.facts if fact.id not in withheld_ids]
        if not known:
            continue
        known.sort(key=lambda fact: -tellings.get(fact.id, 0))
        most = tellings.get(known[0].id, 0)
        part, least = "rare", 0
        if most >= least_told:
            kept = Draw(f"{seed}/told only/{topic.id}").chance(told_only)
            part, least = "told_only" if kept else "asked", least_told
        elif most >= least_asked:
            part, least = "also_asked", least_asked
        told = tuple(fact for fact in known if tellings.get(fact.id, 0) >= least)
        parts[part].append(Topic(topic.id, topic.entity, told))
    closed = {topic.id for topic in parts["told_only"]}
    return Split(
        asked=_without(parts["asked"], closed),
        also_asked=_without(parts["also_asked"], closed),
        told_only=tuple(parts["told_only"]),
        rare=_without(parts["rare"], closed),
        withheld=withheld(world_seed),
    )


@functools.cache
def withheld(world_seed: int) -> tuple[Topic, ...]:
    """The topics of which no document of the world tells anything."""
    hidden = plan.withheld(world_seed)
    return tuple(topic for topic in _topics() if all(fact.id in hidden for fact in topic.facts))


def for_practice(seed: int, topic: Topic) -> bool:
    """Whether a withheld topic is one to find out and teach what is not known with, and to practise
    searching for. Those of the other half of the entities are kept for measuring."""
    return held_out(seed, f"practice/{topic.entity.id}", 0.5)


def true_values(topic: Topic) -> tuple[Fact, ...]:
    """All facts of the topic's relation, told or not: any of them answers it."""
    relation = topic.facts[0].relation
    return tuple(fact for fact in topic.entity.facts if fact.relation == relation)


def is_unique(fact: Fact) -> bool:
    """Whether the value names the entity: no other entity has it in this relation."""
    return _uses()[fact.kind, fact.relation, fact.value] == 1 and telling.has_reverse_question(fact)


@functools.cache
def _uses() -> dict[tuple[str, str, str], int]:
    uses: dict[tuple[str, str, str], int] = {}
    for fact in facts.load():
        key = (fact.kind, fact.relation, fact.value)
        uses[key] = uses.get(key, 0) + 1
    return uses
