"""POST /v1/chat/completions: the assistant's turn in a conversation.

Tools of two kinds can be asked for, in one list: functions of the caller, whose calls come back as
`tool_calls`; and the server's own, as {"type": "python"} or {"type": "search"}, which run here
before the answer comes. What they were asked and returned is told as `server_tool_calls`, each with
the number of the message that called, and what the model thought as `reasoning_content`, beside
OpenAI's fields.
"""

import asyncio
import concurrent.futures
import dataclasses
import json
import secrets
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from data.encoding import Tokenizer
from data.errors import InputError
from serve import grammar
from serve.http import fields
from serve.http.completions import token_name
from serve.http.connection import Reply
from serve.http.engine_thread import Served
from serve.http.errors import invalid
from serve.http.prompts import check_room, conversation, conversation_ids
from serve.http.site import Site
from serve.requests import Bias
from serve.slots import TOP
from serve.tools.tool import Tool
from serve.turns import Bounds, Event, Opening, Scored, Trajectory, is_call_of

# Most tokens of what a call of the server's tools returns; half of a small context.
_RESULT_TOKENS = 256
_CALLS = 4
# A schema can take seconds to compile, for which no other request is to wait.
_COMPILING = concurrent.futures.ThreadPoolExecutor(2, thread_name_prefix="schema")
# What finishes a turn here -> there.
_REASONS = {"stop": "stop", "tool_calls": "tool_calls", "cancelled": "stop"}


@dataclasses.dataclass(frozen=True)
class _Asked:
    """A request, read and checked. `logprobs`: None where they are not asked for."""

    openings: list[Opening]
    logprobs: int | None
    stream: bool
    include_usage: bool


async def chat(site: Site, body: dict[str, Any], reply: Reply) -> None:
    """Answers one request.

    Raises:
        ApiError: a field is wrong, or too much waits.
    """
    begun = time.monotonic()
    site = site.of(fields.text(body, "model"))
    served = site.thread.ready()
    pool = _COMPILING if _has_grammar(body) else None
    asked = await asyncio.get_running_loop().run_in_executor(pool, _read, site, served, body)
    head = {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion.chunk" if asked.stream else "chat.completion",
        "created": int(time.time()),
        "model": site.model,
    }
    answers = [_Answer(served.tokenizer, asked) for _ in asked.openings]
    with site.thread.open(asked.openings) as texts:
        if asked.stream:
            for number in range(len(answers)):
                delta = {"role": "assistant", "content": ""}
                await reply.event(head | {"choices": [_chunk(number, delta)]})
        async for number, event in texts:
            if begun and event.kind != "tokens":
                site.metrics.first_token.observe(time.monotonic() - begun)
                begun = 0.0
            answer = answers[number]
            delta = answer.take(event)
            if asked.stream and (delta or answer.new_logprobs):
                chunk = _chunk(number, delta, answer.taken_logprobs())
                await reply.event(head | {"choices": [chunk]})
    reasons = [answer.ending(result) for answer, result in zip(answers, texts.results, strict=True)]
    site.metrics.malformed_calls.inc(sum(answer.malformed for answer in answers))
    usage = _usage(texts.results)
    if not asked.stream:
        choices = [
            {
                "index": number,
                "message": answer.message(),
                "logprobs": answer.taken_logprobs(),
                "finish_reason": reason,
            }
            for number, (answer, reason) in enumerate(zip(answers, reasons, strict=True))
        ]
        await reply.json(head | {"choices": choices, "usage": usage}, large=True)
        return
    last = [
        head | {"choices": [_chunk(number, answer.last_delta(), None, reason)]}
        for number, (answer, reason) in enumerate(zip(answers, reasons, strict=True))
    ]
    if asked.include_usage:
        last.append(head | {"choices": [], "usage": usage})
    await reply.done(*last)


def _chunk(
    number: int, delta: dict[str, Any], logprobs: Any = None, reason: str | None = None
) -> dict[str, Any]:
    return {"index": number, "delta": delta, "logprobs": logprobs, "finish_reason": reason}


def _usage(results: Sequence[Trajectory]) -> dict[str, int]:
    """What the model wrote; of all that it read, the prompt once and what tools returned."""
    written = sum(sum(result.mask) for result in results)
    read = len(results[0].prompt) + sum(len(r.mask) - sum(r.mask) for r in results)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


# --- what is asked for ------------------------------------------------------------------------


def _read(site: Site, served: Served, body: dict[str, Any]) -> _Asked:
    tokenizer, length = served.tokenizer, served.engine.length
    functions, tools = _tools(served, body)
    how = body.get("tool_choice")
    if how == "none":
        functions, tools = [], ()
    declared = [*functions, *(tool.declaration for tool in tools)]
    found = conversation(body, declared)
    ids = conversation_ids(served, found)
    check_room(ids, length - 1, "messages")
    elsewhere = frozenset(tool["function"]["name"] for tool in found.get("tools", ())) - {
        tool.name for tool in tools
    }
    logprobs = fields.integer(body, "top_logprobs", 0, 0, TOP)
    logprobs = logprobs if fields.boolean(body, "logprobs") else None
    settings = fields.sampling(body)
    seed = settings.pop("seed")
    shared = {
        "bounds": _bounds(site, body, length - len(ids), length),
        "tools": tools,
        "elsewhere": elsewhere,
        "top": logprobs,
        "stop": fields.stops(body),
        **settings,
    }
    n = fields.integer(body, "n", 1, 1, site.limits.choices)
    openings = [
        Opening(
            np.asarray(ids, np.int32),
            seed=(seed + number) % 2**32,
            bias=_steering(tokenizer, body, how, found.get("tools", []), elsewhere),
            **shared,
        )
        for number in range(n)
    ]
    return _Asked(
        openings,
        logprobs,
        fields.boolean(body, "stream"),
        fields.include_usage(body),
    )


def _tools(served: Served, body: dict[str, Any]) -> tuple[list[Any], tuple[Tool, ...]]:
    """The caller's declarations, and the server's tools that are asked for."""
    value = body.get("tools") or []
    if not isinstance(value, list):
        raise invalid("tools", "'tools' must be a list.", "invalid_type")
    if len(value) > 128:
        raise invalid("tools", "'tools' may hold 128 tools at most.")
    functions, ours = [], {}
    for tool in value:
        kind = tool.get("type", "function") if isinstance(tool, dict) else "function"
        if kind == "function":
            functions.append(tool)
            continue
        own = next((own for own in served.tools if own.name == kind), None)
        if own is None:
            have = ", ".join(own.name for own in served.tools) or "none"
            raise invalid(
                "tools", f"There is no tool of this type here; the server's own are: {have}."
            )
        ours[own.name] = own
    return functions, tuple(ours.values())


def _bounds(site: Site, body: dict[str, Any], room: int, length: int) -> Bounds:
    most = min(room, site.limits.max_tokens or room)
    for name in ("max_tokens", "max_completion_tokens"):
        most = min(most, fields.integer(body, name, most, 1, 2**31 - 1))
    result = min(_RESULT_TOKENS, max(1, length // 2))
    return Bounds(_CALLS, most, most + _CALLS * result, result, written=most)


def _steering(
    tokenizer: Tokenizer,
    body: dict[str, Any],
    how: Any,
    tools: list[dict[str, Any]],
    elsewhere: frozenset[str],
) -> Bias | None:
    """What tool_choice, response_format and logit_bias make of the model's choices.

    Only calls of the caller's functions can be demanded: a turn goes on after those of the server's
    tools, and would have to call for ever.
    """
    schema = _schema(body)
    many = fields.boolean(body, "parallel_tool_calls", True)
    try:
        if how in (None, "auto", "none"):
            if schema is None:
                bias = None
            elif tools:
                bias = grammar.call_bias(tokenizer, tools, many, answer=schema)
            else:
                bias = grammar.json_bias(tokenizer, schema)
        else:
            theirs = [tool for tool in tools if tool["function"]["name"] in elsewhere]
            bias = grammar.call_bias(tokenizer, _named_tools(how, theirs), many)
    except InputError as error:
        param = "tools" if schema is None else "response_format"
        raise invalid(param, f"In '{param}' {error}.") from None
    added = fields.biases(body, tokenizer.vocab_size)
    if added:
        fixed = grammar.logit_bias(tokenizer.vocab_size, added)
        bias = fixed if bias is None else grammar.both(bias, fixed)
    return bias


def _has_grammar(body: dict[str, Any]) -> bool:
    """Whether what the model may write is bound by a schema."""
    chosen = body.get("tool_choice") not in (None, "auto", "none")
    return chosen or body.get("response_format") is not None


def _named_tools(how: Any, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tools of which tool_choice says that one must be called."""
    if how == "required":
        named = tools
    else:
        function = how.get("function") if isinstance(how, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        named = [tool for tool in tools if tool["function"]["name"] == name]
    if not named:
        raise invalid(
            "tool_choice",
            "'tool_choice' must be none, auto, required or name one of the functions in 'tools'.",
        )
    return named


def _schema(body: dict[str, Any]) -> dict[str, Any] | None:
    """The schema that an answer must have; None: it is free text."""
    wanted = fields.mapping(body, "response_format")
    kind = fields.choice(wanted, "type", "text", ("text", "json_object", "json_schema"))
    if kind == "text":
        return None
    if kind == "json_object":
        return grammar.ANY_OBJECT
    schema = fields.mapping(wanted, "json_schema").get("schema")
    if not isinstance(schema, dict):
        raise invalid("response_format", "'json_schema' must hold a 'schema', an object.")
    return schema


# --- what is answered -------------------------------------------------------------------------


class _Answer:
    """One choice: what has happened in its turn, as the fields of a message."""

    def __init__(self, tokenizer: Tokenizer, asked: _Asked) -> None:
        self._tokenizer, self._asked = tokenizer, asked
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._pending: list[dict[str, Any]] = []
        self._ran: list[dict[str, Any]] = []
        self._apart = False
        # Of the turn's messages that call tools, which this is, counted from 1.
        self._calling = 0
        self.new_logprobs: list[dict[str, Any]] = []
        self.malformed = 0

    def take(self, event: Event) -> dict[str, Any]:
        """The delta [fields of a message] that an event makes; {}: none."""
        if event.kind == "tokens":
            self.new_logprobs += [_logprob(self._tokenizer, one) for one in event.tokens]
        elif event.kind == "text":
            # Between the messages of a turn.
            text = f"\n\n{event.text}" if self._apart and self._content else event.text
            self._apart = False
            self._content.append(text)
            return {"content": text}
        elif event.kind == "thinking":
            self._reasoning.append(event.text)
            return {"reasoning_content": event.text}
        elif event.kind == "call":
            # Whether it runs here is known when its result comes, or the turn ends.
            self._calling += not self._pending
            self._pending.append(event.call)
        elif event.kind == "result":
            self._apart = True
            ran = _server_call(self._pending.pop(0), event.text) | {"message": self._calling}
            self.malformed += "error" in ran
            self._ran.append(ran)
            return {"server_tool_calls": [{"index": len(self._ran) - 1, **ran}]}
        return {}

    def ending(self, result: Trajectory) -> str:
        """Takes in how the turn ended; the finish_reason.

        Raises:
            ApiError: what was asked for left no token to choose.
        """
        if result.finish_reason == "blocked":
            raise invalid("response_format", "The schema cannot be followed to its end.")
        self.malformed += sum("error" in call for call in self._pending)
        if result.finish_reason == "tool_calls":
            elsewhere = self._asked.openings[0].elsewhere
            theirs = [call for call in self._pending if is_call_of(call, elsewhere)]
            self._calls = [_caller_call(call) for call in theirs]
        return _REASONS.get(result.finish_reason, "length")

    def last_delta(self) -> dict[str, Any]:
        """What is known only at the end: calls for the caller."""
        calls = [{"index": number, **call} for number, call in enumerate(self._calls)]
        return {"tool_calls": calls} if calls else {}

    def message(self) -> dict[str, Any]:
        content = "".join(self._content)
        message = {
            "role": "assistant",
            "content": None if self._calls and not content else content,
            "refusal": None,
        }
        for name, value in (
            ("reasoning_content", "".join(self._reasoning)),
            ("tool_calls", self._calls),
            ("server_tool_calls", self._ran),
        ):
            if value:
                message[name] = value
        return message

    def taken_logprobs(self) -> dict[str, Any] | None:
        """Those that have not been sent yet."""
        if self._asked.logprobs is None:
            return None
        new, self.new_logprobs = self.new_logprobs, []
        return {"content": new, "refusal": None}


def _logprob(tokenizer: Tokenizer, scored: Scored) -> dict[str, Any]:
    def described(token: int, log_prob: float) -> dict[str, Any]:
        data = tokenizer.token_bytes(token)
        return {"token": token_name(tokenizer, token), "logprob": log_prob, "bytes": list(data)}

    top = [described(*pair) for pair in scored.top]
    return described(scored.token, scored.log_prob) | {"top_logprobs": top}


def _caller_call(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    arguments = json.dumps(function["arguments"], ensure_ascii=False)
    return {
        "id": f"call_{secrets.token_hex(12)}",
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def _server_call(call: dict[str, Any], result: str) -> dict[str, Any]:
    if "error" in call:
        return {"error": call["error"], "result": result}
    return {**call["function"], "result": result}
