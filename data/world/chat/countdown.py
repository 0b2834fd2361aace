"""Reaching a number with given numbers: the tries on the way, each worked out, and the solution.

    numbers 3, 8 and 5, to make 23:
    3+8=11, 11+5=16        a try that fails
    3*5=15, 15+8=23        and one that does not
    The answer is 3*5+8.

A try combines two of the numbers, and the result with a third, and so on. There are no more tries
than fit a short answer: with the first ones the model learns to go on after a failure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from data.world import english
from data.world.chat.phrasings import countdown as phrasings
from data.world.chat.setting import Setting, assistant, user
from data.world.draw import Draw

_FAILURES = (0, 0, 1, 1, 2, 3)  # tries before the right one, equally often
_EASY = 0.75  # how often a conversation is of the first level

Step = tuple[str, int, int, int]  # sign, number, number, result


@dataclass(frozen=True)
class _Level:
    count: int  # of the numbers, all of which the solution at hand uses
    largest: int  # of the numbers
    signs: str
    limit: int  # of all results


_LEVELS = (
    _Level(3, 12, "+-*", 99),
    _Level(4, 12, "+-*", 99),
    _Level(4, 25, "+-*/", 199),
    _Level(5, 50, "+-*/", 999),
)
LEVELS = len(_LEVELS)


@dataclass(frozen=True)
class Countdown:
    """Numbers, the target, and the steps of one solution."""

    numbers: tuple[int, ...]
    target: int
    steps: tuple[Step, ...]

    def key(self) -> str:
        """By which it is held out: the numbers, whatever their order and the target."""
        return "countdown/" + " ".join(str(number) for number in sorted(self.numbers))


def _step(sign: str, a: int, b: int, limit: int) -> Step | None:
    """A step with a and b, the larger first in "-" and "/"; None if it leads nowhere."""
    if sign in "-/" and a < b:
        a, b = b, a
    if sign in "*/" and min(a, b) == 1:
        return None
    if sign == "/" and a % b:
        return None
    result = {"+": a + b, "-": a - b, "*": a * b, "/": a // b}[sign]
    return (sign, a, b, result) if 1 <= result <= limit else None


def _try(draw: Draw, numbers: Sequence[int], level: _Level) -> tuple[Step, ...]:
    """All numbers combined one after another."""
    while True:
        first, *others = draw.shuffled(numbers)
        steps: list[Step] = []
        for other in others:
            step = _step(draw.pick(level.signs), first, other, level.limit)
            if step is None:
                break
            steps.append(step)
            first = step[3]
        else:
            return tuple(steps)


def countdown(draw: Draw, setting: Setting, held_out: bool, level: int = 1) -> Countdown:
    """Different numbers and a target that can be reached; ``level``: 1 to ``LEVELS``."""
    size = _LEVELS[level - 1]
    while True:
        numbers = tuple(draw.some(range(1, size.largest + 1), size.count))
        steps = _try(draw, numbers, size)
        one = Countdown(numbers, steps[-1][3], steps)
        results = [result for _, _, _, result in steps[:-1]]
        if one.target not in (*numbers, *results) and setting.held_out(one.key()) == held_out:
            return one


def expression(steps: Sequence[Step]) -> str:
    """The steps as one expression, with no more parentheses than it needs: "3*(8-5)"."""
    made = {}  # the result so far -> how it is written and how strongly it binds
    text, binds = "", 3
    for sign, a, b, result in steps:
        own = 1 if sign in "+-" else 2
        sides = []
        for number, is_right in ((a, False), (b, True)):
            written, strength = made.pop(number, (str(number), 3))
            weak = strength < own or (is_right and strength == own and sign in "-/")
            sides.append(f"({written})" if weak else written)
        text, binds = sign.join(sides), own
        made = {result: (text, binds)}
    return text


def _line(steps: Sequence[Step]) -> str:
    return ", ".join(f"{a}{sign}{b}={result}" for sign, a, b, result in steps)


def tries(draw: Draw, one: Countdown, level: int) -> str:
    """A line a try, the last of which reaches the target; no other comes near it on its way."""
    lines: list[str] = []
    wanted = draw.pick(_FAILURES)
    for _ in range(3 * wanted):  # few numbers have few combinations
        steps = _try(draw, one.numbers, _LEVELS[level - 1])
        line = _line(steps)
        if len(lines) < wanted and line not in lines and one.target not in [s[3] for s in steps]:
            lines.append(line)
    return "\n".join([*lines, _line(one.steps)])


def asked(draw: Draw, setting: Setting, one: Countdown, new_words: bool = False) -> str:
    """The problem in words; ``new_words``: in such as training does not contain."""
    templates = setting.wordings(phrasings.ASKED, new_words)
    *first, last = (str(number) for number in one.numbers)
    listed = f"{', '.join(first)}{draw.pick((' and ', ', '))}{last}"
    return english.capitalized(draw.pick(templates).format(l=listed, t=one.target))


def answer(one: Countdown) -> str:
    return f"The answer is {expression(one.steps)}."


def conversation(draw: Draw, setting: Setting) -> dict:
    """A problem of one of the first two levels, solved after some tries."""
    level = 1 if draw.chance(_EASY) else 2
    one = countdown(draw, setting, False, level)
    text = asked(draw, setting, one)
    return {"messages": [user(text), assistant(answer(one), tries(draw, one, level))]}


def questions(setting: Setting, kind: str) -> list[dict]:
    """Held-out numbers of the first level in held-out phrasings."""
    found = []
    for i in range(setting.options["questions"]):
        draw = Draw(f"{setting.seed}/countdown/{i}")
        one = countdown(draw, setting, held_out=True)
        found.append(
            {
                "id": f"{kind}/{i}",
                "kind": kind,
                "messages": [user(asked(draw, setting, one, new_words=True))],
                "answer": expression(one.steps),
                "numbers": list(one.numbers),
                "target": one.target,
                "grader": "expression",
            }
        )
    return found
