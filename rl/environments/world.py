"""Environments of the small world: in form what fine-tuning has practised, without end.

Problems for training have words and numbers that conversations may have, those for measuring only
such as conversations never have: both halves are data.world.chat's, by config.world_chat.held_out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from data.tool_declarations import PYTHON
from data.world.chat import copying, countdown, expressions, letters, problems
from data.world.chat.setting import Setting, user
from data.world.draw import Draw
from rl.environments import answers
from rl.environments.environment import Environment, Problem, is_held_out

_LONGEST_WORDS = (6, 9, 18)  # letters of a word, by level


@dataclass(frozen=True)
class Posed:
    """What is asked, one right answer, and what else verification needs."""

    text: str
    answer: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def environment(
    name: str,
    levels: int,
    posed: Callable[[Draw, bool, int], Posed],
    fault: Callable[[Problem, str], str],
    tools: tuple[dict, ...] = (),
) -> Environment:
    """An environment from what poses a problem, (draw, held out, level) -> Posed, and a verifier.

    Its problems' facts hold the answer beside what is posed; ``fault`` is for ``answers.judge``.
    """

    def problem(seed: int, level: int) -> Problem:
        if not 1 <= level <= levels:
            raise ValueError(f"{name} has levels 1 to {levels}, not {level}")
        one = posed(Draw(f"{name}/{level}/{seed}"), is_held_out(seed), level)
        return Problem(
            id=f"{name}/{level}/{seed}",
            messages=(user(one.text),),
            answer=one.answer,
            facts={"answer": one.answer, **one.facts},
            tools=tools,
        )

    return Environment(name, levels, problem, answers.judge(fault))


def arithmetic(setting: Setting) -> Environment:
    """Sums and differences; products too; two operations in a row."""

    def one(draw: Draw, level: int) -> problems.Problem:
        if level == 3:
            return problems.bare_chain(draw)
        return problems.bare(draw, "+-" if level == 1 else "+-*")

    return _worked(setting, "arithmetic", 3, one)


def word_problems(setting: Setting) -> Environment:
    """Word problems of two steps, and of three."""

    def one(draw: Draw, level: int) -> problems.Problem:
        while True:
            found = problems.problem(draw)
            if len(found.steps) == level + 1:
                return found

    return _worked(setting, "problems", 2, one)


def _worked(
    setting: Setting, name: str, levels: int, one: Callable[[Draw, int], problems.Problem]
) -> Environment:
    """Problems of data.world.chat.problems whose numbers are of the half that is asked for."""

    def posed(draw: Draw, held_out: bool, level: int) -> Posed:
        while True:
            found = one(draw, level)
            if setting.held_out(found.key()) == held_out:
                return Posed(found.text, str(found.answer), {"given": list(found.given)})

    return environment(name, levels, posed, answers.number_fault)


def numbers_game(setting: Setting) -> Environment:
    """Countdown: three numbers of 1 to 12, then four, then larger ones and division, then five."""

    def posed(draw: Draw, held_out: bool, level: int) -> Posed:
        one = countdown.countdown(draw, setting, held_out, level)
        facts = {"numbers": list(one.numbers), "target": one.target}
        return Posed(countdown.asked(draw, setting, one), countdown.expression(one.steps), facts)

    def fault(problem: Problem, text: str) -> str:
        return expressions.fault(text, problem.facts["numbers"], problem.facts["target"])

    return environment("countdown", countdown.LEVELS, posed, fault)


def letter_counting(setting: Setting, with_python: bool = False) -> Environment:
    """How often a letter is in a word, short, longer or any; Python may be offered as a tool."""

    def posed(draw: Draw, held_out: bool, level: int) -> Posed:
        text, fields = letters.counting(draw, setting, held_out, _LONGEST_WORDS[level - 1])
        return Posed(text, fields["v"], {"word": fields["w"], "letter": fields["l"]})

    name, tools = ("letters_python", (PYTHON,)) if with_python else ("letters", ())
    return environment(name, len(_LONGEST_WORDS), posed, answers.number_fault, tools)


def copies(setting: Setting) -> Environment:
    """To say again what is given; see data.world.chat.copying for this and for sorting."""
    return _exercises("copying", setting, copying.copying)


def sorted_lists(setting: Setting) -> Environment:
    """To put numbers or words in order."""
    return _exercises("sorting", setting, copying.sorting)


def _exercises(name: str, setting: Setting, make: Callable) -> Environment:
    def posed(draw: Draw, held_out: bool, level: int) -> Posed:
        one = make(draw, setting, held_out, level)
        return Posed(one.text, one.answer)

    return environment(name, copying.LEVELS, posed, answers.copy_fault)
