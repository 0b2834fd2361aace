"""The routes, and what stands before all of them: keys, origins, limits, errors, counts."""

import contextlib
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from absl import logging
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serve.http import inside, labels, page, tokens
from serve.http import metrics as counting
from serve.http.chat import chat
from serve.http.completions import complete
from serve.http.connection import ClientGone, Reply, read_body, while_connected
from serve.http.engine_thread import State
from serve.http.errors import ApiError
from serve.http.fields import parse
from serve.http.site import Site

Answer = Callable[[Site, dict[str, Any], Reply], Awaitable[None]]
Look = Callable[[Site, Reply, dict[str, str]], Awaitable[None]]


def make_app(site: Site) -> ASGIApp:
    """The whole server as an ASGI application, which starts and stops the engine's thread."""
    routes = [
        # Open to those who have no key: whether the server lives says nothing of what it does.
        _get(site, "/health", _health, is_open=True),
        _get(site, "/metrics", _metrics),
        _get(site, "/v1/models", _models),
        _get(site, "/v1/models/{name:path}", _model),
        _get(site, "/tokenizer_info", _tokenizer_info),
        _post(site, "/v1/completions", complete),
        _post(site, "/v1/chat/completions", chat),
        _post(site, "/tokenize", tokens.tokenize),
        _post(site, "/detokenize", tokens.detokenize),
        _get(site, "/page_info", page.page_info),
        _post(site, "/v1/inside", inside.inside),
        _post(site, "/v1/labels", labels.label),
    ]
    routes += [_get(site, path, look, is_open=True) for path, look in page.files().items()]

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        for one in site.all:
            one.thread.start()
        yield
        for one in site.all:
            await one.thread.stop()

    async def unknown(scope: Scope, receive: Receive, send: Send) -> None:
        reply = Reply(send, site.limits.write_seconds)
        site.metrics.requests.labels("other", "404").inc()
        await reply.error(ApiError(404, f"There is no {scope['path'][:100]} here.", "unknown_url"))

    site.metrics.texts.set_function(lambda: sum(one.thread.held for one in site.all))
    site.metrics.slots.set(site.limits.slots * len(site.all))
    app = Starlette(routes=routes, lifespan=lifespan)
    app.router.redirect_slashes = False
    app.router.default = _only_http(unknown)
    return app


def _only_http(app: ASGIApp) -> ASGIApp:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await app(scope, receive, send)

    return wrapped


class _Endpoint:
    """One route: from the request to its answer or its error. An object rather than a function,
    since Starlette takes functions for another kind of endpoint."""

    def __init__(
        self, site: Site, path: str, answer: Answer | None, look: Look | None, is_open: bool
    ) -> None:
        self._site, self._path, self._answer, self._look = site, path, answer, look
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        site, begun = self._site, time.monotonic()
        reply = Reply(send, site.limits.write_seconds)
        try:
            await self._serve(scope, receive, reply)
            status = str(reply.status)
        except ClientGone:
            status = "gone"
        except ApiError as error:
            status = str(error.status)
            with contextlib.suppress(ClientGone):
                await reply.error(error)
        except Exception:
            logging.exception("%s failed", self._path)
            status = "500"
            with contextlib.suppress(ClientGone):
                await reply.error(ApiError(500, "The server failed.", "internal_error"))
        site.metrics.requests.labels(self._path, status).inc()
        site.metrics.seconds.labels(self._path).observe(time.monotonic() - begun)

    async def _serve(self, scope: Scope, receive: Receive, reply: Reply) -> None:
        check_origin(self._site, scope)
        allowed = ("GET", "HEAD") if self._answer is None else ("POST",)
        if scope["method"] not in allowed:
            headers = {"Allow": ", ".join(allowed), "Connection": "close"}
            raise ApiError(405, f"{self._path} takes {allowed[0]}.", "wrong_method", None, headers)
        if not self._is_open:
            check_key(self._site, scope)
        if self._look is not None:
            await self._look(self._site, reply, scope.get("path_params", {}))
            return
        body = parse(await read_body(scope, receive, self._site.limits))
        await while_connected(receive, self._answer(self._site, body, reply))


def _get(site: Site, path: str, look: Look, is_open: bool = False) -> Route:
    return Route(path, _Endpoint(site, path, None, look, is_open))


def _post(site: Site, path: str, answer: Answer) -> Route:
    return Route(path, _Endpoint(site, path, answer, None, False))


def check_key(site: Site, scope: Scope) -> None:
    """
    Raises:
        ApiError: the key is missing or wrong: 401.
    """
    if not site.key:
        return
    shown = dict(scope["headers"]).get(b"authorization", b"")
    kind, _, key = shown.partition(b" ")
    if kind.lower() != b"bearer" or not hmac.compare_digest(key.strip(), site.key.encode()):
        raise ApiError(
            401,
            "Incorrect API key provided." if shown else "You didn't provide an API key.",
            "invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )


def check_origin(site: Site, scope: Scope) -> None:
    """Keeps pages of other sites, which a browser on this machine may show, from using the server.
    Such a page has no key, so that where one is needed its origin says nothing: a proxy before this
    server's own page may have given the server another name.

    Raises:
        ApiError: the request comes from such a page, or calls the server by a name that is not its
            own (as when such a page's name has been made to point here): 403.
    """
    headers = dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1").lower()
    if site.hosts and _name_of(host) not in site.hosts:
        raise ApiError(
            403,
            f"The server is not called {host[:60]!r} but {', '.join(site.hosts)}; started with an "
            "--api_key it may be called by any name.",
            "wrong_host",
        )
    origin = headers.get(b"origin")
    if site.key or origin is None:
        return
    if origin.decode("latin-1").lower().partition("://")[2] != host:
        raise ApiError(403, "Requests from other sites are not answered.", "wrong_origin")


def _name_of(host: str) -> str:
    """A Host header without its port."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


async def _health(site: Site, reply: Reply, _: dict[str, str]) -> None:
    states = [one.thread.state for one in site.all]
    state = next((one for one in states if one is not State.READY), State.READY)
    await reply.json({"status": state.value}, 200 if state is State.READY else 503)


async def _metrics(site: Site, reply: Reply, _: dict[str, str]) -> None:
    await reply.body(site.metrics.page(), counting.CONTENT_TYPE)


async def _models(site: Site, reply: Reply, _: dict[str, str]) -> None:
    await reply.json({"object": "list", "data": list(map(_described, site.all))})


async def _model(site: Site, reply: Reply, found: dict[str, str]) -> None:
    await reply.json(_described(site.of(found["name"])))


async def _tokenizer_info(site: Site, reply: Reply, _: dict[str, str]) -> None:
    await tokens.tokenizer_info(site, reply)


def _described(site: Site) -> dict[str, Any]:
    described = {"id": site.model, "object": "model", "created": site.created, "owned_by": "primer"}
    if site.thread.state is State.READY:
        described["max_model_len"] = site.thread.served.engine.length
    return described
