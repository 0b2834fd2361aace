"""What reinforcement learning practises on: problems made from a seed, and how answers are judged.

An environment is two pure functions. ``problem(seed, level)`` is the same problem on every machine;
``verify(problem, text)`` says what an answer is worth. The text is whatever a model has written: it
is never executed, and one of more characters than evals.exact_match.MOST is worth nothing, so that
nobody is paid for writing until something is right.

The text to judge is the content of the last message of the model's turn, without its reasoning and
its tool calls: what a person would read. None and "" are answers, too, and worth nothing.
"""

import itertools
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import xxhash

from data.errors import InputError

# Problems longer than the context, one after another, before an environment is given up.
_MOST_LEFT_OUT = 1000
# Held-out problems drawn one after another that were all there before, until no other is expected.
_MOST_REPEATED = 500


@dataclass(frozen=True)
class Problem:
    """One problem, as it is put to a model.

    Attributes:
        id: environment, level and seed: "countdown/2/1234".
        messages: the conversation so far; the last message is the user's.
        answer: what is expected, in words for people; where many answers are right, one of them.
        facts: what verification needs, in plain data.
        tools: declarations of the tools offered (data.tool_declarations).
    """

    id: str
    messages: tuple[dict, ...]
    answer: str
    facts: Mapping[str, Any]
    tools: tuple[dict, ...] = ()

    @property
    def question(self) -> dict[str, Any]:
        """As evals.answers asks it and shows it."""
        return {
            "id": self.id,
            "messages": self.messages,
            "tools": self.tools,
            "answer": self.answer,
        }


@dataclass(frozen=True)
class Verdict:
    """The reward, 0 to 1, and why in a few words."""

    reward: float
    why: str


@dataclass(frozen=True)
class Environment:
    """Problems of one kind.

    Attributes:
        name: the word of the config that names it.
        levels: how many levels of difficulty there are: 1, the easiest, to ``levels``.
        problem: (seed, level) to a problem; the seed comes from ``problem_seed``, and says whether
            the problem is one for training or one for measuring.
        verify: (problem, text) to a verdict; never raises, whatever the text is.
        gold: where nothing can verify an answer and a reward model stands in: (problem, text) to
            what it is truly worth, in a unit of its own. It measures a policy and is never a
            reward.
    """

    name: str
    levels: int
    problem: Callable[[int, int], Problem]
    verify: Callable[[Problem, str | None], Verdict]
    gold: Callable[[Problem, str], float] | None = None


def chosen_levels(environment: Environment, named: Iterable[int], section: str) -> tuple[int, ...]:
    """The levels that a config names; all of them where it names none.

    Args:
        section: of the config, for the error.

    Raises:
        InputError: the environment has no such level.
    """
    levels = tuple(named) or tuple(range(1, environment.levels + 1))
    if wrong := [level for level in levels if not 1 <= level <= environment.levels]:
        raise InputError(
            f"config.{section}.levels has {wrong[0]}; those of {environment.name} are 1 to "
            f"{environment.levels}"
        )
    return levels


def check_tools(problems: Iterable[Problem], at_hand: Iterable[str], section: str) -> None:
    """Refuses problems that offer a tool which is not among those at hand, by name.

    Raises:
        InputError: one does; ``section`` of the config is where to name it.
    """
    offered = {tool["function"]["name"] for problem in problems for tool in problem.tools}
    if missing := sorted(offered - set(at_hand)):
        raise InputError(
            f"the problems of config.{section}.environment offer the tool {missing[0]!r}, which is "
            f"not at hand: name it in config.{section}.tools"
        )


def problem_seed(run_seed: int, index: int, held_out: bool) -> int:
    """The seed of problem ``index`` of a run: even for training, odd for measuring.

    No run's training seed is any run's held-out seed, and an environment keeps words and numbers
    for the odd ones. Seeds are below 2**53, so that JSON carries them.
    """
    digest = xxhash.xxh64_intdigest(f"{run_seed}/{index}".encode())
    return (digest >> 12) << 1 | bool(held_out)


def problem_with_room(
    environment: Environment,
    run_seed: int,
    index: int,
    held_out: bool,
    level: int,
    has_room: Callable[[Problem], bool],
) -> tuple[Problem, int]:
    """Problem ``index`` of a run, or the first that leaves room for an answer of those that may
    take its place; and how many were left out before it.

    Raises:
        InputError: hardly a problem leaves room.
    """
    for left_out in range(_MOST_LEFT_OUT):
        # Numbers of problems are counted from 0, and come nowhere near those in their places.
        seed = problem_seed(run_seed, index + (left_out << 40), held_out)
        problem = environment.problem(seed, level)
        if has_room(problem):
            return problem, left_out
    raise InputError(
        f"of {_MOST_LEFT_OUT} problems of {environment.name}, level {level}, none leaves room for "
        "an answer in the model's context: allow fewer tokens for answers, or take a model with a "
        "longer context"
    )


class HeldOut(NamedTuple):
    """Different problems kept for measuring.

    Attributes:
        problems: no two of which ask the same.
        seeds: of each, that of its number in the run, which its answers are drawn by.
        left_out: how many left no room for an answer, in whose place others stand.
    """

    problems: list[Problem]
    seeds: list[int]
    left_out: int

    def shortfall(self, wanted: int, key: str) -> str:
        """A sentence if there are fewer than `wanted`, which config.`key` asks for; else ""."""
        if len(self.problems) >= wanted:
            return ""
        return (
            f"there are {len(self.problems)} different held-out problems, fewer than the {wanted} "
            f"of config.{key}"
        )


def held_out_problems(
    environment: Environment,
    run_seed: int,
    count: int,
    levels: Sequence[int],
    has_room: Callable[[Problem], bool],
    seen: Collection[str] = (),
) -> HeldOut:
    """The first `count` different problems that a run keeps for measuring, of all levels in turn;
    fewer where the environment has no more.

    Args:
        seen: what `asked` says of problems that are not to be among them.

    Raises:
        InputError: hardly a problem leaves room.
    """
    found, repeated, known = HeldOut([], [], 0), 0, set(seen)
    for number in itertools.count():
        if len(found.problems) == count or repeated > _MOST_REPEATED:
            return found
        level = levels[number % len(levels)]
        problem, left_out = problem_with_room(environment, run_seed, number, True, level, has_room)
        repeated += 1
        if asked(problem.messages) not in known:
            known.add(asked(problem.messages))
            found.problems.append(problem)
            found.seeds.append(problem_seed(run_seed, number, True))
            found, repeated = found._replace(left_out=found.left_out + left_out), 0


def asked(messages: Iterable[Mapping]) -> str:
    """What tells a problem's conversation from others, also of one that was read from a file."""
    return json.dumps(list(messages), sort_keys=True)


def is_held_out(seed: int) -> bool:
    """Whether the problem of a seed is for measuring, never for training."""
    return bool(seed & 1)
