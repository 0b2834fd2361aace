"""What jokes and short stories are made of, as plain data.

A premise is a setup in several wordings and the endings that belong to it, each with how witty it
is (1 flat, 2 nice, 3 best). Told of any subject, any setup of a premise goes with any of its
endings and with no ending of another: that is what makes it a joke.

Fields: {the} "the cow" or "Einstein", {it} {its} {him} the pronouns. Every setup and every ending
is one sentence, and none names an animal or a thing that is itself a subject.
"""

from typing import NamedTuple


class Premise(NamedTuple):
    """form: "joke" or "story"."""

    form: str
    setups: tuple[str, ...]
    endings: tuple[tuple[int, str], ...]


def _joke(setups: tuple[str, ...], *endings: tuple[int, str]) -> Premise:
    return Premise("joke", setups, endings)


def _story(setups: tuple[str, ...], *endings: tuple[int, str]) -> Premise:
    return Premise("story", setups, endings)


# As many as a model of two million parameters learns to tell, and a judge of them to know.
JOKES = (
    _joke(
        ("why did {the} cross the road?", "what made {the} cross the road?"),
        (3, "the other side had better reviews."),
        (2, "there was a party on the other side."),
        (1, "{it} wanted to get to the other side."),
    ),
    _joke(
        ("why did {the} go to the bank?", "what did {the} want at the bank?"),
        (3, "{it} had lost {its} balance."),
        (2, "{it} wanted to save something for a rainy day."),
        (1, "{it} needed some money."),
    ),
    _joke(
        ("why did {the} open a bakery?", "why does {the} bake bread all day?"),
        (3, "{it} kneads the dough."),
        (2, "{it} loves to loaf around."),
        (1, "{it} likes fresh bread."),
    ),
    _joke(
        (
            "why was {the} sent home from the juice factory?",
            "why did the juice factory fire {the}?",
        ),
        (3, "{it} could not concentrate."),
        (2, "{it} drank more than {it} pressed."),
        (1, "{it} came too late."),
    ),
    _joke(
        ("why did {the} lie down next to the fire?", "why does {the} rest by the fire?"),
        (3, "{it} wanted to sleep like a log."),
        (2, "{it} had heard of hot dreams."),
        (1, "{it} was cold."),
    ),
    _joke(
        (
            "why does {the} never tell secrets in a corn field?",
            "why is {the} so quiet in the corn?",
        ),
        (3, "there are ears everywhere."),
        (2, "the corn might pop with excitement."),
        (1, "somebody may hear it."),
    ),
    _joke(
        ("why was {the} arrested at the tennis court?", "why did the tennis club throw {the} out?"),
        (3, "{it} made too much of a racket."),
        (2, "{it} served nothing but tea."),
        (1, "{it} broke the rules."),
    ),
    _joke(
        ("why did {the} eat the homework?", "what made {the} eat the homework?"),
        (3, "the teacher had said that it was a piece of cake."),
        (2, "{it} was hungry for knowledge."),
        (1, "{it} had no breakfast."),
    ),
    _joke(
        ("why is {the} afraid of numbers?", "why does {the} fear the number seven?"),
        (3, "because seven ate nine."),
        (2, "you can count on them, but you cannot trust them."),
        (1, "sums are hard."),
    ),
    _joke(
        ("why does {the} not trust the stairs?", "what does {the} have against stairs?"),
        (3, "they are always up to something."),
        (2, "they let everybody walk all over them."),
        (1, "{it} fell down once."),
    ),
    _joke(
        ("why did {the} steal the soap?", "what did {the} want with all that soap?"),
        (3, "{it} wanted to make a clean getaway."),
        (2, "{it} was washed up anyway."),
        (1, "{it} wanted to wash."),
    ),
    _joke(
        ("why did {the} win a prize on the farm?", "why was {the} the star of the farm?"),
        (3, "{it} was outstanding in {its} field."),
        (2, "{it} had grown on everybody."),
        (1, "{it} worked hard."),
    ),
)
STORIES = (
    _story(
        ("one morning {the} lost {its} shadow.", "{the} woke up and {its} shadow was gone."),
        (3, "in the evening the shadow came home and was twice as long."),
        (2, "{it} found it at noon under {its} own feet."),
        (1, "the shadow came back."),
    ),
    _story(
        ("{the} wanted to see the sea.", "all {its} life {the} had dreamed of the sea."),
        (3, "at the beach {it} said that {it} had seen bigger puddles."),
        (2, "after three days {it} stood at the beach and forgot to blink."),
        (1, "at last {it} saw the sea."),
    ),
    _story(
        ("{the} found an old letter under a stone.", "under a stone {the} found a letter."),
        (3, "it said: please put the stone back."),
        (2, "it was from a girl who was now a grandmother."),
        (1, "{it} read the letter."),
    ),
    _story(
        ("{the} ran a race against the wind.", "the wind asked {the} for a race."),
        (3, "the wind won, but it had nobody to tell."),
        (2, "{it} came last and laughed the loudest."),
        (1, "the wind was faster."),
    ),
    _story(
        ("{the} got on the wrong train.", "by mistake {the} took the wrong train."),
        (3, "{it} liked the wrong town so much that {it} stayed."),
        (2, "the driver was lost, too, so they became friends."),
        (1, "{it} got off and went home."),
    ),
)
PREMISES = JOKES + STORIES
BY_FORM = {"joke": JOKES, "story": STORIES}
