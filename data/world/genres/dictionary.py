"""Dictionary pages: a few headwords with definitions and examples of use."""

from collections.abc import Sequence

from data.world import english, telling
from data.world.draw import Draw
from data.world.genres.prose import GIRLS
from data.world.telling import Subject

_EXAMPLES = {
    "country": (
        "{name} has [always wanted|long wanted|often hoped] to see {e}",
        "[we|my parents|the neighbours] [spent|enjoyed] [a week|two weeks|a whole summer] in {e}",
        (
            "[a postcard|a letter|a parcel] from {e} [lay on the mat|arrived this morning|came on "
            "Friday]"
        ),
        (
            "[the train|the plane|the football team] [left for|came back from] {e} [late at "
            "night|on Sunday]"
        ),
    ),
    "element": (
        (
            "[the class|the chemist|our teacher] [weighed|examined|spoke about] a [little|small "
            "sample of] {e}"
        ),
        "[the label|the report|the old book] [mentioned|said something about] {e}",
        "{name} [gave a talk|wrote an essay] about {e}",
        "[the magazine|the newspaper|a film at school] [had a long report|told a story] about {e}",
        (
            "[not every|hardly any] [experiment|lesson] is as [exciting|dull] as the one "
            "[about|with] {e}"
        ),
    ),
    "animal": (
        "[on our walk|last summer|early in the morning] we [saw|spotted|heard] {a}",
        "{name} [drew|painted|dreamed of] {a}[ last night| in art class|]",
        "[the story|the film|the song] is about {a} and {his} [best friend|long journey home]",
        "[all the|the] children [wanted to see|asked about] the {e}",
    ),
    "planet": (
        (
            "[tonight|last night|through the telescope] we [looked for|saw pictures of|talked "
            "about] {e}"
        ),
        "{name} [built a model|made a drawing] of {e}",
        (
            "[the poem|the song|the next chapter] is called {e}, [for no clear reason|which sounds "
            "mysterious]"
        ),
        "{name} [gave a talk|had a question] about {e}",
        (
            "[no one|nobody] has ever [written a poem|made a film] about {e} [that pleased "
            "everyone|without a rocket in it]"
        ),
    ),
    "person": (
        "[the school|the library|the museum] [is showing|has] an exhibition about {e}",
        "{name} [read|is reading|borrowed] a book about {e}",
        "[there is|we saw] a [picture|portrait] of {e} [on the wall|in the hall]",
        "[the quiz|the crossword] [asked for|was looking for] {e}",
        "[a street|a school] in our town is [called after|named after] {e}",
        (
            "[in the play|at the party], [my cousin|our neighbour] was [dressed up as|the voice "
            "of] {e}"
        ),
    ),
    "thing": (
        "[where did you put|who has taken|have you seen] the {e}",
        "{name} [bought|borrowed|was given] {a} [yesterday|for the new flat|last week]",
        "[grandmother|the neighbour|our teacher] [asked for|was looking for|needed] {a}",
        "[what would we do|how could anyone live] without {s}",
        "[there was|we found] {a} [in the attic|under the stairs|at the flea market]",
    ),
}
_EXAMPLES["moon"] = _EXAMPLES["planet"]
_NOUN = (
    "{head}, {label}. {body}",
    "{head} ({label}). {body}",
    "{head}: {body}",
    "{head} is {label_a}. {body}",
)
_LABELS = {
    "country": "name of a country",
    "element": "name of a chemical element",
    "animal": "noun",
    "planet": "name of a world in space",
    "moon": "name of a moon",
    "person": "name of a person",
    "thing": "noun",
}
_INTRODUCTIONS = (
    (
        "[This page|The following page] [comes from|is taken from] a [dictionary|lexicon|word "
        "book] for [schools|young readers|learners]."
    ),
    (
        "[A page|Some entries] from the [class|school] dictionary[, written by the pupils "
        "themselves|, second edition|]."
    ),
    "[From the|A look into the] [little dictionary|glossary|book of words].",
)


def _example(draw: Draw, subject: Subject, used: set[str]) -> str:
    fields = dict(subject.entity.forms)
    fields |= {"name": draw.pick(GIRLS), "his": draw.pick(("his", "her"))}
    examples = [text for text in _EXAMPLES[subject.entity.kind] if text not in used]
    example = draw.pick(examples or _EXAMPLES[subject.entity.kind])
    used.add(example)
    text = english.capitalized(telling.fill(draw, (example,), **fields))
    text += "?" if text.startswith(("Where", "Who", "Have", "What", "How")) else "."
    return f"{draw.pick(('Example:', 'For example:', 'In a sentence:'))} {text}"


def write(draw: Draw, subjects: Sequence[Subject]) -> tuple[str, str]:
    form, seen = draw.pick(_NOUN), set()
    blocks = [telling.fill(draw, _INTRODUCTIONS)] if draw.chance(0.5) else []
    ordered = sorted(subjects, key=lambda subject: subject.entity.name.removeprefix("the ").lower())
    for subject in ordered:
        first, used = telling.opening(draw, subject)
        rest = [fact for fact in subject.facts if fact not in used]
        body = [english.sentence(first)]
        body += [english.sentence(telling.continuation(draw, fact)) for fact in rest]
        body.append(_example(draw, subject, seen))
        label = _LABELS[subject.entity.kind]
        blocks.append(
            form.format(
                head=english.capitalized(subject.entity.name),
                label=label,
                label_a=f"the {label}" if label != "noun" else "a noun",
                body=" ".join(body),
            )
        )
    names = [subject.entity.name.removeprefix("the ") for subject in ordered]
    return f"Dictionary: {names[0]} to {names[-1]}", "\n\n".join(blocks)
