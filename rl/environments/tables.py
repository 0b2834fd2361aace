"""Looking things up in a small table: a value, whose value is the largest, the sum of two values.

The names of the rows are made up; those for measuring are in no problem for training.
"""

from data.world import english
from data.world.chat import copying, grade
from data.world.chat.phrasings.problems import THINGS
from data.world.chat.setting import Setting
from data.world.draw import Draw
from rl.environments import answers
from rl.environments.environment import Environment, Problem
from rl.environments.world import Posed, environment

# Rows and columns, and what is asked for, by level.
_LEVELS = ((3, 1, "value"), (4, 2, "value"), (4, 2, "most"), (5, 2, "sum"))
_LARGEST = 60

_ASKED = {
    "value": ("how many {things} has {n}?", "what is the number of {things} of {n}?"),
    "most": ("who has the most {things}?", "which row has the largest number of {things}?"),
    "sum": ("how many {things} have {n} and {m} together?",),
}


def tables(setting: Setting) -> Environment:
    """Tables told in one line, "Slom: 4 cups, 7 nuts; ...", and a question about one."""

    def posed(draw: Draw, held_out: bool, level: int) -> Posed:
        rows, columns, kind = _LEVELS[level - 1]
        names: list[str] = []
        while len(names) < rows:
            name = copying.item(draw, setting, held_out, "name")
            names += [name] if name not in names else []
        things = draw.some(THINGS, columns)
        # Different values in a column: one row has the most.
        values = [draw.some(range(2, _LARGEST + 1), rows) for _ in things]
        column = draw.integer(0, columns - 1)
        row, other = draw.some(range(rows), 2)
        answer = {
            "value": str(values[column][row]),
            "most": names[values[column].index(max(values[column]))],
            "sum": str(values[column][row] + values[column][other]),
        }[kind]
        asked = draw.pick(_ASKED[kind]).format(things=things[column], n=names[row], m=names[other])
        told = "; ".join(
            f"{name}: " + ", ".join(f"{values[c][r]} {things[c]}" for c in range(columns))
            for r, name in enumerate(names)
        )
        facts = {"kind": kind, "names": names}
        return Posed(f"{told}. {english.capitalized(asked)}", answer, facts)

    return environment("tables", len(_LEVELS), posed, _fault)


def _fault(problem: Problem, text: str) -> str:
    if problem.facts["kind"] != "most":
        return answers.number_fault(problem, text)
    if len(text) > grade.LOOKED_AT:
        return "the answer is too long"
    said = grade.normalized(answers.after_marker(text)).split()
    named = [name for name in problem.facts["names"] if name.lower() in said]
    return "" if named == [problem.facts["answer"]] else "not the one name"
