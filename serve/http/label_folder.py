"""The folder that a server's labels go to."""

import asyncio
import os
import pathlib
from typing import Any

from data.errors import InputError
from serve.labels import Known, Labels

# A file is read whole before a line is added to it, unless it is as the last one left it.
_MAX_BYTES = 64 << 20


class LabelFolder:
    """Files of lines as serve.labels describes them, to which one request at a time adds, whose
    `turn` it is. Between two lines, other programs may write them."""

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = pathlib.Path(path)
        self.turn = asyncio.Lock()
        # By name, what each file was like after the last line.
        self._known: dict[str, Known] = {}

    def writable(self) -> bool:
        """Whether files can be made there, as far as permissions tell."""
        there = next(p for p in (self.path, *self.path.absolute().parents) if p.exists())
        return there.is_dir() and os.access(there, os.W_OK | os.X_OK)

    def append(self, name: str, line: dict[str, Any]) -> int:
        """Adds a line to a file; how many it has now. To be called in a `turn`.

        Raises:
            InputError: it cannot be written, holds something else, or is full.
        """
        path = self.path / name
        if path.exists() and path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path} is full ({_MAX_BYTES} bytes): move it away")
        labels = Labels(path, self._known.pop(name, None))
        try:
            labels.append(line)
            self._known[name] = labels.known()
            return len(labels)
        except OSError as error:
            raise InputError(f"{path} cannot be written ({error.strerror})") from error
        finally:
            labels.close()
