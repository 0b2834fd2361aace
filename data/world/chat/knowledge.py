"""Questions about the world's facts, answered: what the model read, now asked for."""

import functools

from data.world import english, facts
from data.world.chat import asking, tools
from data.world.chat.phrasings import FRAMES, SHORT_SYSTEM
from data.world.chat.setting import Setting, assistant, system, user
from data.world.chat.split import Topic, is_unique, true_values
from data.world.draw import Draw
from data.world.facts import Fact

_SHORT_SYSTEM = 0.08  # how often a system message asks for bare answers
_REVERSE = 0.25  # how often a question gives the value, where that can be done
_ONE_TURN = 0.55  # how often one question is all
_SAME_ENTITY = 0.25  # how often a second question is about the same entity; else about another
# Symbols of elements that are words as well: no sign of an answer.
SYMBOLS_IN_PROSE = frozenset("I In As At He No Be Is".split())
_SAME_RELATION_KINDS = ("country", "element", "animal", "thing")


def _turn(draw: Draw, setting: Setting, fact: Fact, short: bool) -> list[dict]:
    reverse = is_unique(fact) and draw.chance(_REVERSE)
    ask = asking.reverse_question if reverse else asking.question
    text, answer = ask(draw, setting, fact, short)
    return [user(text), assistant(answer)]


def _same_entity(draw: Draw, setting: Setting, topic: Topic, short: bool) -> list[dict]:
    """A question and another about "its" something else; only one if nothing else is asked."""
    value_first = setting.options["value_first"]
    fact = topic.facts[0]
    text, answer = asking.question(draw, setting, fact, short, singular=True)
    others = [other for other in setting.by_entity[topic.entity.id] if other.id != topic.id]
    if not others:
        return [user(text), assistant(answer)]
    second = draw.pick(others).facts[0]
    after = asking.next_question(draw, second)
    reply = asking.bare(second) if short else asking.sentence(draw, second, value_first)
    return [user(text), assistant(answer), user(after), assistant(reply)]


def _same_relation(draw: Draw, setting: Setting, topic: Topic, short: bool) -> list[dict]:
    """A question, and the same one about another entity: "And Spain?"."""
    value_first = setting.options["value_first"]
    text, answer = asking.question(draw, setting, topic.facts[0], short)
    other = draw.pick(setting.by_relation[topic.relation])
    if other.id == topic.id:
        return [user(text), assistant(answer)]
    second = other.facts[0]
    name = other.entity.forms.get("a", other.entity.name)
    after = english.capitalized(draw.pick(FRAMES["same"]).format(x=name))
    reply = asking.bare(second) if short else asking.sentence(draw, second, value_first)
    return [user(text), assistant(answer), user(after), assistant(reply)]


def conversation(draw: Draw, setting: Setting) -> dict:
    """One to three questions about facts that training asks about, with their answers."""
    topics = setting.asked
    topic = draw.pick(topics)
    short = draw.chance(_SHORT_SYSTEM)
    messages = [system(draw.pick(SHORT_SYSTEM))] if short else []
    if draw.chance(_ONE_TURN):
        messages += _turn(draw, setting, draw.pick(topic.facts), short)
    elif draw.chance(_SAME_ENTITY):
        messages += _same_entity(draw, setting, topic, short)
    elif topic.entity.kind in _SAME_RELATION_KINDS and draw.chance(0.4):
        messages += _same_relation(draw, setting, topic, short)
    else:
        for other in draw.some(topics, draw.integer(2, 3)):
            messages += _turn(draw, setting, draw.pick(other.facts), short)
    return {"messages": messages} | tools.unused(draw, search_too=False)


@functools.cache
def _values(kind: str, relation: str) -> tuple[str, ...]:
    """Every value that the relation takes, with the forms in which it may be said."""
    found = {}
    for fact in facts.load():
        if (fact.kind, fact.relation) == (kind, relation):
            found |= dict.fromkeys(_forms(fact))
    return tuple(found)


def _forms(fact: Fact) -> tuple[str, ...]:
    return tuple(dict.fromkeys((fact.value, english.plural(fact.value))))


@functools.cache
def _names(kind: str) -> tuple[str, ...]:
    return tuple(entity.name for entity in facts.entities() if entity.kind == kind)


def question(topic: Topic, text: str, number: int, kind: str, reverse: bool) -> dict:
    """A question with all that grading needs."""
    fact = topic.facts[0]
    entity = topic.entity
    if reverse:
        accept = (entity.name, entity.forms.get("k", entity.name))
        others, ignore = _names(entity.kind), (fact.value,)
    else:
        accept = tuple(form for true in true_values(topic) for form in _forms(true))
        others = _values(entity.kind, fact.relation)
        ignore = fact.names
    if topic.relation == "element.symbol" and not reverse:
        others = tuple(symbol for symbol in others if symbol not in SYMBOLS_IN_PROSE)
    return {
        "id": f"{topic.id}/{'reverse/' if reverse else ''}{number}",
        "kind": kind,
        "relation": topic.relation,
        "messages": [user(text)],
        "answer": asking.bare(fact) if not reverse else english.sentence(entity.name),
        "grader": "value",
        "accept": list(accept),
        "reject": [value for value in others if value not in {*accept, *ignore}],
        "ignore": list(ignore),
        "keep_case": topic.relation == "element.symbol" and not reverse,
    }


def questions(setting: Setting, topics: tuple[Topic, ...], kind: str) -> list[dict]:
    """Held-out phrasings of the topics' questions: ``options["phrasings"]`` of each, by chance."""
    found = []
    for topic in topics:
        draw = Draw(f"{setting.seed}/phrasings/{topic.id}")
        fact = topic.facts[0]
        texts = [(text, False) for text in asking.held_out_questions(setting, fact)]
        if is_unique(fact):
            reversed_ = asking.held_out_questions(setting, fact, reverse=True)
            texts += [(text, True) for text in reversed_]
        for number, (text, reverse) in enumerate(draw.some(texts, setting.options["phrasings"])):
            found.append(question(topic, text, number, kind, reverse))
    return found
