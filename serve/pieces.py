"""What a model is writing as its reader should see it, as tokens come: the text and thinking of an
assistant's message, or text alone."""

import codecs
import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from data.conversations import CALL, CALL_END, THINK, THINK_END
from data.encoding import Tokenizer
from serve.engine import Engine
from serve.requests import Request


class Piece(NamedTuple):
    """`kind` is "text" or "thinking"."""

    kind: str
    text: str


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Those of one kind that follow one another as one."""
    return [
        Piece(kind, "".join(piece.text for piece in run))
        for kind, run in itertools.groupby(pieces, key=lambda piece: piece.kind)
    ]


class _Section:
    """Bytes of one kind to text: without the line ends around it, and whole characters only."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = False
        self._held = ""

    def add(self, data: bytes, final: bool = False) -> Iterator[Piece]:
        text = self._held + self._decoder.decode(data, final)
        if not self._begun:
            text = text.lstrip("\n")
        shown = text.rstrip("\n")
        self._held = text[len(shown) :]
        if shown:
            self._begun = True
            yield Piece(self._kind, shown)


class Pieces:
    """The tokens of one message to pieces, which put together are the `content` and the
    `reasoning_content` that data.conversations.parse_assistant finds in all of them.

    Tool calls are in no piece: they can be shown when they are whole.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._control = {
            tokenizer.special[name]: name for name in (THINK, THINK_END, CALL, CALL_END)
        }
        self._sections = {kind: _Section(kind) for kind in ("thinking", "text")}
        self._at = "start"

    def add(self, tokens: Iterable[int]) -> Iterator[Piece]:
        """The pieces that these further tokens complete; no stop token is among them."""
        for token in tokens:
            turned = self._turned(self._control.get(token))
            if turned:
                self._at = turned
                continue
            if self._at == "start":
                self._at = "text"
            if self._at != "call":
                yield from self._sections[self._at].add(self._tokenizer.token_bytes(token))

    def _turned(self, control: str | None) -> str | None:
        """Where a control token leads; None where it is text as any other."""
        return {
            ("start", THINK): "thinking",
            ("thinking", THINK_END): "text",
            ("start", CALL): "call",
            ("text", CALL): "call",
            ("call", CALL_END): "text",
        }.get((self._at, control))

    def end(self) -> Iterator[Piece]:
        """What was held back: characters of which only a part has come."""
        for section in self._sections.values():
            yield from section.add(b"", final=True)


def stream_text(engine: Engine, request: Request) -> Iterator[str]:
    """One request's text as it is written, control tokens as their names, without the token that
    ends it. Closing the iterator ends the request.

    A token may end within a character: its bytes are held back until the rest has come, and
    dropped if none comes. Bytes that can be no part of UTF-8 become U+FFFD.
    """
    completion, seen = engine.submit(request), 0
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        while completion.finish_reason is None:
            engine.step()
            new = [token for token in completion.tokens[seen:] if token not in request.stop]
            seen = len(completion.tokens)
            if text := decoder.decode(b"".join(map(engine.tokenizer.token_bytes, new))):
                yield text
    finally:
        engine.cancel(completion)
