"""MMLU (arXiv 2009.03300): 57 subjects, the letter of one of four answers after the five examples
that come with each. The figure is over questions, not over subjects."""

import csv
import io
import pathlib
from collections.abc import Iterator

from evals import records
from evals.task import CHOICE, Choice, Row, Task

_LETTERS = "ABCD"
_FILE = "mmlu/mmlu.tar.gz"


def rows(path: pathlib.Path, split: str) -> Iterator[Row]:
    """Of mmlu/SPLIT/SUBJECT_SPLIT.csv: question, four answers, letter; without a header."""
    for name, text in records.members(path, ".csv", below=split):
        subject = pathlib.PurePosixPath(name).stem.removesuffix(f"_{split}")
        for number, row in enumerate(csv.reader(io.StringIO(text))):
            yield {"subject": subject, "number": number, "row": row}


def item(row: Row, id: str) -> Choice:
    question, *answers, letter = row["row"]
    lines = [f"{name}. {answer}" for name, answer in zip(_LETTERS, answers, strict=True)]
    context = "\n".join([question.strip(), *lines, "Answer:"])
    options = tuple((context, f" {name}") for name in _LETTERS)
    subject = row["subject"]
    return Choice(f"{subject}/{row['number']}", subject, options, _LETTERS.index(letter.strip()))


def heading(subject: str) -> str:
    """As in the published evaluation."""
    name = subject.replace("_", " ")
    return f"The following are multiple choice questions (with answers) about {name}.\n\n"


TASKS = (
    Task(
        "mmlu",
        CHOICE,
        _FILE,
        item,
        chance=0.25,
        shots=5,
        heading=heading,
        rows=lambda path: rows(path, "test"),
        example_file=_FILE,
        example_rows=lambda path: rows(path, "dev"),
    ),
)
