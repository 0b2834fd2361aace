"""Products, sums and differences of numbers too large to do in one go: the Python tool's work."""

from dataclasses import dataclass

from data.world import english
from data.world.chat import tools
from data.world.chat.setting import Setting, assistant, user
from data.world.draw import Draw

_TOOL = 0.85  # how often the Python tool is offered
_HELD_OUT_FROM = 1000  # smaller numbers are too few to keep some from training


@dataclass(frozen=True)
class _Task:
    sign: str
    asked: tuple[str, ...]
    held_out: tuple[str, ...]


_ANY = (
    "what is {a} {s} {b}?",
    "{a} {s} {b}",
    "{a} {s} {b} = ?",
    "compute {a} {s} {b}.",
    "how much is {a} {s} {b}?",
    "calculate {a} {s} {b}, please.",
    "I need the result of {a} {s} {b}.",
    "can you work out {a} {s} {b}?",
    "what does {a} {s} {b} give?",
    "please solve {a} {s} {b}.",
    "evaluate {a} {s} {b}.",
    "give me the value of {a} {s} {b}.",
)
TASKS = (
    _Task(
        "*",
        (
            *_ANY,
            "what is {a} times {b}?",
            "what is {a} x {b}?",
            "multiply {a} by {b}.",
            "please multiply {a} and {b}.",
            "what is the product of {a} and {b}?",
            "how much is {a} times {b}?",
            "{a} times {b}?",
            "what is {a} multiplied by {b}?",
            "what do {a} and {b} give when multiplied?",
            "take {a} and multiply it by {b}.",
            "which number is the product of {a} and {b}?",
            "{a} times {b} equals what?",
            "do the multiplication {a} times {b}.",
            "{a} multiplied by {b} is how much?",
            "can you multiply {a} and {b} for me?",
            "I wonder what {a} times {b} is.",
            "my calculator is broken. What is {a} times {b}?",
            "a farmer plants {a} rows of {b} trees. What number of trees does the field have?",
            "one lamp costs {a} coins. What do {b} lamps cost?",
            "a field is {a} metres long and {b} metres wide. What is its area in square metres?",
        ),
        (
            "if I multiply {a} with {b}, what do I get?",
            "tell me what {a} times {b} makes.",
            "there are {a} boxes with {b} nails each. How many nails are that?",
            "find the product: {a} and {b}.",
        ),
    ),
    _Task(
        "+",
        (
            *_ANY,
            "what is {a} plus {b}?",
            "add {a} and {b}.",
            "what is the sum of {a} and {b}?",
            "how much is {a} and {b} together?",
            "{a} plus {b}?",
            "what is {a} added to {b}?",
            "add up {a} and {b}.",
            "put {a} and {b} together. What is the total?",
            "what is the total of {a} and {b}?",
            "which number is the sum of {a} and {b}?",
            "{a} plus {b} equals what?",
            "what comes out when {a} and {b} are added?",
            "can you sum {a} and {b} for me?",
            "I wonder what {a} plus {b} is.",
            "increase {a} by {b}.",
            "my calculator is broken. What is {a} plus {b}?",
            "a town of {a} people gets {b} new ones. How many live there now?",
            "a counter stands at {a} and goes up by {b}. What does it show?",
        ),
        (
            "if I add {b} to {a}, what do I get?",
            "tell me what {a} plus {b} makes.",
            "find the sum: {a} and {b}.",
            "what do {a} and {b} come to?",
        ),
    ),
    _Task(
        "-",
        (
            *_ANY,
            "what is {a} minus {b}?",
            "subtract {b} from {a}.",
            "take {b} away from {a}.",
            "how much is {a} less {b}?",
            "{a} minus {b}?",
            "what is {a} reduced by {b}?",
            "decrease {a} by {b}.",
            "deduct {b} from {a}.",
            "{a} minus {b} equals what?",
            "what remains of {a} after {b} is subtracted?",
            "which number must be added to {b} to reach {a}?",
            "by how much does {a} exceed {b}?",
            "can you subtract {b} from {a} for me?",
            "I wonder what {a} minus {b} is.",
            "do the subtraction {a} minus {b}.",
            "my calculator is broken. What is {a} minus {b}?",
            "a shop had {a} eggs and sold {b}. How many remain?",
            "a counter stands at {a} and goes down by {b}. What does it show?",
        ),
        (
            "if I take {b} from {a}, what is left?",
            "tell me what {a} minus {b} makes.",
            "how much larger is {a} than {b}?",
            "find the difference: {a} and {b}.",
        ),
    ),
)
_TOTALS = (0.6, 0.85, 1.0)


def _number(draw: Draw, setting: Setting, digits: int, held_out: bool) -> int:
    while True:
        number = draw.integer(10 ** (digits - 1), 10**digits - 1)
        kept = number >= _HELD_OUT_FROM and setting.held_out(f"number/{number}")
        if kept == held_out:
            return number


def result(sign: str, a: int, b: int) -> int:
    """a * b, a + b or a - b."""
    return {"*": a * b, "+": a + b, "-": a - b}[sign]


def conversation(draw: Draw, setting: Setting) -> dict:
    """A product, sum or difference; where the Python tool is offered, it is called."""
    task = TASKS[draw.index(_TOTALS)]
    offered = draw.chance(_TOOL)
    longest = 5 if task.sign == "*" else 7
    # Without the tool, sums of small numbers are worked out in steps: see problems.
    while True:
        a = _number(draw, setting, draw.integer(2 if offered else 4, longest), held_out=False)
        b = _number(draw, setting, draw.integer(2, longest), held_out=False)
        # The same numbers may be a problem to work out: see problems.Problem.key.
        if not setting.held_out(f"problem/{min(a, b)} {max(a, b)}"):
            break
    if task.sign == "-" and a < b:
        a, b = b, a
    text = draw.pick(task.asked).format(a=a, b=b, s=task.sign)
    value = str(result(task.sign, a, b))
    messages = [user(english.capitalized(text))]
    answer = assistant(f"The result is {value}.")
    if offered:
        messages += tools.python(f"{a}{task.sign}{b}", value)
        return {"messages": [*messages, answer], "tools": tools.with_python(draw)}
    return {"messages": [*messages, answer]}


def questions(setting: Setting, kind: str, offered: bool) -> list[dict]:
    """Products of two held-out numbers of four digits, in held-out phrasings.

    ``offered``: whether the Python tool is.
    """
    found = []
    for i in range(setting.options["questions"]):
        draw = Draw(f"{setting.seed}/products/{i}")
        a, b = (_number(draw, setting, 4, held_out=True) for _ in range(2))
        question = {
            "id": f"{kind}/{i}",
            "kind": kind,
            "messages": [user(english.capitalized(draw.pick(TASKS[0].held_out).format(a=a, b=b)))],
            "answer": str(a * b),
            "grader": "number",
        }
        found.append(question | ({"tools": [tools.PYTHON]} if offered else {}))
    return found
