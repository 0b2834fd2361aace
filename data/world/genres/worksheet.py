"""School worksheets and quizzes: numbered questions with their answers."""

import functools
from collections.abc import Sequence

from data.world import english, facts, telling
from data.world.draw import Draw
from data.world.genres.prose import BOYS, GIRLS, TEACHERS
from data.world.telling import Subject

_TITLES = {
    "country": ("Geography [quiz|worksheet|test|practice]", "[Countries|World map] quiz"),
    "element": ("Chemistry [quiz|worksheet|test|practice]", "[The elements|Periodic table] quiz"),
    "animal": ("[Animal|Biology] [quiz|worksheet|test|practice]",),
    "planet": ("[Space|Astronomy] [quiz|worksheet|test|practice]",),
    "moon": ("[Space|Moon|Astronomy] [quiz|worksheet|test|practice]",),
    "person": ("[History|Famous people] [quiz|worksheet|test|practice]",),
    "thing": ("[Everyday things|Words at home] [quiz|worksheet|practice]",),
    "": ("[Mixed|General knowledge] [quiz|worksheet|test|questions]",),
}
_INTRODUCTIONS = (
    (
        "[Read|Look at] each question [carefully|slowly|twice] and [try to answer it|think of your "
        "answer] [before|without] [looking at the solution|reading on]."
    ),
    (
        "[This worksheet|This quiz|This page] was [put together|written|prepared] by {teacher} for "
        "[the class|a rainy Monday|the last lesson before the holidays]."
    ),
    "Here are {count} questions [to practise with|for today's lesson|to think about at home].",
    (
        "[Work|You may work] [alone or with a partner|in pairs|by yourself]. [Each|Every] correct "
        "answer [counts one point|is worth one point|earns a star]."
    ),
    (
        "How much do you [remember|know]? [Cover|Hide] the answers with [a sheet of paper|your "
        "hand] and [find out|see how far you get]."
    ),
    (
        "[Last week|Yesterday|This morning] {name} [scored|got] all {count} points on this "
        "[page|quiz]. Can you do [the same|as well]?"
    ),
    (
        "The following {count} questions [were used|were asked] in [the class of {teacher}|a "
        "friendly contest between two schools|last year's test]."
    ),
)
_ENDINGS = (
    (
        "[Well done|Good work], if you knew [them all|most of them]. [Otherwise|If not], [try "
        "again tomorrow|read the answers once more and try again]."
    ),
    (
        "[Count|Add up] your points and [write them|note them] [at the top of the page|in your "
        "notebook]."
    ),
    (
        "[Go over|Read through] the ones you [missed|did not know] [once more|with a friend|before "
        "the next lesson]."
    ),
    (
        "[Now|Next,] [make up|invent] a question of your own and [ask a classmate|give it to your "
        "neighbour]."
    ),
    (
        "[That is all|That was the last question] for today. [Keep this page|Put the sheet in your "
        "folder] for [later|the test on Friday]."
    ),
)
# Relations of one value, whose values can stand in a list of options as they are.
_NAMELESS_RELATIONS = frozenset("symbol number continent order born died profession".split())
_CHOICE_RELATIONS = _NAMELESS_RELATIONS | {"capital", "language", "currency", "planet", "young"}
_MARKS = ("Answer:", "Solution:")
_KEY = 0.1  # how often all the answers come after all the questions
# How many of the answers of a sheet are bare values. Sentences are what other documents tell facts
# by, so that a question is seen to lead to what was read.
_SHORT = (0.0, 0.2, 0.6)


def _pairs(draw: Draw, subjects: Sequence[Subject], short: float) -> list[tuple[str, str]]:
    """Each fact as a question and a sentence or a bare value that answers it."""
    pairs, used = [], set()
    for fact in draw.shuffled([fact for subject in subjects for fact in subject.facts]):
        question, answer = telling.asked(draw, fact, used)
        full = not draw.chance(short)
        pairs.append(
            (question, english.sentence(telling.clause(draw, fact, used=used) if full else answer))
        )
    return pairs


def write(draw: Draw, subjects: Sequence[Subject]) -> tuple[str, str]:
    kinds = {subject.entity.kind for subject in subjects}
    kind = kinds.pop() if len(kinds) == 1 else ""
    layout = _with_key if draw.chance(_KEY) else draw.pick((_numbered, _marked, _run_on))
    # An answer on a line of its own is a whole sentence: filters take shorter lines for debris.
    short = 0.0 if layout is _marked else draw.pick(_SHORT)
    pairs = _choices(draw, subjects) if draw.chance(0.15) else _pairs(draw, subjects, short)
    fields = {
        "teacher": draw.pick(TEACHERS),
        "name": draw.pick(GIRLS + BOYS),
        "count": english.number_word(len(pairs)),
    }
    blocks = [telling.fill(draw, _INTRODUCTIONS, **fields)]
    blocks.append(layout(draw, pairs))
    if draw.chance(0.75):
        blocks.append(telling.fill(draw, _ENDINGS, **fields))
    return telling.fill(draw, _TITLES[kind]), "\n\n".join(blocks)


@functools.cache
def _values(kind: str, relation: str) -> tuple[str, ...]:
    """All values a relation takes in the tables, in their order."""
    found = (fact.value for fact in facts.load() if (fact.kind, fact.relation) == (kind, relation))
    return tuple(dict.fromkeys(found))


def _choices(draw: Draw, subjects: Sequence[Subject]) -> list[tuple[str, str]]:
    """As _pairs, but two wrong answers are offered beside the right one where that can be done.

    They come from the worksheet's own facts, or from the tables where no value names an entity,
    for a name in the list might be one that the world withholds.
    """
    pairs, used = [], set()
    told = draw.shuffled([fact for subject in subjects for fact in subject.facts])
    for fact in told:
        question = telling.question(draw, fact, used)
        relation = (fact.kind, fact.relation)
        values = [other.value for other in told if (other.kind, other.relation) == relation]
        if fact.relation in _NAMELESS_RELATIONS:
            values += _values(*relation)
        wrong = [value for value in dict.fromkeys(values) if value != fact.value]
        if fact.relation in _CHOICE_RELATIONS and len(wrong) >= 2:
            options = draw.shuffled([fact.value, *draw.some(wrong, 2)])
            question = f"{question} {english.capitalized(english.listed(options, ' or '))}?"
        pairs.append((question, english.sentence(telling.clause(draw, fact, used=used))))
    return pairs


def _numbered(draw: Draw, pairs: Sequence[tuple[str, str]]) -> str:
    mark = draw.pick(_MARKS)
    label = draw.pick(("", "Question "))
    stop = ":" if label else "."
    lines = (f"{label}{i}{stop} {q} {mark} {a}" for i, (q, a) in enumerate(pairs, 1))
    return "\n".join(lines)


def _marked(draw: Draw, pairs: Sequence[tuple[str, str]]) -> str:
    ask, reply = draw.pick((("Q:", "A:"), ("Question:", "Answer:"), ("Q.", "A.")))
    return "\n".join(f"{ask} {question}\n{reply} {answer}" for question, answer in pairs)


def _with_key(draw: Draw, pairs: Sequence[tuple[str, str]]) -> str:
    """All the questions first, then the answers under the same numbers."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    numbers = draw.chance(0.6)
    labels = [f"{i}." if numbers else f"({letters[i - 1]})" for i in range(1, len(pairs) + 1)]
    questions = "\n".join(f"{label} {q}" for label, (q, _) in zip(labels, pairs, strict=True))
    answers = " ".join(f"{label} {a}" for label, (_, a) in zip(labels, pairs, strict=True))
    return (
        f"{questions}\n\n{draw.pick(('Answers:', 'Solutions:', 'Here are the answers:'))} {answers}"
    )


def _run_on(draw: Draw, pairs: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"{question} {answer}" for question, answer in pairs)
