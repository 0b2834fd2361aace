"""Saying that one does not know: the words for it, and questions that nobody could answer."""

import string

from data.world import english, phrasings
from data.world.chat import asking, words
from data.world.chat.phrasings import ASKED
from data.world.chat.phrasings.queries import QUERIES
from data.world.chat.setting import Setting, user
from data.world.draw import Draw

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
# Names of a kind that nobody has: how a made-up word stands in a question.
_KINDS = ("country", "person", "moon")


def declines(draw: Draw) -> str:
    """A sentence that declines to answer."""
    return draw.pick(DECLINES)


def not_found(draw: Draw) -> str:
    """A sentence that says that a search did not find the answer."""
    return draw.pick(NOT_FOUND)


def made_up(setting: Setting, count: int, kind: str) -> list[dict]:
    """`count` questions about made-up entities of every kind, in the words of training.

    As in `invented`, no answer is right; each has its "entity" and a "query" to search by.
    """
    found = []
    for i in range(count):
        draw = Draw(f"{setting.seed}/made up/{i}")
        relation = draw.pick(list(ASKED))
        name = words.name(draw)
        if relation.startswith(("animal", "thing")):
            name = name.lower()
        elif relation.startswith("person"):
            name = f"{name} {words.name(draw)}"
        wordings = setting.wordings(ASKED[relation]["asked"])
        fields = {"e": name, "es": f"{name}'s", "s": english.plural(name)}
        fields["a"] = english.with_article(name)
        shape, texts = draw.pick(
            [
                ("question", phrasings.QUESTIONS[relation] + wordings),
                ("about", ASKED[relation]["about"]),
                ("clauses", ASKED[relation]["clauses"]),
            ]
        )
        texts = [text for text in texts if _fields(text) <= fields.keys()]
        if not texts:
            continue
        text = draw.pick(texts).format_map(fields)
        found.append(
            {
                "id": f"{kind}/made up/{i}",
                "kind": kind,
                "relation": relation,
                "entity": f"made up/{name}",
                "messages": [user(asking.framed(draw, shape, text))],
                "query": QUERIES[relation].format_map(fields),
                "grader": "value",
                "accept": [],
            }
        )
    return found


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def invented(setting: Setting, kind: str) -> list[dict]:
    """Questions about made-up countries, people and moons; a decline is the right answer.

    The wording is that of held-out phrasings. ``grade`` finds no answer right: use ``is_decline``.
    """
    relations = [name for name in ASKED if name.split(".")[0] in _KINDS]
    found = []
    for i in range(setting.options["questions"]):
        draw = Draw(f"{setting.seed}/invented/{i}")
        relation = draw.pick(relations)
        name = words.name(draw)
        if relation.startswith("person"):
            name = f"{name} {words.name(draw)}"
        wordings = setting.wordings(ASKED[relation]["asked"], held_out=True)
        text = draw.pick([text for text in wordings if _fields(text) == {"e"}])
        found.append(
            {
                "id": f"{kind}/{i}",
                "kind": kind,
                "relation": relation,
                "messages": [user(english.capitalized(text.format(e=name)))],
                "grader": "value",
                "accept": [],
            }
        )
    return found
