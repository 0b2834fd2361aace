"""GET /page_info: what the web page has to know of the server."""

from typing import Any

from data.conversations import END
from serve.http.connection import Reply
from serve.http.inside import MAX_TOKENS
from serve.http.site import Site


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
        "chat": END in served.tokenizer.special,
        "end_of_text": served.tokenizer.end_of_text,
        "tools": [tool.name for tool in served.tools],
    }
