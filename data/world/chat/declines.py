"""Saying that one does not know: the words for it, and questions that nobody could answer."""

from data.world import imagined
from data.world.chat import asking
from data.world.chat.setting import Setting, user
from data.world.draw import Draw
from data.world.facts import KINDS, Fact

DECLINES = (
    "I don't know.",
    "I do not know.",
    "I'm sorry, I don't know.",
    "Sorry, I do not know that.",
    "I don't know the answer.",
    "I am not sure.",
    "I'm not sure about that.",
    "I cannot say.",
    "I have not learned that.",
    "I have no answer to that.",
    "That is not something I know.",
    "I am afraid I do not know.",
)
NOT_FOUND = (
    "I could not find that.",
    "I could not find the answer.",
    "I searched, but I could not find it.",
    "I'm sorry, I could not find that.",
)


def declines(draw: Draw) -> str:
    """A sentence that declines to answer."""
    return draw.pick(DECLINES)


def not_found(draw: Draw) -> str:
    """A sentence that says that a search did not find the answer."""
    return draw.pick(NOT_FOUND)


def made_up(setting: Setting, count: int, kind: str) -> list[dict]:
    """`count` questions about made-up entities of every kind, in the words of training.

    As in `invented`, no answer is right; each has its "entity", a "query" to search by, and the
    same question in other words ("again", each with the answer that it would have).
    """
    found = []
    for number in range(count):
        draw = Draw(f"{setting.seed}/made up/{number}")
        fact = _nobody_knows(draw)
        text, _ = asking.question(draw, setting, fact)
        named = {"entity": fact.entity, "query": asking.query(fact, text)}
        named["again"] = asking.again(draw, setting, fact)
        found.append(_question(f"{kind}/made up/{number}", kind, fact, text) | named)
    return found


def invented(setting: Setting, kind: str) -> list[dict]:
    """Questions about made-up entities in held-out phrasings; a decline is the right answer.

    ``grade`` finds no answer right: use ``is_decline``.
    """
    found = []
    for number in range(setting.options["questions"]):
        draw = Draw(f"{setting.seed}/invented/{number}")
        fact = _nobody_knows(draw)
        text = draw.pick(asking.held_out_questions(setting, fact))
        found.append(_question(f"{kind}/{number}", kind, fact, text))
    return found


def _nobody_knows(draw: Draw) -> Fact:
    return draw.pick(imagined.entity(draw, draw.pick(list(KINDS))).facts)


def _question(name: str, kind: str, fact: Fact, text: str) -> dict:
    return {
        "id": name,
        "kind": kind,
        "relation": f"{fact.kind}.{fact.relation}",
        "messages": [user(text)],
        "grader": "value",
        "accept": [],
    }
