"""What a person at a terminal sees of a model, and types."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO

from data.errors import InputError
from model.sampling import check_sampling
from serve.turns import Event

# A terminal obeys control characters, and a model may have learnt some: they are shown instead.
_SHOWN = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_SHOWN = {code: shown for code, shown in _SHOWN.items() if chr(code) not in "\n\t"}
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"
# What is said of turns that did not end by themselves.
_ENDS = {
    "length": "cut off: --max_tokens have been written, or the context is full",
    "calls": "ended: it went on calling tools",
    "cancelled": "stopped",
}


def prepare_streams() -> None:
    """Makes the standard streams take any text and any bytes."""
    sys.stdin.reconfigure(errors="replace")
    sys.stdout.reconfigure(errors="backslashreplace")


def check_writing(
    max_tokens: int,
    seed: int,
    temperature: float,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
) -> None:
    """Refuses what the flags --max_tokens, --seed and those of sampling cannot be.

    Raises:
        InputError: one of them is out of its range; names it.
    """
    if max_tokens < 1:
        raise InputError(f"--max_tokens is {max_tokens}; it must be at least 1")
    if not 0 <= seed < 2**31:
        raise InputError(f"--seed is {seed}; it must be at least 0 and below 2**31")
    try:
        check_sampling(temperature, top_k, top_p, min_p)
    except ValueError as error:
        raise InputError(f"--{error}") from error


def write(text: str, stream: TextIO, dim: bool = False) -> None:
    """Shows text at once; on a terminal without its control characters, dimmed if asked for."""
    if stream.isatty():
        text = text.translate(_SHOWN)
        # Back to plain with every piece: the program may be ended after any.
        if dim and os.environ.get("TERM") != "dumb":
            text = f"{_DIM}{text}{_PLAIN}"
    stream.write(text)
    stream.flush()


def say(sentence: str) -> None:
    """Tells the person something that is no part of what the model says."""
    print(sentence, file=sys.stderr, flush=True)


def read_line(prompt: str) -> str:
    """The next line of standard input, of which only a person is asked.

    Raises:
        EOFError: there is none.
        KeyboardInterrupt: Ctrl-C was pressed instead.
    """
    if not sys.stdin.isatty():
        return input()
    if not sys.stdout.isatty():
        write(prompt, sys.stderr)
        return input()
    import readline  # noqa: F401 - gives input() line editing and history

    return input(prompt)


def read_stripped(prompt: str) -> str | None:
    """A line without the space around it; None where there is no more. Ctrl-C begins it anew."""
    while True:
        try:
            return read_line(prompt).strip()
        except KeyboardInterrupt:
            write("\n", sys.stdout)
        except EOFError:
            return None


def show_prompt(messages: Sequence[dict], place: str) -> None:
    """Shows a conversation that is to be answered. `place`: which one it is, " (3 of 10)"."""
    write(f"\n--- prompt{place}\n", sys.stdout)
    for message in messages:
        write(f"{message['role']}: {message['content']}\n", sys.stdout)


def show_answers(answers: Sequence[str]) -> None:
    """Shows answers, numbered from 1."""
    for number, answer in enumerate(answers, 1):
        write(f"--- answer {number}\n{answer}\n", sys.stdout)


@contextlib.contextmanager
def noting_interrupts() -> Iterator[Callable[[], bool]]:
    """While this is entered Ctrl-C is only noted: the function given says whether it was pressed.

    An exception in the middle of an engine's step would leave the engine in pieces.
    """
    pressed = False

    def note(number: int, frame: Any) -> None:
        nonlocal pressed
        pressed = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


class Display:
    """Shows a turn piece by piece: the answer, and dimmed beside it what else happens, each in
    lines of its own that begin with [thinking], [result] or the name of the tool called."""

    def __init__(self, stream: TextIO, thinking: bool = True) -> None:
        self._stream, self._thinking = stream, thinking
        self._open = ""

    def show(self, event: Event) -> None:
        """Shows one event of a turn, whose "end" is the last."""
        if event.kind == "text":
            self._section("text")
            write(event.text, self._stream)
        elif event.kind == "thinking":
            if self._thinking:
                begun = self._section("thinking")
                self._aside(("[thinking] " if begun else "") + event.text)
        elif event.kind == "call":
            self._section("call", new=True)
            self._aside(_call_text(event.call))
        elif event.kind == "result":
            self._section("result", new=True)
            self._aside(f"[result] {event.text}")
        else:
            if event.text in _ENDS:
                self._section("end", new=True)
                self._aside(f"[{_ENDS[event.text]}]")
            self._close()

    def _aside(self, text: str) -> None:
        write(text, self._stream, dim=True)

    def _section(self, kind: str, new: bool = False) -> bool:
        """Goes to a new line unless the same kind of text goes on; whether it did."""
        if self._open == kind and not new:
            return False
        if self._open:
            self._close()
        self._open = kind
        return True

    def _close(self) -> None:
        write("\n", self._stream)
        self._open = ""


def _call_text(call: dict[str, Any]) -> str:
    if "error" in call:
        return f"[call] {call['error']}"
    name, arguments = call["function"]["name"], call["function"]["arguments"]
    if len(arguments) == 1:
        return f"[{name}] {next(iter(arguments.values()))}"
    return f"[{name}] {arguments}"
