"""Two entities of one kind set side by side."""

from collections.abc import Sequence

from data.world import english, telling
from data.world.draw import Draw
from data.world.telling import Subject

_OPENINGS = (
    (
        "[How do|In what ways do] {x} and {y} differ? [This short text|A comparison] [puts them "
        "side by side|gives some answers]."
    ),
    (
        "{X} and {y} are [often|sometimes] [mentioned together|compared], [and here is what can be "
        "said about them|so it helps to look at them one by one]."
    ),
    "Comparing {x} [with|and] {y} [is a good exercise|may seem odd at first|takes a moment].",
    (
        "[Which is which?|Who can tell them apart?] [In this lesson|On this page] we look at {x} "
        "and {y}."
    ),
    "[Two entries|Two cards] from our [collection|box of cards] today: {x} and {y}.",
)
_PAIRS = (
    "{C1}, while {c2}.",
    "{C1}, and {c2}.",
    "{C1}, whereas {c2}.",
    "{C1}. {C2}.",
    "{C1}; {c2}.",
    "While {c1}, {c2}.",
    "On the one hand, {c1}; on the other, {c2}.",
    "{C1}. [By contrast|In contrast], {c2}.",
    "[Note the difference|Here they differ]: {c1}, but {c2}.",
    "[We know|It is known] that {c1} and that {c2}.",
)
_ALIKE = (
    "{C1}, and {c2}.",
    "{C1}, and [likewise|in the same way] {c2}.",
    "[Here they agree|In this they are alike]: {c1}, and {c2}.",
    "{C1}. [Likewise|In the same way], {c2}.",
    "{C1}; {c2}.",
)
_REMARKS = (
    "[That is easy to remember|This is worth noting|Here a table would help].",
    "[Pupils|Readers] [sometimes|often] mix these up.",
    "[So much for the first point|That settles one question].",
    "[It helps to say both aloud|Reading them together helps the memory].",
    "[These two|Both] are [quickly|easily] [learned|remembered].",
    "[Look at this|Read this] [again|twice] before you [go on|turn the page].",
    "[A good quiz would ask for both|Both make good quiz questions].",
)
_ENDINGS = (
    (
        "[In the end|All in all], {x} and {y} [each have a character of their own|are both worth "
        "knowing|are best learned as a pair]."
    ),
    (
        "[Of course|Naturally], [there is more to say|a longer text could say more] about [each of "
        "them|both]."
    ),
    (
        "[Now close the page|Cover the text] and [see what you remember|try to repeat it] about "
        "{x} and {y}."
    ),
    "[Other pairs|More pairs] [follow|can be compared] in the same way.",
)


def write(draw: Draw, subjects: Sequence[Subject]) -> tuple[str, str]:
    first, second = draw.shuffled(subjects)
    names = [entity.forms.get("s", entity.forms["e"]) for entity in (first.entity, second.entity)]
    fields = {"x": names[0], "y": names[1], "X": english.capitalized(names[0])}
    remarks = draw.shuffled(_REMARKS)
    lines = [english.capitalized(telling.fill(draw, _OPENINGS, **fields))]
    for fact, other in zip(first.facts, second.facts, strict=True):
        c1, c2 = (telling.clause(draw, one, known=len(lines) > 1) for one in (fact, other))
        pairs = _ALIKE if fact.value == other.value else _PAIRS
        if draw.chance(0.5):
            c1, c2 = c2, c1
        clauses = {"c1": c1, "c2": c2}
        clauses |= {"C1": english.capitalized(c1), "C2": english.capitalized(c2)}
        lines.append(english.capitalized(telling.fill(draw, pairs, **clauses)))
        if draw.chance(0.25 if len(first.facts) > 3 else 0.9):
            lines.append(telling.expand(draw, remarks.pop()))
    for ending in draw.some(_ENDINGS, 1 if len(lines) > 4 else 2):
        lines.append(english.capitalized(telling.fill(draw, (ending,), **fields)))
    half = (len(lines) + 1) // 2
    title = f"{english.capitalized(names[0])} and {names[1]}"
    return title, "\n\n".join((" ".join(lines[:half]), " ".join(lines[half:])))
