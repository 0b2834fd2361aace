"""Study notes: numbered points about one or two entities."""

from collections.abc import Sequence

from data.world import english, telling
from data.world.draw import Draw
from data.world.genres.prose import BOYS, GIRLS, TEACHERS
from data.world.telling import Subject

_HEADINGS = (
    "Here are {count} things [to know|to remember|worth remembering] about {e}.",
    (
        "[My notes|Notes|What I wrote down] [on|about] {e}, [for the test|from today's lesson|in "
        "no special order]."
    ),
    (
        "[Today|This week] we [learned|read|heard] about {e}. [These are|Here are] the [main|most "
        "important] points."
    ),
    "[For my talk|For the poster] about {e} I [collected|gathered] {count} facts.",
    (
        "{name} [asked me|wanted me] to [sum up|write down] what we know about {e}. [Here it "
        "is|This is what I have]."
    ),
    (
        "{teacher} [told us|reminded us] [to revise|to repeat|to go over] {e} [once more|before "
        "Friday]. [So here are my notes|I put it all on one page]."
    ),
)
_REMARKS = (
    "[I must|Must] not forget this.",
    "[This will|That will|It will surely] be in the test.",
    "I [looked it up|checked it] twice.",
    "That one is easy.",
    "[It took me a while|I needed some time] to learn this.",
    "[Underline this|I underlined this].",
    "[I drew a picture of it|There was a picture of it] in [my notebook|the book].",
    "{name} [knew this already|did not believe it at first|asked about this in class].",
)
_ENDINGS = (
    (
        "[That is all|That is everything] for [today|now]. [Tomorrow I will read it again|I will "
        "ask someone to test me]."
    ),
    "[If I can repeat all of this|Once I know this by heart], I am [ready|well prepared].",
    (
        "[I will show this to|I will compare this with] {name}, who [missed the lesson|takes "
        "better notes than I do]."
    ),
    (
        "[Writing it down|Making a list] [helps me to remember|is half the work], [at least that "
        "is what|as] {teacher} says."
    ),
    "[Next time|In the next lesson] we [start a new topic|have a quiz on this].",
)


def write(draw: Draw, subjects: Sequence[Subject]) -> tuple[str, str]:
    fields = {"name": draw.pick(GIRLS + BOYS), "teacher": draw.pick(TEACHERS)}
    numbered = draw.chance(0.6)
    abouts = [s.entity.forms.get("s", s.entity.forms["e"]) for s in subjects]
    headings, comments = draw.shuffled(_HEADINGS), draw.shuffled(_REMARKS)
    blocks = []
    for i, (subject, about) in enumerate(zip(subjects, abouts, strict=True)):
        count = english.number_word(len(subject.facts))
        head = telling.fill(draw, headings[i : i + 1], e=about, count=count, **fields)
        told = telling.sentences(draw, draw.shuffled(subject.facts))
        remarks = 0.2 if len(told) > 4 else 0.6
        for j, text in enumerate(told):
            if comments and draw.chance(remarks):
                told[j] = f"{text} {telling.fill(draw, (comments.pop(),), **fields)}"
        if numbered:
            told = [f"{i}. {text}" for i, text in enumerate(told, 1)]
        blocks.append("\n".join((head, *told)) if numbered else " ".join((head, *told)))
    few = sum(len(subject.facts) for subject in subjects) < 5
    endings = draw.some(_ENDINGS, 2 if few else 1)
    blocks.append(" ".join([telling.fill(draw, (ending,), **fields) for ending in endings]))
    title = english.listed(abouts)
    return f"{draw.pick(('Notes on', 'About', 'Facts about'))} {title}", "\n\n".join(blocks)
