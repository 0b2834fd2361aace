"""What a task of the evaluation suite is: plain data, and how an item is shown with examples.

A task says where its rows are and how a row becomes an item; a kind (evals.choice, evals.cloze,
evals.exact_match, evals.pass_at_k) says how an item is judged. What a prompt looks like is decided
here and in the task's own file, nowhere else.
"""

import csv
import dataclasses
import pathlib
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from data.errors import InputError
from evals import records

Row = dict[str, Any]

# Kinds by likelihood, and those for which the model writes.
CHOICE, CLOZE, EXACT_MATCH, PASS_AT_K = "choice", "cloze", "exact_match", "pass_at_k"
SCORED = (CHOICE, CLOZE)

_LOOKED_AT = 64


class Choice(NamedTuple):
    """An item judged by likelihood: (context, continuation) of each option, and the right one. Of
    CLOZE there is one option. Examples come from items of the same group."""

    id: str
    group: str
    options: tuple[tuple[str, str], ...]
    gold: int


class Written(NamedTuple):
    """An item that is answered in writing.

    `worked`: the answer as an example shows it after the prompt. `accept`: the answers that are
    right, as the task's `answer_of` reads them; of PASS_AT_K, the one program that fails on a wrong
    answer.
    """

    id: str
    group: str
    prompt: str
    worked: str
    accept: tuple[str, ...]


Item = Choice | Written
Pool = Mapping[str, Sequence[Item]]


@dataclasses.dataclass(frozen=True)
class Task:
    """A task.

    Attributes:
        name: of the figure.
        kind: one of the four above.
        file: of the items, below the folder of data; packed as .gz, too.
        item: a row and its id to an item.
        chance: the accuracy of guessing.
        shots: examples before an item.
        heading: of the kinds by likelihood, a group's name to what stands before its examples.
        rows: a path to its rows.
        example_file, example_rows: where examples come from; "": from the items, never the one
            asked.
        core: whether it is one of CORE's (arXiv 2406.11794).
        answer_of: of EXACT_MATCH, what a text gives as its answer; None: nothing.
        stops, tokens: what ends a text of a model that is not asked in turns, and what ends any.
    """

    name: str
    kind: str
    file: str
    item: Callable[[Row, str], Item]
    chance: float = 0.0
    shots: int = 0
    heading: Callable[[str], str] | None = None
    rows: Callable[[pathlib.Path], Iterable[Row]] = records.json_lines
    example_file: str = ""
    example_rows: Callable[[pathlib.Path], Iterable[Row]] = records.json_lines
    core: bool = False
    answer_of: Callable[[str], str | None] | None = None
    stops: tuple[str, ...] = ("\n\n",)
    tokens: int = 32


def items(task: Task, folder: pathlib.Path, limit: int = 0) -> list[Item]:
    """The first `limit` items (0: all) in the order of the file; of a file of several groups the
    first of each group, then the second of each.

    Raises:
        InputError: the file is absent, damaged, empty, or a row is not what the task reads.
    """
    path = records.located(folder, task.file, task.name)
    found = _read(task, path, task.rows)
    return _by_turns(found)[: limit or None]


def pool(task: Task, folder: pathlib.Path, count: int) -> Pool:
    """All that examples can be taken from, by group; nothing where none are wanted.

    Raises:
        InputError: as of `items`.
    """
    if not count:
        return {}
    if task.example_file:
        path = records.located(folder, task.example_file, task.name)
        return grouped(_read(task, path, task.example_rows))
    return grouped(_read(task, records.located(folder, task.file, task.name), task.rows))


def grouped(items: Sequence[Item]) -> Pool:
    """Items by group, in their order."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.group, []).append(item)
    return found


def _read(
    task: Task, path: pathlib.Path, rows: Callable[[pathlib.Path], Iterable[Row]]
) -> list[Item]:
    found: list[Item] = []
    try:
        for number, row in enumerate(rows(path)):
            item = task.item(row, str(number))
            _check(item)
            found.append(item)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, csv.Error) as error:
        raise InputError(
            f"record {len(found)} of {path} is no item of {task.name} "
            f"({type(error).__name__}: {error}): give the file as it was published"
        ) from error
    if not found:
        raise InputError(f"{path} holds no item of {task.name}: give the file as it was published")
    return found


def _check(item: Item) -> None:
    if isinstance(item, Choice):
        texts = [text for option in item.options for text in option]
        if not 0 <= item.gold < len(item.options):
            raise ValueError(f"the right option is number {item.gold} of {len(item.options)}")
    else:
        texts = [item.prompt, item.worked, *item.accept]
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"{text!r:.40} is no text")
    if isinstance(item, Choice) and not all(continuation for _, continuation in item.options):
        raise ValueError("an option is empty")


def _by_turns(found: Sequence[Item]) -> list[Item]:
    """In turns of the groups; of one group, as they are."""
    seen: dict[str, int] = {}
    turns = []
    for item in found:
        seen[item.group] = seen.get(item.group, -1) + 1
        turns.append(seen[item.group])
    return [found[i] for i in sorted(range(len(found)), key=turns.__getitem__)]


def examples(task: str, item: Item, pool: Pool, count: int, seed: int) -> list[Item]:
    """`count` items of the item's group, none of them with its prompt; as many as there are where
    there are fewer.

    They depend on the seed, the task and the item's id alone, not on which items are asked. Where
    the group has no more than `count`, as where a set comes with its examples, they are all taken,
    in the order of the file.
    """
    draw, asked = random.Random(f"{seed}/{task}/{item.id}"), _asked(item)
    mine = pool.get(item.group, ())
    # Of many, no more are looked at than it takes to find some with other prompts.
    few = max(_LOOKED_AT, 2 * count)
    others = [
        other
        for other in (mine if len(mine) <= few else draw.sample(mine, few))
        if _asked(other) != asked
    ]
    return others if len(others) <= count else draw.sample(others, count)


def _asked(item: Item) -> tuple[str, ...]:
    if isinstance(item, Choice):
        return tuple(context for context, _ in item.options)
    return (item.prompt,)


def shown(item: Item) -> str:
    """The item as an example: with its right answer."""
    if isinstance(item, Choice):
        return "".join(item.options[item.gold])
    return item.prompt + item.worked


def before(examples: Sequence[Item], heading: str = "") -> str:
    """The heading and the text of examples, which the prompt of the item follows."""
    return heading + "".join(f"{shown(item)}\n\n" for item in examples)
