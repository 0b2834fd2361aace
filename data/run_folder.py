"""What every stage writes in a run's folder: whole files, figures for the report, and DONE."""

import fcntl
import json
import os
import pathlib
import shutil
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

DONE = "DONE"
REPORT = "report.json"


def write_atomically(path: str | os.PathLike, text: str) -> None:
    """Writes `text` (UTF-8) so that a reader finds the old file or the new one, never a part.

    The folder is made if it is missing. Durable when it returns: the data, then the name, reach
    the disk.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.partial")
    with _open_alone(temporary) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def _open_alone(path: pathlib.Path) -> TextIO:
    """Opens `path` empty, after every other writer of it has closed it.

    The system gives up the lock of a killed writer, so what that left is written over: no name
    needs a process id in it, which nobody would ever remove.
    """
    while True:
        file = open(path, "a", encoding="utf-8", newline="")
        fcntl.flock(file, fcntl.LOCK_EX)
        # A writer before may have given the file its final name since, or removed it.
        try:
            still_there = os.path.samestat(os.fstat(file.fileno()), path.stat())
        except FileNotFoundError:
            still_there = False
        if still_there:
            file.truncate(0)
            return file
        file.close()


def write_json_lines(path: str | os.PathLike, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes a line of JSON a row, as `write_atomically`; half characters become "?"."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomically(path, text.encode("utf-8", "replace").decode("utf-8"))


def cleared_partial(final: str | os.PathLike) -> pathlib.Path:
    """Where to make the folder `final` until `replace_folder`: beside it, and nothing is there,
    since what a killed run left is removed."""
    final = pathlib.Path(final)
    partial = final.with_name(f"{final.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    return partial


def replace_folder(partial: str | os.PathLike, final: str | os.PathLike) -> None:
    """Gives the finished folder `partial` its `final` name, which must be free or an empty folder.

    Every file is on the disk before the folder gets its name: after a power cut, too, `final` is
    absent or whole.
    """
    partial, final = pathlib.Path(partial), pathlib.Path(final)
    for folder, _, names in os.walk(partial):
        for name in names:
            descriptor = os.open(os.path.join(folder, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(folder)
    os.replace(partial, final)
    sync_folder(final.parent)


def sync_folder(folder: str | os.PathLike) -> None:
    """Makes the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def record(workdir: str | os.PathLike, figures: dict[str, float]) -> None:
    """Merges `figures`, named "stage/metric", into the run's report.json."""
    path = pathlib.Path(workdir) / REPORT
    merged = figures_of(workdir)
    merged.update({name: _number(name, value) for name, value in figures.items()})
    write_atomically(path, json.dumps(merged, indent=2, sort_keys=True) + "\n")


def figures_of(workdir: str | os.PathLike) -> dict[str, float]:
    """What the run's report.json holds so far."""
    path = pathlib.Path(workdir) / REPORT
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _number(name: str, value: Any) -> int | float:
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise TypeError(f"the figure {name} is {value!r}, not a number")
    return number


def is_done(folder: str | os.PathLike) -> bool:
    """Whether the stage that owns `folder` has finished."""
    return (pathlib.Path(folder) / DONE).exists()


def mark_done(folder: str | os.PathLike, summary: dict[str, Any]) -> None:
    """Marks the stage that owns `folder` as finished; `summary` is what DONE says, as JSON."""
    path = pathlib.Path(folder) / DONE
    write_atomically(path, json.dumps(summary, indent=2, sort_keys=True) + "\n")
