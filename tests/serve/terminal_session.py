"""A program on a terminal of its own, driven by what a person types."""

import os
import pathlib
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Makes standard input the terminal of the program named after it, so that it gets the Ctrl-C typed
# there.
_OWN_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


class TerminalSession:
    """Attributes: `shown`, all that the terminal has shown; `program`, the process."""

    def __init__(self, command: list[str], **environment: str) -> None:
        self._terminal, other = pty.openpty()
        self.program = subprocess.Popen(
            [sys.executable, "-c", _OWN_TERMINAL, *command],
            cwd=ROOT,
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            env=os.environ | {"TERM": "dumb"} | environment,
        )
        os.close(other)
        self.shown = b""

    def close(self) -> None:
        self.program.kill()
        self.program.wait()
        os.close(self._terminal)

    def read_until(self, enough: Callable[[bytes], bool], seconds: float = 120) -> bytes:
        """What the terminal shows from the last call on, until `enough` of it says so."""
        shown, end = b"", time.monotonic() + seconds
        while not enough(shown):
            ready, _, _ = select.select([self._terminal], [], [], 1)
            if time.monotonic() > end:
                raise TimeoutError(f"still waiting after {shown[-500:]!r}")
            if ready:
                shown += os.read(self._terminal, 1 << 16)
        self.shown += shown
        return shown

    def until(self, end: bytes) -> bytes:
        """What the terminal shows until it shows this."""
        return self.read_until(lambda shown: shown.endswith(end))

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def type_and_interrupt(self, text: str) -> None:
        """Types the beginning of a line, and then Ctrl-C."""
        self.type(text)
        self.until(text.encode())
        # A signal between the showing of a key and the waiting for the next is noticed by Python
        # with the next key only. No person is that fast.
        time.sleep(0.3)
        self.type("\x03")
