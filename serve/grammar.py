"""Text that must be JSON of a schema, or a call of a tool: which tokens may come next.

The grammar is followed by the library llguidance, which is written for hostile schemas: what is too
large or too deep for its limits is refused, or ends the text. JSON is laid out as Python's
`json.dumps` does, so that no model can go on with white space for ever.
"""

import decimal
import functools
import json
import math
import re
import urllib.parse
from collections.abc import Iterable, Sequence
from typing import Any

import llguidance
import numpy as np

from data.conversations import CALL, CALL_END, END
from data.encoding import Tokenizer
from data.errors import InputError
from serve.requests import Bias

# What a schema says of its layout is overruled.
_LAYOUT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
# Any object, as OpenAI's "json_object".
ANY_OBJECT = {"type": "object"}


# What compiling a schema costs grows with these, and nothing else bounds it; with optional
# properties of an object it grows as their square.
_MOST_MULTIPLE, _MOST_PLACES, _MOST_PARTS, _MOST_OPTIONAL = 5_000, 12, 20_000, 500
# The library descends by recursion, through references too. At some 2,000 levels the stack of a
# thread ends, and with it the process.
_MOST_LEVELS = 500


def json_bias(tokenizer: Tokenizer, schema: dict[str, Any]) -> Bias:
    """Allows the texts that are JSON of a schema, and then the end of the message.

    Raises:
        InputError: it is no JSON schema, or one beyond what can be followed.
    """
    _check_cost(schema)
    written = _written(schema)
    try:
        grammar = llguidance.LLMatcher.grammar_from_json_schema(written, overrides=_LAYOUT)
    except ValueError as error:
        raise _refused(str(error)) from error
    return _bias(tokenizer, grammar)


def call_bias(
    tokenizer: Tokenizer, tools: Sequence[dict[str, Any]], many: bool, answer: dict | None = None
) -> Bias:
    """Allows calls of these tools, as the chat template lays them out, and no other text.

    Args:
        tools: declarations, as data.conversations.checked gives them; at least one.
        many: whether a message may hold several calls.
        answer: a schema; JSON of it is allowed in place of calls.

    Raises:
        InputError: the parameters of a tool, or the answer, are no schema that can be followed.
    """
    begin, end = (f"<[{tokenizer.special[name]}]>" for name in (CALL, CALL_END))
    shapes = [
        _call_schema(tool["function"], f"#/anyOf/{n}/properties/arguments")
        for n, tool in enumerate(tools)
    ]
    for schema in ({"anyOf": shapes}, answer):
        _check_cost(schema)
    lines = [
        f"start: calls{' | answer' if answer is not None else ''}",
        'calls: call ("\\n" call)*' if many else "calls: call",
        f'call: {begin} "\\n" body "\\n" {end}',
        f"body: %json {_with_layout({'anyOf': shapes})}",
    ]
    if answer is not None:
        lines.append(f"answer: %json {_with_layout(answer)}")
    return _bias(tokenizer, llguidance.LLMatcher.grammar_from_lark("\n".join(lines)))


def _check_cost(schema: Any) -> None:
    """
    Raises:
        InputError: it would take too long to compile, or a larger stack than a thread has.
    """
    multiple, parts, optional, left = 1, 0, 0, [schema]
    while left:
        one = left.pop()
        parts += 1
        if isinstance(one, dict):
            # Of several that hold at once, the grammar counts to their product.
            multiple *= _counted(one.get("multipleOf"))
            optional += _optional(one) ** 2
            left += one.values()
        elif isinstance(one, list):
            left += one
        if multiple > _MOST_MULTIPLE:
            raise _refused(f"its multipleOf come to more than {_MOST_MULTIPLE}")
        if parts > _MOST_PARTS:
            raise _refused(f"it has more than {_MOST_PARTS} parts")
        if optional > _MOST_OPTIONAL**2:
            raise _refused(
                f"it has more than {_MOST_OPTIONAL} optional properties in an object, or many in "
                "many: make some required"
            )
    if _levels(schema) > _MOST_LEVELS:
        raise _refused(f"it is more than {_MOST_LEVELS} levels deep, references followed")


def _optional(schema: dict[str, Any]) -> int:
    """How many properties an object of this schema may have or lack."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict):
        return 0
    return len(properties) - sum(name in properties for name in _strings(required))


def _strings(value: Any) -> set[str]:
    return {one for one in value if isinstance(one, str)} if isinstance(value, list) else set()


def _levels(schema: Any) -> int:
    """Parts on the longest way down a schema, through references too. Of those that lead back to
    one another a way passes each once, so that all of them count: they are found as Tarjan's
    strongly connected components."""
    order, lowest, deepest = {}, {}, {}
    # Parts whose component is not complete; and of those the way to where we are, each with where
    # its component begins, the parts to go to and the levels found below it.
    unclosed, way = [], []

    def enter(part: Any) -> None:
        order[id(part)] = lowest[id(part)] = len(order)
        way.append([id(part), len(unclosed), iter(_below(part, schema)), 0])
        unclosed.append(id(part))

    enter(schema)
    while way:
        here, start, parts, below = way[-1]
        part = next(parts, None)
        if part is None:
            way.pop()
            if lowest[here] == order[here]:
                below += len(unclosed) - start
                deepest |= dict.fromkeys(unclosed[start:], below)
                del unclosed[start:]
            if way:
                above = way[-1]
                lowest[above[0]] = min(lowest[above[0]], lowest[here])
                above[-1] = max(above[-1], below)
        elif id(part) in deepest:
            way[-1][-1] = max(below, deepest[id(part)])
        elif id(part) in order:
            lowest[here] = min(lowest[here], order[id(part)])
        else:
            enter(part)
    return deepest[id(schema)]


def _below(part: Any, schema: Any) -> list[Any]:
    """The parts of a part of a schema, and the one that it refers to.

    Raises:
        InputError: it refers to something by other than its place.
    """
    if isinstance(part, list):
        parts = part
    elif isinstance(part, dict):
        if part is not schema and isinstance(part.get("$id"), str):
            raise _refused("it has an $id within: leave it out and refer to parts as #/$defs/...")
        reference = part.get("$ref")
        to = [_at(schema, reference)] if isinstance(reference, str) else []
        parts = [*part.values(), *to]
    else:
        parts = []
    return [one for one in parts if isinstance(one, dict | list)]


def _at(schema: Any, reference: str) -> Any:
    """The part of a schema to which #/$defs/a leads."""
    if not re.fullmatch("#(/.*)?", reference, re.DOTALL):
        raise _refused(f"it refers to {reference[:60]!r}: refer to parts of it as #/$defs/...")
    part = schema
    for step in urllib.parse.unquote(reference[1:]).split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(part, dict) and step in part:
            part = part[step]
        elif isinstance(part, list) and re.fullmatch("[0-9]{1,6}", step) and int(step) < len(part):
            part = part[int(step)]
        else:
            raise _refused(f"it refers to {reference[:60]!r}, which is not there")
    return part


def _counted(step: Any) -> int:
    """How far the grammar has to count for multiples of a number: 99995 for 9999.5."""
    if type(step) not in (int, float) or not math.isfinite(step):
        return 1  # refused by whoever reads it as a schema
    _, digits, exponent = decimal.Decimal(repr(step)).normalize().as_tuple()
    if not -_MOST_PLACES <= exponent <= _MOST_PLACES:
        return _MOST_MULTIPLE + 1
    return max(1, int("".join(map(str, digits))) * 10 ** max(exponent, 0))


def _call_schema(function: dict[str, Any], place: str) -> dict[str, Any]:
    """Of a call of a function, in a larger schema that has its arguments at `place`."""
    parameters = {"type": "object", **function["parameters"]}
    parameters.pop("$id", None)  # references are to places in the larger one
    arguments = _moved(parameters, place)
    return {
        "type": "object",
        "properties": {"name": {"const": function["name"]}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _moved(schema: Any, place: str) -> Any:
    """With what refers to parts of itself as it must where it stands at `place` of another."""
    if isinstance(schema, list):
        return [_moved(one, place) for one in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {name: _moved(value, place) for name, value in schema.items()}
    if isinstance(schema.get("$ref"), str) and schema["$ref"].startswith("#"):
        moved["$ref"] = place + schema["$ref"][1:]
    return moved


def _with_layout(schema: dict[str, Any]) -> str:
    return _written(schema | {"x-guidance": _LAYOUT})


def _written(schema: dict[str, Any]) -> str:
    try:
        return json.dumps(schema, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise _refused(str(error)) from error


def _refused(why: str) -> InputError:
    return InputError(f"the schema cannot be followed ({_first_line(why)})")


def logit_bias(vocab_size: int, added: dict[int, float]) -> Bias:
    """Adds the same to the logits of some tokens at every choice."""
    bias = np.zeros(vocab_size, np.float32)
    for token, value in added.items():
        bias[token] = value
    return lambda tokens: bias


def both(one: Bias, other: Bias) -> Bias:
    """The sum of two."""

    def bias(tokens: Sequence[int]) -> np.ndarray | None:
        parts = one(tokens), other(tokens)
        return None if any(part is None for part in parts) else parts[0] + parts[1]

    return bias


@functools.lru_cache(maxsize=16)
def _matcher(tokenizer: Tokenizer, grammar: str) -> llguidance.LLMatcher:
    """At the beginning of a text. Compiled once for the texts of a request and those that come."""
    vocabulary = _vocabulary(tokenizer)
    if wrong := llguidance.LLMatcher.validate_grammar(grammar, vocabulary):
        raise _refused(wrong)
    return llguidance.LLMatcher(vocabulary, grammar, log_level=0)


def _bias(tokenizer: Tokenizer, grammar: str) -> Bias:
    matcher = _matcher(tokenizer, grammar).deep_copy()
    read = 0

    def bias(tokens: Sequence[int]) -> np.ndarray | None:
        nonlocal read
        if len(tokens) < read:  # another message of the same turn
            matcher.reset()
            read = 0
        if not matcher.consume_tokens(list(tokens[read:])):
            return None
        read = len(tokens)
        bits = np.frombuffer(matcher.compute_bitmask(), np.uint8)
        allowed = np.unpackbits(bits, bitorder="little")[: tokenizer.vocab_size].astype(bool)
        if matcher.is_error() or not allowed.any():
            return None
        return np.where(allowed, np.float32(0), np.float32(-np.inf))

    return bias


def _first_line(sentence: str) -> str:
    return (sentence.strip().splitlines() or [""])[0][:200]


class _Described:
    """A tokenizer in the form that the library asks for."""

    bos_token_id = None

    def __init__(self, tokenizer: Tokenizer, ends: Iterable[int]) -> None:
        self.eos_token_id = next(iter(ends))
        self.tokens = list(tokenizer.tokens)
        self.special_token_ids = sorted(tokenizer.special.values())
        self._tokenizer = tokenizer

    def __call__(self, text: str | bytes) -> list[int]:
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        return self._tokenizer.encode(text).tolist()


@functools.lru_cache(maxsize=4)
def _vocabulary(tokenizer: Tokenizer) -> llguidance.LLTokenizer:
    """Takes a moment for a large vocabulary, once."""
    # A message that calls tools must end as messages do: at another end its calls would not count.
    ends = [tokenizer.special.get(END, tokenizer.end_of_text)]
    described = llguidance.TokenizerWrapper(_Described(tokenizer, ends))
    return llguidance.LLTokenizer(described, n_vocab=tokenizer.vocab_size, eos_token=ends)
