"""Who answers in the arena: checkpoints of a run, and servers that speak OpenAI's protocol."""

import concurrent.futures
import functools
import http.client
import json
import os
import pathlib
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from data.errors import InputError
from evals import answers
from serve.load import load, read_config
from serve.turns import Bounds

# Of what a server sends, and of what it says, no more is read.
_MOST_BYTES, _MOST_CHARACTERS = 1 << 20, 20_000
_SECONDS = 120
_AT_A_TIME = 4


class Sampling(NamedTuple):
    """How answers are sampled: `tokens` is the most of one."""

    temperature: float = 1.0
    tokens: int = 512
    seed: int = 0


class Contender(NamedTuple):
    """A name, and what gives an answer, a text, to each of some prompts: {"messages", "tools"}."""

    name: str
    answer: Callable[[Sequence[dict], Sampling], list[str]]


def checkpoint(workdir: str | os.PathLike, stage: str) -> Contender:
    """The newest model of a stage: a word, or the folder of a stage of another run.

    It is loaded to answer, and then let go.

    Raises:
        InputError: there is no such run or stage.
    """
    path = pathlib.Path(stage) if "/" in stage else pathlib.Path(workdir) / stage
    read_config(path.parent, path.name)

    def answer(prompts: Sequence[dict], sampling: Sampling) -> list[str]:
        given = answers.ask(
            answers.engine_of(load(path.parent, path.name)),
            prompts,
            bounds=Bounds(tokens=sampling.tokens, total_tokens=sampling.tokens),
            temperature=sampling.temperature,
            seed=sampling.seed,
        )
        return [one.trajectory.messages[-1]["content"].strip() for (one,) in given]

    return Contender(stage, answer)


def server(address: str) -> Contender:
    """The chat completions of a server at http://host:port, http://host:port/v1 or, where it has
    several models, http://host:port#model.

    Raises:
        InputError: that is no address.
    """
    try:
        parts = urllib.parse.urlsplit(address)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # of a port or an IPv6 address
        is_address = False
    if not is_address or re.search(r"\s", address):
        raise InputError(f"{address!r} is no server: give an address such as http://localhost:8000")
    root = urllib.parse.urldefrag(address).url.rstrip("/").removesuffix("/v1") + "/v1"

    def answer(prompts: Sequence[dict], sampling: Sampling) -> list[str]:
        model = parts.fragment or _first_model(root)
        settings = {
            "model": model,
            "temperature": sampling.temperature,
            "max_tokens": sampling.tokens,
            "seed": sampling.seed,
        }
        with concurrent.futures.ThreadPoolExecutor(_AT_A_TIME) as pool:
            return list(pool.map(functools.partial(_completed, root, settings), prompts))

    return Contender(address, answer)


def _first_model(root: str) -> str:
    found = _asked(f"{root}/models", None)
    try:
        return str(found["data"][0]["id"])
    except (KeyError, IndexError, TypeError) as error:
        raise InputError(
            f"{root}/models names no model: name it yourself, as in {root}#model"
        ) from error


def _completed(root: str, settings: dict[str, Any], prompt: dict) -> str:
    url = f"{root}/chat/completions"
    given = _asked(url, settings | prompt)
    try:
        text = given["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError) as error:
        raise InputError(f"what {url} answers is no chat completion: ask another server") from error
    return text.strip()[:_MOST_CHARACTERS] if isinstance(text, str) else ""


def _asked(url: str, body: dict[str, Any] | None) -> Any:
    """What the server says, as plain data."""
    data = None if body is None else json.dumps(body).encode("utf-8")
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as response:
            read = response.read(_MOST_BYTES + 1)
    except urllib.error.HTTPError as error:
        said = error.read(300).decode("utf-8", "replace")
        said = " ".join(said.split())
        raise InputError(
            f"{url} refuses with status {error.code} ({said or error.reason}): see its log"
        ) from error
    except (OSError, http.client.HTTPException) as error:  # URLError, too
        reason = getattr(error, "reason", error)
        raise InputError(f"{url} cannot be asked ({reason}): is the server running?") from error
    if len(read) > _MOST_BYTES:
        raise InputError(f"{url} answers with more than {_MOST_BYTES} bytes: lower --max_tokens")
    try:
        return json.loads(read)
    except (ValueError, RecursionError) as error:
        raise InputError(f"what {url} answers is no JSON: is it an API?") from error
