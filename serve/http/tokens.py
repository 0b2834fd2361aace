"""/tokenize, /detokenize and /tokenizer_info: a text as the model sees it."""

import asyncio
from typing import Any

from data.conversations import TEMPLATE, has_chat_template, render
from data.encoding import Tokenizer
from data.errors import InputError
from serve.http import fields
from serve.http.connection import Reply
from serve.http.engine_thread import Served
from serve.http.errors import ApiError, invalid
from serve.http.prompts import checked_ids, conversation
from serve.http.site import Site


async def tokenize(site: Site, body: dict[str, Any], reply: Reply) -> None:
    """Ids of a text ("prompt") or of a conversation ("messages", "tools").

    Names of control tokens are text, as in every prompt, unless "parse_special" is set or the name
    is all there is: harnesses look up ids of tokens that way. With "return_token_bytes" the bytes
    of each token come too.

    Raises:
        ApiError: a field is wrong.
    """
    served = site.of(fields.text(body, "model")).thread.ready()
    ids = await asyncio.to_thread(_ids, served, body)
    answer = {"count": len(ids), "max_model_len": served.engine.length, "tokens": ids}
    if fields.boolean(body, "return_token_bytes"):
        answer["token_bytes"] = [list(served.tokenizer.token_bytes(token)) for token in ids]
    await reply.json(answer, large=True)


def _ids(served: Served, body: dict[str, Any]) -> list[int]:
    tokenizer = served.tokenizer
    text = fields.text(body, "prompt")
    if text is not None:
        special = fields.boolean(body, "parse_special") or text in tokenizer.special
        return tokenizer.encode(text, special).tolist()
    if body.get("messages") is None:
        raise invalid("prompt", "There is neither a 'prompt' nor 'messages'.")
    found = conversation(body, body.get("tools") or [])
    opened = fields.boolean(body, "add_generation_prompt", True)
    try:
        rendered = render(tokenizer, found["messages"], found.get("tools", ()), opened)
    except InputError as error:
        raise ApiError(400, f"{error}.", "not_a_chat_model") from None
    return rendered.tokens.tolist()


async def detokenize(site: Site, body: dict[str, Any], reply: Reply) -> None:
    """The text of token ids.

    Raises:
        ApiError: a field is wrong.
    """
    tokenizer = site.of(fields.text(body, "model")).thread.ready().tokenizer
    value = body.get("tokens")
    if not isinstance(value, list):
        raise invalid("tokens", "'tokens' must be a list of token ids.", "invalid_type")
    ids = checked_ids(value, tokenizer.vocab_size, "tokens") if value else []
    text = await asyncio.to_thread(tokenizer.decode, ids)
    await reply.json({"prompt": text}, large=True)


async def tokenizer_info(site: Site, reply: Reply) -> None:
    """What a harness must know of the tokenizer.

    Raises:
        ApiError: the model is not loaded.
    """
    served = site.thread.ready()
    tokenizer = served.tokenizer
    chat = has_chat_template(tokenizer)
    await reply.json(
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "vocab_size": tokenizer.vocab_size,
            "model_max_length": served.engine.length,
            "bos_token": None,
            "eos_token": _name(tokenizer, tokenizer.end_of_text),
            "pad_token": _name(tokenizer, tokenizer.end_of_text),
            "special_tokens": tokenizer.special,
            "chat_template": TEMPLATE.read_text(encoding="utf-8") if chat else None,
        }
    )


def described(tokenizer: Tokenizer, token: int) -> dict[str, Any]:
    """A token for those who need to know which of several with one name it is."""
    return {"id": token, "bytes": list(tokenizer.token_bytes(token))}


def _name(tokenizer: Tokenizer, token: int) -> str:
    return tokenizer.token_bytes(token).decode("utf-8", "replace")
