"""Questions whose answer is looked up: a query, a passage of a document, and what it says.

What is searched for is what the corpus tells too rarely to be known. Passages are a few
sentences of a document, as the search tool gives them, and some do not hold the answer.
"""

import re
from collections.abc import Iterable, Iterator

from data.world import english, genres, plan, telling
from data.world.chat import asking, declines, tools
from data.world.chat.grade import normalized
from data.world.chat.knowledge import SYMBOLS_IN_PROSE
from data.world.chat.setting import Setting, assistant, user
from data.world.chat.split import Topic, true_values
from data.world.documents import Document
from data.world.draw import Draw
from data.world.facts import Entity, Fact, entities
from data.world.telling import Subject

_BESIDE_PYTHON = 0.7  # where both tools are offered, results are shorter: all must fit in a row
_KNOWN = 0.2  # how often the question is about a fact that is told often
_TWO = 0.7  # how often another passage is looked for that may stand beside the right one
_MISSING = 0.2  # how often the passage does not hold the answer
# Kinds of text about one entity, with how many of its facts they tell.
_GENRES = (("encyclopedia", 5), ("notes", 4), ("diary", 3), ("forum", 3))
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def passages(text: str, most: int) -> list[str]:
    """A text cut between sentences into pieces of at most ``most`` characters."""
    found, piece = [], ""
    for sentence in _SENTENCE.split(text):
        sentence = sentence[:most]
        if piece and len(piece) + 1 + len(sentence) > most:
            found.append(piece)
            piece = sentence
        else:
            piece = f"{piece} {sentence}" if piece else sentence
    return [*found, piece] if piece else found


def _text(draw: Draw, entity: Entity, told: list[Fact]) -> str:
    genre, count = draw.pick(_GENRES)
    chosen = draw.shuffled(told[:1] + draw.some(told[1:], count - 1))
    return genres.write(genre, draw, (Subject(entity, tuple(chosen)),))[1]


def _names(passage: str, phrases: Iterable[str]) -> bool:
    """Whether one of the phrases stands in the passage, as whole words in any case."""
    words = normalized(passage)
    return any(normalized(phrase) in words for phrase in phrases)


def _is_told(passage: str, fact: Fact) -> bool:
    """Whether the passage names the entity and the value.

    Of a symbol that is also a word, such as "In", that cannot be said.
    """
    if fact.relation == "symbol" and (
        fact.value in SYMBOLS_IN_PROSE
        or normalized(fact.value, keep_case=True) not in normalized(passage, keep_case=True)
    ):
        return False
    names = [telling.fields(fact)[form] for form in ("e", "s", "k") if form in telling.fields(fact)]
    return _names(passage, names) and _names(passage, (fact.value, english.plural(fact.value)))


def _passage(draw: Draw, topic: Topic, others: list[Fact], missing: bool, most: int) -> str | None:
    """A passage about the entity with or without the topic's first fact; None if chance has none.

    A passage without it holds no other answer to the question either.
    """
    fact = topic.facts[0]
    others = [other for other in others if other.relation != fact.relation]
    if missing and not others:
        return None
    told = others if missing else [fact, *others]
    for passage in draw.shuffled(passages(_text(draw, topic.entity, told), most)):
        if not _names(passage, _values(topic)) if missing else _is_told(passage, fact):
            return passage
    return None


def _values(topic: Topic) -> list[str]:
    """All that would answer the question, singular and plural."""
    values = [fact.value for fact in true_values(topic)]
    return values + [english.plural(value) for value in values]


def _result(draw: Draw, setting: Setting, topic: Topic, passage: str, most: int) -> str:
    """The passage, with one about something else before or after it where there is room."""
    entity = draw.pick(setting.split.asked).entity
    if entity.id == topic.entity.id or not draw.chance(_TWO):
        return passage
    other = draw.pick(passages(_text(draw, entity, setting.tellable[entity.id]), most))
    if len(passage) + 1 + len(other) > most or _names(other, _values(topic)):
        return passage
    return "\n".join((passage, other) if draw.chance(0.7) else (other, passage))


def conversation(draw: Draw, setting: Setting) -> dict:
    """A question, a search, and the answer that the passage gives, or that it gives none."""
    offered = tools.with_search(draw)
    most = setting.options["result_characters"]
    most = most if len(offered) == 1 else int(most * _BESIDE_PYTHON)
    while True:
        known = draw.chance(_KNOWN) or not setting.split.rare
        topic = draw.pick(setting.split.asked if known else setting.split.rare)
        missing = draw.chance(_MISSING)
        passage = _passage(draw, topic, setting.tellable[topic.entity.id], missing, most)
        if passage is None:
            continue
        fact = topic.facts[0]
        found = _result(draw, setting, topic, passage, most)
        text, answer = asking.question(draw, fact, setting.options["value_first"])
        if missing:
            answer = declines.not_found(draw)
        messages = [user(text), *tools.search(asking.query(fact), found), assistant(answer)]
        return {"messages": messages, "tools": offered}


def library(world_seed: int, copies: int = 2) -> Iterator[Document]:
    """Documents that tell what the world's documents withhold, for the search tool's index.

    Each withheld fact is told by at least ``copies`` encyclopedia articles.
    """
    withheld = plan.withheld(world_seed)
    for entity in entities():
        hidden = [fact for fact in entity.facts if fact.id in withheld]
        for copy in range(copies):
            for start in range(0, len(hidden), 6):
                part = tuple(hidden[start : start + 6])
                draw = Draw(f"{world_seed}/library/{entity.id}/{start}/{copy}")
                title, text = genres.write("encyclopedia", draw, (Subject(entity, part),))
                name = f"library/{world_seed}/{entity.id}/{start}/{copy}"
                yield Document(name, "encyclopedia", title, text, tuple(f.id for f in part))
