"""What one client may ask of the server."""

import dataclasses
import resource

# Open files of the server beside its connections.
_OTHER_FILES = 256


@dataclasses.dataclass(frozen=True)
class Limits:
    """The defaults are those of the command.

    Attributes:
        slots: texts written at a time.
        queue: further texts that may wait; beyond that, requests are refused with 429.
        choices: texts that one request may ask for.
        max_tokens: most tokens of a text; 0: as many as the context holds.
        body_bytes: of a request.
        connections: open at a time; beyond that, requests are refused with 503.
        read_seconds: for a request to arrive whole, from its first byte or the connection's
            beginning; a slower one is closed.
        write_seconds: for a client to take what it is sent; a slower one is closed.
        idle_seconds: between two requests of a connection.
        drain_seconds: for texts to be finished after SIGTERM; the rest is cut off.
    """

    slots: int = 8
    queue: int = 128
    choices: int = 128
    max_tokens: int = 0
    body_bytes: int = 2 << 20
    connections: int = 1024
    read_seconds: float = 20.0
    write_seconds: float = 20.0
    idle_seconds: float = 30.0
    drain_seconds: float = 60.0


def connections_allowed(wanted: int) -> int:
    """How many connections may be open at a time, each of which is an open file of this process,
    once its limit is raised as far as it may be for so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < files:
        soft = files if hard == resource.RLIM_INFINITY else min(files, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, soft - _OTHER_FILES)
