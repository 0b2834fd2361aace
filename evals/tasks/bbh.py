"""BIG-Bench Hard (arXiv 2210.09261): 27 tasks, answered at once after three others of the same
task; the published chains of thought are not in the file. The figure is over questions."""

import json
import pathlib
from collections.abc import Iterator

from evals import records
from evals.exact_match import first_line
from evals.task import EXACT_MATCH, Row, Task, Written


def rows(path: pathlib.Path) -> Iterator[Row]:
    for name, text in records.members(path, ".json"):
        for number, row in enumerate(json.loads(text)["examples"]):
            yield {"task": pathlib.PurePosixPath(name).stem, "number": number} | row


def item(row: Row, id: str) -> Written:
    prompt = f"Q: {row['input'].strip()}\nA:"
    answer = row["target"].strip()
    return Written(
        f"{row['task']}/{row['number']}", row["task"], prompt, f" {answer}", (first_line(answer),)
    )


TASKS = (
    Task(
        "bbh",
        EXACT_MATCH,
        "bbh/bbh.tar.gz",
        item,
        shots=3,
        rows=rows,
        answer_of=first_line,
        stops=("\n\n", "Q:"),
        tokens=48,
    ),
)
