"""Many clients at once against a live server, and whether each of them gets its own.

    nice -n 5 python -m benchmarks.load --workdir=runs/laptop [--clients=200] [--seconds=120]

Starts `serve.api` on the run. As many clients as are said each ask for one streamed text after
another, for as long as is said, and more of them than slots and queue together hold. A third of the
streams are left midway, some cut off and some closed; one request in ten is malformed. The texts
are greedy or drawn with a seed, and known: each has been asked for beforehand, alone.

Looked at, each a failure that ends the program with 1: every stream says to the letter what it
said alone, as far as its client listened, and comes to its end; what is malformed gets the answer
it should; beyond the queue there are refusals (429), which are tried again, and never more texts
than slots and queue hold; afterwards no text is held, the texts said alone come out again, and
SIGTERM ends the server with 0; its memory does not grow after the first quarter.

Prints the seconds to the first piece of a text, the tokens a second and what was left or refused.
Reads the memory from /proc, as Linux has it.
"""

import asyncio
import collections
import contextlib
import dataclasses
import json
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from absl import app, flags

from data.errors import InputError, one_line_errors
from serve.http.limits import Limits

_WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder.")
_STAGE = flags.DEFINE_string("stage", "chat", "The stage whose newest model is served.")
_CLIENTS = flags.DEFINE_integer("clients", 200, "Clients at a time.", lower_bound=1)
_SECONDS = flags.DEFINE_float("seconds", 120.0, "How long new requests are made.", lower_bound=1.0)
_SLOTS = flags.DEFINE_integer("slots", Limits.slots, "Texts that the server writes at a time.")

CHAT, COMPLETE = "/v1/chat/completions", "/v1/completions"
QUESTIONS = (
    "Who are you?",
    "What is the capital of France?",
    "How many letters r are in strawberry?",
    "What is 12 times 13?",
    "Tell me a joke.",
    "Which planet is the largest?",
    "What is the symbol of iron?",
    "Write about a day at the sea.",
)
BEGINNINGS = (
    "The capital of France is",
    "Once upon a time there was a",
    "In the morning the farmer",
    "The largest planet",
    "Iron is a metal that",
    "To make bread you need",
    "The cat sat on the",
    "1, 2, 3, 4,",
)
TOKENS = 96
# Of requests and of streams.
MALFORMED, LEAVING = 0.1, 1 / 3
# How long a client that was refused waits, at most: less than it is told, for the load's sake.
WAIT_SECONDS = 1.0
# Without a byte for so long, a stream is lost.
LOST_SECONDS = 120.0
# What a Python process takes and gives back by the way.
GROWTH_BYTES = 16 << 20


@dataclasses.dataclass(frozen=True)
class Request:
    """What is sent, and the statuses that are right; 0: the connection is closed."""

    name: str
    data: bytes
    right: tuple[int, ...] = (200,)


@dataclasses.dataclass
class Stream:
    """What came back. Seconds count from when the request was sent; `whole` with its end."""

    status: int
    text: str = ""
    first: float | None = None
    tokens: int = 0
    whole: bool = False


@dataclasses.dataclass
class Tally:
    """What all clients have seen."""

    counts: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    first: list[float] = dataclasses.field(default_factory=list)
    tokens: int = 0
    failures: list[str] = dataclasses.field(default_factory=list)
    most_held: float = 0.0
    memory: list[tuple[float, int]] = dataclasses.field(default_factory=list)


def post(path: str, body: bytes, length: int | None = None) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
    return f"{head}{len(body) if length is None else length}\r\n\r\n".encode() + body


def texts() -> list[Request]:
    """The texts that are asked for: half of them greedy, half drawn with a seed."""
    found = []
    for number, (question, beginning) in enumerate(zip(QUESTIONS, BEGINNINGS, strict=True)):
        for drawn in (False, True):
            settings = {
                "temperature": 0.8 if drawn else 0.0,
                "seed": number,
                "max_tokens": TOKENS,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
            asked = {"messages": [{"role": "user", "content": question}]}
            for path, prompt in ((CHAT, asked), (COMPLETE, {"prompt": beginning})):
                body = json.dumps(prompt | settings).encode()
                found.append(Request(f"{path} {prompt}"[:60], post(path, body)))
    return found


def malformed() -> list[Request]:
    hello = b'{"messages": [{"role": "user", "content": "hello"}]'
    many = json.dumps({"prompt": "the cat " * 100_000}).encode()
    return [
        Request("no JSON", post(CHAT, b"{"), (400,)),
        Request("bad UTF-8", post(CHAT, hello + b', "user": "\xff"}'), (400,)),
        Request("deep JSON", post(CHAT, b'{"a":' + b"[" * 100_000), (400,)),
        Request("no messages", post(CHAT, b"{}"), (400,)),
        Request("a wrong type", post(CHAT, hello + b', "temperature": "hot"}'), (400,)),
        Request("another model", post(CHAT, hello + b', "model": "gpt"}'), (404,)),
        Request("too long a prompt", post(COMPLETE, many), (400,)),
        Request("too large a body", post(CHAT, b"x" * 1000, length=100_000_000), (413,)),
        Request("half a body", post(CHAT, hello, length=1000), (0,)),
        Request("half a head", post(CHAT, b"")[:30], (0,)),
        Request("no HTTP", b"\x16\x03\x01\x00\xff\xff\r\n\r\n", (400,)),
        Request("a wrong method", b"PUT / HTTP/1.1\r\nHost: localhost\r\n\r\n", (405,)),
        Request("another host", b"GET /v1/models HTTP/1.1\r\nHost: evil.example\r\n\r\n", (403,)),
    ]


async def chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The body of a response in pieces, as HTTP/1.1 sends one of unknown length."""
    while size := int(await reader.readline(), 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readline()


async def head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers of a response; status 0: there is none."""
    line = await reader.readline()
    if not line:
        return 0, {}
    headers = {}
    while (field := (await reader.readline()).decode("latin-1").strip()) != "":
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    return int(line.split()[1]), headers


@contextlib.asynccontextmanager
async def connected(
    port: int, data: bytes, half: bool = False
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection on which something has been sent; with `half`, nothing more will be."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        if half:
            writer.write_eof()
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def listen(port: int, request: Request, leave_after: int | None, abrupt: bool) -> Stream:
    """Reads a stream of events to its end, or until `leave_after` of them said something."""
    begun = time.monotonic()
    async with connected(port, request.data) as (reader, writer):
        status, _ = await head(reader)
        found, said = Stream(status), 0
        if status != 200:
            return found
        events = b""
        async for piece in chunks(reader):
            *whole, events = (events + piece).split(b"\n\n")
            for event in whole:
                data = event.removeprefix(b"data: ")
                if data == b"[DONE]":
                    found.whole = True
                    continue
                text, tokens = said_in(json.loads(data))
                found.tokens += tokens
                if text:
                    found.first = found.first or time.monotonic() - begun
                    found.text, said = found.text + text, said + 1
            if leave_after is not None and said >= leave_after:
                if abrupt:
                    writer.transport.abort()
                return found
    return found


def said_in(event: dict[str, Any]) -> tuple[str, int]:
    """The text of an event, and the tokens that it says have been written."""
    text = ""
    for choice in event["choices"]:
        text += choice.get("text") or choice.get("delta", {}).get("content") or ""
    return text, (event.get("usage") or {}).get("completion_tokens", 0)


async def client(number: int, port: int, alone: dict[Request, Stream], until: float, tally: Tally):
    """One client's requests, until the time is over."""
    draw = random.Random(number)
    wrong, right = malformed(), list(alone)
    while time.monotonic() < until:
        if draw.random() < MALFORMED:
            await ask_wrongly(port, draw.choice(wrong), tally)
            continue
        request = draw.choice(right)
        leaving = draw.random() < LEAVING
        leave_after = draw.randint(1, 3) if leaving else None
        try:
            async with asyncio.timeout(LOST_SECONDS):
                found = await listen(port, request, leave_after, draw.random() < 0.5)
        except (TimeoutError, OSError, ValueError, KeyError, asyncio.IncompleteReadError) as error:
            tally.counts["lost"] += 1
            tally.failures.append(f"{request.name}: {type(error).__name__} {error}")
            continue
        if found.status == 429:
            tally.counts["refused"] += 1
            await asyncio.sleep(draw.uniform(0.5, 1.0) * WAIT_SECONDS)
            continue
        take(found, request, alone[request], tally)


def take(found: Stream, request: Request, alone: Stream, tally: Tally) -> None:
    """Compares a stream with what it said alone, and counts it."""
    if found.status != 200:
        tally.failures.append(f"{request.name}: status {found.status}")
        return
    tally.counts["whole" if found.whole else "left"] += 1
    tally.tokens += found.tokens
    if found.first is not None:
        tally.first.append(found.first)
    same = found.text == alone.text if found.whole else alone.text.startswith(found.text)
    if not same:
        tally.counts["mixed"] += 1
        tally.failures.append(f"{request.name}: {found.text!r}, and alone {alone.text!r}")


async def ask_wrongly(port: int, request: Request, tally: Tally) -> None:
    tally.counts["malformed"] += 1
    try:
        async with asyncio.timeout(LOST_SECONDS):
            async with connected(port, request.data, half=0 in request.right) as (reader, _):
                status, _ = await head(reader)
    except (TimeoutError, OSError, ValueError, IndexError) as error:
        # A server that refuses a body unread may close before it has been told the rest.
        if not isinstance(error, ConnectionError):
            tally.failures.append(f"{request.name}: {type(error).__name__} {error}")
        return
    if status not in request.right:
        tally.failures.append(f"{request.name}: status {status}, which should be {request.right}")


async def answer(port: int, path: str) -> tuple[int, str]:
    """Status and body of what a GET brings."""
    data = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    async with connected(port, data.encode()) as (reader, _):
        status, headers = await head(reader)
        if not status:
            raise ConnectionError(f"{path} was closed without an answer")
        return status, (await reader.readexactly(int(headers["content-length"]))).decode()


async def ready(port: int) -> None:
    """Waits for the model.

    Raises:
        InputError: it cannot be loaded.
    """
    try:
        while (await answer(port, "/health"))[0] != 200:
            await asyncio.sleep(0.1)
    except OSError as error:
        raise InputError("the server has ended: try `python -m serve.api` on the run") from error


async def metrics(port: int) -> dict[str, float]:
    _, page = await answer(port, "/metrics")
    lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])


async def watch(port: int, pid: int, tally: Tally) -> None:
    """Looks at the server every second, until cancelled."""
    begun = time.monotonic()
    while True:
        try:
            held = (await metrics(port))["primer_texts"]
            tally.most_held = max(tally.most_held, held)
        except OSError as error:
            tally.failures.append(f"{type(error).__name__} {error}")
        tally.memory.append((time.monotonic() - begun, resident(pid)))
        await asyncio.sleep(1)


async def storm(port: int, pid: int) -> tuple[Tally, float]:
    """All of it; what was seen, and how many seconds texts were written."""
    await ready(port)
    alone = {request: await listen(port, request, None, False) for request in texts()}
    tally = Tally()
    for request, found in alone.items():
        if not found.whole or not found.text:
            raise InputError(f"{request.name} has no text ({found}): give another --stage")
    print(f"{len({found.text for found in alone.values()})} different texts of {len(alone)}")
    begun = time.monotonic()
    watching = asyncio.create_task(watch(port, pid, tally))
    numbers = range(_CLIENTS.value)
    until = begun + _SECONDS.value
    await asyncio.gather(*(client(n, port, alone, until, tally) for n in numbers))
    took = time.monotonic() - begun
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    end = time.monotonic() + 30
    while (held := (await metrics(port))["primer_texts"]) and time.monotonic() < end:
        await asyncio.sleep(0.1)
    if held:
        tally.failures.append(f"{held:.0f} texts are held when all clients have left")
    again = Tally()
    for request, before in alone.items():
        take(await listen(port, request, None, False), request, before, again)
    tally.failures += [f"afterwards, {failure}" for failure in again.failures]
    return tally, took


def check(tally: Tally, room: int) -> None:
    """Adds to the failures what only all of it together shows."""
    if _CLIENTS.value > room and not tally.counts["refused"]:
        tally.failures.append(f"nobody was refused, with room for {room} texts")
    if tally.most_held > room:
        tally.failures.append(f"{tally.most_held:.0f} texts were held, with room for {room}")
    before = settled(tally)
    grown = tally.memory[-1][1] - before
    if grown > GROWTH_BYTES:
        tally.failures.append(f"memory has grown by {grown / 1e6:.0f} MB")


def settled(tally: Tally) -> int:
    """Memory after the first quarter."""
    return next(held for at, held in tally.memory if at >= _SECONDS.value / 4)


def report(tally: Tally, took: float) -> None:
    counts, first = tally.counts, sorted(tally.first)
    print(
        f"{_CLIENTS.value} clients for {took:.0f} s: {counts['whole']} streams to their end, "
        f"{counts['left']} left midway, {counts['refused']} refused (429), "
        f"{counts['malformed']} malformed requests; lost {counts['lost']}, mixed up "
        f"{counts['mixed']}"
    )
    print(
        f"first piece after {statistics.median(first):.2f} s (median), "
        f"{first[int(0.95 * len(first))]:.2f} s (95%); {tally.tokens / took:,.0f} tokens/s in "
        "streams that came to their end"
    )
    print(
        f"at most {tally.most_held:.0f} texts held; memory {settled(tally) / 1e6:.0f} MB after a "
        f"quarter, {tally.memory[-1][1] / 1e6:.0f} MB at the end"
    )


@contextlib.contextmanager
def served() -> Iterator[tuple[int, subprocess.Popen]]:
    """The server's port and process, from when it listens."""
    command = [
        sys.executable, "-m", "serve.api", f"--workdir={_WORKDIR.value}", f"--stage={_STAGE.value}",
        f"--slots={_SLOTS.value}", "--port=0", "--labels=",
    ]  # fmt: skip
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        said = ""
        for line in server.stderr:
            said += line
            if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)/", said):
                break
        else:
            raise InputError(said.strip().removeprefix("error: "))
        yield int(found[1]), server
    finally:
        server.kill()
        server.wait()


def main(argv: list[str]) -> None:
    del argv
    with one_line_errors():
        if _WORKDIR.value is None:
            raise InputError("no --workdir; give the folder of a run, such as runs/laptop")
        with served() as (port, server):
            tally, took = asyncio.run(storm(port, server.pid))
            server.send_signal(signal.SIGTERM)
            said = server.communicate(timeout=60)[1]
            if server.returncode or "Traceback" in said:
                tally.failures.append(f"the server ended with {server.returncode}: {said[-2000:]}")
    check(tally, _SLOTS.value + Limits.queue)
    report(tally, took)
    for failure in tally.failures[:20]:
        print(f"FAILED {failure}")
    if tally.failures:
        sys.exit(f"{len(tally.failures)} failures")
    print("every stream said what it says alone")


if __name__ == "__main__":
    app.run(main)
