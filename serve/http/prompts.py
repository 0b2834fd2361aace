"""What clients send for the model to read, as tokens. Names of control tokens in it are text."""

import functools
import itertools
import json
from typing import Any

import numpy as np

from data.conversations import Malformed, checked, prompt_ids
from data.encoding import Tokenizer
from data.errors import InputError
from serve.http.engine_thread import Served
from serve.http.errors import ApiError, invalid, too_long

MAX_MESSAGES = 10_000


def text_ids(served: Served, text: str, param: str) -> np.ndarray:
    """Ids [P] int32 of a text; of an empty one the token that stands before every document.

    Raises:
        ApiError: it cannot fit the context, which for the longest texts is known without encoding
            them.
    """
    tokenizer = served.tokenizer
    _check_characters(served, len(text), param)
    ids = tokenizer.encode(text) if text else [tokenizer.end_of_text]
    return np.asarray(ids, np.int32)


@functools.lru_cache(maxsize=8)
def longest_token(tokenizer: Tokenizer) -> int:
    """Bytes of it, and so at most as many characters."""
    return max(map(len, tokenizer.tokens))


def _check_characters(served: Served, count: int, param: str) -> None:
    """
    Raises:
        ApiError: text of so many characters cannot fit the context, however it is encoded.
    """
    least, length = count // longest_token(served.tokenizer), served.engine.length
    if least >= length:
        raise too_long(param, f"at least {least}", length)


def checked_ids(value: list[Any], vocab_size: int, param: str) -> np.ndarray:
    """Ids [P] int32 from a list in JSON.

    Raises:
        ApiError: it is empty, or holds what is no token.
    """
    if not value or not all(type(token) is int for token in value):
        raise invalid(param, f"'{param}' must hold token ids, at least one.", "invalid_type")
    if min(value) < 0 or max(value) >= vocab_size:
        raise invalid(param, f"'{param}' holds a token id that is not below {vocab_size}.")
    return np.asarray(value, np.int32)


def check_room(ids: np.ndarray, length: int, param: str) -> None:
    """
    Raises:
        ApiError: there are more than `length` tokens.
    """
    if len(ids) > length:
        raise too_long(param, len(ids), length)


def conversation(body: dict[str, Any], tools: list[Any]) -> dict[str, Any]:
    """The conversation in a request, as data.conversations.render takes it.

    Args:
        tools: declarations, instead of those in the body.

    Raises:
        ApiError: it is none.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("messages", "'messages' must be a list of messages, at least one.")
    if len(messages) > MAX_MESSAGES:
        raise invalid("messages", f"'messages' may hold {MAX_MESSAGES} messages at most.")
    try:
        return checked({"messages": _in_order_of_calls(messages), "tools": tools})
    except Malformed as error:
        param = "tools" if "tool " in str(error) and "message" not in str(error) else "messages"
        raise invalid(param, f"The conversation cannot be used: {error}.") from None


def conversation_ids(served: Served, found: dict[str, Any]) -> np.ndarray:
    """Ids [P] int32 that end where the assistant's turn begins.

    Raises:
        ApiError: the model is not one for conversations, or they cannot fit its context, which for
            the longest is known without encoding them.
    """
    _check_characters(served, _characters(found), "messages")
    try:
        return prompt_ids(served.tokenizer, found["messages"], found.get("tools", ()))
    except InputError as error:
        raise ApiError(400, f"{error}.", "not_a_chat_model") from None


def _characters(found: dict[str, Any]) -> int:
    """Of what a conversation says, which are fewer than those of it as the template lays it out."""
    messages = found["messages"]
    tools = [tool["function"] for tool in found.get("tools", ())]
    schemas = [tool["parameters"].get("properties") or {} for tool in tools]
    calls = [call["function"] for message in messages for call in message.get("tool_calls", ())]
    texts = itertools.chain(
        (message["content"] for message in messages),
        (message.get("reasoning_content", "") for message in messages),
        (json.dumps(call["arguments"], ensure_ascii=False) for call in calls),
        (tool.get("description", "") for tool in tools),
        itertools.chain.from_iterable(schemas),
        # A type alone stands there without what is around it.
        (
            json.dumps(schema, ensure_ascii=False)
            for properties in schemas
            for schema in properties.values()
            if len(schema) > 1
        ),
    )
    return sum(map(len, texts))


def _in_order_of_calls(messages: list[Any]) -> list[Any]:
    """Results of tools in the order of the calls that they answer, which is how the template tells
    which belongs to which; a client may send them in any."""
    ordered, places = [], {}
    for is_result, group in itertools.groupby(messages, lambda message: _role(message) == "tool"):
        group = list(group)
        if is_result:
            group.sort(key=lambda result: places.get(str(result.get("tool_call_id")), 0))
        else:
            calls = group[-1].get("tool_calls") if _role(group[-1]) == "assistant" else None
            ids = [call.get("id") if isinstance(call, dict) else None for call in _listed(calls)]
            places = {name: n for n, name in enumerate(ids) if isinstance(name, str)}
        ordered += group
    return ordered


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
