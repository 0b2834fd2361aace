"""School jokes: a question, a silly answer and the right one; and short ones about anything."""

from collections.abc import Sequence

from data.world import english, telling
from data.world.draw import Draw
from data.world.genres.prose import BOYS, GIRLS, TEACHERS
from data.world.jokes import grammar
from data.world.telling import Subject

_SILLY = {
    "capital": ("The first letter, as with every name!", "It depends on who is reading the map!"),
    "continent": ("It was there yesterday, I am sure of it!", "Right under the word on the map!"),
    "language": ("Very quickly, as far as I can hear!", "Words, mostly!"),
    "currency": ("My father says there is never enough of it!", "Whatever falls out of the sofa!"),
    "symbol": ("I only know the one for no parking!", "A tiny drawing of it, I hope!"),
    "number": ("Is that its house number or its telephone number?", "More than I have fingers!"),
    "legs": ("They would not stand still while I counted!", "One for each corner!"),
    "young": ("Usually for dinner!", "By its first name!"),
    "group": ("A traffic jam!", "Too many for our bathroom!"),
    "sound": ("None, if you give it enough to eat!", "The one that wakes me on Sundays!"),
    "food": ("My homework, if you will believe me!", "Whatever the others leave!"),
    "habitat": ("In chapter four!", "Next door, from the sound of it!"),
    "born": ("On a birthday, surely!", "Before the lunch break, I suppose!"),
    "died": ("Too early to ask in person!", "At the end, I think!"),
    "birthplace": (
        "In bed, like most babies!",
        "At home, I hope, because the mother was there too!",
    ),
    "use": ("For losing it!", "My sister uses it for annoying me!"),
    "place": ("Wherever I looked last!", "On the floor of my room!"),
    "order": ("It did not push in, I hope!", "That depends on who got up first!"),
    "year": ("Longer than this lesson!", "As long as I wait for my sister!"),
}
_ANYTHING = (
    "I knew it before you asked!",
    "It is on the tip of my tongue, but my mouth is closed!",
    "My dog ate the page with the answer!",
    "I would tell you, but then the others would copy me!",
    "Could you ask my neighbour? He needs the practice!",
    "If I knew that, I would not have to come to school!",
    "That was in the lesson I slept through!",
    "I wrote it on my hand, and then I washed it!",
    "The answer is in my bag, and my bag is at home!",
    "My grandmother said I should never talk about such things!",
)
_SCRIPTS = (
    (
        '{teacher} asks [{pupil}|little {pupil}], "{question}" {pupil} [thinks hard|scratches '
        '{his} head|stands up] and says, "{silly}" "[Not quite|Very funny|Nice try]," says '
        '{teacher}. "{Clause}."'
    ),
    (
        '"{pupil}, {question_low}" asks {teacher}. "{silly}" says {pupil}. {teacher} [sighs|cannot '
        'help laughing|closes the book]. "{Clause}, and you will [write it ten times|tell us again '
        'tomorrow]."'
    ),
    'Teacher: "{question}" {pupil}: "{silly}" Teacher: "No! {Clause}."',
    (
        'At the [kitchen|dinner] table, {pupil} is asked, "{question}" "{silly}" [comes the '
        "answer|is the reply]. [Even the cat shakes its head|Everyone laughs]. [Of course|As "
        "everyone else knows], {clause}."
    ),
    (
        '{pupil} comes home with a bad mark. "[What happened|What went wrong]?" asks {his} father. '
        '"They asked me: {question}" "And what did you say?" "I said: {silly}" "[Oh dear|No '
        'wonder]," says the father. "{Clause}!"'
    ),
    (
        "What is the difference between {pupil} and [an encyclopedia|a schoolbook]? [Ask both|Put "
        'this to both of them]: {question} The book says that {clause}. {pupil} says, "{silly}"'
    ),
    (
        "A [parrot|robot|taxi driver] and a professor [sit|meet] [on a train|in a waiting room]. "
        '"{question}" asks the professor. "{silly}" says the other. "[Wrong|Dear me, no]! '
        '{Clause}."'
    ),
)
_INTRODUCTIONS = (
    (
        "[Jokes|A few jokes] from the [school magazine|last page of the class newspaper], "
        "[collected|sent in] by {pupil}."
    ),
    (
        "[Laughing|A good laugh] helps the memory. [So here are some school jokes|Try these on "
        "your friends]."
    ),
    (
        "[Our readers|The pupils of class five] [sent us|told us] their [favourite|best] jokes "
        "[about lessons|from the classroom]."
    ),
    (
        "[Who says that learning is dull?|Do you like jokes?] [Here are a few|These come] from our "
        "classroom."
    ),
)
_SHORT = (
    "[Short ones|And now the short ones], [which everyone knows|as they are told in the break].",
    "[In the break|On the way home] [we tell|the little ones tell] [these|other ones].",
    "[Here are some|Some more], [not about lessons at all|just for fun].",
)


def write(draw: Draw, subjects: Sequence[Subject]) -> tuple[str, str]:
    pupils = draw.some([(name, "her") for name in GIRLS] + [(name, "his") for name in BOYS], 6)
    blocks = [telling.fill(draw, _INTRODUCTIONS, pupil=pupils[-1][0])]
    told = [fact for subject in subjects for fact in subject.facts]
    scripts = draw.some(_SCRIPTS, len(told))
    jokes = draw.shuffled(_ANYTHING)
    for fact, (pupil, his), script in zip(told, pupils, scripts, strict=False):
        question = telling.question(draw, fact)
        clause = telling.clause(draw, fact)
        silly = draw.pick((*_SILLY.get(fact.relation, ()), jokes.pop()))
        fields = {
            "pupil": pupil,
            "his": his,
            "teacher": draw.pick(TEACHERS),
            "question": question,
            "question_low": question[0].lower() + question[1:],
            "silly": silly,
            "clause": clause,
            "Clause": english.capitalized(clause),
        }
        blocks.append(telling.fill(draw, (script,), **fields))
    if short := grammar.told(draw, [subject.entity for subject in subjects], draw.integer(3, 5)):
        blocks += [telling.fill(draw, _SHORT), *short]
    return telling.fill(draw, ("[School jokes|Classroom jokes|A page of jokes]",)), "\n\n".join(
        blocks
    )
