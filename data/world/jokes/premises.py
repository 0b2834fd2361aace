"""What jokes and short stories are made of, as plain data.

A premise is a setup in several wordings and the endings that belong to it, each with how witty it
is (1 flat, 2 nice, 3 best). Told of a subject, any setup of a premise goes with any of its endings
and with no ending of another: that is what makes it a joke.

Fields: {the} "the cow" or "Einstein", {a} "a cow" or "Einstein", {it} {its} {him} the pronouns; of
animals {sound} {food} {young} {covering}, of things {use} {place}, of people
{profession}. A premise is told of subjects that have all of its fields. Every setup and every
ending is one sentence, and none names an animal or a thing that is itself a subject.
"""

import string
from typing import NamedTuple


class Premise(NamedTuple):
    """form: "joke" or "story". kinds: of entities that it is told of; () is all of them."""

    form: str
    kinds: tuple[str, ...]
    setups: tuple[str, ...]
    endings: tuple[tuple[int, str], ...]

    @property
    def fields(self) -> set[str]:
        """The fields that a subject must have."""
        texts = (*self.setups, *(text for _, text in self.endings))
        return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


def _joke(kinds: str, setups: tuple[str, ...], *endings: tuple[int, str]) -> Premise:
    return Premise("joke", tuple(kinds.split()), setups, endings)


def _story(setups: tuple[str, ...], *endings: tuple[int, str]) -> Premise:
    return Premise("story", (), setups, endings)


JOKES = (
    _joke(
        "",
        ("why did {the} cross the road?", "what made {the} cross the road?"),
        (3, "the other side had better reviews."),
        (2, "there was a party on the other side."),
        (1, "{it} wanted to get to the other side."),
    ),
    _joke(
        "",
        ("why did {the} go to the bank?", "what did {the} want at the bank?"),
        (3, "{it} had lost {its} balance."),
        (2, "{it} wanted to save something for a rainy day."),
        (1, "{it} needed some money."),
    ),
    _joke(
        "",
        ("why did {the} open a bakery?", "why does {the} bake bread all day?"),
        (3, "{it} kneads the dough."),
        (2, "{it} loves to loaf around."),
        (1, "{it} likes fresh bread."),
    ),
    _joke(
        "",
        (
            "why was {the} sent home from the juice factory?",
            "why did the juice factory fire {the}?",
        ),
        (3, "{it} could not concentrate."),
        (2, "{it} drank more than {it} pressed."),
        (1, "{it} came too late."),
    ),
    _joke(
        "",
        ("why did {the} lie down next to the fire?", "why does {the} rest by the fire?"),
        (3, "{it} wanted to sleep like a log."),
        (2, "{it} had heard of hot dreams."),
        (1, "{it} was cold."),
    ),
    _joke(
        "",
        (
            "why does {the} never tell secrets in a corn field?",
            "why is {the} so quiet in the corn?",
        ),
        (3, "there are ears everywhere."),
        (2, "the corn might pop with excitement."),
        (1, "somebody may hear it."),
    ),
    _joke(
        "",
        ("why was {the} arrested at the tennis court?", "why did the tennis club throw {the} out?"),
        (3, "{it} made too much of a racket."),
        (2, "{it} served nothing but tea."),
        (1, "{it} broke the rules."),
    ),
    _joke(
        "",
        ("why did {the} wave at the sea?", "why does {the} greet the sea?"),
        (3, "the sea had waved first."),
        (2, "the tide was leaving, and {it} is polite."),
        (1, "{it} was glad to see water."),
    ),
    _joke(
        "",
        ("why did {the} tiptoe past the medicine?", "why is {the} so quiet near the medicine?"),
        (3, "{it} did not want to wake the sleeping pills."),
        (2, "the cough drops were listening."),
        (1, "somebody ill was in the room."),
    ),
    _joke(
        "",
        (
            "what did {the} say about the inn on the moon?",
            "how did {the} like the inn on the moon?",
        ),
        (3, "the food is good, but there is no atmosphere."),
        (2, "the way home is a little long."),
        (1, "the food was fine."),
    ),
    _joke(
        "",
        ("why did {the} eat the homework?", "what made {the} eat the homework?"),
        (3, "the teacher had said that it was a piece of cake."),
        (2, "{it} was hungry for knowledge."),
        (1, "{it} had no breakfast."),
    ),
    _joke(
        "",
        ("why is {the} afraid of numbers?", "why does {the} fear the number seven?"),
        (3, "because seven ate nine."),
        (2, "you can count on them, but you cannot trust them."),
        (1, "sums are hard."),
    ),
    _joke(
        "",
        (
            "why does {the} play golf in two pairs of trousers?",
            "why did {the} dress twice for golf?",
        ),
        (3, "in case {it} gets a hole in one."),
        (2, "one is for the grass and one is for the glory."),
        (1, "it is cold on the golf course."),
    ),
    _joke(
        "",
        ("why does {the} not trust the stairs?", "what does {the} have against stairs?"),
        (3, "they are always up to something."),
        (2, "they let everybody walk all over them."),
        (1, "{it} fell down once."),
    ),
    _joke(
        "",
        ("why did {the} steal the soap?", "what did {the} want with all that soap?"),
        (3, "{it} wanted to make a clean getaway."),
        (2, "{it} was washed up anyway."),
        (1, "{it} wanted to wash."),
    ),
    _joke(
        "",
        ("why did {the} win a prize on the farm?", "why was {the} the star of the farm?"),
        (3, "{it} was outstanding in {its} field."),
        (2, "{it} had grown on everybody."),
        (1, "{it} worked hard."),
    ),
    _joke(
        "",
        ("why did {the} put money in the freezer?", "why does {the} keep money on ice?"),
        (3, "{it} wanted cold hard cash."),
        (2, "the prices were too hot."),
        (1, "{it} had no better place for it."),
    ),
    _joke(
        "",
        ("why did {the} go to the gym?", "what was {the} doing at the gym?"),
        (3, "{it} hoped that things would work out."),
        (2, "{it} wanted to lift the mood."),
        (1, "{it} wanted to be strong."),
    ),
    _joke(
        "animal thing",
        ("waiter, why is there {a} in my soup?", "waiter, what is {a} doing in my soup?"),
        (3, "not so loud, or everybody will want one."),
        (2, "the cook must have lost it."),
        (1, "I will bring you a new soup."),
    ),
    _joke(
        "animal",
        ("what do you call {a} at the North Pole?", "how do you name {a} in the ice of the North?"),
        (3, "lost."),
        (2, "a very cold one."),
        (1, "by its name."),
    ),
    _joke(
        "animal",
        (
            "what do you call {a} with a carrot in each ear?",
            "how do you call {a} that cannot hear?",
        ),
        (3, "anything you like, because it cannot hear you."),
        (2, "you do not call, you write."),
        (1, "very loudly."),
    ),
    _joke(
        "animal",
        (
            "what time is it when {a} sits on your fence?",
            "what is the time when {a} is on the fence?",
        ),
        (3, "time to get a new fence."),
        (2, "time to look for another garden."),
        (1, "it is late."),
    ),
    _joke(
        "animal",
        ("how do you stop {a} from charging?", "what do you do when {a} is charging?"),
        (3, "you take away its credit card."),
        (2, "you pull the plug."),
        (1, "you run away."),
    ),
    _joke(
        "animal",
        ("how does {a} climb down from a tree?", "how do you get {a} down from a tree?"),
        (3, "it sits on a leaf and waits for the autumn."),
        (2, "the same way it came up, but with regret."),
        (1, "it jumps."),
    ),
    _joke(
        "animal",
        ("where does {the} sleep at night?", "where does {a} lie down at night?"),
        (3, "anywhere it wants."),
        (2, "on the side that is not awake."),
        (1, "in the grass."),
    ),
    _joke(
        "animal",
        ("what does {the} say at the door?", "how does {a} knock at your door?"),
        (3, "it never knocks, it says {sound} and hopes for the best."),
        (2, "{sound}, is anybody home?"),
        (1, "it says {sound}."),
    ),
    _joke(
        "animal",
        ("why does {the} have {covering}?", "why does {a} go out in {covering}?"),
        (3, "because it would look silly in a raincoat."),
        (2, "nothing else in the shop was in its size."),
        (1, "it was born with {covering}."),
    ),
    _joke(
        "animal",
        ("what did the {young} ask {the}?", "what does a {young} want to know from {a}?"),
        (3, "are you sure that I am not adopted?"),
        (2, "is it {food} again?"),
        (1, "what is for dinner?"),
    ),
    _joke(
        "animal",
        ("why did {the} leave the restaurant?", "why was {a} angry at the restaurant?"),
        (3, "the {food} looked back."),
        (2, "there was a hair in the {food}."),
        (1, "there was no {food}."),
    ),
    _joke(
        "thing",
        ("what did {the} say to its owner?", "what does {the} ask its owner every day?"),
        (3, "do I really have to {use} until I retire?"),
        (2, "today you {use}, and I look on."),
        (1, "I can {use}."),
    ),
    _joke(
        "thing",
        ("why does {the} live {place}?", "why did {the} move in {place}?"),
        (3, "the rent is low and nobody rings twice."),
        (2, "all of its friends hang around there."),
        (1, "somebody put it {place}."),
    ),
    _joke(
        "thing",
        ("why is {the} so sad?", "why did {the} cry?"),
        (3, "it felt that everybody was just using it."),
        (2, "nobody asked how its day was."),
        (1, "it had a bad day."),
    ),
    _joke(
        "thing",
        ("why is {the} such a good friend?", "why does everybody like {the}?"),
        (3, "it never talks, and you can put it down."),
        (2, "it has been through everything with you."),
        (1, "it helps to {use}."),
    ),
    _joke(
        "person",
        ("why did {the} bring string to work?", "what did {the} do with all that string?"),
        (3, "{it} had to tie up some loose ends."),
        (2, "{it} wanted to pull a few strings."),
        (1, "{it} needed it for a parcel."),
    ),
    _joke(
        "person",
        ("why is {the} in every history lesson?", "how did {the} get into history?"),
        (3, "{it} could not get out in time."),
        (2, "the future was already full."),
        (1, "{it} was famous."),
    ),
    _joke(
        "person",
        (
            "why did {the} become a {profession}?",
            "what does {the} like about being a {profession}?",
        ),
        (3, "the bus to every other job was late."),
        (2, "the hours are bad, but nobody checks."),
        (1, "{it} was good at it."),
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
        ("{the} was afraid of the dark.", "every night {the} was afraid of the dark."),
        (3, "then {it} learned that the dark was afraid of {him}, too."),
        (2, "a friend lit a small fire, and the fear moved out."),
        (1, "later {it} was not afraid."),
    ),
    _story(
        ("{the} baked a cake for a friend.", "for a birthday {the} made a cake."),
        (3, "the friend ate the box and said that it was the best part."),
        (2, "they ate it in the rain and sang."),
        (1, "the cake was good."),
    ),
    _story(
        ("{the} found an old letter under a stone.", "under a stone {the} found a letter."),
        (3, "it said: please put the stone back."),
        (2, "it was from a girl who was now a grandmother."),
        (1, "{it} read the letter."),
    ),
    _story(
        ("one night {the} could not sleep.", "{the} lay awake all night."),
        (3, "{it} counted {its} worries until even they fell asleep."),
        (2, "then the rain began to hum, and that was enough."),
        (1, "in the end {it} slept."),
    ),
    _story(
        ("{the} ran a race against the wind.", "the wind asked {the} for a race."),
        (3, "the wind won, but it had nobody to tell."),
        (2, "{it} came last and laughed the loudest."),
        (1, "the wind was faster."),
    ),
    _story(
        ("{the} wished for snow in the summer.", "in July {the} wished for snow."),
        (3, "the next day the baker dropped all of his flour."),
        (2, "in December the wish came true, with an apology."),
        (1, "there was no snow."),
    ),
    _story(
        ("{the} got on the wrong train.", "by mistake {the} took the wrong train."),
        (3, "{it} liked the wrong town so much that {it} stayed."),
        (2, "the driver was lost, too, so they became friends."),
        (1, "{it} got off and went home."),
    ),
    _story(
        ("{the} planted a coin in the garden.", "in the garden {the} planted a coin."),
        (3, "in the spring a tax collector grew there."),
        (2, "nothing grew, but the worms felt rich."),
        (1, "nothing happened to the coin."),
    ),
    _story(
        ("{the} was king for a day.", "for one day {the} was made king."),
        (3, "by noon every law was on holiday."),
        (2, "in the evening {it} gave back the crown and kept the cheese."),
        (1, "then the day was over."),
    ),
    _story(
        ("{the} promised not to laugh for a week.", "{the} made a bet not to laugh for a week."),
        (3, "on the last day somebody told {him} this story."),
        (2, "{it} sneezed instead, a hundred times."),
        (1, "{it} laughed on the second day."),
    ),
)
PREMISES = JOKES + STORIES
