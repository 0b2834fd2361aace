"""Tokens per second and time to the first one: `serve.api` against llama.cpp's server.

    python -m benchmarks.serving --workdir=runs/laptop --llama_server=PATH [--clients=1,8,32]
    python -m benchmarks.serving --workdir=runs/laptop --llama_python=PATH [--rounds=5] [--cores=2]

Both serve the same model, llama.cpp from the GGUF file that `serve.export` writes in float32, with
as many slots as there are clients at most and on the same cores. A client asks one question after
another over HTTP, each on a connection of its own, and reads the answer as it is streamed. Chat:
word problems of the small world to a chat stage, answered to their end. Completions: documents of
the small world, of which the base stage writes more. Nothing is asked twice. All texts are the most
likely ones, at most TOKENS long, and compared: rounding may decide between two tokens, and all that
follow differ, but a server that writes something else has no speed.

The two take turns, a round of questions each. Tokens are those that a server says it wrote, over
the seconds from the first question to the end of the last answer; the first token has come when the
first text has. Medians over rounds, and over answers; a first round does not count. Where other
programs have the cores most of the time, look at the tokens per second of CPU time that the servers
used, and give --cores=1: llama.cpp's threads wait for each other by spinning.

--llama_server is llama-server, built from llama.cpp's source. --llama_python is the Python of an
environment with xllamacpp, whose wheel holds the same server, built for processors with AVX2. The
options are the fastest found: keys and values of slots apart from each other, in float16 as is its
default, and no copies of what idle slots hold.
"""

import bisect
import contextlib
import itertools
import json
import os
import pathlib
import re
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
from absl import app, flags, logging
from ml_collections import ConfigDict

from configs.laptop import get_config
from data.errors import InputError, one_line_errors
from data.world import documents
from rl.environments import named
from serve.exported import export_gguf
from serve.load import load
from train import pretrain

ROOT = pathlib.Path(__file__).resolve().parents[1]
TOKENS = 128
# Of a document, what the base stage is given, in characters.
BEGINNING = 160
# Answers of a client a round.
EACH = 4
PATIENCE = 600.0

_WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder.", required=True)
_STAGES = flags.DEFINE_list("stages", ["chat", "base"], "The stages whose models are served.")
_SERVER = flags.DEFINE_string("llama_server", None, "llama.cpp's llama-server.")
_PYTHON = flags.DEFINE_string("llama_python", None, "A Python with xllamacpp, in its place.")
_CLIENTS = flags.DEFINE_list("clients", ["1", "8", "32"], "How many ask at a time.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Timed rounds of each side.", lower_bound=1)
_CORES = flags.DEFINE_integer("cores", os.cpu_count(), "Of each server.", lower_bound=1)


class Server(NamedTuple):
    port: int
    process: int

    def cpu_seconds(self) -> float:
        """All that it has used so far."""
        stat = pathlib.Path(f"/proc/{self.process}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Answer(NamedTuple):
    """A streamed answer: its text, its tokens as counted by the server, and seconds from the
    question to the first text."""

    text: str
    tokens: int
    first: float


class Round(NamedTuple):
    """Answers, and the seconds that they took, by the clock and of the server's CPU time."""

    answers: list[Answer]
    seconds: float
    cpu_seconds: float

    @property
    def tokens(self) -> int:
        return sum(one.tokens for one in self.answers)


# --- questions ----------------------------------------------------------------------------------


def questions(stage: str, config: ConfigDict) -> Iterator[tuple[str, dict[str, Any]]]:
    """Route and body of one question after another, no two the same."""
    shared = {
        "max_tokens": TOKENS,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if stage == pretrain.NAME:
        for number in itertools.count():
            text = documents.document(config.world.seed + 1, number).text[:BEGINNING]
            yield "/v1/completions", shared | {"prompt": text.rstrip()}
    environment = named.environment("problems", config)
    for seed in itertools.count():
        problem = environment.problem(seed, 1)
        yield "/v1/chat/completions", shared | {"messages": list(problem.messages)}


# --- clients ------------------------------------------------------------------------------------


def ask(server: Server, asked: Sequence[tuple[str, dict[str, Any]]], clients: int) -> Round:
    """Has so many clients ask all of it, the next question whenever one has its answer.

    One thread that reads whatever has come and looks at it only when all is over: what the clients
    cost is taken from the servers' cores.
    """
    requests = enumerate([_request(server.port, *one) for one in asked])
    sent = [0.0] * len(asked)
    received: list[list[tuple[float, bytes]]] = [[] for _ in asked]
    begun, worked = time.perf_counter(), server.cpu_seconds()
    with selectors.DefaultSelector() as selector:

        def next_question() -> None:
            number, request = next(requests, (None, b""))
            if number is not None:
                sent[number] = time.perf_counter()
                connection = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
                connection.sendall(request)
                selector.register(connection, selectors.EVENT_READ, number)

        for _ in range(clients):
            next_question()
        while selector.get_map():
            ready = selector.select(PATIENCE)
            if not ready:
                raise RuntimeError(f"no answer has gone on for {PATIENCE:.0f} s")
            for key, _ in ready:
                data = key.fileobj.recv(1 << 16)
                if data:
                    received[key.data].append((time.perf_counter(), data))
                    continue
                selector.unregister(key.fileobj)
                key.fileobj.close()
                next_question()
    seconds, worked = time.perf_counter() - begun, server.cpu_seconds() - worked
    answers = [_answer(*one) for one in zip(sent, received, strict=True)]
    return Round(answers, seconds, worked)


def _request(port: int, route: str, body: dict[str, Any]) -> bytes:
    data = json.dumps(body).encode()
    head = (
        f"POST {route} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + data


def _answer(sent: float, received: Sequence[tuple[float, bytes]]) -> Answer:
    whole = b"".join(data for _, data in received)
    if not whole.startswith(b"HTTP/1.1 200") or b"data: [DONE]" not in whole:
        raise RuntimeError(f"an answer is not as it should be: {whole[:500]!r}")
    ends = list(itertools.accumulate(len(data) for _, data in received))
    thoughts, texts, tokens, first = "", "", 0, 0.0
    # Either server sends an event as one piece of the body, so that none is broken.
    for event in re.finditer(rb"data: (\{.*\})\r?\n", whole):
        value = json.loads(event[1])
        for choice in value["choices"]:
            delta = choice.get("delta", {})
            thoughts += delta.get("reasoning_content") or ""
            texts += choice.get("text") or delta.get("content") or ""
        if (thoughts or texts) and not first:
            first = received[bisect.bisect_left(ends, event.end(1))][0] - sent
        if value.get("usage"):
            tokens = value["usage"]["completion_tokens"]
    # The one keeps the line ends around thoughts, the other does not.
    return Answer(f"{thoughts.strip()}\n{texts.strip()}", tokens, first)


# --- servers ------------------------------------------------------------------------------------


def primer(workdir: str, stage: str, slots: int, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "serve.api", f"--workdir={workdir}", f"--stage={stage}"),
        *(f"--slots={slots}", f"--port={port}", "--labels="),
    ]


def llama_cpp(path: pathlib.Path, context: int, slots: int, port: int) -> list[str]:
    threads = str(_CORES.value)
    if _PYTHON.value is not None:
        script = str(ROOT / "benchmarks" / "xllamacpp_server.py")
        return [_PYTHON.value, script, str(path), str(port), str(slots), str(context), threads]
    return [
        *(_SERVER.value, "--model", str(path), "--host", "127.0.0.1", "--port", str(port)),
        *("--parallel", str(slots), "--ctx-size", str(slots * context), "--no-kv-unified"),
        *("--threads", threads, "--threads-batch", threads, "--cache-ram", "0"),
        *("--cont-batching", "--jinja", "--no-webui"),
    ]


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[Server]:
    """A server that is ready."""
    cores = sorted(os.sched_getaffinity(0))[: _CORES.value]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=output, stderr=output
        )
        os.sched_setaffinity(process.pid, cores)  # and so the threads that it is to have
        try:
            while not _ready(port):
                if process.poll() is not None:
                    output.seek(0)
                    sys.exit(f"error: {command[0]} has ended:\n{output.read()[-2000:]}")
                time.sleep(0.2)
            yield Server(port, process.pid)
        finally:
            process.terminate()
            process.wait()


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


# --- comparison ---------------------------------------------------------------------------------


def line(stage: str, clients: int, sides: Sequence[Sequence[Round]]) -> str:
    """One line of the table, of the timed rounds of both."""
    found = []
    for rounds in sides:
        rate = statistics.median(round_.tokens / round_.seconds for round_ in rounds)
        first = statistics.median(one.first for round_ in rounds for one in round_.answers)
        work = sum(round_.tokens for round_ in rounds) / sum(r.cpu_seconds for r in rounds)
        found.append((rate, first, work))
    pairs = [
        (ours.text, theirs.text)
        for rounds in zip(*sides, strict=True)
        for ours, theirs in zip(*(round_.answers for round_ in rounds), strict=True)
    ]
    same = statistics.mean(ours == theirs for ours, theirs in pairs)
    if same < 0.9:
        ours, theirs = next((a, b) for a, b in pairs if a != b)
        raise RuntimeError(f"only {same:.1%} of the texts are the same: {ours!r} and {theirs!r}")
    tokens = statistics.mean(one.tokens for round_ in sides[0] for one in round_.answers)
    (our_rate, our_first, our_work), (their_rate, their_first, their_work) = found
    return (
        f"{stage:4}  {clients:>3} clients  Primer {our_rate:>6,.0f} tokens/s, first after "
        f"{our_first:.3f} s  llama.cpp {their_rate:>6,.0f}, {their_first:.3f} s  ratio "
        f"{our_rate / their_rate:.2f}\n      a CPU second: {our_work:,.0f} and {their_work:,.0f} "
        f"tokens, ratio {our_work / their_work:.2f}; {same:.1%} of {len(pairs)} texts the same, "
        f"{tokens:.0f} tokens each"
    )


def compare(workdir: str, stage: str, numbers: Sequence[int], rounds: int) -> None:
    """Prints the table of one stage."""
    config, slots = get_config(), max(numbers)
    ports = _free_port(), _free_port()
    with contextlib.ExitStack() as stack:
        path = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())) / "model.gguf"
        trained = load(workdir, stage)
        context = trained.architecture.context
        export_gguf(trained, workdir, stage, path)
        commands = (
            primer(workdir, stage, slots, ports[0]),
            llama_cpp(path, context, slots, ports[1]),
        )
        servers = [
            stack.enter_context(running(*pair)) for pair in zip(commands, ports, strict=True)
        ]
        source = questions(stage, config)
        for clients in numbers:
            sides: tuple[list[Round], list[Round]] = [], []
            for _ in range(1 + rounds):
                asked = list(itertools.islice(source, EACH * clients))
                for server, done in zip(servers, sides, strict=True):
                    done.append(ask(server, asked, clients))
            print(line(stage, clients, [done[1:] for done in sides]), flush=True)


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    with one_line_errors():
        wrong = [text for text in _CLIENTS.value if not text.isdigit() or int(text) < 1] + argv[1:]
        if wrong:
            raise InputError(
                f"{wrong[0]!r} is no number of clients; --clients=1,8,32 gives several"
            )
        if (_SERVER.value is None) == (_PYTHON.value is None):
            raise InputError("give llama.cpp's server: one of --llama_server and --llama_python")
        jax.config.update("jax_num_cpu_devices", 1)
        for stage in _STAGES.value:
            compare(_WORKDIR.value, stage, list(map(int, _CLIENTS.value)), _ROUNDS.value)


if __name__ == "__main__":
    app.run(main)
