"""How the tests solve the world's problems, from their text alone, and tell the halves apart."""

import itertools
import re
from fractions import Fraction

from ml_collections import ConfigDict

from data.world import chat
from data.world.chat.setting import without_facts
from evals import exact_match
from rl.environments.environment import Problem
from tests.data.world.chat import copying_test

WORLD = (
    "arithmetic",
    "problems",
    "countdown",
    "letters",
    "letters_python",
    "copying",
    "sorting",
    "tables",
)
CONFIG = ConfigDict({"world": {"seed": 0}, "world_chat": chat.defaults()})
SETTING = without_facts(CONFIG.world_chat)


def text_of(problem: Problem) -> str:
    return problem.messages[-1]["content"]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def keys(name: str, problem: Problem) -> list[str]:
    """The words, numbers and lists of a problem that belong to one half, read from its text."""
    text = text_of(problem)
    if name in ("arithmetic", "problems"):
        return ["problem/" + " ".join(map(str, sorted(_numbers(text))))]
    if name == "countdown":
        numbers = _numbers(text)
        numbers.remove(problem.facts["target"])
        return ["countdown/" + " ".join(map(str, sorted(numbers)))]
    if name.startswith("letters"):
        quoted = re.findall(r'"(\w+)"', text)
        return [f"word/{max(quoted, key=len)}"]
    if name == "tables":
        return [f"word/{row.lower()}" for row in re.findall(r"(\w+):", text)]
    if name == "sorting" and problem.answer[0].isdigit():
        return ["sorting/" + problem.answer.replace(",", "")]
    if problem.answer[-1] in ".?!":  # a sentence, of names, numbers and words of its own
        return []
    items = re.findall(r"\w+", problem.answer.lower().removeprefix("print"))
    return [f"number/{int(item)}" if item.isdigit() else f"word/{item}" for item in items]


def right(name: str, problem: Problem) -> list[str]:
    """Ways to say the right answer."""
    text = text_of(problem)
    if name == "copying" or name == "sorting":
        return [f" {problem.answer}\n"] if problem.answer in copying_test.solved(text) else [""]
    if name == "countdown":
        made = problem.answer  # a search among five numbers would take seconds
        if len(problem.facts["numbers"]) < 5:
            made = solve_countdown(problem.facts["numbers"], problem.facts["target"])
        return [f"The answer is {made}.", f"{made} = {problem.facts['target']}", made]
    if name == "tables" and problem.facts["kind"] == "most":
        return [_looked_up(text), f"{_looked_up(text)} has the most."]
    solve = {"arithmetic": _computed, "tables": _looked_up, "problems": lambda _: problem.answer}
    value = solve.get(name, _counted)(text)
    return [
        f"The answer is {value}.",
        value,
        f"7 and 8, so the answer is {value}.",
        f"#### {value}",
    ]


def wrong(name: str, problem: Problem) -> list[str]:
    answer = problem.answer
    return [
        f"The answer is {answer}1.",
        f"The answer is -{answer}5.",
        f"The answer is not {answer}. The answer is 77777.",
        "I don't know.",
        text_of(problem),
        f"{answer}\n<|im_end|>",
        answer + " " * exact_match.MOST,
    ]


def _computed(text: str) -> str:
    words = {"plus": "+", "minus": "-", "times": "*"}
    for word, sign in words.items():
        text = text.replace(word, sign)
    numbers, signs = _numbers(text), re.findall(r" ([-+*]) ", text)
    if not signs:  # add 3 and 4; take 3 away from 4; multiply 3 by 4
        first, second = numbers
        if "ake" in text:
            return str(second - first)
        return str(first + second if "dd" in text else first * second)
    value = numbers[0]
    for sign, number in zip(signs, numbers[1:], strict=True):
        value = {"+": value + number, "-": value - number, "*": value * number}[sign]
    return str(value)


def _counted(text: str) -> str:
    quoted = sorted(re.findall(r'"(\w+)"', text), key=len)
    letter = quoted[0] if len(quoted) == 2 else re.search(r"\b(\w)(?:'s\b| (?:are|in)\b)", text)[1]
    return str(sum(character == letter for character in quoted[-1]))


def _looked_up(text: str) -> str:
    table, _, asked = text.rpartition(". ")
    rows = {}
    for row in table.split("; "):
        name, cells = row.split(": ")
        rows[name] = {cell.split()[1]: int(cell.split()[0]) for cell in cells.split(", ")}
    thing = next(thing for thing in next(iter(rows.values())) if thing in asked)
    named = [name for name in rows if re.search(rf"\b{name}\b", asked)]
    if not named:
        return max(rows, key=lambda name: rows[name][thing])
    return str(sum(rows[name][thing] for name in named))


def solve_countdown(numbers: list[int], target: int) -> str:
    """A solution, by combining any two of what is at hand, depth first."""
    stack = [tuple((Fraction(number), str(number)) for number in numbers)]
    seen = set()
    while stack:
        at_hand = stack.pop()
        values = tuple(sorted(value for value, _ in at_hand))
        if values in seen:
            continue
        seen.add(values)
        for value, written in at_hand:
            if value == target:
                return written
        for i, j in itertools.permutations(range(len(at_hand)), 2):
            (a, x), (b, y) = at_hand[i], at_hand[j]
            rest = [at_hand[k] for k in range(len(at_hand)) if k not in (i, j)]
            made = [(a + b, f"({x}+{y})"), (a - b, f"({x}-{y})"), (a * b, f"({x}*{y})")]
            made += [(a / b, f"({x}/{y})")] if b else []
            stack += [(*rest, one) for one in made]
    return ""
