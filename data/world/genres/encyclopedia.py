"""Articles about one entity, in the manner of an encyclopedia."""

from collections.abc import Sequence

from data.world import english, telling
from data.world.draw import Draw
from data.world.genres.prose import LEADS
from data.world.telling import Subject

_ASIDES = {
    "country": (
        (
            "[visitors|travellers|guests|people who come for the first time] [often|usually|nearly "
            "always] [remember|praise|talk about|write home about] [the food|the music|the "
            "markets|the light in the evening|the friendly people|the old streets|the landscape]"
        ),
        (
            "[the weather|the light|the mood of the streets] [changes|can change] a great deal "
            "[from one season to the next|from one day to the next|over the year]"
        ),
        (
            "[old|traditional] [songs|stories|recipes|crafts|dances] are [still|carefully] [kept "
            "alive|handed down|taught to children] in [many|most] [families|villages|towns]"
        ),
        (
            "[farmers|shopkeepers|teachers|bus drivers|musicians] there [will tell you|like to "
            "say|say] that [every region has its own character|no two villages are alike|the best "
            "season is always the next one]"
        ),
        (
            "[a good map|a phrase book|a little patience|a sturdy pair of boots] [can help|is "
            "useful to] anyone who [wants to see|plans to explore|sets out to discover] [the "
            "country|more than the usual sights]"
        ),
        (
            "like [every|any] country, it has [its own|a|its] [flag, anthem and holidays|history "
            "of good and bad years|habits that puzzle visitors]"
        ),
        (
            "[its history|the history of the country] [is long and has many chapters|would fill a "
            "whole shelf|is told in many books]"
        ),
        (
            "[many|some] [families|people] have [relatives|friends] in [other parts of the "
            "world|more than one country], and [letters and parcels|news and presents] go back and "
            "forth"
        ),
        (
            "[sport|football|music|food] is a subject on which [everyone there|almost everybody] "
            "has [an opinion|a story to tell]"
        ),
        (
            "on [public holidays|summer evenings|market days], the [streets|squares|parks] are "
            "[full of people|busy until late|a pleasure to see]"
        ),
        (
            "[writers|photographers|painters] have [tried|done their best] to [describe|capture] "
            "[its landscapes|its moods|its people]"
        ),
    ),
    "element": (
        (
            "[chemists|scientists|researchers] have [studied|measured] it [with great care|in "
            "every detail|for a long time]"
        ),
        (
            "[like every element|as with all elements], it [consists of|is made of] [one kind of "
            "atom|atoms of a single kind]"
        ),
        (
            "[its name|the word] [appears|can be found] on [every|any] [wall chart|poster|printed "
            "table] of the elements"
        ),
        (
            "[pupils|students] [meet|come across] it [when they learn|while learning] [the "
            "periodic table|how atoms are built|about the elements]"
        ),
        (
            "[handbooks|textbooks|tables] [list|give] its [properties|melting point and "
            "density|mass and melting point] [to several decimal places|in long columns|for anyone "
            "who needs them]"
        ),
        (
            "[its story|the story of its study] is [part of|a chapter in] the [long |]history of "
            "chemistry"
        ),
        (
            "[teachers|lecturers] [like|tend] to [mention|bring up] it when [they explain|they "
            "talk about] [chemical bonds|electrons|the order of the elements]"
        ),
        (
            "[nobody|no chemist] can [turn it into anything simpler|split it further] by [chemical "
            "means|ordinary chemistry]"
        ),
        (
            "[new|further] [experiments|studies|measurements] [still|from time to time] "
            "[add|bring] [details|small surprises] to what is known"
        ),
        (
            "[safety rules|the rules of the laboratory] [apply|must be followed] [when handling "
            "it|whenever it is handled], as with any [chemical|substance]"
        ),
    ),
    "animal": (
        (
            "[people|children|zoo visitors|nature lovers] [like|love|enjoy] [watching them|reading "
            "about them|drawing them|hearing stories about them]"
        ),
        (
            "[researchers|biologists|zoologists|students] [watch|study|follow] them [with "
            "patience|year after year|with cameras and notebooks][ to learn how they behave| to "
            "understand their habits|]"
        ),
        (
            "[many|a lot of|countless] [stories|fables|songs|picture books] [are about them|give "
            "them a part to play|make them the hero]"
        ),
        (
            "they [need|depend on] [clean water and enough space|a healthy home|quiet places][ to "
            "do well| if they are to thrive|]"
        ),
        (
            "like all living things, they [change|grow and change] [as they get older|in the "
            "course of their lives]"
        ),
        (
            "[the seasons|heat and cold|changes in the weather] [affect|shape|decide] [what they "
            "do from day to day|how active they are|much of their life]"
        ),
        (
            "[drawings|photographs|pictures] of them [can be found|appear] in [schoolbooks|nature "
            "magazines|picture books]"
        ),
        (
            "[photographers|film makers|painters] [wait for hours|spend weeks|get up before dawn] "
            "to [catch them at the right moment|get one good picture]"
        ),
        (
            "[their senses|their eyes and ears|their bodies] are [well suited|adapted] to [the "
            "life they lead|the way they live]"
        ),
        (
            "[not everything|by no means everything] about [them|their behaviour] is "
            "[understood|known], and [every year|now and then] [something new is learned|a study "
            "brings a surprise]"
        ),
        (
            "[anyone|everyone] who [wants to see one|goes looking for them] needs [patience|luck "
            "and patience|a little luck]"
        ),
    ),
    "planet": (
        (
            "[astronomers|observers|students of the sky] [watch|follow|photograph] it with "
            "[telescopes large and small|great care|cameras and computers]"
        ),
        (
            "[pictures|drawings] of it [hang|can be seen] in [many|some] "
            "[classrooms|planetariums|observatories]"
        ),
        (
            "[books|films|novels] about space [seldom leave it out|often give it a chapter|like to "
            "imagine a visit]"
        ),
        (
            "on a [clear|dark] night, [people|families|amateurs] [set up their telescopes|look "
            "up|go outside] and [talk about|wonder about] [what might be there|distant worlds]"
        ),
        (
            "[many|some] [maps|posters] of the solar system show it [in bright colours|beside its "
            "companions|with a short text]"
        ),
        (
            "[like all worlds|like its companions], it [turns|spins] as it [moves|travels] through "
            "space"
        ),
        (
            "[many|plenty of] questions [about it|about its past] are [still open|waiting for an "
            "answer]"
        ),
        (
            "[children|pupils|young readers] [often|like to] [draw it|paint it|choose it for a "
            "project] [at school|in class|when they learn about space]"
        ),
    ),
    "person": (
        (
            "[biographies|books|films|articles] [have been written|continue to appear|are "
            "published] [about that life|on the subject|about the life and the work]"
        ),
        (
            "[teachers|lecturers|museum guides] [often|still|like to] [mention the name|tell the "
            "story|speak of this life] [in class|to their pupils|to visitors]"
        ),
        (
            "[readers|students] who [want to know more|are curious] [will find|can choose from] "
            "[plenty of|many] books [on the subject|in any library]"
        ),
        (
            "[success|fame|recognition] [seldom|hardly ever] comes [without effort|overnight|by "
            "luck alone]"
        ),
        (
            "[streets|schools|squares] [in many towns|in several places] [bear the name|are named "
            "in memory of this life]"
        ),
        (
            "[historians|scholars|experts] [still|like to] [discuss|debate] [the details|some of "
            "the details|what exactly happened]"
        ),
        (
            "[stories|legends|anecdotes] have grown up [over the years|with time], and not all of "
            "them are [true|reliable]"
        ),
        (
            "[portraits|pictures] [can be seen|appear] in [museums and schoolbooks|books and on "
            "posters|many places], though [artists differ|no two are quite alike]"
        ),
        (
            "[the name|this name] [appears|is found] in [every|any] [good encyclopedia|history "
            "book|large reference work]"
        ),
        (
            "[exhibitions|lectures|celebrations] [mark|are held on] [the anniversaries|special "
            "anniversaries]"
        ),
    ),
    "thing": (
        (
            "[most|nearly all] [people|adults] [know it well|have seen or used one|can say at once "
            "what it is]"
        ),
        (
            "[it comes|one sees it|it is made] in [many|different|all kinds of] [sizes|shapes and "
            "sizes|styles]"
        ),
        (
            "[it is easy to overlook|hardly anyone thinks about it|people seldom notice it] [until "
            "it is missing|until the day it breaks|because it is so familiar]"
        ),
        (
            "[a good one|one of good quality] can [last for years|serve for a long time|be passed "
            "on to the next generation]"
        ),
        "[cheap ones|poorly made ones] [break|wear out] [quickly|sooner than one would like]",
        (
            "[designers|inventors|makers] [keep trying|never stop trying] to [improve it|make it "
            "better|give it a new shape]"
        ),
        (
            "[children|little children] [learn|find out] [early|quickly] [what it is for|how to "
            "handle it]"
        ),
        (
            "[museums|collectors] [keep|show|collect] [old|unusual|beautiful] [examples|pieces][ "
            "from the past| made by hand|]"
        ),
        "[looking after it|a little care] [pays off|makes it last longer]",
    ),
}
_ASIDES["moon"] = _ASIDES["planet"]

_SUMMARIES = (
    "[to sum up|in short|in brief|to repeat the main point], {clauses}.",
    (
        "[above all|most of all|if nothing else], [remember|keep in mind|one should know] that "
        "{clauses}."
    ),
    (
        "[whoever|anyone who] [reads no further|is in a hurry|has little time] should "
        "[remember|know] that {clauses}."
    ),
    "[it is worth repeating|let us say it once more|the short version is]: {clauses}.",
    (
        "{clauses}: [this is what most people remember|that much everyone should know|so much is "
        "certain]."
    ),
)
_CLOSINGS = (
    (
        "[more|further details] can be found in [the books listed below|larger reference works|the "
        "library]"
    ),
    (
        "[readers|those] who want to know more [will find|can find] [plenty of books|good books] "
        "[on the subject|in any library]"
    ),
    (
        "[this article|this entry|the text above] [gives|offers] only [a short overview|a first "
        "look|the most important points]"
    ),
    (
        "[there is|there would be] much more to [say|tell], but [these are|this covers] the main "
        "points"
    ),
    (
        "[in later chapters|elsewhere in this book], [the subject comes up again|more will be said "
        "about it]"
    ),
    "[that, in a few words, is|so much for] [the outline|the basics]",
)


def _with_lead(draw: Draw, clause: str) -> str:
    return telling.expand(draw, draw.pick(LEADS)) + clause


def write(draw: Draw, subjects: Sequence[Subject]) -> tuple[str, str]:
    subject = subjects[0]
    kind = subject.entity.kind
    first, used = telling.opening(draw, subject)
    rest = [fact for fact in subject.facts if fact not in used]
    told = [english.sentence(first)]
    for fact in rest:
        if draw.chance(0.3):
            clause = telling.continuation(draw, fact)
        elif draw.chance(0.25):
            clause = _with_lead(draw, telling.clause(draw, fact, known=True))
        else:
            clause = telling.clause(draw, fact, known=True)
        told.append(english.sentence(clause))
    fewest = max(2, 8 - len(told))
    asides = draw.some(_ASIDES[kind], draw.integer(fewest, fewest + 1))
    for aside in asides:
        told.insert(draw.integer(1, len(told)), english.sentence(telling.expand(draw, aside)))
    if draw.chance(0.4):
        again = draw.some(subject.facts, draw.integer(1, 2))
        clauses = english.listed([telling.clause(draw, fact) for fact in again], ", and ")
        told.append(english.capitalized(telling.fill(draw, _SUMMARIES, clauses=clauses)))
    elif draw.chance(0.5):
        told.append(english.sentence(telling.fill(draw, _CLOSINGS)))
    return english.capitalized(subject.entity.name), paragraphs(draw, told)


def paragraphs(draw: Draw, sentences: Sequence[str]) -> str:
    """The sentences joined into paragraphs of three to five."""
    cut, blocks = 0, []
    while cut < len(sentences):
        size = draw.integer(3, 5)
        if len(sentences) - cut - size < 2:
            size = len(sentences) - cut
        blocks.append(" ".join(sentences[cut : cut + size]))
        cut += size
    return "\n\n".join(blocks)
