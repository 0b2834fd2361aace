"""One request's way in and out: its body, its client going away, and what it is sent, each within
its limits."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable
from typing import Any

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from serve.http.errors import ApiError
from serve.http.limits import Limits

_CLOSE = {"Connection": "close"}
# Of requests that come before the one at hand is answered.
_MOST_EARLY_BYTES = 1 << 16


class ClientGone(Exception):
    """The client has left, or takes too long to read: nobody is there to be answered."""


async def read_body(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    """The whole body.

    Raises:
        ApiError: it is too large (413; found out before it is read, where its length is given) or
            comes too slowly (408). The connection is to be closed.
        ClientGone: the client left.
    """
    large = ApiError(
        413,
        f"The body is larger than {limits.body_bytes} bytes.",
        "request_too_large",
        headers=_CLOSE,
    )
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if int(declared) > limits.body_bytes:  # h11 has seen to it that it is a number
        raise large
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.read_seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limits.body_bytes:
                    raise large
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise ApiError(
            408, "The body came too slowly.", "request_timeout", headers=_CLOSE
        ) from None


async def while_connected(receive: Receive, work: Awaitable[None]) -> None:
    """Does the work, unless the client leaves: then it is cancelled where it is.

    Raises:
        ClientGone: the client left.
    """

    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(left())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        await working
    finally:
        for task in (working, leaving):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


class Reply:
    """What a client is sent: one JSON value, or events (text/event-stream) one after another."""

    def __init__(self, send: Send, seconds: float) -> None:
        self._send, self._seconds = send, seconds
        self.status: int | None = None
        self._streaming = False

    async def json(
        self,
        value: Any,
        status: int = 200,
        headers: dict[str, str] | None = None,
        large: bool = False,
    ) -> None:
        """One that may be `large` is written in another thread; a small one waits for none."""
        body = await asyncio.to_thread(_encoded, value) if large else _encoded(value)
        await self.body(body, "application/json", status, headers)

    async def body(
        self, body: bytes, kind: str, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        length = {"Content-Length": str(len(body))}
        await self._start(status, kind, (headers or {}) | length)
        await self._put(body, more=False)

    async def event(self, value: Any) -> None:
        await self._begin_events()
        await self._put(_event(_encoded(value)), more=True)

    async def done(self, *values: Any) -> None:
        """The last events, and the end of the row: all of it at once."""
        await self._begin_events()
        whole = b"".join(map(_event, [*map(_encoded, values), b"[DONE]"]))
        await self._put(whole, more=False)

    async def _begin_events(self) -> None:
        if not self._streaming:
            self._streaming = True
            # Proxies that collect a response before they pass it on are told not to.
            headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
            await self._start(200, "text/event-stream; charset=utf-8", headers)

    async def error(self, error: ApiError) -> None:
        """However far the response has come."""
        if self._streaming:
            await self.event(error.body())
            await self._put(b"", more=False)
        elif self.status is None:
            await self.json(error.body(), error.status, error.headers)

    async def _start(self, status: int, kind: str, headers: dict[str, str]) -> None:
        self.status = status
        headers = {"Content-Type": kind, "X-Content-Type-Options": "nosniff"} | headers
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self._within({"type": "http.response.start", "status": status, "headers": pairs})

    async def _put(self, body: bytes, more: bool) -> None:
        await self._within({"type": "http.response.body", "body": body, "more_body": more})

    async def _within(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            raise ClientGone from None


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def _encoded(value: Any) -> bytes:
    # In ASCII: a lone surrogate that a client sent, and is sent back, has no other form.
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")


def protocol(limits: Limits) -> type[H11Protocol]:
    """uvicorn's HTTP, but that a connection is closed when the head of a request does not arrive
    in time: uvicorn itself waits for ever for the rest of one that has begun."""

    class Protocol(H11Protocol):
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._answering():
                # uvicorn stops reading at what comes before the answer is out, and would not see
                # that the client has gone.
                if len(self.conn.trailing_data[0]) > _MOST_EARLY_BYTES:
                    self.transport.close()
                elif not self.cycle.more_body:
                    self.flow.resume_reading()
            self._watch()

        def connection_lost(self, error: Exception | None) -> None:
            super().connection_lost(error)
            self._watch(lost=True)

        def _answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _watch(self, lost: bool = False) -> None:
            """The timer runs from the first byte of a request to the end of its head."""
            if lost or self._answering():
                if self._timer:
                    self._timer.cancel()
                self._timer = None
            elif self._timer is None:
                self._timer = self.loop.call_later(limits.read_seconds, self._late)

        def _late(self) -> None:
            self._timer = None
            if not self._answering() and not self.transport.is_closing():
                if self.conn.our_state is h11.IDLE:
                    self.conn.send(h11.ConnectionClosed())
                self.transport.close()

    return Protocol
