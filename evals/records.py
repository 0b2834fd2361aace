"""Rows of evaluation files: JSON Lines, and the members of a tar archive, read where they are.

The files are somebody else's: archives are never unpacked to the disk, and what is damaged is an
error and not passed over, since a figure would be of other items than its name says.
"""

import collections
import gzip
import pathlib
import tarfile
import zlib
from collections.abc import Iterator
from typing import Any

from data import sources
from data.errors import InputError

_MOST_ROWS = 1_000_000
_MOST_MEMBERS, _MOST_BYTES = 10_000, 1 << 26


def located(folder: pathlib.Path, file: str, task: str) -> pathlib.Path:
    """The path of a file below `folder`, as it is or packed.

    Raises:
        InputError: it is not there.
    """
    found = present(folder, file)
    if found is None:
        packed = "" if file.endswith(".gz") else " (or that with .gz)"
        raise InputError(
            f"the task {task} wants the file {file}{packed} in {folder}, where it is not: put it "
            "there or give another --data"
        )
    return found


def present(folder: pathlib.Path, file: str) -> pathlib.Path | None:
    """The path of a file below `folder`, as it is or packed; None: it is not there."""
    for path in (folder / file, folder / f"{file}.gz"):
        if path.is_file():
            return path
    return None


def json_lines(path: pathlib.Path) -> Iterator[dict[str, Any]]:
    """The objects of a file.

    Raises:
        InputError: a line is no object, or there are too many.
    """
    problems: collections.Counter = collections.Counter()
    for number, (_, row) in enumerate(sources.records(str(path), problems)):
        if number == _MOST_ROWS:
            raise InputError(f"{path} has more than {_MOST_ROWS:,} lines: give a smaller file")
        yield row
    if problems:
        reason, count = problems.most_common(1)[0]
        raise InputError(f"{path} is damaged ({count} times: {reason}): fetch it again")


def members(path: pathlib.Path, suffix: str, below: str = "") -> Iterator[tuple[str, str]]:
    """Name and text of the members of a tar archive that end in `suffix`, and have a folder named
    `below`, by name.

    Raises:
        InputError: it is no archive, not UTF-8, or too large.
    """
    found, size = {}, 0
    try:
        with tarfile.open(path) as archive:
            for number, member in enumerate(archive):
                name = pathlib.PurePosixPath(member.name)
                if number == _MOST_MEMBERS or size > _MOST_BYTES:
                    raise InputError(f"{path} is too large: give the archive as it was published")
                if not member.isfile() or name.suffix != suffix:
                    continue
                if below and below not in name.parts[:-1]:
                    continue
                data = archive.extractfile(member).read(_MOST_BYTES + 1)
                size += len(data)
                found[str(name)] = data.decode("utf-8")
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, OSError) as error:
        raise InputError(f"{path} cannot be read ({error}): fetch it again") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} holds text that is not UTF-8: fetch it again") from error
    yield from sorted(found.items())
