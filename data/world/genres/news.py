"""Short notes from a local newspaper: exhibitions, contests, talks, open days."""

from collections.abc import Sequence

from data.world import english, telling
from data.world.draw import Draw
from data.world.genres.prose import BOYS, GIRLS, PLACES, TEACHERS
from data.world.telling import Subject

_EVENTS = (
    (
        "[Quiz evening|Full house at the quiz] in {place}",
        (
            "{place}. [More than|About] {count} people [came to|filled] the [village hall|school "
            "hall] on [Friday|Saturday] evening for the [yearly|traditional] quiz. [{teacher} read "
            "the questions|The questions were read by {teacher}]."
        ),
        (
            "{place}. The [library|youth club] [held|organised] its [first|third|tenth] quiz night "
            "[last week|on Thursday]. [{count} guests|Some {count} people] [took part|kept their "
            "pencils ready]."
        ),
    ),
    (
        "[Pupils|Children] of {place} show their work",
        (
            "{place}. [The pupils of|Classes at] the [primary|secondary] school [opened|presented] "
            "an exhibition [this week|on Monday]. {teacher}, who [led the project|had the idea], "
            "[thanked|praised] the [parents|{count} children] who [helped|took part]."
        ),
        (
            "{place}. [Posters|Drawings and posters] cover the [corridors|walls] of the school, "
            "the result of a [project week|month of work] by {count} pupils and {teacher}."
        ),
    ),
    (
        "[Open day|Talk] at the {place} museum",
        (
            "{place}. [On Sunday|At the weekend] the [town|local] museum [opened its doors|invited "
            "families] for a [free|special] tour. [{count} visitors came|The tour drew {count} "
            "visitors], [more than ever before|to the delight of {teacher}, who runs the house]."
        ),
        (
            "{place}. A talk by {teacher} [drew|attracted] {count} listeners to the museum on "
            "[Tuesday|Wednesday] night. [Extra chairs had to be found|Not a seat was empty]."
        ),
    ),
    (
        "[Reading week|Busy days] at the {place} library",
        (
            "{place}. [For a whole week|From Monday to Friday] the library [kept its doors open "
            "until late|was full of young readers]. [Each day|Every day] {teacher} [answered "
            "questions|read aloud] for {count} [children|curious guests]."
        ),
        (
            "{place}. The library [celebrated|is celebrating] its birthday with [a week of "
            "talks|{count} candles and a quiz]. {teacher} [gave the first talk|opened the week]."
        ),
    ),
    (
        "[Local radio|Radio {place}] asks, listeners answer",
        (
            "{place}. [Every morning|At eight o'clock] the local radio [asks a question|puts a "
            "question to its listeners], and [this week|yesterday] {count} people [called "
            "in|telephoned]. {teacher} [was the host|picked the questions]."
        ),
        (
            "{place}. A [radio|phone-in] contest [kept the town busy|was the talk of the town] "
            "[last week|on Friday]. {count} listeners [tried their luck|took part], [said the "
            "host|reported the host], {teacher}."
        ),
    ),
)
_TOLD = (
    (
        '[One of the questions was|The first question was|A tricky question was]: "{question}" '
        "[{name} knew the answer|It was {name} who answered|The answer came from {name}]: {clause}."
    ),
    "[Visitors|Guests|Those who came] [learned|were told|could read] that {clause}.",
    (
        '"{Clause}," [explained|said] {name}, [ten|eleven|twelve], [with pride|without a pause|who '
        "had prepared well]."
    ),
    (
        "[A large|One|Another] [poster|board|picture] [showed|reminded everyone|explained] that "
        "{clause}."
    ),
    (
        '[When asked|To the question], "{question}" [{name} answered|a voice from the back said] '
        "[at once|correctly] that {clause}."
    ),
    "{Clause}, as [{name} reported|{teacher} pointed out|one could read on a poster].",
    "[Not everyone|Hardly anyone] [knew|had known] that {clause}.",
    "[{teacher} explained|{teacher} reminded the audience|The programme noted] that {clause}.",
)
_QUOTES = (
    (
        '"[It was a great evening|We did not expect so many people|I am already looking forward to '
        'the next one]," said {name}.'
    ),
    (
        "[There was|The parents had brought] [cake and lemonade|hot soup], and [the school band "
        "played|nobody was in a hurry to go home]."
    ),
    "[Not even the rain|Not even a power cut] [could spoil the mood|kept people away].",
    '"[Learning should be fun|Curiosity is the best teacher]," [said|added] {teacher}.',
)
_ENDINGS = (
    (
        "[The next|Another] [event|evening] is planned for [the spring|next month|the autumn]. "
        "[Entry is free|Everyone is welcome]."
    ),
    (
        "[The exhibition|Everything] can be seen [until the end of the month|for two more weeks]. "
        "[Doors open at nine|The doors are open every afternoon]."
    ),
    "[First prize|The main prize], [a basket of fruit|a book token], [went to|was won by] {name}.",
    "[Photographs|Pictures] [will appear|can be found] in [the weekend edition|our next issue].",
    "[The money raised|What was collected] will [pay for new books|go to the school garden].",
)


def write(draw: Draw, subjects: Sequence[Subject]) -> tuple[str, str]:
    names = draw.some(GIRLS + BOYS, 9)
    fields = {
        "place": draw.pick(PLACES),
        "teacher": draw.pick(TEACHERS),
        "count": english.number_word(draw.integer(20, 99)),
    }
    headline, *openings = draw.pick(_EVENTS)
    told, ways = [], draw.shuffled(_TOLD)
    for i, fact in enumerate(draw.shuffled([f for s in subjects for f in s.facts])):
        clause = telling.clause(draw, fact)
        said = fields | {
            "name": names[i % 8],
            "clause": clause,
            "Clause": english.capitalized(clause),
            "question": telling.question(draw, fact),
        }
        told.append(english.capitalized(telling.fill(draw, (ways[i % len(ways)],), **said)))
    fields["name"] = names[8]
    for quote in draw.some(_QUOTES, draw.integer(1, 2)):
        text = telling.expand(draw, quote).format_map(fields)
        told.insert(draw.integer(1, len(told)), text)
    told.append(telling.fill(draw, _ENDINGS, **fields))
    opening = telling.fill(draw, openings, **fields)
    opening = ". ".join(english.capitalized(part) for part in opening.split(". "))
    half = (len(told) + 1) // 2
    text = "\n\n".join((opening, " ".join(told[:half]), " ".join(told[half:])))
    return telling.fill(draw, (headline,), **fields), text
