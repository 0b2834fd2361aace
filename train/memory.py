"""How much memory the program and its workers hold at most."""

import contextlib
import os
import pathlib
import resource
import sys
import threading
from collections.abc import Callable, Iterator

_PROC = pathlib.Path("/proc")
_SECONDS = 0.5
_GB = 1e9
# Fields of /proc/PID/stat after the name, which may hold spaces and brackets of its own.
_PARENT, _PAGES = 1, 21


@contextlib.contextmanager
def watched() -> Iterator[Callable[[], float]]:
    """Looks at the memory twice a second; what it gives tells the most that was seen, in GB.

    Counted is what this process and its descendants hold in memory, pages that several hold in each
    of them. Where there is no /proc, it is the most of this process and of its largest child that
    has ended.
    """
    seen, over = [held()], threading.Event()

    def look() -> None:
        while not over.wait(_SECONDS):
            seen[0] = max(seen[0], held())

    thread = threading.Thread(target=look, name="memory", daemon=True)
    thread.start()
    try:
        yield lambda: max([held(), *seen]) / _GB
    finally:
        over.set()
        thread.join()


def held() -> int:
    """Bytes that this process and its descendants hold now (without /proc: have held at most)."""
    if not _PROC.is_dir():
        unit = 1 if sys.platform == "darwin" else 1024
        users = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        return sum(resource.getrusage(user).ru_maxrss for user in users) * unit
    parents, pages = {}, {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            # A process may end while it is looked at.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                parents[int(folder.name)] = int(fields[_PARENT])
                pages[int(folder.name)] = int(fields[_PAGES])
    family = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(pages.get(pid, 0) for pid in family) * os.sysconf("SC_PAGE_SIZE")
