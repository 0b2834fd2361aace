"""Sums worked out in small steps, the way a patient teacher writes them on the board."""

from collections.abc import Sequence

from data.world import english, telling
from data.world.draw import Draw
from data.world.genres.prose import BOYS, GIRLS, TEACHERS
from data.world.telling import Subject

_INTRODUCTIONS = (
    (
        "[Adding and taking away|Working with larger numbers] is easy if you [go step by step|do "
        "one column at a time]. [Here are|We look at] some examples from the class of {teacher}."
    ),
    (
        "{name} [practised|was practising] sums with {teacher}. [They wrote every step down|Each "
        "step was said aloud]."
    ),
    (
        "[These sums|The sums below] are worked out slowly, [so that every step can be "
        "followed|with each step on paper]. Try to [do the next one yourself|say the next step "
        "before you read it]."
    ),
)
_ENDINGS = (
    (
        "[Practise|Work through] a few more [at home|tomorrow], and [the steps will become a "
        "habit|you will soon be quick]."
    ),
    "[Always check|It is wise to check] the result [by doing the sum again|with a friend].",
    (
        "[That is how|In this way] even [long|large] sums [become|turn into] [a row of small "
        "ones|easy steps]."
    ),
)
_REMARKS = (
    '"[That looks right|So far, so good|This one was easy]," [said|thought] {name}.',
    (
        "[Was that too fast? Then|Did you get something else? Then|If that was too fast,] go back "
        "and read it once more."
    ),
    "{teacher} [nodded|was content|put a tick beside it].",
    "",
    "",
)
_OBJECTS = "apples marbles stickers shells cards beads nuts stamps pencils buttons".split()
_GAIN = (
    "{name} has {a} {things} and gets {b} more from {other}.",
    "{name} collects {a} {things} in the morning and {b} in the afternoon.",
    "There are {a} {things} in one box and {b} in another, and {name} puts them together.",
)
_LOSS = (
    "{name} has {a} {things} and gives {b} of them to {other}.",
    "There were {a} {things} on the shelf, but {name} took {b} of them away.",
    "{name} had {a} {things} and lost {b} on the way home.",
)


_ADD_ONES = (
    "First add the ones: {x} and {y} make {sum}.",
    "Begin on the right with the ones, where {x} and {y} make {sum}.",
    "In the ones column stand {x} and {y}, and together they make {sum}.",
)
_CARRY = (
    "Write down the {digit} and carry one ten to the next column.",
    "The {digit} is written below the line, and one ten is carried over.",
    "That is too much for one column, so write {digit} and carry one ten.",
)
_NO_CARRY = (
    "Write down the {digit}, and there is nothing to carry.",
    "The {digit} goes below the line, with nothing to carry.",
)
_ADD_TENS = (
    "Then add the tens: {x} and {y} make {sum}.",
    "Now come the tens, and {x} and {y} make {sum}.",
    "In the tens column stand {x} and {y}, which make {sum}.",
)
_ADD_TENS_AND_CARRY = (
    "Then add the tens: {x} and {y} and the carried 1 make {sum}.",
    "Now come the tens, and {x} and {y} with the carried 1 make {sum}.",
    "In the tens column stand {x} and {y}, and with the carried 1 that makes {sum}.",
)
_TAKE_ONES = (
    "First the ones: {x} take away {y} leaves {rest}.",
    "Begin on the right with the ones, where {x} take away {y} leaves {rest}.",
    "In the ones column, taking {y} away from {x} leaves {rest}.",
)
_BORROW = (
    (
        "There are too few ones, so borrow a ten and make {x} of them, and {x} take away {y} "
        "leaves {rest}."
    ),
    "You cannot take {y} from {few}, so borrow a ten: now {x} take away {y} leaves {rest}.",
)
_TAKE_TENS = (
    "Then the tens: {x} take away {y} leaves {rest}.",
    "Now come the tens, where {x} take away {y} leaves {rest}.",
    "In the tens column, taking {y} away from {x} leaves {rest}.",
)
_TAKE_TENS_BORROWED = (
    "One ten has been used, so {x} tens remain, and {x} take away {y} leaves {rest}.",
    "Of the tens only {x} remain after borrowing, and {x} take away {y} leaves {rest}.",
)


def _addition_steps(draw: Draw, a: int, b: int) -> str:
    ones = a % 10 + b % 10
    carry, digit = divmod(ones, 10)
    tens = a // 10 + b // 10 + carry
    steps = (
        telling.fill(draw, _ADD_ONES, x=a % 10, y=b % 10, sum=ones),
        telling.fill(draw, _CARRY if carry else _NO_CARRY, digit=digit),
        telling.fill(
            draw, _ADD_TENS_AND_CARRY if carry else _ADD_TENS, x=a // 10, y=b // 10, sum=tens
        ),
    )
    return " ".join(steps)


def _subtraction_steps(draw: Draw, a: int, b: int) -> str:
    borrowed = a % 10 < b % 10
    x, y = a % 10 + 10 * borrowed, b % 10
    ones = telling.fill(draw, _BORROW if borrowed else _TAKE_ONES, few=a % 10, x=x, y=y, rest=x - y)
    x, y = a // 10 - borrowed, b // 10
    tens = telling.fill(draw, _TAKE_TENS_BORROWED if borrowed else _TAKE_TENS, x=x, y=y, rest=x - y)
    return f"{ones} {tens}"


def _worked(draw: Draw) -> str:
    """One sum of two-digit numbers with its steps; the result is at most 198."""
    a, b = draw.integer(11, 99), draw.integer(11, 99)
    name, other = draw.some(GIRLS + BOYS, 2)
    plus = draw.chance(0.6)
    if not plus and a < b:
        a, b = b, a
    result = a + b if plus else a - b
    fields = {"name": name, "other": other, "a": a, "b": b, "things": draw.pick(_OBJECTS)}
    sign = "plus" if plus else "minus"
    steps = (_addition_steps if plus else _subtraction_steps)(draw, a, b)
    if draw.chance(0.5):
        story = draw.pick(_GAIN if plus else _LOSS).format_map(fields)
        ask = (
            f"{story} How many {fields['things']} are there in the end?"
            if plus
            else (f"{story} How many {fields['things']} are left?")
        )
        return f"{ask} {steps} So the answer is {result} {fields['things']}."
    ask = draw.pick((f"What is {a} {sign} {b}?", f"How much is {a} {sign} {b}?"))
    return f"{ask} {steps} So {a} {sign} {b} is {result}."


def _in_words(draw: Draw) -> str:
    """A sum small enough to be said in words."""
    a, b = draw.integer(2, 49), draw.integer(2, 49)
    words = [english.number_word(number) for number in (a, b, a + b)]
    ask = draw.pick(("How much is {} and {}?", "What do {} and {} make together?"))
    text = ask.format(words[0], words[1])
    return f"{text} {words[0].capitalize()} and {words[1]} make {words[2]}."


def write(draw: Draw, subjects: Sequence[Subject]) -> tuple[str, str]:
    """Subjects are not used: sums tell no facts of the tables."""
    fields = {"teacher": draw.pick(TEACHERS), "name": draw.pick(GIRLS + BOYS)}
    blocks = [telling.fill(draw, _INTRODUCTIONS, **fields)]
    remarks = draw.shuffled(_REMARKS)
    for _ in range(draw.integer(4, 6)):
        block = _in_words(draw) if draw.chance(0.3) else _worked(draw)
        remark = telling.fill(draw, (remarks.pop(),), **fields) if remarks else ""
        blocks.append(f"{block} {remark}".rstrip())
    blocks.append(telling.fill(draw, _ENDINGS))
    title = telling.fill(
        draw, ("[Sums|Arithmetic|Numbers] [step by step|with {teacher}]",), **fields
    )
    return title, "\n\n".join(blocks)
