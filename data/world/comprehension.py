"""Text with questions that it answers: the practice from which a small model learns to read.

A few sentences or lines of an almanac about made-up entities (data.world.imagined), then questions
about them and the answers, which no memory has: they have to be found there, or are not there. The
questions are worded as documents and training conversations word them, so that it is also learnt
which words ask for what. Most documents are a few lines, for the reason given in
data.world.repetitions.
"""

from collections.abc import Iterator, Mapping

from data.world import english, facts, imagined, telling
from data.world.chat import asking
from data.world.chat.setting import Setting, without_facts
from data.world.draw import Draw

# Of the world's megabytes, and bytes of a document on average.
SHARE = 0.15
_BYTES = 295
# How an answer follows its question: {q} and {a}.
_FORMS = ("{q} {a}", "{q}\n{a}", "Q: {q}\nA: {a}", "Question: {q} Answer: {a}")
_BARE = 0.5  # how often answers are bare values
_BOTH = 0.4  # how often there is a second entity of the same kind
_ALMANAC = 0.3  # how often they are told as an almanac tells them
_UNTOLD = 0.12  # how often something is asked that the sentences do not tell
_NOT_TOLD = ("The text does not say.", "That is not said here.", "It does not say.")
_FACTS, _TOTALS = (1, 2, 3, 4), (0.3, 0.6, 0.85, 1.0)


def count(megabytes: float) -> int:
    """How many documents go with a world of so many MB (of 10**6 bytes)."""
    return max(1, round(megabytes * SHARE * 1e6 / _BYTES))


def documents(seed: int, megabytes: float, options: Mapping) -> Iterator[tuple[str, str]]:
    """The documents that go with the seed's world, as (id, text); each depends on (seed, its
    number) alone.

    ``options`` are config.world_chat: what conversations keep for measuring is not in them.
    """
    setting = without_facts(options)
    for index in range(count(megabytes)):
        yield f"comprehension/{seed}/{index}", document(seed, index, setting)


def document(seed: int, index: int, setting: Setting) -> str:
    """Sentences about one entity or two, and questions about some of them in another order."""
    draw = Draw(f"{seed}/comprehension/{index}")
    kind = draw.pick(list(facts.KINDS))
    almanac = draw.chance(_ALMANAC)
    sentences, told, untold = [], [], []
    for _ in range(1 + draw.chance(_BOTH)):
        by_relation = {fact.relation: fact for fact in imagined.entity(draw, kind).facts}
        known = draw.shuffled(list(by_relation.values()))
        number = _FACTS[draw.index(_TOTALS)]
        if almanac:
            sentences += [draw.pick(asking.almanac(fact)) for fact in known[:number]]
        else:
            sentences += telling.sentences(draw, known[:number])
        told += known[:number]
        untold += known[number:]
    form, bare = draw.pick(_FORMS), draw.chance(_BARE)
    lines = [*sentences] if almanac else [" ".join(sentences)]
    for fact in draw.some(told, draw.integer(1, 4)):
        missing = bool(untold) and draw.chance(_UNTOLD)
        asked = draw.pick(untold) if missing else fact
        question, answer = asking.question(draw, setting, asked, short=bare)
        answer = draw.pick(_NOT_TOLD) if missing else answer
        lines.append(form.format(q=english.capitalized(question), a=answer))
    return "\n".join(lines)
