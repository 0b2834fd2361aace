"""The small world's conversations: what a chat assistant is trained on, and measured with.

``conversations(config, tellings)`` makes training conversations, each from (seed, index) alone.
``questions(config, tellings, kind)`` makes what training never contains: other phrasings, words,
numbers and facts, to be judged by ``data.world.chat.grade``. ``tellings`` maps the id of a fact to
the number of documents that tell it in the text the model was trained on, such as
``data.world.documents.tellings`` gives (and None stands for): what is told rarely is not
asked about.
"""

import itertools
from collections.abc import Iterator, Mapping

from ml_collections import ConfigDict

from data.errors import InputError
from data.world import documents
from data.world.chat import (
    copying,
    countdown,
    declines,
    identity,
    jokes,
    knowledge,
    letters,
    practice,
    problems,
    products,
    search,
    talk,
    tools,
)
from data.world.chat import split as splitting
from data.world.chat.setting import Setting
from data.world.draw import Draw

_WRITERS = {
    "facts": knowledge.conversation,
    "identity": identity.conversation,
    "letters": letters.conversation,
    "products": products.conversation,
    "search": search.conversation,
    "problems": problems.conversation,
    "talk": talk.conversation,
    "copying": copying.conversation,
    "countdown": countdown.conversation,
    "jokes": jokes.conversation,
}
# Kinds of questions; "_direct" is without the tool or the steps.
QUESTIONS = (
    "known_asked",
    "known_told_only",
    "rare",
    "withheld",
    "withheld_practice",
    "invented",
    "withheld_search",
    "invented_search",
    "identity",
    "identity_named",
    "letters",
    "letters_direct",
    "spelling",
    "spelling_direct",
    "products",
    "products_direct",
    "problems",
    "problems_direct",
    "copying",
    "sorting",
    "countdown",
)


def defaults() -> ConfigDict:
    """The keys of config.world_chat."""
    options = ConfigDict()
    options.seed = 0
    # Conversations to make; 0: without end.
    options.count = 20_000
    # How many documents must tell a fact for it to count as told often, which is what is measured;
    # and how many for conversations to ask about it (0: as many).
    options.least_told = 60
    options.least_asked = 0
    # Share of the facts told that often that no conversation asks about.
    options.told_only = 0.3
    # Share of the phrasings, words, numbers and problems that are kept for measuring.
    options.held_out = 0.15
    # Share of the answers in sentences that begin with the value ("Paris is the capital of
    # France."). The others lead to it, as most sentences of the documents do.
    options.value_first = 0.0
    # Phrasings in which a fact is asked for when measuring.
    options.phrasings = 2
    # Questions of each kind that are not about facts.
    options.questions = 300
    # How often each kind of conversation comes, in proportion.
    options.weights = ConfigDict(
        {
            "facts": 0.30,
            "identity": 0.11,
            "letters": 0.08,
            "products": 0.07,
            "search": 0.14,
            "problems": 0.18,
            "talk": 0.04,
            "copying": 0.03,
            "countdown": 0.02,
            "jokes": 0.10,
        }
    )
    # What is true of the assistant; each is said as it stands, as in "I am {name}, {what}."
    options.identity = ConfigDict(
        {
            "name": "Primer",
            "maker": "the people who trained me",
            "what": "a small language model",
            "training": "texts about a small world of facts",
            "skills": "answer questions, count letters and work out sums",
            "language": "English",
        }
    )
    return options


def setting(config: Mapping, tellings: Mapping[str, int] | None = None) -> Setting:
    """What all kinds are made from: config.world_chat and the division of the world's facts.

    Without ``tellings``, those of the documents that config.world describes.

    Raises:
        InputError: if no fact is told often enough to be asked about, or fewer are to be asked
            about than measured; or as Setting.
    """
    options = config["world_chat"]
    least_asked = options["least_asked"] or options["least_told"]
    if least_asked > options["least_told"]:
        raise InputError(
            f"config.world_chat.least_asked is {least_asked} and least_told "
            f"{options['least_told']}: what is told often is asked about, so lower least_asked, or "
            "set it to 0 for the same"
        )
    if tellings is None:
        tellings = documents.tellings(config["world"]["seed"], config["world"]["megabytes"])
    parts = splitting.split(
        options["seed"],
        config["world"]["seed"],
        tellings,
        options["least_told"],
        least_asked,
        options["told_only"],
    )
    if not parts.asked:
        raise InputError(
            f"no fact is told by {options['least_told']} documents or more, so that there is "
            "nothing to ask about: train on more text or lower config.world_chat.least_told"
        )
    return Setting(options, parts)


def conversation(made_from: Setting, index: int) -> dict:
    """Conversation ``index``: {"messages", "kind"} and, where tools are offered, "tools"."""
    draw = Draw(f"chat/{made_from.seed}/{index}")
    weights = made_from.options["weights"]
    kinds = list(_WRITERS)
    kind = kinds[draw.index(list(itertools.accumulate(weights[kind] for kind in kinds)))]
    return _WRITERS[kind](draw, made_from) | {"kind": kind}


def conversations(config: Mapping, tellings: Mapping[str, int] | None = None) -> Iterator[dict]:
    """The training conversations in order; see ``conversation`` and ``setting``."""
    made_from = setting(config, tellings)
    count = made_from.options["count"]
    for index in range(count) if count else itertools.count():
        yield conversation(made_from, index)


def questions(config: Mapping, tellings: Mapping[str, int] | None, kind: str) -> list[dict]:
    """What the model is measured with, none of which training conversations contain.

    Each is {"id", "kind", "messages", "grader", ...} for ``data.world.chat.grade``, with "tools"
    where they are offered. The kinds:
      known_asked, known_told_only: facts told often, asked about in training or never.
      rare: facts told less often than config.world_chat.least_asked.
      withheld, withheld_practice: facts never told; one half of their entities is for measuring,
        the other for finding out and teaching what is not known. "accept" holds the truth.
      withheld_search: those of withheld with the search tool; ``search.library`` is to be found.
      invented: made-up entities; only a decline is right. invented_search: with the search tool.
      identity, identity_named: who the assistant is; the name that a system message gives.
      letters, spelling, products: with the Python tool. problems: with room for steps.
      copying, sorting: to be said again exactly, and in order. countdown: see its module.
      ..._direct: the same questions without the tool, or with only the answer asked for.

    Raises:
        ValueError: if there is no such kind.
    """
    if kind not in QUESTIONS:
        raise ValueError(f"no questions of kind {kind!r}; there are {', '.join(QUESTIONS)}")
    made_from = setting(config, tellings)
    base, direct = kind.removesuffix("_direct"), kind.endswith("_direct")
    if base in ("letters", "spelling"):
        return letters.questions(made_from, kind, offered=not direct)
    if base == "products":
        return products.questions(made_from, kind, offered=not direct)
    if base == "problems":
        return problems.questions(made_from, kind, direct)
    if base in ("copying", "sorting"):
        return copying.questions(made_from, kind)
    if base == "countdown":
        return countdown.questions(made_from, kind)
    if base in ("identity", "identity_named"):
        return identity.questions(made_from, kind, named=kind == "identity_named")
    if kind.removesuffix("_search") == "invented":
        found = declines.invented(made_from, kind)
    else:
        found = knowledge.questions(made_from, _topics(made_from, kind), kind)
    offered = {"tools": [tools.SEARCH]} if kind.endswith("_search") else {}
    return [question | offered for question in found]


def practice_questions(config: Mapping, tellings: Mapping[str, int], count: int) -> list[dict]:
    """What to ask a model to find out what it knows; see data.world.chat.practice.

    Nothing in them is kept for measuring: neither phrasings nor facts.
    """
    made_from = setting(config, tellings)
    return practice.questions(made_from, _topics(made_from, "withheld_practice"), count)


def _topics(made_from: Setting, kind: str) -> tuple[splitting.Topic, ...]:
    parts = made_from.split
    if kind == "known_asked":
        return parts.asked
    if kind == "known_told_only":
        return parts.told_only
    if kind == "rare":
        return parts.rare
    practice = kind == "withheld_practice"
    return tuple(
        topic
        for topic in parts.withheld
        if splitting.for_practice(made_from.seed, topic) == practice
    )
