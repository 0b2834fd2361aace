"""What a tool is, and how a model's call of one becomes the text that the model reads.

A model may write anything as a call: the answer is always a text of bounded length, which says what
was wrong where something was.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from absl import logging

# Most characters of any tool's result; the tools of this folder keep to far fewer.
MAX_RESULT_CHARACTERS = 8192

_TYPES = {
    "string": str,
    "integer": int,
    "number": int | float,
    "boolean": bool,
    "array": list,
    "object": dict,
}


def nothing() -> None:
    """Closes what needs no closing."""


@dataclasses.dataclass(frozen=True)
class Tool:
    """Something that a model can call.

    Attributes:
        declaration: OpenAI's declaration of the function, as the chat template shows it.
        run: arguments, which fit the declaration, to the result. May be called from several threads
            at once, and returns in bounded time.
        about: one line for whoever starts a program with this tool: what stands behind it.
        close: lets go of processes and files; the tool is not used after that.
    """

    declaration: dict[str, Any]
    run: Callable[[dict[str, Any]], str]
    about: str
    close: Callable[[], None] = nothing

    @property
    def name(self) -> str:
        return self.declaration["function"]["name"]


@contextlib.contextmanager
def closing_tools(tools: Sequence[Tool]) -> Iterator[Sequence[Tool]]:
    """The tools, which are closed in the end whatever happens."""
    with contextlib.ExitStack() as stack:
        for tool in tools:
            stack.callback(tool.close)
        yield tools


def call_tool(tools: Sequence[Tool], call: dict[str, Any], elsewhere: Collection[str] = ()) -> str:
    """The result of a call as `data.conversations.parse_assistant` gives it: a function's name and
    arguments, or {"error": sentence}. What is wrong with the call is its result.

    Args:
        elsewhere: names of further tools that the model was told of, which are not run here.
    """
    if "error" in call:
        return cut(f"error: {call['error']}", MAX_RESULT_CHARACTERS)
    name, arguments = call["function"]["name"], call["function"]["arguments"]
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None:
        known = ", ".join([*(tool.name for tool in tools), *sorted(elsewhere)])
        there = f"the tools are {known}" if known else "there are none"
        return f"error: there is no tool {cut(name, 40)!r}; {there}"
    if wrong := _misfit(tool.declaration["function"].get("parameters", {}), arguments):
        return f"error: {wrong}"
    try:
        return cut(tool.run(arguments), MAX_RESULT_CHARACTERS)
    except Exception as error:
        # A tool that breaks must not end the conversations of others.
        logging.exception("the tool %s failed", name)
        return f"error: the tool {name} failed ({type(error).__name__})"


def _misfit(parameters: dict[str, Any], arguments: dict[str, Any]) -> str:
    """What keeps arguments from being those that a declaration asks for; "" if nothing does."""
    properties = parameters.get("properties", {})
    for key in parameters.get("required", ()):
        if key not in arguments:
            return f"the argument {key!r} is missing"
    for key, value in arguments.items():
        if key not in properties:
            there = ", ".join(properties) or "none"
            return f"there is no argument {cut(key, 40)!r}; the arguments are {there}"
        kind = properties[key].get("type")
        wanted = _TYPES.get(kind, object) if isinstance(kind, str) else object
        if not isinstance(value, wanted) or (isinstance(value, bool) and kind in _NUMBERS):
            return f"the argument {key!r} must be of the type {kind}"
    return ""


_NUMBERS = ("integer", "number")


def cut(text: str, most: int) -> str:
    """The text, or its beginning and "…" where it has more than `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
