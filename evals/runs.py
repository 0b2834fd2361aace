"""The figures of several runs side by side, with their mean and spread: what a seed changes.

    python -m evals.runs runs/laptop runs/seed1 runs/seed2
    python -m evals.runs --figures='chat/.*|rl/.*' runs/laptop runs/seed1

Prints a table in Markdown, of the figures that all of the runs have in report.json. The spread is
the sample standard deviation. What the runs' configs differ in is told before it.
"""

import pathlib
import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from absl import app, flags

from data.errors import InputError, one_line_errors
from data.json_object import differences, read_object
from data.run_folder import REPORT
from evals.report.meanings import shown

FIGURES = flags.DEFINE_string("figures", ".*", "A pattern of the whole names of the figures.")


def main(argv: list[str]) -> None:
    with one_line_errors():
        for line in compared(argv[1:], FIGURES.value):
            print(line)


def compared(folders: Sequence[str], pattern: str) -> list[str]:
    """What the configs of the runs differ in, an empty line, and the rows of the table.

    Args:
        pattern: a regular expression of the whole names of figures.

    Raises:
        InputError: fewer than two runs, or one twice; one without figures; no such figure.
    """
    if len(folders) < 2 or len(set(folders)) < len(folders):
        raise InputError(
            "give the folders of two runs or more, each once: "
            "python -m evals.runs runs/laptop runs/seed1"
        )
    figures = [_object(folder, REPORT) for folder in folders]
    configs = [_object(folder, "config.json") for folder in folders]
    found = [f"{key}: {', '.join(map(str, values))}" for key, values in differences(configs)]
    return [*found, "", *table(folders, figures, pattern)]


def _object(folder: str, name: str) -> dict[str, Any]:
    path = pathlib.Path(folder) / name
    if not path.exists():
        raise InputError(f"{folder} has no {name}: it is not a run's folder, or no stage is done")
    return read_object(path)


def table(names: Sequence[str], figures: Sequence[Mapping[str, float]], pattern: str) -> list[str]:
    """A row for every figure whose name fits and that all the runs have.

    Raises:
        InputError: the pattern is none, or there is no such figure.
    """
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise InputError(f"--figures={pattern} is no regular expression: {error}") from None
    shared = sorted(set.intersection(*map(set, figures)))
    rows = []
    for key in filter(wanted.fullmatch, shared):
        values = [one[key] for one in figures]
        mean, spread = statistics.fmean(values), statistics.stdev(values)
        cells = [shown(key, value) for value in (*values, mean, spread)]
        rows.append(f"| {key} | {' | '.join(cells)} |")
    if not rows:
        raise InputError(f"no figure that all the runs have is called {pattern}")
    head = f"| figure | {' | '.join(names)} | mean | spread |"
    return [head, "| --- " * (len(names) + 3) + "|", *rows]


if __name__ == "__main__":
    app.run(main)
