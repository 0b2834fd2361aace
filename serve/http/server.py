"""The server that listens: uvicorn, with this project's limits."""

import signal
from types import FrameType

import uvicorn

from serve.http.app import make_app
from serve.http.connection import protocol
from serve.http.site import Site
from serve.terminal import say


class Server(uvicorn.Server):
    """uvicorn's, but that a signal is not raised again after it has been obeyed."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
        elif sig == signal.SIGINT:
            say("finishing what is being written; Ctrl-C once more ends at once")
        self.should_exit = True


def make_server(site: Site) -> Server:
    """A server that has not been started; it ends by itself when its model cannot be loaded."""
    limits = site.limits
    config = uvicorn.Config(
        make_app(site),
        http=protocol(limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=limits.idle_seconds,
        timeout_graceful_shutdown=limits.drain_seconds,
    )
    server = Server(config)

    def end() -> None:
        server.should_exit = True

    for one in site.all:
        one.thread.on_unloadable = end
    return server
