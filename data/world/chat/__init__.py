"""The small world's conversations: what a chat assistant is trained on, and measured with.

``conversations(config, tellings)`` makes training conversations, each from (seed, index) alone.
``questions(config, tellings, kind)`` makes what training never contains: other phrasings, words,
numbers and facts, to be judged by ``data.world.chat.grade``. ``tellings`` maps the id of a fact to
the number of documents that tell it in the text the model was trained on, such as
``data.world.documents.tellings`` gives: only what is told often is asked about.
"""

import itertools
from collections.abc import Iterator, Mapping

import ml_collections

from data.world.chat import knowledge
from data.world.chat import split as splitting
from data.world.chat.setting import Setting
from data.world.draw import Draw

_WRITERS = {
    "facts": knowledge.conversation,
}


def defaults() -> ml_collections.ConfigDict:
    """The keys of config.world_chat."""
    options = ml_collections.ConfigDict()
    options.seed = 0
    # Conversations to make; 0: without end.
    options.count = 0
    # How many documents must tell a fact before conversations ask about it.
    options.least_told = 60
    # Share of the facts told that often that no conversation asks about.
    options.told_only = 0.3
    # Share of the words, numbers and problems that are kept for measuring.
    options.held_out = 0.15
    # Share of the answers in sentences that begin with the value ("Paris is the capital of
    # France."). The others lead to it, as most sentences of the documents do.
    options.value_first = 0.0
    # Phrasings in which a fact is asked for when measuring.
    options.phrasings = 2
    # Questions of each kind that are not about facts.
    options.questions = 300
    # How often each kind of conversation comes, in proportion.
    options.weights = ml_collections.ConfigDict({"facts": 0.4})
    return options


def setting(config: Mapping, tellings: Mapping[str, int]) -> Setting:
    """What all kinds are made from: config.world_chat and the division of the world's facts.

    Raises:
      ValueError: if no fact is told often enough to be asked about.
    """
    options = config["world_chat"]
    parts = splitting.split(
        options["seed"],
        config["world"]["seed"],
        tellings,
        options["least_told"],
        options["told_only"],
    )
    if not parts.asked:
        raise ValueError(
            f"no fact is told by {options['least_told']} documents or more, so that there is "
            "nothing to ask about; train on more text or lower world_chat.least_told"
        )
    return Setting(options, parts)


def conversation(made_from: Setting, index: int) -> dict:
    """Conversation ``index``: {"messages", "kind"} and, where tools are offered, "tools"."""
    draw = Draw(f"chat/{made_from.seed}/{index}")
    weights = made_from.options["weights"]
    kinds = list(_WRITERS)
    kind = kinds[draw.index(list(itertools.accumulate(weights[kind] for kind in kinds)))]
    return _WRITERS[kind](draw, made_from) | {"kind": kind}


def conversations(config: Mapping, tellings: Mapping[str, int]) -> Iterator[dict]:
    """The training conversations in order; see ``conversation``."""
    made_from = setting(config, tellings)
    count = made_from.options["count"]
    for index in range(count) if count else itertools.count():
        yield conversation(made_from, index)
