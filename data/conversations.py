"""Conversations to token ids and back, through the one chat template of the project.

A conversation is OpenAI's plain data:

    {"messages": [{"role": "user", "content": "What is 12 times 34?"},
                  {"role": "assistant", "content": "", "reasoning_content": "This needs a product.",
                   "tool_calls": [{"type": "function", "function":
                                   {"name": "python", "arguments": {"code": "print(12 * 34)"}}}]},
                  {"role": "tool", "name": "python", "content": "408"},
                  {"role": "assistant", "content": "It is 408."}],
     "tools": [...]}                                   optional, OpenAI's function declarations

`chat_template.jinja` lays it out as text, here as in every engine that reads an exported model. The
names of control tokens that it writes become those tokens; the same names in what people, tools and
models have said are text and stay text, because each is broken by a mark before the template sees
it and mended after the text has been cut at the control tokens.

Turns are only ever appended: the ids of a longer conversation begin with those of the shorter one,
as long as the model's own turns are kept as the tokens it chose. A reply that begins with white
space is the exception that makes this matter: in whole text its first characters would merge with
the line end before them into other tokens.
"""

import functools
import json
import math
import pathlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jinja2.sandbox
import numpy as np

from data.encoding import Tokenizer, well_formed
from data.errors import InputError

TEMPLATE = pathlib.Path(__file__).with_name("chat_template.jinja")
START, END = "<|im_start|>", "<|im_end|>"
THINK, THINK_END = "<think>", "</think>"
CALL, CALL_END = "<tool_call>", "</tool_call>"
RESPONSE, RESPONSE_END = "<tool_response>", "</tool_response>"
# The tokens by which the template structures a conversation; the others of a tokenizer are text.
CONTROL = (START, END, THINK, THINK_END, CALL, CALL_END, RESPONSE, RESPONSE_END)
ROLES = ("system", "user", "assistant", "tool")
# OpenAI's newer name of one and older name of another.
_SAME_ROLES = {"developer": "system", "function": "tool"}
# What a model is to write as one call: more is no call but a loop, and costs time to parse.
MAX_CALL_CHARACTERS = 1 << 16
# Levels of lists and objects in a tool's declaration or arguments.
MAX_DEPTH = 32

_NAMES = re.compile("|".join(map(re.escape, CONTROL)))
_CONTROL = re.compile(f"({_NAMES.pattern})")
_HEADER = "assistant\n"
# A lone surrogate, which no well-formed text holds.
_MARK = "\ud800"

Message = dict[str, Any]


class Malformed(InputError):
    """A conversation is not of the form that the template can lay out.

    `reason` is the same for every conversation with the fault, for counting.
    """

    def __init__(self, reason: str, where: str = ""):
        super().__init__(f"{where}: {reason}" if where else reason)
        self.reason = reason


class Rendered(NamedTuple):
    """tokens: [T] int32. mask: [T] float32, 1 on what the assistant writes, its closing <|im_end|>
    included: reasoning, content and tool calls. Never on what a tool has returned."""

    tokens: np.ndarray
    mask: np.ndarray


def render(
    tokenizer: Tokenizer,
    messages: Sequence[Message],
    tools: Sequence[dict] = (),
    add_generation_prompt: bool = False,
    show_thinking: bool = True,
) -> Rendered:
    """The tokens of a conversation, and which of them are to be learnt: those of the assistant's
    turns, but where a turn's "weight" is 0.

    For text without names of control tokens these are the tokens of the rendered template as the
    `tokenizers` library gives them, but that a reply which begins with white space is encoded apart
    from the line end before it, as it is when a model writes it.

    Args:
        messages, tools: as `checked` returns them.
        add_generation_prompt: whether to end with the beginning of the assistant's next turn.
        show_thinking: whether reasoning is written; without, as if there had been none.

    Raises:
        InputError: the tokenizer lacks control tokens.
    """
    text = _text(messages, tools, add_generation_prompt, show_thinking)
    learnt = [message.get("weight") != 0 for message in messages if message["role"] == "assistant"]
    return _encoded(tokenizer, text, learnt)


def prompt_ids(
    tokenizer: Tokenizer, messages: Sequence[Message], tools: Sequence[dict] = ()
) -> np.ndarray:
    """Ids [P] int32 that end where the assistant is to write its next turn.

    Raises:
        InputError: the tokenizer lacks control tokens.
    """
    return render(tokenizer, messages, tools, add_generation_prompt=True).tokens


def next_turn_ids(tokenizer: Tokenizer, messages: Sequence[Message]) -> np.ndarray:
    """Ids [P] int32 to append after a model's own turn, which ends with <|im_end|>, to hand it
    further `messages` (of a user, or of tools) and open its next turn.

    `prompt_ids` of the messages so far, the ids that the model wrote and these are the `prompt_ids`
    of the whole conversation.
    """
    return _encoded(tokenizer, "\n" + _text(messages, (), True, True)).tokens


def tool_response_ids(tokenizer: Tokenizer, *contents: str) -> np.ndarray:
    """`next_turn_ids` for what tools have returned: one text for each call of the turn, in order.

    Whatever the text, it holds no control token: it cannot end the response or open a turn.
    """
    return next_turn_ids(tokenizer, [{"role": "tool", "content": content} for content in contents])


def plain_texts(messages: Sequence[Message], tools: Sequence[dict] = ()) -> list[str]:
    """What stands between the control tokens of a conversation: text to train a tokenizer on."""
    parts = _CONTROL.split(_text(messages, tools, False, True))
    return [part.replace(_MARK, "") for part in parts if part not in ("", "\n", *CONTROL)]


def parse_assistant(tokenizer: Tokenizer, ids: Iterable[int]) -> Message:
    """The message that a model has written, from the ids after "<|im_start|>assistant\\n".

    Reads to the first token that ends a turn or a text, or to the end. Structure is made by control
    tokens alone; their names written out in other tokens are text. Accepts anything: a call that
    cannot be used comes back in `tool_calls` as {"error": sentence}, to be shown to the model as
    its result.

    Returns:
        An assistant message: content, and where there are any reasoning_content and tool_calls.
    """
    control = _control_ids(tokenizer)
    reasoning, content, calls = [], [], []
    inside, part = content, []
    ids = [int(number) for number in ids]
    if ids and ids[0] == control[THINK]:
        inside, ids = reasoning, ids[1:]
    for number in ids:
        if number in (control[END], tokenizer.end_of_text):
            break
        if number == control[THINK_END] and inside is reasoning:
            inside = content
        elif number == control[CALL] and inside is content:
            inside, part = calls, []
        elif number == control[CALL_END] and inside is calls:
            calls.append(_call(tokenizer.decode(part)))
            inside = content
        elif inside is calls:
            part.append(number)
        else:
            inside.append(number)
    if inside is calls:
        calls.append({"error": f"the tool call does not end with {CALL_END}"})
    message: Message = {
        "role": "assistant",
        "content": tokenizer.decode(content).strip("\n"),
    }
    if thought := tokenizer.decode(reasoning).strip("\n"):
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = calls
    return message


def _call(text: str) -> dict:
    if len(text) > MAX_CALL_CHARACTERS:
        return {"error": f"the tool call is longer than {MAX_CALL_CHARACTERS} characters"}
    try:
        called = json.loads(text)
    except (ValueError, RecursionError):
        return {"error": 'the tool call is not JSON: write {"name": ..., "arguments": {...}}'}
    if not isinstance(called, dict) or not isinstance(called.get("name"), str):
        return {"error": "the tool call names no tool"}
    arguments = called.get("arguments", {})
    if not isinstance(arguments, dict) or not _is_plain(arguments):
        return {"error": "the arguments of the tool call are not a JSON object of a few levels"}
    # JSON's escapes can name half a character, which no file takes.
    function = {"name": called["name"], "arguments": arguments}
    return {"type": "function", "function": _each_text(function, well_formed)}


def checked(conversation: Any) -> dict:
    """A conversation in the form that `render` takes, from any form that OpenAI's API takes.

    A null content becomes "", a content of text parts their text, arguments written as a JSON
    string the object, a function_call the one of tool_calls. Of a reply the weight 0 is kept, which
    says that it is not to be learnt. Other fields of messages are left out.

    Raises:
        Malformed: it is no such conversation; the sentence says which message and why.
    """
    if not isinstance(conversation, dict) or not isinstance(conversation.get("messages"), list):
        raise Malformed("it has no list of messages")
    messages = [
        _checked_message(message, f"message {number}")
        for number, message in enumerate(conversation["messages"])
    ]
    if not messages:
        raise Malformed("it has no messages")
    tools = conversation.get("tools") or []
    if not isinstance(tools, list):
        raise Malformed("its tools are not a list")
    result = {"messages": messages}
    if tools:
        result["tools"] = [_checked_tool(tool, f"tool {n}") for n, tool in enumerate(tools)]
    return result


def _checked_message(message: Any, where: str) -> Message:
    if not isinstance(message, dict):
        raise Malformed("a message is not an object", where)
    role = message.get("role")
    role = _SAME_ROLES.get(role, role) if isinstance(role, str) else role
    if role not in ROLES:
        raise Malformed(f"a role is none of {', '.join(ROLES)}", where)
    result: Message = {"role": role, "content": _checked_content(message.get("content"), where)}
    if role == "tool":
        if isinstance(message.get("name"), str):
            result["name"] = message["name"]
        return result
    if role != "assistant":
        return result
    reasoning = message.get("reasoning_content")
    if reasoning is not None and not isinstance(reasoning, str):
        raise Malformed("a reasoning_content is not text", where)
    calls = message.get("tool_calls") or []
    if not calls and message.get("function_call"):
        calls = [{"type": "function", "function": message["function_call"]}]
    if not isinstance(calls, list):
        raise Malformed("tool_calls are not a list", where)
    if reasoning:
        result["reasoning_content"] = reasoning
    if calls:
        result["tool_calls"] = [_checked_call(call, where) for call in calls]
    if message.get("weight") == 0:
        result["weight"] = 0
    return result


def _checked_content(content: Any, where: str) -> str:
    if content is None:
        return ""
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        if len(texts) == len(content) and all(isinstance(text, str) for text in texts):
            return "".join(texts)
    if not isinstance(content, str):
        raise Malformed("a content is not text", where)
    return content


def _checked_call(call: Any, where: str) -> dict:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Malformed("a tool call names no function", where)
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError):
            arguments = None
    if not isinstance(arguments, dict) or not _is_plain(arguments):
        raise Malformed("the arguments of a tool call are not a JSON object", where)
    return {"type": "function", "function": {"name": function["name"], "arguments": arguments}}


def _checked_tool(tool: Any, where: str) -> dict:
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Malformed("a tool has no name", where)
    parameters = function.get("parameters") or {}
    properties = parameters.get("properties") or {} if isinstance(parameters, dict) else None
    declared = isinstance(properties, dict) and all(
        isinstance(schema, dict) for schema in properties.values()
    )
    if not declared or not _is_plain(parameters):
        raise Malformed("the parameters of a tool are not a JSON schema of an object", where)
    described = {"name": function["name"], "parameters": parameters}
    if isinstance(function.get("description"), str):
        described["description"] = function["description"]
    return {"type": "function", "function": described}


def _is_plain(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether a value is JSON of at most `depth` levels. Infinities and NaN, which Python reads and
    would write, are none."""
    if isinstance(value, dict):
        return depth > 0 and all(
            isinstance(key, str) and _is_plain(inner, depth - 1) for key, inner in value.items()
        )
    if isinstance(value, list):
        return depth > 0 and all(_is_plain(inner, depth - 1) for inner in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int | bool)


# --- text and tokens --------------------------------------------------------------------------


@functools.cache
def _template() -> jinja2.Template:
    # The settings and the JSON of the transformers library, which is what templates are written
    # for: Jinja's own `tojson` escapes for HTML.
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False
    )
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def _text(
    messages: Sequence[Message],
    tools: Sequence[dict],
    add_generation_prompt: bool,
    show_thinking: bool,
) -> str:
    """The template's text, control tokens' names in content broken by the mark."""
    return _template().render(
        messages=_each_text(list(messages), _protected),
        tools=_each_text(list(tools), _protected),
        add_generation_prompt=add_generation_prompt,
        enable_thinking=show_thinking,
    )


def _protected(text: str) -> str:
    """The same text, well-formed, with the mark inside each control token's name."""
    return _NAMES.sub(lambda name: name[0][0] + _MARK + name[0][1:], well_formed(text))


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Plain data with each text in it, names of fields too, as `change` makes it."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_each_text(key, change): _each_text(one, change) for key, one in value.items()}
    if isinstance(value, list):
        return [_each_text(one, change) for one in value]
    return value


def _encoded(tokenizer: Tokenizer, text: str, learnt: Sequence[bool] = ()) -> Rendered:
    """The tokens of the template's text; `learnt` says of each turn of the assistant's, in order,
    whether it is to be, and of others it is."""
    control = _control_ids(tokenizer)
    turns = iter(learnt)
    tokens: list[np.ndarray] = []
    mask: list[np.ndarray] = []
    before, trained = "", False

    def add(ids: np.ndarray | list[int]) -> None:
        tokens.append(np.asarray(ids, np.int32))
        mask.append(np.full(len(ids), trained, np.float32))

    for part in _CONTROL.split(text):
        if part in control:
            add([control[part]])
            if part == END:
                trained = False
        elif part:
            plain = part.replace(_MARK, "")
            if before == START and plain.startswith(_HEADER):
                add(tokenizer.encode(_HEADER))
                plain, trained = plain.removeprefix(_HEADER), next(turns, True)
            if plain:
                add(tokenizer.encode(plain))
        before = part or before
    if not tokens:
        return Rendered(np.zeros(0, np.int32), np.zeros(0, np.float32))
    return Rendered(np.concatenate(tokens), np.concatenate(mask))


def has_chat_template(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer has the tokens of which the chat template makes turns."""
    return all(name in tokenizer.special for name in CONTROL)


def _control_ids(tokenizer: Tokenizer) -> dict[str, int]:
    """Ids of the control tokens by name.

    Raises:
        InputError: the tokenizer lacks some.
    """
    missing = [name for name in CONTROL if name not in tokenizer.special]
    if missing:
        raise InputError(
            f"the tokenizer has no {' '.join(missing)}: conversations need them as special "
            "tokens; those that the stage data.tokenizer trains as BPE have them"
        )
    return {name: tokenizer.special[name] for name in CONTROL}
