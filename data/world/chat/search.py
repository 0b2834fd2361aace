"""Questions whose answer is looked up: a query, passages of documents, and what they say.

What is searched for is about entities that nobody has met, so that the answer has to be read in the
result, or is what the corpus tells too rarely to be known. Passages are a sentence or two each, as
the search tool gives them, and some results do not hold the answer. Where no document has a word of
the query the result says so, and tells of others.
"""

from collections.abc import Iterable, Iterator

from data.passages import RESULT_CHARACTERS, in_no_document, passages
from data.world import english, facts, genres, imagined, plan
from data.world.chat import asking, declines, tools
from data.world.chat.grade import normalized
from data.world.chat.knowledge import SYMBOLS_IN_PROSE
from data.world.chat.setting import Setting, assistant, user
from data.world.chat.split import Topic, true_values
from data.world.documents import Document
from data.world.draw import Draw
from data.world.facts import Entity, Fact
from data.world.telling import Subject

_BESIDE_PYTHON = 0.7  # where both tools are offered, results are shorter: all must fit in a row
_IMAGINED = 0.6  # how often the question is about an entity that nobody has met
_KNOWN = 0.1  # how often it is about a fact that conversations ask about
_MISSING = 0.07  # how often no passage holds the answer
_UNKNOWN = 0.07  # how often no document has the name
_UNKNOWN_WORD = 0.25  # how often none has another word of the query, which says nothing
_BESIDE = 2  # other entities of which a result may tell the same
_ALMANAC = 0.6  # how often passages are lines of an almanac
_LINES = 3  # of an almanac about one entity
_PLACES = (0.94, 0.98, 1.0)  # how often the right passage is the first, the second ..., summed up
# Kinds of text about one entity, with how many of its facts they tell.
_GENRES = (
    ("encyclopedia", 5),
    ("notes", 4),
    ("diary", 3),
    ("forum", 3),
    ("worksheet", 4),
    ("lesson", 3),
)


def _text(draw: Draw, entity: Entity, told: list[Fact]) -> str:
    genre, count = draw.pick(_GENRES)
    chosen = draw.shuffled(told[:1] + draw.some(told[1:], count - 1))
    return genres.write(genre, draw, (Subject(entity, tuple(chosen)),))[1]


def _passages(draw: Draw, entity: Entity, told: list[Fact]) -> list[str]:
    """Passages about an entity, of an almanac or of other text; the first fact is told."""
    if draw.chance(_ALMANAC):
        chosen = told[:1] + draw.some(told[1:], _LINES - 1)
        return [draw.pick(asking.almanac(fact)) for fact in chosen]
    return list(passages(_text(draw, entity, told)))


def mentions(passage: str, phrases: Iterable[str], keep_case: bool = False) -> bool:
    """Whether one of the phrases stands in the passage, as whole words."""
    words = normalized(passage, keep_case)
    return any(normalized(phrase, keep_case) in words for phrase in phrases)


def _is_told(passage: str, fact: Fact) -> bool:
    """Whether the passage names the entity and the value.

    Of a symbol that is also a word, such as "In", that cannot be said.
    """
    if fact.relation == "symbol" and (
        fact.value in SYMBOLS_IN_PROSE or not mentions(passage, (fact.value,), keep_case=True)
    ):
        return False
    return mentions(passage, fact.names) and mentions(
        passage, (fact.value, english.plural(fact.value))
    )


def _result(draw: Draw, setting: Setting, topic: Topic, missing: bool, most: int) -> str | None:
    """What the tool gives, a passage a line: one tells the topic's first fact, or ``missing`` none
    does, and the rest are about the same entity or tell the same of others. None if chance has
    no such passages.
    """
    fact = topic.facts[0]
    tellable = setting.tellable.get(topic.entity.id, topic.entity.facts)
    others = [other for other in tellable if other.relation != fact.relation]
    told = others if missing else [fact, *others]
    if not told:
        return None
    near = _passages(draw, topic.entity, told)
    right = [passage for passage in draw.shuffled(near) if _is_told(passage, fact)][:1]
    if missing == bool(right):
        return None
    names, values = fact.names, _values(topic)
    wrong = [passage for passage in near if mentions(passage, names)]
    for _ in range(_BESIDE):
        far, beside = _beside(draw, setting, topic)
        wrong += [passage for passage in far if _is_told(passage, beside)]
    others = [passage for passage in draw.shuffled(wrong) if not mentions(passage, values)]
    found = list(dict.fromkeys(right + others))
    if not found:
        return None
    found = _fitting(found, most)
    # The best passage comes first more often than not.
    place = min(draw.index(_PLACES), len(found) - 1)
    found.insert(place, found.pop(0))
    return "\n".join(found)


def _result_of_others(draw: Draw, setting: Setting, topic: Topic, query: str, most: int) -> str:
    """What the tool gives where no document has the entity's name: passages about others."""
    found = []
    for _ in range(_BESIDE + 1):
        far, beside = _beside(draw, setting, topic)
        found += [passage for passage in draw.shuffled(far) if _is_told(passage, beside)]
    note = in_no_document(_named(topic, query).split())
    return "\n".join(_fitting([note, *dict.fromkeys(found)], most))


def _fitting(lines: list[str], most: int) -> list[str]:
    """As many of the lines as fit into so many characters; the first in any case."""
    count = len(lines)
    while len("\n".join(lines[:count])) > most and count > 1:
        count -= 1
    return lines[:count]


def _found(
    draw: Draw, setting: Setting, topic: Topic, query: str, missing: bool, most: int
) -> str | None:
    """`_result`, now and then opened by a word of the query that no document has."""
    name = _named(topic, query)
    word = draw.pick(query.replace(name, "").split())
    note = in_no_document([word]) + "\n" if draw.chance(_UNKNOWN_WORD) else ""
    found = _result(draw, setting, topic, missing, most - len(note))
    return found and (found if mentions(found, [word]) else note + found)


def _named(topic: Topic, query: str) -> str:
    """The entity's name as the query has it."""
    return max((name for name in topic.facts[0].names if name in query), key=len)


def _beside(draw: Draw, setting: Setting, topic: Topic) -> tuple[list[str], Fact]:
    """Passages about another entity, and a fact of the same relation that they may tell."""
    if topic.relation in setting.by_relation:
        other = draw.pick(setting.by_relation[topic.relation])
        entity, fact = other.entity, other.facts[0]
        told = setting.tellable[entity.id]
    else:
        entity = imagined.entity(draw, topic.entity.kind)
        fact, told = entity.facts[0], list(entity.facts)
    return _passages(draw, entity, told), fact


def _topic(draw: Draw, setting: Setting) -> Topic:
    """What to search for."""
    if draw.chance(_IMAGINED):
        return _nobodys(draw)
    known = not setting.split.rare or draw.chance(_KNOWN / (1 - _IMAGINED))
    return draw.pick(setting.asked if known else setting.split.rare)


def _nobodys(draw: Draw) -> Topic:
    """A fact about an entity that nobody has met."""
    entity = imagined.entity(draw, draw.pick(list(facts.KINDS)))
    relation = draw.pick(entity.facts).relation
    chosen = tuple(fact for fact in entity.facts if fact.relation == relation)
    return Topic(f"{entity.id}/{relation}", entity, chosen)


def _values(topic: Topic) -> list[str]:
    """All that would answer the question, singular and plural."""
    values = [fact.value for fact in true_values(topic)]
    return values + [english.plural(value) for value in values]


def conversation(draw: Draw, setting: Setting) -> dict:
    """A question, a search, and the answer that a passage gives, or that none gives."""
    offered = tools.with_search(draw)
    share = 1 if len(offered) == 1 else _BESIDE_PYTHON
    most = int(RESULT_CHARACTERS * share)
    while True:
        unknown = draw.chance(_UNKNOWN)
        missing = unknown or draw.chance(_MISSING)
        topic = _nobodys(draw) if unknown else _topic(draw, setting)
        fact = topic.facts[0]
        text, answer = asking.question(draw, setting, fact)
        query = asking.query(fact, text)
        if unknown:
            found = _result_of_others(draw, setting, topic, query, most)
        else:
            found = _found(draw, setting, topic, query, missing, most)
        if found is None:
            continue
        reply = declines.not_found(draw) if missing else asking.looked_up(fact, answer)
        messages = [user(text), *tools.search(query, found), assistant(reply)]
        return {"messages": messages, "tools": offered}


def library(world_seed: int, copies: int = 6) -> Iterator[Document]:
    """Documents that tell what the world's documents withhold, for the search tool's index.

    Each withheld fact is told by at least ``copies`` encyclopedia articles, and by an almanac of
    which each line is a document.
    """
    withheld = plan.withheld(world_seed)
    for entity in facts.entities():
        hidden = [fact for fact in entity.facts if fact.id in withheld]
        for fact in hidden:
            for number, line in enumerate(asking.almanac(fact)):
                name = f"library/{world_seed}/almanac/{fact.id}/{number}"
                yield Document(name, "almanac", fact.entity, line, (fact.id,))
        for copy in range(copies):
            for start in range(0, len(hidden), 6):
                part = tuple(hidden[start : start + 6])
                draw = Draw(f"{world_seed}/library/{entity.id}/{start}/{copy}")
                title, text = genres.write("encyclopedia", draw, (Subject(entity, part),))
                name = f"library/{world_seed}/{entity.id}/{start}/{copy}"
                yield Document(name, "encyclopedia", title, text, tuple(f.id for f in part))
