"""Text that is sent as it is written, but never a part of a string that may turn out to end it."""

import codecs
from collections.abc import Iterable, Sequence

from data.encoding import Tokenizer


class StopStrings:
    """Holds back what could be the beginning of a stop string. `found`: one has come, and what
    follows is nobody's."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops, self._held = tuple(stops), ""
        self.found = False

    def add(self, text: str, final: bool = False) -> str:
        """What may be sent, now that this text has come too."""
        if self.found:
            return ""
        text, self._held = self._held + text, ""
        places = [place for stop in self._stops if (place := text.find(stop)) >= 0]
        if places:
            self.found = True
            return text[: min(places)]
        kept = 0 if final else max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of the text that begins the stop string."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)


class TokenText:
    """Tokens to the text that may be sent: whole characters, without the tokens that end a text,
    up to a stop string."""

    def __init__(self, tokenizer: Tokenizer, ends: Iterable[int], stops: Sequence[str]) -> None:
        self._tokenizer, self._ends = tokenizer, frozenset(ends)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = StopStrings(stops)

    def add(self, tokens: Iterable[int]) -> str:
        shown = (token for token in tokens if token not in self._ends)
        data = b"".join(map(self._tokenizer.token_bytes, shown))
        return self._stops.add(self._decoder.decode(data))

    def end(self) -> str:
        """What was held back."""
        return self._stops.add(self._decoder.decode(b"", final=True), final=True)
