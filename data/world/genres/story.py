"""Short stories: children, grandparents and neighbours, and facts that come up in their talk."""

from collections.abc import Sequence

from data.world import english, telling
from data.world.draw import Draw
from data.world.genres.plots import PLOTS
from data.world.genres.prose import BOYS, GIRLS, PLACES, TEACHERS
from data.world.telling import Subject

_ELDERS = (
    ("her grandmother", "his grandmother", "she"),
    ("her grandfather", "his grandfather", "he"),
    ("her aunt", "his aunt", "she"),
    ("her uncle", "his uncle", "he"),
    ("the old neighbour", "the old neighbour", "he"),
    ("the librarian", "the librarian", "she"),
    ("her mother", "his mother", "she"),
    ("her father", "his father", "he"),
)
# One of these brings a fact into the talk of {n}, a child, {m}, a friend, and {elder}.
_TALK = (
    '"[Did you know|Have you heard] that {clause}?" [asked|said] {n}.',
    '"{Clause}," said {elder}[, smiling| in a quiet voice| after a while|].',
    '"{question}" {m} asked. "{Clause}," [said|answered] {elder}.',
    (
        '"[Tell me something new|Tell me something I do not know]," said {m}. {n} thought for a '
        'moment. "{Clause}."'
    ),
    (
        "{Elder} [remembered|explained|told them] that {clause}. {n} [listened with wide eyes|had "
        "never heard that before|tried to remember every word]."
    ),
    '"[Wait|Listen|I know]," [whispered|said|cried] {m}, "{clause}!"',
    (
        "{n} [had read|had learned|knew] that {clause}, and [said so|told {m} about it|was proud "
        "to know it]."
    ),
    (
        '"{question}" {elder} asked. {n} [knew|had|found] the answer [at once|in a heartbeat|after '
        'a moment]. "{Clause}!"'
    ),
    (
        "[On the wall|In the old book|On a yellow card|On a piece of paper] somebody had written: "
        "{clause}. {m} read it aloud [twice|slowly|in a solemn voice]."
    ),
    (
        '"[I bet you do not know this|Here is a riddle]," said {m}. "{question}" "[I do know|That '
        'is easy]," said {n}. "{Clause}."'
    ),
    (
        '"{Clause}," said {n}. "[Really|Is that true|Are you sure]?" asked {m}. "[It is in every '
        'book|I am quite sure|Look it up]," said {n}.'
    ),
    "{n} [thought of|remembered] what {elder} [always|often] said: {clause}.",
)


def write(draw: Draw, subjects: Sequence[Subject]) -> tuple[str, str]:
    girl, friend_girl = draw.chance(0.5), draw.chance(0.5)
    first = draw.pick(GIRLS if girl else BOYS)
    second = draw.pick([name for name in (GIRLS if friend_girl else BOYS) if name != first])
    hers, his, elder_he = draw.pick(_ELDERS)
    elder = hers if girl else his
    title, beats, ending = draw.pick(PLOTS)
    fields = {
        "n": first,
        "m": second,
        "he": "she" if girl else "he",
        "him": "her" if girl else "him",
        "his": "her" if girl else "his",
        "he2": "she" if friend_girl else "he",
        "elder": elder,
        "Elder": english.capitalized(elder),
        "elder_he": elder_he,
        "place": draw.pick(PLACES),
        "teacher": draw.pick(TEACHERS),
    }
    told = draw.shuffled([fact for subject in subjects for fact in subject.facts])
    blocks = [[telling.fill(draw, pool, **fields)] for pool in beats]
    scripts = draw.shuffled(_TALK)
    for i, fact in enumerate(told):
        place = 1 + i * (len(blocks) - 1) // len(told)
        clause = telling.clause(draw, fact)
        facts_fields = fields | {
            "clause": clause,
            "Clause": english.capitalized(clause),
            "question": telling.question(draw, fact),
        }
        text = telling.fill(draw, (scripts[i % len(scripts)],), **facts_fields)
        blocks[place].append(text)
    blocks.append([telling.fill(draw, ending, **fields)])
    paragraphs = (english.capitalized_sentences(" ".join(block)) for block in blocks)
    return telling.fill(draw, (title,), **fields), "\n\n".join(paragraphs)
