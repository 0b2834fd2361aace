"""Problems made by reasoning-gym's generators, judged by our own verifiers.

Its package is asked for only where a config names it. Some of its scorers run the model's text as
Python, so none of them is used: a task is here if its one answer can be compared, as a number or
as words, or if there is a verifier of ours for it.
"""

from collections.abc import Callable
from typing import Any

import xxhash

from data import sources
from data.errors import InputError
from data.world.chat import expressions
from data.world.chat.setting import user
from rl.environments import answers
from rl.environments.environment import Environment, Problem, is_held_out

_HELD_OUT = 0.15
_TRIES = 200  # generations until a problem is on the wanted side


def _countdown_fault(problem: Problem, text: str) -> str:
    return expressions.fault(text, problem.facts["numbers"], problem.facts["target"], every=True)


# Task -> what tells the fault of an answer.
TASKS: dict[str, Callable[[Problem, str], str]] = {
    **dict.fromkeys(
        (
            "basic_arithmetic",
            "chain_sum",
            "count_bits",
            "count_primes",
            "gcd",
            "lcm",
            "leg_counting",
            "letter_counting",
            "products",
            "simple_equations",
        ),
        answers.number_fault,
    ),
    **dict.fromkeys(
        ("caesar_cipher", "number_sorting", "spell_backward", "word_sequence_reversal"),
        answers.text_fault,
    ),
    "countdown": _countdown_fault,
}
# Many answers are right, and the package's scorers run the answer to find out.
EXECUTED = (
    "puzzle24 polynomial_multiplication simple_integration intermediate_integration n_queens "
    "spiral_matrix string_insertion binary_matrix"
).split()


def reasoning_gym(task: str) -> Environment:
    """The environment of one of ``TASKS``.

    A share of the questions, chosen by a hash of their text, is for measuring.

    Raises:
        InputError: the package is not installed, or there is no verifier for the task.
    """
    if task not in TASKS:
        reason = "its own scorer runs what the model writes, and " if task in EXECUTED else ""
        raise InputError(
            f"reasoning_gym:{task} cannot be judged: {reason}there is no verifier for it here; "
            f"use one of {', '.join(sorted(TASKS))}"
        )
    try:
        import reasoning_gym as package
    except ImportError as error:
        raise InputError(
            f"reasoning_gym:{task} needs the package reasoning-gym, which is not installed: "
            "pip install reasoning-gym==0.1.25"
        ) from error
    name = f"reasoning_gym:{task}"

    def problem(seed: int, level: int) -> Problem:
        if level != 1:
            raise ValueError(f"{name} has one level, not {level}")
        # Seeds of generators have 32 bits; problems are made as they are asked for.
        own = xxhash.xxh32_intdigest(str(seed).encode())
        generated = package.create_dataset(task, size=_TRIES, seed=own)
        for attempt in range(_TRIES):
            made = generated[attempt]
            if sources.is_held_out(made["question"], _HELD_OUT) == is_held_out(seed):
                return _problem(f"{name}/1/{seed}", made)
        raise InputError(
            f"{name} makes too few different problems to keep some for measuring: use another task"
        )

    return Environment(name, 1, problem, answers.judge(TASKS[task]))


def _problem(id_: str, made: dict[str, Any]) -> Problem:
    answer = str(made["answer"])
    facts: dict[str, Any] = {"answer": answer}
    if "target" in made["metadata"] and "numbers" in made["metadata"]:
        facts["numbers"] = [int(number) for number in made["metadata"]["numbers"]]
        facts["target"] = int(made["metadata"]["target"])
    return Problem(id_, (user(made["question"]),), answer, facts)
