"""Talking to a trained model in the terminal.

    python -m serve.chat --workdir=runs/laptop
    python -m serve.chat --workdir=runs/laptop --tools=python,search
    python -m serve.chat --workdir=runs/laptop --prompt="Who are you?"
    python -m serve.chat --workdir=runs/laptop --base --prompt="The capital of France is"
    python -m serve.chat --model=downloads/Qwen3-0.6B --prompt="Who are you?"

A conversation with the run's chat model: every line typed (or read from a pipe) is answered. /help
lists what else can be typed. Ctrl-C stops an answer, Ctrl-D ends the program. What the model
thinks, the calls of tools and what they return stand beside the answer, dimmed. When the context is
full the oldest exchanges are left out, which is said.

With --prompt there is one answer, alone on standard output; everything else goes to standard error.

With --base, the base model goes on with a text: with that of --prompt, or with every line.

--model takes the model of a Hugging Face folder in the place of a run's, as serve.api does.
"""

import contextlib
import pathlib
import re
import sys
from collections.abc import Callable

from absl import app, flags, logging

from data.errors import InputError, one_line_errors
from serve.conversation import Conversation
from serve.engine import Engine
from serve.load import (
    WEIGHTS,
    about,
    check_source,
    context_length,
    load,
    load_hf,
    read_config,
)
from serve.pieces import stream_text
from serve.requests import Request
from serve.terminal import (
    Display,
    check_writing,
    noting_interrupts,
    prepare_streams,
    read_line,
    say,
    write,
)
from serve.tools.resolve import resolve
from serve.tools.tool import Tool, closing_tools
from serve.turns import Bounds, Event, Turns

WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder.")
MODEL = flags.DEFINE_string("model", None, "A Hugging Face folder to use in the place of a run.")
STAGE = flags.DEFINE_string(
    "stage", None, "The stage whose newest model is used. Default: chat, and base with --base."
)
PRECISION = flags.DEFINE_enum(
    "weights",
    WEIGHTS[0],
    WEIGHTS,
    "int8 takes less memory, and a little of the quality.",
)
BASE = flags.DEFINE_bool("base", False, "Complete text with the base model.")
PROMPT = flags.DEFINE_string(
    "prompt", None, "Answer this (or complete it, even if it is empty) and exit."
)
SYSTEM = flags.DEFINE_string("system", "", "The system message.")
TOOLS = flags.DEFINE_list("tools", [], "What the model may call: python, search, or both.")
DOCUMENTS = flags.DEFINE_string(
    "documents", "", "What to search: a folder, file or glob. Default: what the run was trained on."
)
HIDE_THINKING = flags.DEFINE_bool("hide_thinking", False, "Show no steps before the answer.")
TEMPERATURE = flags.DEFINE_float(
    "temperature",
    None,
    "0 takes the most likely token, which small models need. Default: 0 for one answer; 0.3 in a "
    "conversation, where /retry should give another; 0.8 with --base.",
)
TOP_K = flags.DEFINE_integer("top_k", 0, "Only the k most likely tokens; 0: no limit.")
TOP_P = flags.DEFINE_float(
    "top_p", 0.95, "The fewest most likely tokens that together have this probability."
)
MIN_P = flags.DEFINE_float(
    "min_p", 0.0, "Only tokens at least this fraction as likely as the most likely one."
)
SEED = flags.DEFINE_integer(
    "seed", 0, "Of the choice of tokens; answer n, counted from 0, has seed + n."
)
CONTEXT = flags.DEFINE_integer(
    "context",
    None,
    "Tokens of the conversation. Default: the model's context, of --model at most 4096.",
    lower_bound=2,
)
MAX_TOKENS = flags.DEFINE_integer("max_tokens", 512, "Most tokens to write at a time.")

# Tokens between two looks at the keyboard and the screen.
_STEPS = 4
# Most tokens of what a call returns; half of a small context.
_RESULT_TOKENS = 256

_HELP = """/clear         begins a new conversation
/retry         answers the last message again
/system TEXT   sets the system message from now on; without a text there is none
/help          shows this
Ctrl-C stops an answer, Ctrl-D ends the program. To say something that begins with /, put a space
before it."""
_COMMAND = re.compile(r"/([a-z]+)(?:\s+(.*))?", re.DOTALL)


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    with one_line_errors(), contextlib.ExitStack() as stack:
        stage, settings = _checked(argv)
        prepare_streams()
        config = read_config(WORKDIR.value, stage) if MODEL.value is None else None
        at_hand = resolve(TOOLS.value, WORKDIR.value, config, DOCUMENTS.value)
        tools = stack.enter_context(closing_tools(at_hand))
        if MODEL.value is None:
            trained = load(WORKDIR.value, stage, weights=PRECISION.value)
        else:
            trained = load_hf(MODEL.value, weights=PRECISION.value)
        say(about(trained, stage, WORKDIR.value, MODEL.value))
        length = context_length(trained, CONTEXT.value, MODEL.value is not None)
        if length is not None and length < (most := trained.architecture.context):
            say(f"conversations have at most {length:,} of the model's {most:,} tokens (--context)")
        for tool in tools:
            say(tool.about)
        engine = Engine(
            trained.params,
            trained.architecture,
            trained.tokenizer,
            slots=1,
            length=length,
            steps=_STEPS,
        )
        if BASE.value:
            _complete(engine, settings)
        else:
            stack.enter_context(contextlib.closing(turns := _turns(engine, tools)))
            room = min(MAX_TOKENS.value, engine.length // 2)
            declarations = [tool.declaration for tool in tools]
            conversation = Conversation(
                turns, engine.tokenizer, engine.length, room, declarations, SYSTEM.value
            )
            if PROMPT.value is None:
                _Chat(conversation, settings).run()
            else:
                _answer_once(conversation, settings)


def _checked(argv: list[str]) -> tuple[str, dict[str, float]]:
    """The stage and the settings of sampling that the flags say, before anything is loaded."""
    if len(argv) > 1:
        raise InputError(f'unexpected argument {argv[1]!r}; to say something, --prompt="..."')
    check_source(WORKDIR.value, MODEL.value, TOOLS.value, {STAGE.name: STAGE.value})
    if BASE.value:
        for flag in (TOOLS, DOCUMENTS, SYSTEM):
            if flag.value:
                raise InputError(f"--{flag.name} is for conversations: leave it or --base out")
    workdir = pathlib.Path(WORKDIR.value or "")
    stage = STAGE.value or ("base" if BASE.value else "chat")
    if (
        MODEL.value is None
        and stage == "chat"
        and (workdir / "base").is_dir()
        and not (workdir / "chat").is_dir()
    ):
        raise InputError(
            f"{workdir} has no chat model; add --base to complete text with its base model, or "
            "name another stage with --stage"
        )
    temperature = TEMPERATURE.value
    if temperature is None:
        temperature = 0.8 if BASE.value else 0.3 if PROMPT.value is None else 0.0
    settings = {"top_k": TOP_K.value, "top_p": TOP_P.value, "min_p": MIN_P.value}
    check_writing(MAX_TOKENS.value, SEED.value, temperature, **settings)
    return stage, {"temperature": temperature, **settings}


def _turns(engine: Engine, tools: list[Tool]) -> Turns:
    most = MAX_TOKENS.value
    result = min(_RESULT_TOKENS, max(1, engine.length // 2))
    return Turns(engine, tools, Bounds(tokens=most, total_tokens=4 * most, result_tokens=result))


def _answer_once(conversation: Conversation, settings: dict[str, float]) -> None:
    conversation.make_room(PROMPT.value)
    beside = Display(sys.stderr, not HIDE_THINKING.value)
    said = []
    for event in conversation.say(PROMPT.value, settings | {"seed": SEED.value}):
        if event.kind == "text":
            # Of messages that call tools nothing is the answer, and the calls come last.
            said.append(event.text)
        else:
            if event.kind == "call" and said:
                beside.show(Event("text", "".join(said)))
                said.clear()
            beside.show(event)
    write("".join(said) + "\n", sys.stdout)


class _Chat:
    """A conversation in which lines are read and answered."""

    def __init__(self, conversation: Conversation, settings: dict[str, float]) -> None:
        self._conversation, self._settings = conversation, settings
        self._display = Display(sys.stdout, not HIDE_THINKING.value)
        self._seed = SEED.value

    def run(self) -> None:
        _greet("/help lists the commands; Ctrl-C stops an answer, Ctrl-D ends.")
        _read_lines(self._take)

    def _take(self, line: str) -> None:
        command = _COMMAND.fullmatch(line.rstrip())
        if command:
            self._obey(command[1], command[2] or "")
        elif line.strip():
            self._answer(line)

    def _obey(self, command: str, text: str) -> None:
        conversation = self._conversation
        if command == "help":
            say(_HELP)
        elif command == "clear":
            conversation.exchanges.clear()
            say("a new conversation")
        elif command == "system":
            conversation.system = text
            say("the system message is set" if text else "there is no system message now")
        elif command == "retry":
            if not conversation.exchanges:
                raise InputError("there is nothing to answer again")
            if not self._settings["temperature"]:
                raise InputError("at --temperature=0 the answer would be the same")
            last = conversation.exchanges.pop()
            try:
                self._answer(last.text)
            except InputError:  # beside another system message it may be too long by now
                conversation.exchanges.append(last)
                raise
        else:
            raise InputError(f"there is no command /{command}; /help lists them")

    def _answer(self, text: str) -> None:
        dropped = self._conversation.make_room(text)
        if dropped:
            say(f"the context is full: exchanges left out, oldest first: {dropped}")
        settings = self._settings | {"seed": self._seed}
        self._seed += 1
        with noting_interrupts() as stopped:
            for event in self._conversation.say(text, settings, stopped):
                self._display.show(event)


def _complete(engine: Engine, settings: dict[str, float]) -> None:
    if PROMPT.value is not None:
        for piece in stream_text(engine, _request(engine, PROMPT.value, settings, 0)):
            write(piece, sys.stdout)
        write("\n", sys.stdout)
        return
    number = 0

    def complete_line(line: str) -> None:
        nonlocal number
        pieces = stream_text(engine, _request(engine, line, settings, number))
        with noting_interrupts() as stopped, contextlib.closing(pieces):
            for piece in pieces:
                write(piece, sys.stdout)
                if stopped():
                    break
        number += 1
        write("\n", sys.stdout)

    _greet("Type the beginning of a text; Ctrl-C stops a completion, Ctrl-D ends.")
    _read_lines(complete_line)


def _request(engine: Engine, text: str, settings: dict[str, float], number: int) -> Request:
    """What goes on with a text; from nothing, a document, as they begin after an end_of_text."""
    end = engine.tokenizer.end_of_text
    ids = engine.tokenizer.encode(text) if text else [end]
    seed = SEED.value + number
    return Request(ids, MAX_TOKENS.value, seed=seed, stop=(end,), **settings)


def _read_lines(take: Callable[[str], None]) -> None:
    """Hands over one line after another; what is wrong with a line ends that line alone."""
    while True:
        try:
            take(read_line("> "))
        except InputError as error:
            say(f"error: {error}")
        except KeyboardInterrupt:
            write("\n", sys.stdout)
        except EOFError:
            if sys.stdin.isatty():
                write("\n", sys.stdout)
            return


def _greet(sentence: str) -> None:
    if sys.stdin.isatty():
        say(sentence)


if __name__ == "__main__":
    app.run(main)
