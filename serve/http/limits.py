"""What one client may ask of the server."""

import dataclasses


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
