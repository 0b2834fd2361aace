"""Decides what each document tells, without writing it.

Document i of a seed is planned from (seed, i) alone, so documents can be written in any order,
in parallel, or again. How often a fact is told follows from planning and is counted exactly.
"""

import functools
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from data.world import facts, phrasings
from data.world.draw import Draw
from data.world.facts import Entity, Fact
from data.world.telling import Subject

# The popularity of the entity of rank r is 1 / (1 + (r / HEAD) ** TAIL) + LEAST: about HEAD
# entities are told about equally often, the others ever more rarely, as a power of their rank.
HEAD = 60
TAIL = 8
LEAST = 0.002
WITHHELD_ENTITIES = 0.08  # share of the entities that no document mentions
WITHHELD_FACTS = 0.04  # share of the other entities' facts that no document tells
_ALWAYS_TOLD = 10  # the best-known entities of each kind are never withheld whole
_MENTIONS = 2  # nor are entities that more other facts than this mention

# Names that the genres' own sentences use as ordinary words.
IN_PROSE = frozenset(
    "lead dog cat bear parrot pencil clock book chair table window candle bed lamp sofa saw bell "
    "pen notebook envelope stamp map globe telescope camera radio telephone hat sock boot button "
    "watch ring boat".split()
)

# How readily a relation is chosen when its entity is told about; the rest have weight 0.85. They
# are not far apart: most of what is true of a well-known entity should be told often.
_RELATION_WEIGHTS = {
    "capital": 1.4,
    "symbol": 1.4,
    "planet": 1.3,
    "number": 1.25,
    "order": 1.25,
    "young": 1.25,
    "born": 1.15,
    "use": 1.15,
    "adjective": 0.6,
    "setting": 0.7,
}
_WORK_WEIGHT = 1.1
_NEIGHBOUR_WEIGHT = 1.2  # shared by all neighbours of a country


@dataclass(frozen=True, slots=True)
class Genre:
    """How much of the world a genre fills and how many entities and facts a text of it has."""

    name: str
    share: float  # of the documents
    bytes: int  # mean length of a document, measured
    subjects: tuple[int, int]
    facts: tuple[int, int]  # for each subject
    same_relation: float = 0.0  # how often all subjects are asked about in the same respect
    same_kind: float = 1.0


GENRES = (
    Genre("encyclopedia", 0.20, 501, (1, 1), (4, 9)),
    Genre("worksheet", 0.31, 1124, (6, 10), (1, 2), same_relation=0.35, same_kind=0.6),
    Genre("forum", 0.06, 608, (1, 1), (2, 5)),
    Genre("lesson", 0.05, 997, (2, 3), (1, 3), same_kind=0.6),
    Genre("story", 0.04, 711, (1, 2), (1, 3)),
    Genre("notes", 0.06, 528, (1, 2), (4, 6)),
    Genre("dictionary", 0.06, 690, (3, 5), (2, 3), same_kind=0.3),
    Genre("diary", 0.04, 508, (1, 1), (3, 5)),
    Genre("riddle", 0.04, 742, (3, 4), (2, 4), same_kind=0.4),
    Genre("news", 0.03, 711, (2, 3), (1, 3)),
    Genre("comparison", 0.04, 547, (2, 2), (3, 5)),
    Genre("joke", 0.04, 1136, (3, 4), (1, 1), same_kind=0.3),
    Genre("arithmetic", 0.03, 1168, (0, 0), (0, 0)),
)


@dataclass(frozen=True)
class Plan:
    """What a document is to be: its genre and its subjects with the facts to tell."""

    genre: Genre
    subjects: tuple[Subject, ...]

    def facts(self) -> tuple[str, ...]:
        """The ids of all facts told. "France borders Spain" also tells Spain's neighbour."""
        ids = {}
        for subject in self.subjects:
            for fact in subject.facts:
                ids[fact.id] = None
                if fact.relation == "neighbour":
                    ids[_twin(fact)] = None
        return tuple(ids)


@functools.cache
def _twins() -> dict[tuple[str, str], str]:
    return {(f.entity, f.value): f.id for f in facts.load() if f.relation == "neighbour"}


@functools.cache
def _neighbours() -> dict[str, list[str]]:
    """Country to the countries it shares a border with."""
    neighbours = defaultdict(list)
    for country, other in _twins():
        neighbours[country].append(other)
    return neighbours


def _twin(fact: Fact) -> str:
    return _twins()[fact.value, fact.entity]


@functools.cache
def _mentions() -> dict[str, tuple[Fact, ...]]:
    """Entity id to the facts of other entities whose value mentions the entity."""
    words = defaultdict(list)
    for fact in facts.load():
        for word in set(re.findall(r"\w+", fact.value)):
            words[word].append(fact)
    found = {}
    for entity in facts.entities():
        names = [entity.name.removeprefix("the ")]
        names += [entity.forms["s"]] if "s" in entity.forms else []
        found[entity.id] = tuple(
            fact
            for name in names
            for fact in words[re.findall(r"\w+", name)[0]]
            if fact.entity != entity.name and re.search(rf"\b{re.escape(name)}\b", fact.value)
        )
    return found


def _may_be_withheld(entity: Entity, place: int) -> bool:
    mentions = [fact for fact in _mentions()[entity.id] if fact.relation != "neighbour"]
    return (
        place >= _ALWAYS_TOLD
        and len(mentions) <= _MENTIONS
        and entity.name not in IN_PROSE
        and not _inside_other_name(entity)
        and len(entity.facts) >= 3
    )


def _inside_other_name(entity: Entity) -> bool:
    """Whether the name is part of another one, as "Guinea" is of "Papua New Guinea"."""
    name = entity.name.removeprefix("the ")
    return any(
        f" {name} " in f" {other.name.replace('-', ' ')} "
        for other in facts.entities()
        if other.name != entity.name
    )


@functools.cache
def withheld_entities(seed: int) -> frozenset[str]:
    """The ids of the entities that no document of this seed mentions."""
    draw = Draw(f"{seed}/withheld")
    chosen, place = [], defaultdict(int)
    for entity in facts.entities():
        drawn = draw.chance(WITHHELD_ENTITIES * 1.25)
        if _may_be_withheld(entity, place[entity.kind]) and drawn:
            chosen.append(entity.id)
        place[entity.kind] += 1
    return frozenset(chosen)


@functools.cache
def withheld(seed: int) -> frozenset[str]:
    """The ids of the facts that no document of this seed tells.

    These are all facts of the withheld entities, the facts of others that mention one, and some
    single facts. A border is withheld from both sides or from neither.
    """
    draw = Draw(f"{seed}/withheld facts")
    hidden = withheld_entities(seed)
    ids = set()
    for entity in facts.entities():
        for fact in entity.facts:
            drawn = draw.chance(WITHHELD_FACTS) and fact.value != entity.name
            if drawn or entity.id in hidden:
                ids.add(fact.id)
        if entity.id in hidden:
            ids.update(fact.id for fact in _mentions()[entity.id])
    borders = [fact for fact in facts.load() if fact.relation == "neighbour" and fact.id in ids]
    return frozenset(ids) | {_twin(fact) for fact in borders}


@functools.cache
def subjects(seed: int) -> tuple[Subject, ...]:
    """The entities documents are about, most popular first, with the facts that may be told.

    Each kind's table is spread evenly over the ranks, with a little chance in it.
    """
    draw = Draw(f"{seed}/ranks")
    sizes, place, ranked = defaultdict(int), defaultdict(int), []
    for entity in facts.entities():
        sizes[entity.kind] += 1
    hidden = withheld(seed)
    for entity in facts.entities():
        spread = (place[entity.kind] + 0.5) / sizes[entity.kind]
        place[entity.kind] += 1
        told = tuple(fact for fact in entity.facts if fact.id not in hidden)
        ranked.append((spread + 0.1 * draw.chance(0.5) * draw.integer(0, 100) / 100, entity, told))
    ranked.sort(key=lambda entry: (entry[0], entry[1].id))
    return tuple(Subject(entity, told) for _, entity, told in ranked if told)


@dataclass(frozen=True)
class _Pool:
    """Subjects a document may be about, with running totals of their popularity."""

    subjects: tuple[Subject, ...]
    totals: tuple[float, ...]


@functools.cache
def _pools(seed: int) -> dict[str, _Pool]:
    """One pool a kind, and under "" the pool of all."""
    members = defaultdict(list)
    for rank, subject in enumerate(subjects(seed)):
        popularity = 1 / (1 + (rank / HEAD) ** TAIL) + LEAST
        for name in ("", subject.entity.kind):
            members[name].append((subject, popularity))
    return {
        name: _Pool(
            tuple(subject for subject, _ in entries),
            tuple(accumulate(popularity for _, popularity in entries)),
        )
        for name, entries in members.items()
    }


def _weight(fact: Fact) -> float:
    if fact.relation in phrasings.VERBS or fact.relation == "was":
        return _WORK_WEIGHT
    if fact.relation == "neighbour":  # the more of them, the less each one weighs
        return _NEIGHBOUR_WEIGHT / len(_neighbours()[fact.entity])
    return _RELATION_WEIGHTS.get(fact.relation, 0.85)


def _choose(draw: Draw, told: Sequence[Fact], count: int) -> tuple[Fact, ...]:
    return tuple(draw.weighted(told, [_weight(fact) for fact in told], count))


def _draw_subjects(draw: Draw, seed: int, genre: Genre, count: int) -> list[Subject]:
    """``count`` different subjects; if chance keeps on drawing the same few, fewer, but as many as
    the genre needs."""
    pools = _pools(seed)
    first = pools[""].subjects[draw.index(pools[""].totals)]
    pool = pools[first.entity.kind if draw.chance(genre.same_kind) else ""]
    chosen = {first.entity.id: first}
    for _ in range(8 * count):
        if len(chosen) >= count:
            break
        subject = pool.subjects[draw.index(pool.totals)]
        chosen.setdefault(subject.entity.id, subject)
    for subject in pool.subjects:
        if len(chosen) >= genre.subjects[0]:
            break
        chosen.setdefault(subject.entity.id, subject)
    return list(chosen.values())


def _compared(draw: Draw, genre: Genre, both: list[Subject]) -> tuple[Subject, ...]:
    """The subjects with facts of the same relations, so that they can be set side by side."""
    tables = [{fact.relation: fact for fact in reversed(subject.facts)} for subject in both]
    shared = [fact for name, fact in tables[0].items() if all(name in table for table in tables)]
    shared = [fact for fact in shared if fact.relation != "neighbour"]
    relations = [fact.relation for fact in _choose(draw, shared, draw.integer(*genre.facts))]
    return tuple(
        Subject(subject.entity, tuple(table[name] for name in relations))
        for subject, table in zip(both, tables, strict=True)
    )


@functools.cache
def _genre_totals() -> tuple[float, ...]:
    return tuple(accumulate(genre.share for genre in GENRES))


def plan(seed: int, index: int) -> Plan:
    """What document ``index`` of the seed's world tells."""
    draw = Draw(f"{seed}/{index}/plan")
    genre = GENRES[draw.index(_genre_totals())]
    count = draw.integer(*genre.subjects)
    if count == 0:
        return Plan(genre, ())
    drawn = _draw_subjects(draw, seed, genre, count)
    if genre.name == "comparison":
        return Plan(genre, _compared(draw, genre, drawn))
    relation = ""
    if draw.chance(genre.same_relation):
        relation = _choose(draw, drawn[0].facts, 1)[0].relation
    chosen = []
    for subject in drawn:
        facts_of = [fact for fact in subject.facts if fact.relation == relation]
        number = 1 if facts_of else draw.integer(*genre.facts)
        chosen.append(Subject(subject.entity, _choose(draw, facts_of or subject.facts, number)))
    return Plan(genre, tuple(chosen))


def count(megabytes: float) -> int:
    """How many documents make about ``megabytes`` MB (of 10**6 bytes) of text."""
    total = sum(genre.share for genre in GENRES)
    mean = sum(genre.share * genre.bytes for genre in GENRES) / total
    return max(1, round(megabytes * 1e6 / mean))
