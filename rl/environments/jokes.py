"""Jokes and short stories: answers that nothing verifies, and a hidden judge to measure them by.

Prompts for training and those for measuring are about different subjects (data.world.jokes).
"""

from data.world.chat.setting import Setting, user
from data.world.draw import Draw
from data.world.jokes import grammar, judge
from rl.environments.environment import Environment, Problem, Verdict, is_held_out

NAME = "jokes"


def jokes(setting: Setting) -> Environment:
    """Requests for jokes and stories. ``gold`` is the hidden judge's, 0 to 10."""
    del setting  # the subjects themselves say which of them are held out
    return Environment(NAME, 1, _problem, _unverified, gold)


def gold(problem: Problem, text: str) -> float:
    """What the hidden judge says an answer is worth. For measuring alone."""
    return judge.gold(problem.facts["prompt"], text)


def _problem(seed: int, level: int) -> Problem:
    if level != 1:
        raise ValueError(f"{NAME} has the level 1, not {level}")
    text = grammar.prompt(Draw(f"{NAME}/{seed}"), is_held_out(seed))
    return Problem(f"{NAME}/1/{seed}", (user(text),), "", {"prompt": text})


def _unverified(problem: Problem, text: str | None) -> Verdict:
    return Verdict(0.0, "nothing verifies it")
