"""Diary pages and letters: a day on which something about one entity was learned."""

from collections.abc import Sequence

from data.world import english, telling
from data.world.draw import Draw
from data.world.genres.prose import BOYS, GIRLS, TEACHERS
from data.world.telling import Subject

_OCCASIONS = {
    "country": (
        (
            "[Today|This afternoon] [a traveller|a friend of my parents|my uncle] [showed us "
            "pictures|told us about a journey]. [The pictures were|It was all] about {e}."
        ),
        (
            "[We are planning|My parents are planning] a trip to {e}, and I have been [reading the "
            "guidebook|studying the map] [all evening|since lunch]."
        ),
        (
            "[In geography|At school] it was my turn to [give a talk|speak], and my subject was "
            "{e}. [My knees were shaking|I was quite calm]."
        ),
        (
            "[A new family|A new girl|A new boy] from {e} [has moved into our street|has joined "
            "our class], and [I wanted to know|we asked] where that is and what it is like."
        ),
    ),
    "element": (
        (
            "[We had|Today there was] chemistry in the [big|old] laboratory, and the "
            "[topic|subject of the day] was {e}."
        ),
        (
            "[I drew a card|Everyone drew a card] with [the name of an element|an element on it] "
            "for [the class project|a short talk]. Mine says {e}."
        ),
        (
            "{teacher} [put up|hung] a [huge|colourful] periodic table in our room, and I was "
            "[asked|told] to [present|explain] {e}."
        ),
    ),
    "animal": (
        (
            "[We went|Our class went] to the [zoo|nature museum] today, and [the best part was|I "
            "liked most of all] what we learned about {s}."
        ),
        (
            "[I cannot stop thinking|All day I have been thinking] about {s}. [It began with|The "
            "reason is] a [film|book] [my sister brought home|I found in the library]."
        ),
        (
            "[Grandfather|My aunt] [knows a lot|told me many things] about {s}, [and this "
            "evening|and over supper] we [talked for hours|had a long talk]."
        ),
        (
            "For the [biology|science] project I [chose|was given] {s}. [At first|In the "
            "beginning] I was [not happy|disappointed], but [now I am|that has changed]."
        ),
    ),
    "planet": (
        (
            "[Last night|Tonight] the sky was clear, and {teacher} [let us look|invited us to "
            "look] through the [big|school] telescope. [We talked|Everyone talked] about {e}."
        ),
        (
            "[I am building|We are building] a model of [the solar system|space] [from paper|out "
            "of clay], and today I [painted|worked on] {e}."
        ),
        (
            "The [observatory|planetarium] was [dark and cool|very quiet], and a [kind|tall] woman "
            "[told us|spoke] about {e}."
        ),
    ),
    "person": (
        (
            "[There is|We saw] an exhibition about {e} in the [town hall|museum]. [I took notes|I "
            "went there with my class]."
        ),
        (
            "[I have been reading|I finished] a [life|biography] of {e} [under the blanket|in two "
            "days], and [here is what I want to keep|I will write down what I remember]."
        ),
        (
            "{teacher} gave [each of us|every pupil] a famous name for [a short talk|the history "
            "project]. [I got|Mine is] {e}."
        ),
        (
            "[At supper|In the car] we played a game in which you must guess [who you are|a famous "
            "person]. I was {e}, [and nobody guessed it|and it took an hour]."
        ),
    ),
    "thing": (
        (
            "[We tidied|I had to tidy] the [cellar|attic|garage] today, and [what should turn up "
            "but|the strangest find was] {a}."
        ),
        (
            "For [school|English class] I must [describe an everyday object|write about an "
            "ordinary thing]. I [chose|picked] {a}."
        ),
        (
            "[My little cousin|My small brother] wants to know [what everything is for|the name of "
            "everything]. Today it was {a}."
        ),
    ),
}
_OCCASIONS["moon"] = _OCCASIONS["planet"]
_LEARNED = (
    "[I learned|Now I know|I wrote in my notebook] that {clause}.",
    "{Clause}. [I did not know that|I had never thought about it|That was new to me].",
    "{Clause}.",
    "[It seems|It turns out|I found out] that {clause}.",
    "[They say|Everyone agrees|The book says] that {clause}.",
    (
        '[Someone|{name}|A boy in the front row] asked, "{question}" [I could have answered|I knew '
        "it]: {clause}."
    ),
    "{Clause}[!|.]",
    "What I [liked best|will remember] is that {clause}.",
    "{name} [did not believe me|was surprised] when I said that {clause}.",
)
_FEELINGS = (
    "[My head is full|I am tired] now, but [in a good way|it was a fine day].",
    "[It is strange|I find it funny] how [one question leads to the next|little one knows].",
    (
        "[For supper we had|This evening we ate] [soup|pancakes|potatoes], and [it is raining "
        "again|the window is open while I write]."
    ),
    "{name} [sends greetings|came by later] and [we talked about it|asked what I was writing].",
    "[I wish|If only] every day [were like this|could be as interesting].",
    (
        "[Outside|In the street] [somebody is laughing|it has grown dark], and [the house is "
        "quiet|I can hear the rain]."
    ),
    (
        "[I drew|I stuck] a [small|little] picture [on the page|in the margin], [though I cannot "
        "draw very well|and it looks almost right]."
    ),
    "[I must|I want to] [ask|tell] {teacher} about [it|this] [on Monday|tomorrow].",
)
_LETTER_ENDINGS = (
    (
        "[Write soon|Please write back] and tell me [what you are reading|how you are]. [Love|Best "
        "wishes|Yours], {writer}."
    ),
    (
        "[Now I must|I have to] [sleep|stop]. [More tomorrow|I will write again soon]. "
        "[Love|Yours], {writer}."
    ),
    (
        "[Give my love|Say hello] to [your sister|your parents|everyone], and [come and visit "
        "us|do not forget to answer]. [Yours|Your friend], {writer}."
    ),
    (
        "[Is it cold where you are|Have you learned anything new|What did you do this week]? [Your "
        "old friend|Best wishes|Love], {writer}."
    ),
)
_ENDINGS = (
    "[Good night|That is all for today], dear diary. [Tomorrow is|There will be] another day.",
    "[Now I must|I have to] [sleep|stop]. [More tomorrow|I will write again soon].",
    "[The lamp is going out|Mother is calling]. [To be continued|I will finish this tomorrow].",
    (
        "[I am glad|It is good] that I [wrote it down|keep this diary], [for I forget so "
        "easily|because memory is short]."
    ),
)
_LETTER_STARTS = (
    (
        "Dear {name}, [thank you for your letter|I hope you are well|how are you?|I promised to "
        "write]. "
    ),
    "Dear {name}, [it has been a while|your card made me happy|here is the letter I owe you]. ",
)
_STARTS = (
    "[Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday][ evening|, late|, after supper|]. ",
    "Dear diary, [what a day|it has been a long day|I have news]. ",
    "",
)


def write(draw: Draw, subjects: Sequence[Subject]) -> tuple[str, str]:
    subject = subjects[0]
    name, writer = draw.some(GIRLS + BOYS, 2)
    names = {"name": name, "writer": writer, "teacher": draw.pick(TEACHERS)}
    letter = draw.chance(0.3)
    start = telling.fill(draw, _LETTER_STARTS if letter else _STARTS, **names)
    start = start.replace("?. ", "? ")
    names["name"] = draw.pick([other for other in GIRLS + BOYS if other not in (name, writer)])
    occasion = telling.fill(
        draw, _OCCASIONS[subject.entity.kind], **subject.entity.forms, **names
    ).replace("  ", " ")
    told = []
    learned = draw.shuffled(_LEARNED)
    for i, fact in enumerate(draw.shuffled(subject.facts)):
        clause = telling.clause(draw, fact, known=True)
        if i % 3 == 1:
            clause = telling.continuation(draw, fact)
        fields = names | {
            "clause": clause,
            "Clause": english.capitalized(clause),
            "question": telling.question(draw, fact),
        }
        told.append(english.capitalized(telling.fill(draw, (learned[i],), **fields)))
    for feeling in draw.some(_FEELINGS, draw.integer(1, 3)):
        told.insert(
            draw.integer(1, len(told)),
            english.capitalized(telling.expand(draw, feeling).format_map(names)),
        )
    ending = telling.fill(draw, _LETTER_ENDINGS if letter else _ENDINGS, **names)
    cut = draw.integer(1, len(told) - 1)
    first = start + english.capitalized(occasion)
    blocks = (f"{first} {' '.join(told[:cut])}", f"{' '.join(told[cut:])} {ending}")
    about = subject.entity.forms.get("s", subject.entity.name)
    return f"{draw.pick(('A day with', 'A page about', 'Thinking of'))} {about}", "\n\n".join(
        blocks
    )
