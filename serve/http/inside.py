"""POST /v1/inside: where the heads look in a short text, and what each layer would say next."""

import asyncio
from typing import Any

import numpy as np

from data.encoding import Tokenizer
from model.inside import Inside
from serve.http import fields
from serve.http.connection import Reply
from serve.http.engine_thread import Looking
from serve.http.errors import invalid
from serve.http.prompts import check_room
from serve.http.site import Site
from serve.http.tokens import described

# The answer grows with the square of it, and is made of all layers and heads.
MAX_TOKENS = 64
_MAX_CHARACTERS = 4096


async def inside(site: Site, body: dict[str, Any], reply: Reply) -> None:
    """Of a text ("prompt") of at most MAX_TOKENS tokens, which may begin with the token before
    every document ("end_of_text_first"):

        tokens      [T] of {"id", "bytes"}
        attention   [layers][heads][T]: row t has t + 1 numbers, which sum to 1 but for rounding
        lens        [layers + 1][T] of the most likely next tokens {"id", "bytes", "probability"}:
                    of the embedding, then after each layer; the last are the model's own

    Raises:
        ApiError: a field is wrong, the text is too long, or too much waits.
    """
    site = site.of(fields.text(body, "model"))
    served = site.thread.ready()
    ids = await asyncio.to_thread(_ids, served.tokenizer, body)
    check_room(ids, min(MAX_TOKENS, served.engine.length), "prompt")
    with site.thread.open([Looking(ids)]) as texts:
        (found,) = await texts.finished()
    answer = await asyncio.to_thread(_answer, served.tokenizer, ids, found)
    await reply.json(answer, large=True)


def _ids(tokenizer: Tokenizer, body: dict[str, Any]) -> np.ndarray:
    text = fields.text(body, "prompt")
    if not text:
        raise invalid("prompt", "There is no 'prompt'.")
    if len(text) > _MAX_CHARACTERS:
        raise invalid("prompt", f"'prompt' may have {_MAX_CHARACTERS} characters at most.")
    ids = tokenizer.encode(text, fields.boolean(body, "parse_special")).tolist()
    first = [tokenizer.end_of_text] if fields.boolean(body, "end_of_text_first") else []
    return np.asarray(first + ids, np.int32)


def _answer(tokenizer: Tokenizer, ids: np.ndarray, found: Inside) -> dict[str, Any]:
    attention = np.round(found.attention.astype(np.float64), 3).tolist()
    probabilities = np.round(np.exp(found.log_probs.astype(np.float64)), 4).tolist()
    return {
        "tokens": [described(tokenizer, token) for token in ids.tolist()],
        "attention": [
            [[row[: t + 1] for t, row in enumerate(head)] for head in layer] for layer in attention
        ],
        "lens": [
            [
                [
                    described(tokenizer, token) | {"probability": probability}
                    for token, probability in zip(*top, strict=True)
                ]
                for top in zip(*layer, strict=True)
            ]
            for layer in zip(found.tokens.tolist(), probabilities, strict=True)
        ],
    }
