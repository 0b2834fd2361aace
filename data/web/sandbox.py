"""Extraction in a process of its own, which a page can break without breaking the run.

Some pages keep libxml2 busy for hours (300,000 attributes of one tag), fill the memory or end the
process, and nothing in the same process can stop C code. Here the kernel does: a timer of CPU time,
which elapsed time and other processes have no part in, and a limit of memory.
"""

import dataclasses
import json
import os
import pathlib
import resource
import signal
import struct
import subprocess
import sys
import threading
from typing import BinaryIO

from data.web.decisions import Drop
from data.web.extract import STEP, Extraction, text_of
from data.web.language import Language

# Bytes of the page and of its charset; kind of the answer and its bytes.
_QUESTION = struct.Struct(">IH")
_ANSWER = struct.Struct(">BI")
_TEXT, _DROP = range(2)


class Sandbox:
    """`data.web.extract.text_of` under limits of CPU time and memory.

    Owns one process, started at the first page and again after a page has ended it; it ends with
    its owner, however that ends. Safe to call from several threads, one page at a time. What is
    pickled is the settings alone.
    """

    def __init__(self, settings: Extraction, languages: Language | None = None):
        self._settings = settings
        self._languages = languages
        self._process: subprocess.Popen | None = None
        self._lock = threading.Lock()

    def __reduce__(self):
        return Sandbox, (self._settings, self._languages)

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def text_of(self, page: bytes, charset: str | None = None) -> str | Drop:
        """As `extract.text_of`, with two more reasons: "cpu_time" (figure: seconds), "crashed"."""
        if len(page) > self._settings.max_bytes:
            return Drop(STEP, "too_large", len(page))
        with self._lock:
            if self._process is None:
                self._process = _start(self._settings, self._languages)
            try:
                return _ask(self._process, page, charset or "")
            except (EOFError, BrokenPipeError):
                status = self._end()
            except BaseException:
                self._end()  # half an answer may still be on its way
                raise
        if status == -signal.SIGPROF:
            return Drop(STEP, "cpu_time", self._settings.cpu_seconds)
        return Drop(STEP, "crashed", len(page))

    def close(self) -> None:
        """Ends the process; the next page starts another."""
        with self._lock:
            self._end()

    def _end(self) -> int | None:
        """The status that the process ended with."""
        process, self._process = self._process, None
        if process is None:
            return None
        for pipe in (process.stdin, process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                continue  # what was still to be written has no reader any more
        try:
            return process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _start(settings: Extraction, languages: Language | None) -> subprocess.Popen:
    # A fresh interpreter and not a fork: the owner has threads, whose locks a fork would copy.
    program = "import sys; sys.path[:] = {!r}; from data.web.sandbox import serve; serve({!r})"
    options = json.dumps(
        [dataclasses.asdict(settings), languages and dataclasses.asdict(languages)]
    )
    return subprocess.Popen(
        [sys.executable, "-c", program.format(sys.path, options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C is for the owner, who then closes the pipe.
        start_new_session=True,
    )


def _ask(process: subprocess.Popen, page: bytes, charset: str) -> str | Drop:
    name = charset.encode("utf-8", "replace")[:1000]
    process.stdin.write(_QUESTION.pack(len(page), len(name)) + name)
    process.stdin.write(page)
    process.stdin.flush()
    kind, length = _ANSWER.unpack(_read(process.stdout, _ANSWER.size))
    answer = _read(process.stdout, length).decode("utf-8")
    return answer if kind == _TEXT else Drop(*json.loads(answer))


def _read(pipe: BinaryIO, length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data


def serve(options: str) -> None:
    """Answers the pages that come on standard input until it ends. For `Sandbox`."""
    extraction, wanted = json.loads(options)
    settings, languages = Extraction(**extraction), Language(**wanted) if wanted else None
    # Answers have a descriptor of their own: whatever a library prints goes to standard error.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    questions = os.fdopen(os.dup(0), "rb")
    # A timer of the kernel ends the process by default; Python's own handling would wait for C code
    # to return.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    text_of(b"<html><body><p>Load the libraries.</p></body></html>", settings, None, languages)
    _limit_memory(settings.memory_megabytes << 20)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while len(header := questions.read(_QUESTION.size)) == _QUESTION.size:
        length, name = _QUESTION.unpack(header)
        charset = questions.read(name).decode("utf-8", "replace")
        page = questions.read(length)
        if len(page) < length:
            break
        signal.setitimer(signal.ITIMER_PROF, settings.cpu_seconds)
        found = text_of(page, settings, charset or None, languages)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if isinstance(found, Drop):
            kind, answer = _DROP, json.dumps(found).encode()
        else:
            kind, answer = _TEXT, found.encode("utf-8", "replace")
        answers.write(_ANSWER.pack(kind, len(answer)) + answer)
        answers.flush()


def _limit_memory(size: int) -> None:
    """Lets this process take `size` bytes more than it has, where the system can (Linux)."""
    try:
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
    except FileNotFoundError:
        return
    limit = pages * resource.getpagesize() + size
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
