"""A server of a small model, or of one that goes by a script, in this process on a free port."""

import contextlib
import dataclasses
import http.client
import json
import pathlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import jax
import numpy as np

from data.conversations import END
from model.inside import Inside
from model.sharding import make_mesh
from serve.engine import Engine
from serve.http.engine_thread import EngineThread, Served
from serve.http.label_folder import LabelFolder
from serve.http.limits import Limits
from serve.http.metrics import new_metrics
from serve.http.server import make_server
from serve.http.site import Site
from serve.scores import Scores
from serve.slots import Top
from tests.serve import small_model
from tests.serve.scripted import Scripted

MODEL = "small-chat"
CONTEXT = 256
# Of the scripted model.
LAYERS, HEADS = 2, 4


@dataclasses.dataclass
class Live:
    """`server.should_exit = True` is what a signal does."""

    port: int
    site: Site
    server: object
    thread: threading.Thread

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def post(self, path: str, body, headers: dict[str, str] | None = None):
        """Status and JSON (or bytes, of events) of one request."""
        return self.ask("POST", path, body, headers)

    def get(self, path: str, headers: dict[str, str] | None = None):
        return self.ask("GET", path, None, headers)

    def ask(self, method: str, path: str, body=None, headers: dict[str, str] | None = None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, headers or {})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        kind = response.headers.get("content-type", "")
        return response.status, json.loads(content) if "json" in kind else content

    def metric(self, name: str, **labels: str) -> float:
        return self.site.metrics.registry.get_sample_value(f"primer_{name}", labels) or 0.0

    def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError("it did not come true in time")
            time.sleep(0.01)


@contextlib.contextmanager
def live(
    make: Callable[[], object],
    tools=(),
    key: str = "",
    labels: pathlib.Path | None = None,
    others: dict[str, Callable[[], object]] | None = None,
    **limits,
) -> Iterator[Live]:
    """Serves until the end of the `with`.

    Args:
        make: gives the engine.
        labels: the folder of labels.
        others: further models by name.
        limits: see serve.http.limits.
    """
    bounds = Limits(**{"slots": 4, "read_seconds": 5.0, "drain_seconds": 10.0} | limits)
    metrics = new_metrics()
    thread = EngineThread(lambda: Served(make(), tuple(tools)), bounds, metrics)

    def other(name: str, make: Callable[[], object]) -> Site:
        further = EngineThread(lambda: Served(make()), bounds, metrics)
        return Site(name, 1, further, metrics, bounds)

    hosts = () if key else ("localhost", "127.0.0.1", "[::1]")
    folder = None if labels is None else LabelFolder(labels)
    rest = tuple(other(*pair) for pair in (others or {}).items())
    site = Site(MODEL, 1, thread, metrics, bounds, hosts, key, folder, rest)
    server = make_server(site)
    listening = socket.create_server(("127.0.0.1", 0))
    running = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    running.start()
    found = Live(listening.getsockname()[1], site, server, running)
    found.until(
        lambda: server.started and all(one.thread.state.value != "loading" for one in site.all), 300
    )
    try:
        yield found
    finally:
        server.should_exit = True
        running.join(30)
        if running.is_alive():
            raise AssertionError("the server does not end")


def small_engine() -> Engine:
    """That of the small model, with a context in which a call of a tool has room."""
    model = small_model.trained()
    architecture = dataclasses.replace(model.architecture, context=CONTEXT)
    mesh = make_mesh(1, 1, 1, jax.devices()[:1])
    return Engine(model.params, architecture, model.tokenizer, 4, steps=4, mesh=mesh)


class Slow(Scripted):
    """A scripted engine that takes a moment for every step; `said` maps what was asked last to
    what is written."""

    def __init__(self, said: dict[str, str], length: int = 4096, seconds: float = 0.002) -> None:
        super().__init__(self._reply, length)
        self._said, self._seconds = said, seconds

    def step(self) -> None:
        time.sleep(self._seconds)
        super().step()
        self._writing = [one for one in self._writing if not one[0].finish_reason]

    def compile_reading(self, size: int, inside: bool) -> None:
        """There is nothing to compile."""

    def score(self, tokens: np.ndarray, top: bool = False) -> Scores:
        T = len(tokens) - 1
        nothing = Top(np.zeros((T, 20), np.int32), np.full((T, 20), -1.0, np.float32))
        return Scores(np.full(T, -0.5, np.float32), nothing)

    def inside(self, tokens: np.ndarray) -> Inside:
        """Made up, in the shapes of a real model's: attention is random, and every layer says each
        token again."""
        T = len(tokens)
        attention = np.tril(np.random.default_rng(0).random((LAYERS, HEADS, T, T)))
        attention /= attention.sum(-1, keepdims=True)
        found = np.tile(np.asarray(tokens)[None, :, None], (LAYERS + 1, 1, 5))
        log_probs = np.tile(np.log([0.5, 0.2, 0.1, 0.05, 0.01]), (LAYERS + 1, T, 1))
        return Inside(attention, found, log_probs)

    @property
    def writing(self) -> int:
        return len(self._writing)

    def _reply(self, prompt: list[int]) -> str:
        turns = self.tokenizer.decode(prompt).split("<|im_start|>")
        if len(turns) < 3:
            return f"{len(prompt)} tokens<|endoftext|>"
        last = turns[-2]
        asked = last.rstrip("\n").removesuffix(END).partition("\n")[2]
        if asked.startswith("<tool_response>"):
            return f"It is done.{END}"
        return self._said.get(asked, f"You said {len(asked)} characters.{END}")
