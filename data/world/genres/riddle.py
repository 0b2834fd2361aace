"""Guessing games: a few clues, then what they point to."""

from collections.abc import Sequence

from data.world import english, telling
from data.world.draw import Draw
from data.world.genres.prose import BOYS, GIRLS, TEACHERS
from data.world.telling import Subject

_SOUGHT = {
    "country": "a country",
    "element": "a chemical element",
    "animal": "an animal",
    "planet": "a world in space",
    "moon": "a moon",
    "person": "a famous person",
    "thing": "an everyday thing",
}
_INTRODUCTIONS = (
    (
        "[The rules|The rules of this game] are [simple|easy]: {teacher} [gives|reads out] the "
        "clues, and [whoever|the first one who] knows the answer [raises a hand|calls it out]."
    ),
    (
        "[Guessing games|Riddles] for [the train|a rainy day|the last lesson], [collected|thought "
        "up] by {name}. [Cover the last line of each|Read slowly], and see [how soon|whether] you "
        "[know the answer|can tell what is meant]."
    ),
    (
        "{name} and {other} [have invented|love] a game: one [of them |]thinks of something, and "
        "[the other one|the other] must [guess it|find out what it is] from the clues."
    ),
    (
        "[How many clues do you need|Who is the first to know]? [Here are|We have] {count} "
        "riddles [from our collection|of different kinds|for quick heads]."
    ),
)
_STARTS = (
    "[I am|{name} is] thinking of {sought}.",
    "[The answer to this one|What we are looking for] is {sought}.",
    "[Guess|Find] {sought} from these clues.",
    "[Number {number}|Riddle {number}]: {sought}.",
    "[This time|Here], {sought} [is hidden|is meant|must be found].",
)
_REVEALS = (
    "[What is it|Who knows it|Do you know]? [The answer is|It is] {e}.",
    "[Of course|Yes], it is {e}!",
    (
        '"[It must be|That is|I say it is] {e}!" [calls|says|guesses] {other}, and [that is '
        "right|is right]."
    ),
    "[The solution|The answer]: {e}.",
    "[Nobody knew|Only {other} knew] that [the answer|what was meant] was {e}.",
    "[All the clues|The clues] point to {e}.",
)
_ENDINGS = (
    "[Now think up|Now make] a riddle [of your own|for your friends] with [three|four] clues.",
    (
        "[That was the last one|No more riddles] [for today|this time]. [More follow next "
        "week|Send us yours]."
    ),
    (
        "[Whoever|Anyone who] [guessed them all|got all of them] [may be proud|wins a round of "
        "applause]."
    ),
    (
        "[Read them|Try them] [aloud|out] [at home|at the dinner table] and see who [is "
        "quickest|knows most]."
    ),
)


def _clues(draw: Draw, subject: Subject) -> str:
    """The facts as sentences that do not name the entity."""
    told = [telling.hint(draw, fact) for fact in draw.shuffled(subject.facts)]
    return " ".join(english.sentence(clause) for clause in told)


def write(draw: Draw, subjects: Sequence[Subject]) -> tuple[str, str]:
    name, other = draw.some(GIRLS + BOYS, 2)
    fields = {"name": name, "other": other, "teacher": draw.pick(TEACHERS)}
    fields["count"] = english.number_word(len(subjects))
    blocks = [telling.fill(draw, _INTRODUCTIONS, **fields)]
    starts, reveals = draw.shuffled(_STARTS), draw.shuffled(_REVEALS)
    for i, subject in enumerate(subjects):
        entity = subject.entity
        fields |= {"sought": _SOUGHT[entity.kind], "number": english.number_word(i + 1)}
        fields["e"] = entity.forms.get("a", entity.forms["e"])
        start = english.capitalized(telling.fill(draw, (starts[i],), **fields))
        reveal = english.capitalized(telling.fill(draw, (reveals[i],), **fields))
        blocks.append(f"{start} {_clues(draw, subject)} {reveal}")
    blocks.append(telling.fill(draw, _ENDINGS))
    title = telling.fill(draw, ("[Riddles|Guess what|What is meant|A guessing game]",))
    return title, "\n\n".join(blocks)
