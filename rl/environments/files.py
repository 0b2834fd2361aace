"""Environments from files of questions with answers: GSM8K, and any JSON Lines.

A file's questions are divided by a hash of their text: a tenth is for measuring, and equal
questions are always on one side. Fine-tuning divides by the same hash: from a file that both read,
it keeps at least what is measured here if config.sft.validation_fraction is a tenth or more.
"""

import collections
import re
import sys
from collections.abc import Callable

import xxhash

from data import sources
from data.encoding import well_formed
from data.errors import InputError
from data.world.chat.setting import user
from evals import exact_match
from rl.environments import answers
from rl.environments.environment import Environment, Problem, is_held_out

HELD_OUT = 0.1
_MOST = 1_000_000  # questions of a file
_KEYS_NAMED = 8
_FINAL = re.compile(r"####\s*(-?[0-9][0-9,]*)\s*$")

Row = tuple[str, str]  # question, answer


def gsm8k(path: str) -> Environment:
    """GSM8K as published: the integer after "####" is the answer (arXiv 2110.14168)."""

    def final(answer: object) -> str | None:
        match = _FINAL.search(answer) if isinstance(answer, str) else None
        return match[1].replace(",", "") if match else None

    return _environment(f"gsm8k:{path}", path, final, answers.number_fault)


def json_lines(path: str) -> Environment:
    """Objects with a "question" and an "answer", a number or a text, which is compared as words."""

    def final(answer: object) -> str | None:
        if isinstance(answer, bool) or not isinstance(answer, str | int | float):
            return None
        text = answer if isinstance(answer, str) else exact_match.as_number(answer)
        return (text and text.strip()) or None

    def fault(problem: Problem, text: str) -> str:
        is_number = answers.is_number(problem.facts["answer"])
        return (answers.number_fault if is_number else answers.text_fault)(problem, text)

    return _environment(f"jsonl:{path}", path, final, fault)


def _environment(
    name: str,
    path: str,
    final: Callable[[object], str | None],
    fault: Callable[[Problem, str], str],
) -> Environment:
    halves = _halves(path, final)

    def problem(seed: int, level: int) -> Problem:
        if level != 1:
            raise ValueError(f"{name} has one level, not {level}")
        rows = halves[is_held_out(seed)]
        question, answer = rows[xxhash.xxh64_intdigest(str(seed).encode()) % len(rows)]
        return Problem(f"{name}/1/{seed}", (user(question),), answer, {"answer": answer})

    return Environment(name, 1, problem, answers.judge(fault))


def _halves(path: str, final: Callable[[object], str | None]) -> dict[bool, list[Row]]:
    """The questions for measuring (True) and for training (False), in the order of the file.

    Raises:
        InputError: the file cannot be read, or a half is empty.
    """
    halves: dict[bool, list[Row]] = {False: [], True: []}
    left_out = collections.Counter()
    keys: dict[str, None] = {}  # in their order
    for _, record in sources.records(path, left_out):
        question, answer = record.get("question"), final(record.get("answer"))
        if not isinstance(question, str) or not question.strip() or answer is None:
            missing = "answer" if isinstance(question, str) and question.strip() else "question"
            left_out[f"rows without a usable {missing!r}"] += 1
            keys |= dict.fromkeys(list(record)[:_KEYS_NAMED])
            continue
        question, answer = well_formed(question), well_formed(answer)
        halves[sources.is_held_out(question, HELD_OUT)].append((question, answer))
        if len(halves[False]) > _MOST:
            raise InputError(f"{path} has more than {_MOST:,} questions: give a smaller file")
    for why, count in left_out.items():
        print(f"{path}: {count} left out, {why}", file=sys.stderr)
    if not halves[False] and not halves[True]:
        named = ", ".join(map(repr, list(keys)[:_KEYS_NAMED])) or "none"
        raise InputError(
            f"{path} has no question with an answer: each row needs a text under 'question' and a "
            "number or text under 'answer' (in GSM8K, one that ends in #### and a whole number); "
            f"the keys found are {named}"
        )
    if not halves[False] or not halves[True]:
        raise InputError(
            f"{path} has too few questions to keep a tenth for measuring: give a larger file"
        )
    return halves
