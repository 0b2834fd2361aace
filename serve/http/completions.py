"""POST /v1/completions: text that goes on from a prompt, and how likely the model finds a text.

A prompt is a string, a list of token ids, or a list of either. With `echo` the prompt stands before
what is written; with `logprobs` too, every token of the prompt has its log-probability, which is
how evaluation harnesses score given answers. Names of tokens may be the same for several; with
`return_token_ids`, `logprobs` also holds `token_ids`, `token_bytes` and, as `top_tokens`, the most
likely tokens with their ids and bytes, the likeliest first.
"""

import asyncio
import codecs
import dataclasses
import secrets
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from data.encoding import Tokenizer
from serve.grammar import logit_bias
from serve.http import fields
from serve.http.connection import Reply
from serve.http.engine_thread import Scoring, Served
from serve.http.errors import invalid
from serve.http.prompts import check_room, checked_ids, text_ids
from serve.http.site import Site
from serve.http.tokens import described
from serve.requests import Request
from serve.scores import Scores
from serve.slots import TOP
from serve.stopping import TokenText
from serve.turns import Scored

# As OpenAI's API, where a request does not say.
_MAX_TOKENS = 16


@dataclasses.dataclass(frozen=True)
class _Asked:
    """A request, read and checked. `said`: whether each prompt says anything; one that does not is
    the token before every document. `logprobs`: None where they are not asked for."""

    prompts: list[np.ndarray]
    said: list[bool]
    n: int
    max_tokens: int
    echo: bool
    logprobs: int | None
    stops: tuple[str, ...]
    stream: bool
    include_usage: bool
    bias: dict[int, float]
    with_ids: bool
    settings: dict[str, Any]


async def complete(site: Site, body: dict[str, Any], reply: Reply) -> None:
    """Answers one request.

    Raises:
        ApiError: a field is wrong, or too much waits.
    """
    begun = time.monotonic()
    site = site.of(fields.text(body, "model"))
    served = site.thread.ready()
    asked = await asyncio.to_thread(_read, site, served, body)
    head = {
        "id": f"cmpl-{secrets.token_hex(12)}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": site.model,
    }
    scores = await _scores(site, asked)
    choices = [
        _Choice(served.tokenizer, asked, number, scores[number // asked.n])
        for number in range(len(asked.prompts) * asked.n)
    ]
    # Of each choice, what has not been sent.
    parts: list[list[dict[str, Any]]] = [[] for _ in choices]
    with site.thread.open(_requests(served, asked)) as texts:
        for choice, unsent in zip(choices, parts, strict=True):
            if not asked.stream:
                unsent.append(choice.opening())
            elif asked.echo or not asked.max_tokens:
                await reply.event(head | {"choices": [choice.opening()]})
        async for number, event in texts:
            if event.tokens and begun:
                site.metrics.first_token.observe(time.monotonic() - begun)
                begun = 0.0
            part = choices[number].go_on(event.tokens)
            if not asked.stream:
                parts[number].append(part)
            elif part["text"] or part["logprobs"]:
                await reply.event(head | {"choices": [part]})
    for number, result in enumerate(texts.results):
        parts[number].append(choices[number].ending(_finish_reason(result.finish_reason)))
    usage = _usage(asked, sum(choice.count for choice in choices))
    if not asked.stream:
        await reply.json(head | {"choices": list(map(_joined, parts)), "usage": usage}, large=True)
        return
    last = [head | {"choices": [part]} for unsent in parts for part in unsent]
    if asked.include_usage:
        last.append(head | {"choices": [], "usage": usage})
    await reply.done(*last)


def _read(site: Site, served: Served, body: dict[str, Any]) -> _Asked:
    length = served.engine.length
    limit = site.limits.max_tokens or length
    for name in ("suffix", "best_of"):
        if body.get(name) not in (None, "", 1, body.get("n")):
            raise invalid(name, f"'{name}' is not supported by this server.", "unsupported_value")
    n = fields.integer(body, "n", 1, 1, site.limits.choices)
    prompts, said = _prompts(served, body, n, site.limits.choices)
    asked = _Asked(
        prompts=prompts,
        said=said,
        n=n,
        max_tokens=min(limit, fields.integer(body, "max_tokens", _MAX_TOKENS, 0, 2**31 - 1)),
        echo=fields.boolean(body, "echo"),
        logprobs=fields.integer(body, "logprobs", -1, 0, TOP),
        stops=fields.stops(body),
        stream=fields.boolean(body, "stream"),
        include_usage=fields.include_usage(body),
        bias=fields.biases(body, served.tokenizer.vocab_size),
        with_ids=fields.boolean(body, "return_token_ids"),
        settings=fields.sampling(body),
    )
    if asked.logprobs < 0:
        asked = dataclasses.replace(asked, logprobs=None)
    for ids in asked.prompts:
        check_room(ids, length - (asked.max_tokens > 0), "prompt")
    return asked


def _prompts(
    served: Served, body: dict[str, Any], n: int, most: int
) -> tuple[list[np.ndarray], list[bool]]:
    """Each prompt's tokens, and whether it says anything."""
    value = body.get("prompt")
    if value is None:
        return [np.asarray([served.tokenizer.end_of_text], np.int32)], [False]
    if isinstance(value, str) or (isinstance(value, list) and value and type(value[0]) is int):
        value = [value]
    if not isinstance(value, list) or not value:
        raise invalid(
            "prompt", "'prompt' must be a string, a list of token ids or a list of those."
        )
    if len(value) * n > most:  # before any is encoded
        raise invalid("n", f"A request may ask for {most} texts at most.")
    found = []
    for prompt in value:
        if isinstance(prompt, str):
            found.append(text_ids(served, prompt, "prompt"))
        elif isinstance(prompt, list):
            found.append(checked_ids(prompt, served.tokenizer.vocab_size, "prompt"))
        else:
            raise invalid("prompt", "'prompt' holds neither strings nor lists of token ids.")
    return found, [prompt != "" for prompt in value]


def _requests(served: Served, asked: _Asked) -> list[Request]:
    """What is to be written, n texts a prompt; the later ones have the next seeds."""
    if not asked.max_tokens:
        return []
    tokenizer, settings = served.tokenizer, dict(asked.settings)
    seed = settings.pop("seed")
    return [
        Request(
            prompt,
            asked.max_tokens,
            seed=(seed + number) % 2**32,
            stop=(tokenizer.end_of_text, *asked.stops),
            bias=logit_bias(tokenizer.vocab_size, asked.bias) if asked.bias else None,
            top=asked.logprobs or 0,
            **settings,
        )
        for prompt in asked.prompts
        for number in range(asked.n)
    ]


async def _scores(site: Site, asked: _Asked) -> list[Scores | None]:
    """Of every prompt, where they are asked for."""
    if not asked.echo or asked.logprobs is None:
        return [None] * len(asked.prompts)
    with site.thread.open([Scoring(ids, asked.logprobs > 0) for ids in asked.prompts]) as texts:
        return await texts.finished()


def _usage(asked: _Asked, written: int) -> dict[str, int]:
    read = sum(map(len, asked.prompts))
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _finish_reason(reason: str) -> str:
    """
    Raises:
        ApiError: biases left nothing to choose from.
    """
    if reason == "blocked":
        raise invalid("logit_bias", "No token is left that may be written.")
    return reason


class _Choice:
    """One text of the response, made up of parts: an opening, what is written, an ending."""

    def __init__(
        self, tokenizer: Tokenizer, asked: _Asked, number: int, scores: Scores | None
    ) -> None:
        self._tokenizer, self._asked, self._number = tokenizer, asked, number
        self._prompt, self._scores = asked.prompts[number // asked.n], scores
        self._said = asked.echo and asked.said[number // asked.n]
        self._text = TokenText(tokenizer, (tokenizer.end_of_text,), asked.stops)
        self._offsets = _Offsets(tokenizer)
        self.count = 0

    def opening(self) -> dict[str, Any]:
        """The prompt, where it is to be echoed."""
        text, scored = "", []
        if self._said:
            text = self._tokenizer.decode(self._prompt)
        if self._said and self._scores is not None:
            scored = _scored(self._prompt, self._scores, self._asked.logprobs)
        return self._part(text, scored, None if self._asked.max_tokens else "length")

    def go_on(self, tokens: Sequence[Scored]) -> dict[str, Any]:
        self.count += len(tokens)
        return self._part(self._text.add(scored.token for scored in tokens), tokens)

    def ending(self, reason: str) -> dict[str, Any]:
        return self._part(self._text.end(), (), reason)

    def _part(
        self, text: str, scored: Sequence[Scored], reason: str | None = None
    ) -> dict[str, Any]:
        most = self._asked.logprobs
        logprobs = None
        if most is not None and scored:
            logprobs = {
                "tokens": [token_name(self._tokenizer, one.token) for one in scored],
                "token_logprobs": [one.log_prob for one in scored],
                "top_logprobs": [_named(self._tokenizer, one, most) for one in scored],
                "text_offset": [self._offsets.add(one.token) for one in scored],
            }
            if self._asked.with_ids:
                ids = [one.token for one in scored]
                logprobs["token_ids"] = ids
                logprobs["token_bytes"] = [list(self._tokenizer.token_bytes(id)) for id in ids]
                logprobs["top_tokens"] = [
                    [
                        described(self._tokenizer, token) | {"logprob": log_prob}
                        for token, log_prob in one.top[:most]
                    ]
                    for one in scored
                ]
        return {
            "index": self._number,
            "text": text,
            "logprobs": logprobs,
            "finish_reason": reason,
        }


class _Offsets:
    """Where in the text each token begins, in characters."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer, self._at = tokenizer, 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> int:
        begin = self._at
        self._at += len(self._decoder.decode(self._tokenizer.token_bytes(token)))
        return begin


def _scored(prompt: np.ndarray, scores: Scores, most: int) -> list[Scored]:
    """A prompt's tokens; before the first there is nothing that it could follow from."""
    found = [Scored(int(prompt[0]), None, ())]
    rows = zip(
        prompt[1:].tolist(),
        scores.log_probs.tolist(),
        scores.top.tokens[:, :most].tolist(),
        scores.top.log_probs[:, :most].tolist(),
        strict=True,
    )
    for token, log_prob, ids, log_probs in rows:
        found.append(Scored(token, log_prob, tuple(zip(ids, log_probs, strict=True))))
    return found


def _named(tokenizer: Tokenizer, scored: Scored, most: int) -> dict[str, float] | None:
    """The most likely tokens by name, and always the one that stands there."""
    if scored.log_prob is None:
        return None
    pairs = {scored.token: scored.log_prob} | dict(scored.top[:most])
    return {token_name(tokenizer, token): value for token, value in pairs.items()}


def token_name(tokenizer: Tokenizer, token: int) -> str:
    """A token's text; where it is a part of a character, its bytes as OpenAI's API writes them."""
    data = tokenizer.token_bytes(token)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)


def _joined(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The parts of a choice as one."""
    whole = parts[-1] | {"text": "".join(part["text"] for part in parts)}
    reasons = [part["finish_reason"] for part in parts if part["finish_reason"]]
    with_logprobs = [part["logprobs"] for part in parts if part["logprobs"]]
    if with_logprobs:
        whole["logprobs"] = {
            name: [value for part in with_logprobs for value in part[name]]
            for name in with_logprobs[0]
        }
    return whole | {"finish_reason": reasons[-1]}
