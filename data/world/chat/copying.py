"""Saying again exactly what was given: words, digits, made-up names, sentences, lists of them.

A small model learns facts long before it learns to copy a word that it has never met, which calling
a tool with it needs. So what is copied here is as varied as possible, and given in one way (bare,
in double quotes, in a list) to be said in another, since its tokens are others then.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data.world import english
from data.world.chat import tools, words
from data.world.chat.phrasings import copying as phrasings
from data.world.chat.setting import Setting, assistant, user
from data.world.draw import Draw

LEVELS = 3  # of both
_ITEMS = ((1, 2), (3, 5), (6, 8))  # least and most of a level, to copy
_SORTED_ITEMS = ((3, 3), (4, 4), (5, 6))  # and to sort
_LARGEST = 99  # number to sort
_LEVEL_TOTALS = (0.55, 0.85, 1.0)  # of conversations, running totals
_LONGEST = 110  # characters of what is given
_SORT = 0.25  # how often a conversation is about sorting
_KINDS = ("word", "word", "name", "digits")


@dataclass(frozen=True)
class _Task:
    """What is asked for about a list of at least ``least`` items, and how it is answered.

    A list to copy stands between spaces or commas; one that is looked into, between commas.
    """

    asked: tuple[str, ...]
    value: Callable[[Sequence[str], str, int], str]  # (items, as given, place of {i})
    least: int = 1
    commas: bool = False


_REPEAT = _Task(phrasings.REPEAT, lambda items, given, i: given)
_COPY = (
    _REPEAT,
    _Task(phrasings.BARE, lambda items, given, i: given),
    _Task(phrasings.QUOTE, lambda items, given, i: f'"{given}"'),
    # As in a call of the Python tool, where the tokens of a word are the same.
    _Task(phrasings.PRINT, lambda items, given, i: f"print('{given}')"),
)
_LOOK = tuple(
    _Task(asked, value, least, commas=True)
    for asked, value, least in (
        (phrasings.REVERSE, lambda items, given, i: ", ".join(reversed(items)), 2),
        (phrasings.FIRST, lambda items, given, i: items[0], 2),
        (phrasings.LAST, lambda items, given, i: items[-1], 2),
        (phrasings.NEXT, lambda items, given, i: items[i + 1], 3),
    )
)


@dataclass(frozen=True)
class Exercise:
    """What is asked and the one right answer."""

    text: str
    answer: str


def _kept(setting: Setting, item: str) -> bool:
    what = f"number/{int(item)}" if item.isdigit() else f"word/{item.lower()}"
    return setting.held_out(what)


def item(draw: Draw, setting: Setting, held_out: bool, kind: str) -> str:
    """A "word", a "name" or a string of two to nine "digits"; for measuring or for training."""
    while True:
        if kind == "digits":
            found = "".join(draw.pick("0123456789") for _ in range(draw.integer(2, 9)))
        elif kind == "name" or draw.chance(0.4):
            found = words.name(draw)
            found = found if kind == "name" else found.lower()
        else:
            found = words.word(draw)
        if _kept(setting, found) == held_out:
            return found


def _sentence(draw: Draw, setting: Setting, held_out: bool) -> str:
    kinds = {"N": "name", "M": "name", "w": "word", "v": "word", "d": "digits"}
    fields = {name: item(draw, setting, held_out, kind) for name, kind in kinds.items()}
    return draw.pick(phrasings.SENTENCES).format_map(fields)


def _items(draw: Draw, setting: Setting, held_out: bool, count: int) -> list[str]:
    """Different items, mostly of one kind, together not too long."""
    while True:
        kind = draw.pick(_KINDS)
        mixed = draw.chance(0.2)
        kinds = [draw.pick(_KINDS) if mixed else kind for _ in range(count)]
        found = [item(draw, setting, held_out, kind) for kind in kinds]
        if len(set(found)) == count and len(" ".join(found)) + count <= _LONGEST:
            return found


def copying(
    draw: Draw, setting: Setting, held_out: bool, level: int, new_words: bool = False
) -> Exercise:
    """Something to copy: one or two items or a sentence, three to five items, or six to eight.

    Args:
        held_out: whether the items are those kept for measuring.
        level: 1 to ``LEVELS``.
        new_words: whether it is asked for in words that training does not contain.
    """
    if level == 1 and draw.chance(0.25):
        given = _sentence(draw, setting, held_out)
        text = draw.pick(setting.wordings(_REPEAT.asked, held_out=new_words)).format(x=given)
        return Exercise(english.capitalized(text.replace('.".', '."')), given)
    items = _items(draw, setting, held_out, draw.integer(*_ITEMS[level - 1]))
    look = len(items) > 1 and draw.chance(0.5)
    task = draw.pick([task for task in (_LOOK if look else _COPY) if task.least <= len(items)])
    given = (", " if task.commas or draw.chance(0.5) else " ").join(items)
    place = draw.integer(0, max(0, len(items) - 2))
    text = draw.pick(setting.wordings(task.asked, held_out=new_words)).format(
        x=given, i=items[place]
    )
    return Exercise(english.capitalized(text), task.value(items, given, place))


def sorting(
    draw: Draw, setting: Setting, held_out: bool, level: int, new_words: bool = False
) -> Exercise:
    """Three, four or more numbers or words to put in order; the arguments as for ``copying``."""
    count = draw.integer(*_SORTED_ITEMS[level - 1])
    if draw.chance(0.65):
        items, ordered = _numbers(draw, setting, held_out, count)
        asked = phrasings.SORT_NUMBERS
    else:
        items = [item(draw, setting, held_out, "word") for _ in range(count)]
        ordered = sorted(items)
        asked = phrasings.SORT_WORDS
    text = draw.pick(setting.wordings(asked, held_out=new_words)).format(x=", ".join(items))
    return Exercise(english.capitalized(text), ", ".join(ordered))


def _numbers(
    draw: Draw, setting: Setting, held_out: bool, count: int
) -> tuple[list[str], list[str]]:
    """Different numbers as drawn and in order, held out by all of them together."""
    while True:
        numbers = draw.some(range(1, _LARGEST + 1), count)
        ordered = [str(number) for number in sorted(numbers)]
        if setting.held_out(f"sorting/{' '.join(ordered)}") == held_out:
            return [str(number) for number in numbers], ordered


def conversation(draw: Draw, setting: Setting) -> dict:
    """Something to copy or to sort; a tool that is offered is of no use."""
    make = sorting if draw.chance(_SORT) else copying
    one = make(draw, setting, False, 1 + draw.index(_LEVEL_TOTALS))
    return {"messages": [user(one.text), assistant(one.answer)]} | tools.unused(draw)


def questions(setting: Setting, kind: str) -> list[dict]:
    """Held-out items to copy ("copying") or to sort ("sorting"), in held-out phrasings."""
    make = {"copying": copying, "sorting": sorting}[kind]
    found = []
    for i in range(setting.options["questions"]):
        draw = Draw(f"{setting.seed}/{kind}/{i}")
        one = make(draw, setting, True, draw.integer(1, LEVELS), new_words=True)
        found.append(
            {
                "id": f"{kind}/{i}",
                "kind": kind,
                "messages": [user(one.text)],
                "answer": one.answer,
                "grader": "copy",
            }
        )
    return found
