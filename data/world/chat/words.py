"""Words to spell and count letters in: common, rare and made up."""

import functools
import re

from data.world import documents, facts
from data.world.draw import Draw

_WORDS = (
    "strawberry banana mississippi bookkeeper committee parallel occurrence rhythm onomatopoeia "
    "balloon coffee bubble pepper summer winter spring letter yellow purple orange silver golden "
    "butter bottle kettle puzzle giraffe lettuce cabbage carrot tomato potato cucumber pineapple "
    "apricot raspberry blueberry blackberry gooseberry chocolate vanilla cinnamon marmalade "
    "sandwich breakfast dinner supper kitchen cellar attic chimney staircase corridor garden "
    "meadow forest mountain valley river harbour lighthouse island peninsula glacier volcano "
    "earthquake hurricane thunderstorm rainbow snowflake avalanche waterfall whirlpool lagoon "
    "necessary possess success address assess embarrass accommodate millennium questionnaire "
    "mayonnaise broccoli spaghetti macaroni zucchini cappuccino ukulele accordion xylophone "
    "saxophone trombone clarinet tambourine orchestra symphony melody harmony rehearsal theatre "
    "audience applause curtain costume ballet dancer singer drummer painter carpenter plumber "
    "gardener librarian professor engineer astronomer biologist chemist geologist historian "
    "mathematics geometry algebra fraction triangle rectangle pentagon hexagon octagon cylinder "
    "sphere pyramid diameter perimeter circumference parallelogram zigzag labyrinth pharaoh "
    "sphinx hieroglyph catacomb cathedral monastery fortress drawbridge knight dragon wizard "
    "unicorn mermaid phoenix goblin giant dwarf kingdom emperor princess treasure pirate compass "
    "anchor sailor captain voyage adventure journey luggage passport airport railway carriage "
    "locomotive submarine helicopter parachute skyscraper elevator escalator vocabulary alphabet "
    "consonant syllable sentence paragraph chapter dictionary encyclopedia grammar punctuation "
    "apostrophe semicolon parenthesis abbreviation quixotic zephyr sylph gossamer ephemeral "
    "serendipity effervescent mellifluous bamboozle flabbergasted hullabaloo kerfuffle lollygag "
    "nincompoop persnickety rigmarole skedaddle taradiddle whippersnapper collywobbles "
    "gobbledygook higgledy flummoxed brouhaha cacophony defenestrate sesquipedalian "
    "antidisestablishment floccinaucinihilipilification pneumonia psychology rhododendron "
    "chrysanthemum hippopotamus"
).split()
# Chosen so that what is made up is not rude: hence no "i", "u" or "y" alone, and no "ck".
_ONSETS = "b bl br c ch cl d dr f fl g gl gr h j k l m n pl pr qu r s sh sl sn st t th tr v w z"
_VOWELS = "a a e e o o ee oo ai ou au ie"
_CODAS = ". . . b d g ll m n ng p r rk s ss st t tt x zz"
_LONGEST = 18
_DOCUMENTS = 400  # whose words are the written ones: some thousands


@functools.cache
def known() -> tuple[str, ...]:
    """Words that exist: the list above and the one-word names of the tables, in lower case."""
    names = [entity.name.lower() for entity in facts.entities()]
    names = [name for name in names if re.fullmatch("[a-z]{4,}", name)]
    return tuple(dict.fromkeys(word for word in [*_WORDS, *names] if len(word) <= _LONGEST))


@functools.cache
def written() -> tuple[str, ...]:
    """Words of the world's documents in lower case, of any kind: "harbour", "twelve", "must"."""
    found = {}
    for index in range(_DOCUMENTS):
        text = documents.document(0, index).text.lower()
        found |= dict.fromkeys(re.findall(r"\b[a-z]{4,12}\b", text))
    return tuple(found)


def made_up(draw: Draw, syllables: int) -> str:
    """A word that nobody has met, yet can be said: "snooblick"."""
    parts = []
    for _ in range(syllables):
        parts += [draw.pick(_ONSETS.split()), draw.pick(_VOWELS.split())]
        parts.append(draw.pick(_CODAS.split()).strip("."))
    return "".join(parts)


def word(draw: Draw) -> str:
    """A word of 3 to 18 letters in lower case: one that exists, one made up, or mere letters."""
    kind = draw.index((0.45, 0.9, 1.0))
    if kind == 0:
        return draw.pick(known())
    if kind == 1:
        return made_up(draw, draw.integer(2, 4))[:_LONGEST]
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "".join(draw.pick(letters) for _ in range(draw.integer(4, 9)))


def name(draw: Draw) -> str:
    """A made-up name: "Sloobit"."""
    return made_up(draw, draw.integer(1, 2)).capitalize()
