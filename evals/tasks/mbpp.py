"""MBPP (arXiv 2108.07732): short Python functions, judged by three tests. Of its problems 11 to 510
are asked, and 2, 3 and 4 are the examples, as in the paper."""

import pathlib
from collections.abc import Iterator

from evals import records
from evals.task import PASS_AT_K, Row, Task, Written

_FILE = "mbpp/mbpp.jsonl"


def rows(path: pathlib.Path, first: int, last: int) -> Iterator[Row]:
    return (row for row in records.json_lines(path) if first <= row["task_id"] <= last)


def item(row: Row, id: str) -> Written:
    tests = "\n".join(row["test_list"])
    prompt = (
        "You are an expert Python programmer, and here is your task: "
        f"{row['text'].strip()} Your code should pass these tests:\n\n{tests}\n[BEGIN]\n"
    )
    worked = row["code"].replace("\r\n", "\n").strip("\n") + "\n[DONE]"
    program = "\n".join(filter(None, (row["test_setup_code"], tests)))
    return Written(str(row["task_id"]), "", prompt, worked, (program,))


TASKS = (
    Task(
        "mbpp",
        PASS_AT_K,
        _FILE,
        item,
        shots=3,
        rows=lambda path: rows(path, 11, 510),
        example_file=_FILE,
        example_rows=lambda path: rows(path, 2, 4),
        stops=("[DONE]",),
        tokens=256,
    ),
)
