"""The web page: its files, and GET /page_info, which tells it what it has to know of the server."""

import functools
import pathlib
from collections.abc import Awaitable, Callable
from typing import Any

from data.conversations import has_chat_template
from serve.http.connection import Reply
from serve.http.inside import MAX_TOKENS
from serve.http.site import Site

_FOLDER = pathlib.Path(__file__).parents[1] / "web"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
# A page may load and ask for nothing but what this server has.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def files() -> dict[str, Callable[[Site, Reply, dict[str, str]], Awaitable[None]]]:
    """What answers each path of the page, whose files are read once."""
    found = {}
    for file in sorted(_FOLDER.iterdir()):
        if file.suffix in _KINDS:
            look = functools.partial(_file, file.read_bytes(), _KINDS[file.suffix])
            found["/" if file.name == "index.html" else f"/{file.name}"] = look
    return found


async def _file(body: bytes, kind: str, site: Site, reply: Reply, _: dict[str, str]) -> None:
    await reply.body(body, kind, headers=_HEADERS)


async def page_info(site: Site, reply: Reply, _: dict[str, str]) -> None:
    """
    Raises:
        ApiError: a model is not loaded.
    """
    labels = None
    if site.labels is not None:
        labels = {"folder": str(site.labels.path), "writable": site.labels.writable()}
    await reply.json(
        {"models": list(map(_model, site.all)), "inside_tokens": MAX_TOKENS, "labels": labels}
    )


def _model(site: Site) -> dict[str, Any]:
    served = site.thread.ready()
    return {
        "id": site.model,
        "context": served.engine.length,
        "chat": has_chat_template(served.tokenizer),
        "end_of_text": served.tokenizer.end_of_text,
        "tools": [tool.name for tool in served.tools],
    }
