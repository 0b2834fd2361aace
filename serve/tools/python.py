"""The Python tool: programs that a model writes, run where they can do no harm.

    tool = python_tool()
    tool.run({"code": "'strawberry'.count('r')"})     # "3"

The interpreter is Monty (pydantic-monty), written in Rust: it has no files, no network and no
processes to offer, and runs in worker processes of its own, started by a small shell script that
limits their memory and forbids them to write files. Where bubblewrap can be used, the script starts
them inside it, with no network, no rights, and no file system but the interpreter and its
libraries. `tool.about` says which of the two is in force.

The result is what the program printed, then the value of its last expression as the interactive
interpreter shows it, or the error in one line. The value is made into text inside the sandbox.
Handed over as an object it would be rebuilt in this process, where no limit holds: a set of numbers
with one hash takes minutes, a list that holds itself twice thirty times over all memory.
"""

import dataclasses
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pydantic_monty
from pydantic_monty import CollectString, MontyCrashedError, MontyError, MontySyntaxError

from data.errors import InputError
from data.tool_declarations import PYTHON
from serve.tools.tool import Tool, cut

# How long after the limit a worker is killed that has not stopped by itself.
GRACE_SECONDS = 0.2
MAX_CODE_CHARACTERS = 20_000
MAX_PRINTED_BYTES = 1 << 16
# Of a whole worker, interpreter included: what its own accounting of a program's memory misses.
WORKER_KILOBYTES = 1 << 20
MAX_RECURSION = 200
# Programs after which a worker is replaced, whatever it may have kept of them.
PROGRAMS_A_WORKER = 1000
NO_OUTPUT = "(no output)"

_BUBBLEWRAP = (
    "bwrap --unshare-all --die-with-parent --new-session --cap-drop ALL --clearenv "
    "--ro-bind-try /lib /lib --ro-bind-try /lib64 /lib64 "
    "--ro-bind-try /usr/lib /usr/lib --ro-bind-try /usr/lib64 /usr/lib64 "
    "--ro-bind {binary} /monty /monty"
)
# Places in a program from which its last expression may run to the end: as many are tried.
_TRIED = 3
_COMPOUND = re.compile(
    r"(?:if|elif|else|for|while|with|try|except|finally|def|class|match|case|async)\b|@"
)


@dataclasses.dataclass(frozen=True)
class Limits:
    """Of one program: `seconds` of run time, `megabytes` of its objects, `characters` of result."""

    seconds: float = 2.0
    megabytes: int = 32
    characters: int = 300


def python_tool(limits: Limits | None = None, seed: int | None = None, processes: int = 0) -> Tool:
    """A tool "python" with workers of its own.

    Args:
        seed: of the programs' `random`; None: another at every call.
        processes: most programs at a time; 0: one for each core.
    """
    sandbox = Sandbox(limits or Limits(), seed, processes)
    return Tool(
        declaration=PYTHON,
        run=lambda arguments: sandbox.run(arguments["code"]),
        about=f"python: {sandbox.isolation}",
        close=sandbox.close,
    )


class Sandbox:
    """Worker processes that run one program after another, each in a fresh interpreter.

    Attributes:
        isolation: a line that says what keeps programs in.

    Raises:
        InputError: no worker can be started.
    """

    def __init__(self, limits: Limits, seed: int | None = None, processes: int = 0) -> None:
        self._limits = limits
        self._folder = tempfile.TemporaryDirectory(prefix="python_tool_")
        starter, self.isolation = _starter(Path(self._folder.name))
        self._session = {
            "limits": {
                "max_feed_duration_secs": limits.seconds,
                "max_memory": limits.megabytes << 20,
                "max_recursion_depth": MAX_RECURSION,
                "max_suspensions": 100,
            },
            "os_policy": {"sleep": "zero"},
        }
        if seed is not None:
            self._session["os_policy"]["random_start"] = {"seed": seed}
        self._pool = pydantic_monty.Monty(
            binary_path=starter,
            max_processes=processes or None,
            max_checkouts_per_worker=PROGRAMS_A_WORKER,
            feed_duration_limit_grace=GRACE_SECONDS,
            turn_duration_limit_grace=GRACE_SECONDS,
        )
        try:
            self._pool.__enter__()
        except (MontyError, OSError, RuntimeError) as error:
            raise InputError(
                f"the Python tool cannot start its interpreter ({error}): give TMPDIR a folder "
                "from which programs may be started, or leave the tool out"
            ) from error

    def close(self) -> None:
        """Ends the workers."""
        self._pool.__exit__(None, None, None)
        self._folder.cleanup()

    def run(self, code: str) -> str:
        """What the program printed and its last value, or its error; never raises because of it.

        Returns at the latest GRACE_SECONDS after the time limit, apart from waiting for a worker
        where all are busy.
        """
        if len(code) > MAX_CODE_CHARACTERS:
            return f"error: the program is longer than {MAX_CODE_CHARACTERS} characters"
        # Lone surrogates cannot be handed to another process.
        code = code.encode("utf-8", "replace").decode("utf-8")
        code = code.replace("\r\n", "\n").replace("\r", "\n")
        printed, error = CollectString(max_bytes=MAX_PRINTED_BYTES), ""
        try:
            with self._pool.checkout(**self._session) as session:
                for program in _programs(code, self._limits.characters):
                    try:
                        session.feed_run(program, print_callback=printed)
                        break
                    except MontySyntaxError as wrong:  # found before anything runs
                        error = wrong.display("type-msg")
                else:
                    return _result("", error, self._limits.characters)
                error = ""
        except MontyError as stopped:
            error = self._sentence(stopped)
        return _result(printed.output, error, self._limits.characters)

    def _sentence(self, error: MontyError) -> str:
        late = f"TimeoutError: stopped after {self._limits.seconds:g} seconds"
        if isinstance(error, MontyCrashedError):
            return late if error.timed_out else "RuntimeError: the program broke the interpreter"
        text = error.display("type-msg")
        # The interpreter gives exact times and sizes, which differ from run to run.
        if text.startswith("TimeoutError: feed time limit exceeded"):
            return late
        if text.startswith("MemoryError: memory limit exceeded"):
            if text.endswith(f"> {MAX_PRINTED_BYTES} bytes"):
                return f"MemoryError: more than {MAX_PRINTED_BYTES >> 10} KB were printed"
            return f"MemoryError: more than {self._limits.megabytes} MB"
        if text.startswith("MemoryError: the worker exceeded its memory limit"):
            return f"MemoryError: more than {self._limits.megabytes} MB"
        return text


def _result(printed: str, error: str, most: int) -> str:
    """Both within `most` characters: of a long output the beginning, and still the error."""
    error = cut(error, most // 2)
    printed = cut(printed.rstrip("\n"), most - len(error) - 1 if error else most)
    return "\n".join(filter(None, (printed, error))) or NO_OUTPUT


def _programs(code: str, characters: int) -> Iterator[str]:
    """The program with its last expression printed, by guesses at where that begins, the likeliest
    first; then the program as it is. A wrong guess is no Python, which the interpreter finds out
    before it runs anything.

    Python's own parser would know, but it is not made for hostile text: some take it for ever.
    """
    # Without a value of its own, so that none is handed over. Two line ends, since a backslash at
    # the end of the program takes one.
    end = "\n\nNone"
    for before, expression in _last_expressions(code):
        yield (
            f"{before}\n_ = (\n{expression}\n)\n"
            f"if _ is not None: print(repr(_)[:{characters + 1}]){end}"
        )
    yield code + end


def _last_expressions(code: str) -> Iterator[tuple[str, str]]:
    lines = code.rstrip().split("\n")
    # Statements of the outermost level begin at the margin; so do, sometimes, lines within one.
    starts = [n for n, line in enumerate(lines) if line and line[0] not in " \t\f#)]}"]
    for n in reversed(starts[-_TRIED:]):
        if lines[n] == "\\":
            continue
        yield "\n".join(lines[:n]), "\n".join(lines[n:])
    statement, semicolon, expression = lines[-1].rpartition(";")
    expression = expression.strip()
    # Nothing, or a comment, in brackets would be an empty tuple.
    is_empty = not expression or expression.startswith("#") or "#" in statement
    if semicolon and not is_empty and not _COMPOUND.match(statement):
        yield "\n".join([*lines[:-1], statement]), expression


def _starter(folder: Path) -> tuple[Path, str]:
    """A script that starts a worker, written into `folder`, and what isolation it gives."""
    binary = shlex.quote(_interpreter())
    limited = (
        f"interpreter without files, network or processes, at most {WORKER_KILOBYTES >> 10} MB"
    )
    boxed = _BUBBLEWRAP.format(binary=binary)
    if not shutil.which("bwrap"):
        why = "bubblewrap is not installed"
    elif trouble := _trouble(_script(folder / "tried.sh", boxed)):
        why = f"bubblewrap cannot be used here ({trouble})"
    else:
        return _script(folder / "boxed.sh", boxed, silent=True), f"in bubblewrap; {limited}"
    script = _script(folder / "plain.sh", binary, silent=True)
    return script, f"without bubblewrap ({why}); {limited}"


def _trouble(script: Path) -> str:
    """Why a script does not start the interpreter; "" if it does."""
    try:
        tried = subprocess.run(
            [script, "--version"], capture_output=True, text=True, errors="replace", timeout=20
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if tried.returncode == 0:
        return ""
    return (tried.stderr.strip().splitlines() or [f"exit status {tried.returncode}"])[-1]


def _interpreter() -> str:
    from pydantic_monty._binary import find_monty_binary

    return find_monty_binary()


def _script(path: Path, command: str, silent: bool = False) -> Path:
    """Writes a script that becomes `command`: a signal to it reaches the worker."""
    limits = "ulimit -c 0\nulimit -f 0\n"
    if sys.platform == "linux":  # elsewhere a process's memory cannot be limited this way
        limits += f"ulimit -v {WORKER_KILOBYTES}\n"
    # A worker that runs out of memory says so on the terminal, in the middle of a conversation.
    quiet = " 2>/dev/null" if silent else ""
    path.write_text(f'#!/bin/sh\n{limits}exec {command} "$@"{quiet}\n', encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
