"""A model over HTTP, as OpenAI's API has it.

    python -m serve.api --workdir=runs/laptop --port=8000
    python -m serve.api --workdir=runs/laptop --tools=python,search
    python -m serve.api --workdir=runs/laptop --stage=base
    python -m serve.api --workdir=runs/laptop --compare=sft
    python -m serve.api --model=downloads/Qwen3-0.6B --context=4096

Routes: /v1/models, /v1/completions (with echo and logprobs), /v1/chat/completions (streaming,
tools, JSON schemas), /v1/inside (attention and logit lens of a short text), /v1/labels (answers
written or ranked, kept as JSON Lines), /tokenize, /detokenize, /tokenizer_info, /page_info, /health
(503 until the model is loaded) and /metrics for Prometheus.

At / is a web page to chat, complete, look at tokens, next tokens and the model's inside, compare
two stages (--compare) and label answers (kept in --labels). It needs nothing from elsewhere.

--model serves a Hugging Face folder as it is, of the families Qwen3, Llama 3 and GPT-2: weights in
safetensors, config.json, tokenizer.json; nothing in it is executed. Conversations are put to it in
this project's chat template, for which its tokenizer must have the tokens.

    curl localhost:8000/v1/chat/completions -d '{"messages":[{"role":"user","content":"Hello"}]}'

It listens on this machine alone unless --host says otherwise; then give it an --api_key, or set
PRIMER_API_KEY. SIGTERM and Ctrl-C let running texts be finished and take no new ones; a second one
ends at once.
"""

import dataclasses
import functools
import os
import pathlib
import re
import socket
import time
from collections.abc import Callable

import jax
from absl import app, flags, logging

from data.errors import InputError, one_line_errors
from serve.engine import Engine
from serve.http.engine_thread import EngineThread, Served, State
from serve.http.label_folder import LabelFolder
from serve.http.limits import Limits, connections_allowed
from serve.http.metrics import new_metrics
from serve.http.server import make_server
from serve.http.site import Site
from serve.load import about, check_source, context_length, load, load_hf, read_config
from serve.terminal import say
from serve.tools.resolve import resolve
from serve.tools.tool import Tool

_DEFAULT = Limits()
WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder.")
MODEL = flags.DEFINE_string("model", None, "A Hugging Face folder to serve in the place of a run.")
STAGE = flags.DEFINE_string(
    "stage", None, "The stage of the run whose newest model is served. Default: chat."
)
HOST = flags.DEFINE_string("host", "127.0.0.1", "The address to listen on; 0.0.0.0: all.")
PORT = flags.DEFINE_integer("port", 8000, "The port to listen on; 0: any that is free.")
API_KEY = flags.DEFINE_string(
    "api_key", None, "What clients must show. Default: that of PRIMER_API_KEY, or none."
)
MODEL_NAME = flags.DEFINE_string(
    "model_name",
    None,
    "The model's name in the API. Default: the run's and the stage's, or --model's.",
)
TOOLS = flags.DEFINE_list(
    "tools", [], "What the model may call here when a request asks for it: python, search, or both."
)
DOCUMENTS = flags.DEFINE_string(
    "documents", "", "What to search: a folder, file or glob. Default: what the run was trained on."
)
COMPARE = flags.DEFINE_string(
    "compare", None, "A further stage of the run to serve, beside which the first is voted on."
)
LABELS = flags.DEFINE_string(
    "labels",
    None,
    'The folder that labels and votes go to; "": none. Default: WORKDIR/labels; with --model none.',
)
SLOTS = flags.DEFINE_integer("slots", _DEFAULT.slots, "Texts written at a time.")
QUEUE = flags.DEFINE_integer(
    "queue", _DEFAULT.queue, "Further texts that may wait; beyond that, requests get 429."
)
CONTEXT = flags.DEFINE_integer(
    "context",
    None,
    "Tokens of a prompt and its text together. Default: the model's context, of --model "
    "at most 4096.",
    lower_bound=2,
)
MAX_TOKENS = flags.DEFINE_integer(
    "max_tokens", _DEFAULT.max_tokens, "Most tokens of a text; 0: as many as the context holds."
)
CHOICES = flags.DEFINE_integer(
    "choices", _DEFAULT.choices, "Most texts that one request may ask for (n, or prompts)."
)
BODY_BYTES = flags.DEFINE_integer(
    "body_bytes", _DEFAULT.body_bytes, "Largest body of a request; larger ones get 413."
)
CONNECTIONS = flags.DEFINE_integer(
    "connections", _DEFAULT.connections, "Open at a time; beyond that, requests get 503."
)
READ_SECONDS = flags.DEFINE_float(
    "read_seconds", _DEFAULT.read_seconds, "For a request to arrive; a slower client is cut off."
)
WRITE_SECONDS = flags.DEFINE_float(
    "write_seconds", _DEFAULT.write_seconds, "For a client to take what it is sent, likewise."
)
IDLE_SECONDS = flags.DEFINE_float(
    "idle_seconds", _DEFAULT.idle_seconds, "A connection may rest between two requests."
)
DRAIN_SECONDS = flags.DEFINE_float(
    "drain_seconds", _DEFAULT.drain_seconds, "For texts to be finished after SIGTERM."
)

# Tokens written between two looks at what has come in.
_STEPS = 4
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    with one_line_errors():
        limits = _checked(argv)
        stage, config = _stage(), None
        if MODEL.value is None:
            config = read_config(WORKDIR.value, stage)
            # A config that is not whole is refused when the model is loaded.
            if devices := config.get("mesh", {}).get("cpu_devices"):
                # As it was trained: each core writes texts of its own.
                jax.config.update("jax_num_cpu_devices", devices)
        if COMPARE.value is not None:
            read_config(WORKDIR.value, COMPARE.value)
        tools = tuple(resolve(TOOLS.value, WORKDIR.value, config, DOCUMENTS.value))
        for tool in tools:
            say(tool.about)

        def make(stage: str, tools: tuple[Tool, ...]) -> Served:
            in_run = MODEL.value is None
            trained = load(WORKDIR.value, stage) if in_run else load_hf(MODEL.value)
            length = context_length(trained, CONTEXT.value, not in_run)
            engine = Engine(
                trained.params,
                trained.architecture,
                trained.tokenizer,
                slots=limits.slots,
                length=length,
                steps=_STEPS,
            )
            engine.warm_up()
            say(about(trained, stage, WORKDIR.value, MODEL.value))
            if length is not None and length < (most := trained.architecture.context):
                say(f"texts have at most {length:,} of the model's {most:,} tokens (--context)")
            return Served(engine, tools)

        made = {_name(stage): functools.partial(make, stage, tools)}
        if COMPARE.value is not None:
            name = f"{_folder()}-{COMPARE.value}"
            if name in made:
                raise InputError(f"--model_name is {name}, which is what --compare is called")
            made[name] = functools.partial(make, COMPARE.value, ())
        folder = LABELS.value
        if folder is None and MODEL.value is None:
            folder = f"{WORKDIR.value}/labels"
        serve(made, limits, LabelFolder(folder) if folder else None)


def _stage() -> str:
    return STAGE.value or "chat"


def _folder() -> str:
    return pathlib.Path(MODEL.value or WORKDIR.value).resolve().name


def _name(stage: str) -> str:
    return MODEL_NAME.value or (f"{_folder()}-{stage}" if MODEL.value is None else _folder())


def _checked(argv: list[str]) -> Limits:
    """The limits that the flags say, before anything is loaded."""
    if len(argv) > 1:
        raise InputError(f"unexpected argument {argv[1]!r}; the run's folder is --workdir=DIR")
    of_a_run = {flag.name: flag.value for flag in (STAGE, COMPARE)}
    check_source(WORKDIR.value, MODEL.value, TOOLS.value, of_a_run)
    if not 0 <= PORT.value < 2**16:
        raise InputError(f"--port is {PORT.value}; it must be between 0 and 65535")
    if COMPARE.value in (_stage(), ""):
        raise InputError(f"--compare is {COMPARE.value!r}; name a stage other than --stage")
    limits = Limits(**{f.name: flags.FLAGS[f.name].value for f in dataclasses.fields(Limits)})
    for name, value in dataclasses.asdict(limits).items():
        least = 0 if name in ("queue", "max_tokens", "drain_seconds") else 1
        if value < least:
            raise InputError(f"--{name} is {value}; it must be at least {least}")
    return limits


def key() -> str:
    """What clients must show; "": nothing.

    Raises:
        InputError: it can be no part of a header.
    """
    value = API_KEY.value if API_KEY.value is not None else os.environ.get("PRIMER_API_KEY", "")
    if not re.fullmatch(r"[!-~]*", value):
        raise InputError("the API key may hold printable ASCII characters only, and no space")
    return value


def serve(
    made: dict[str, Callable[[], Served]], limits: Limits, labels: LabelFolder | None = None
) -> None:
    """Serves until a signal comes.

    Args:
        made: names of models, the main one first, and what loads each.
        labels: where to keep them; None: nowhere.

    Raises:
        InputError: the port is taken, or something in `made` raised it.
    """
    allowed = connections_allowed(limits.connections)
    if allowed < limits.connections:
        say(f"{allowed} connections may be open, fewer than --connections={limits.connections}")
    listening = _listen(HOST.value, PORT.value)
    metrics = new_metrics()
    threads = {name: EngineThread(make, limits, metrics) for name, make in made.items()}
    loopback = HOST.value in _LOOPBACK
    # Others may call a server that others can reach by any name, but then should need a key.
    hosts = ("localhost", "127.0.0.1", "[::1]") if loopback and not key() else ()
    created = int(time.time())
    model, *rest = threads
    others = tuple(Site(name, created, threads[name], metrics, limits) for name in rest)
    site = Site(model, created, threads[model], metrics, limits, hosts, key(), labels, others)
    server = make_server(site)
    host, port = listening.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    say(f"listening on {address}/v1 as {model}")
    say(f"a page to use it: {address}/")
    if not loopback and not site.key:
        say("anybody who can reach this machine can use the model: consider --api_key")
    server.run(sockets=[listening])
    all_threads = threads.values()
    errors = (thread.error for thread in all_threads if thread.served is None)
    error = next((error for error in errors if error is not None), None)
    if any(thread.state is State.LOADING or thread.left_compiling for thread in all_threads):
        # The interpreter would wait for what is being loaded or compiled.
        if error is not None:
            say(f"error: {error}")
        os._exit(0 if error is None else 2)
    if error is not None:
        raise error


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        # From now on clients that come are kept waiting rather than refused.
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise InputError(f"cannot listen on {host}:{port} ({error.strerror or error})") from error
    return listening


if __name__ == "__main__":
    app.run(main)
