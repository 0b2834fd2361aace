"""What the engine is asked to write, and what it has written."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from data.encoding import Tokenizer
from model.sampling import check_sampling
from serve.slots import TOP

# The tokens written so far to what is added to the logits of the next one, [V] float32: -inf where
# a token may not follow. None: nothing may, and the text ends.
Bias = Callable[[Sequence[int]], np.ndarray | None]


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
    """What to write.

    Attributes:
        prompt: [P] int32, at least one token.
        max_tokens: most tokens to write; where the context is full is the other limit.
        temperature, top_k, top_p, min_p: see model.sampling.
        seed: 0..2**32 - 1; the same request gives the same tokens.
        stop: token ids and strings that end the text.
        bias: steers every choice; while such a request is written, all texts take a token at a
            time.
        top: how many of the most likely tokens to report beside each that is written, at most TOP;
            costs the same.

    Raises:
        ValueError: an attribute is out of its range.
    """

    prompt: np.ndarray
    max_tokens: int
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0
    stop: tuple[str | int, ...] = ()
    bias: Bias | None = None
    top: int = 0

    def __post_init__(self) -> None:
        check_sampling(self.temperature, self.top_k, self.top_p, self.min_p)
        if np.ndim(self.prompt) != 1 or len(self.prompt) == 0:
            raise ValueError("prompt is empty; it must be a row of at least one token")
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens}; it must be at least 1")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed is {self.seed}; it must be between 0 and 2**32 - 1")
        if not 0 <= self.top <= TOP:
            raise ValueError(f"top is {self.top}; it must be between 0 and {TOP}")
        if "" in self.stop:
            raise ValueError("stop holds an empty string; every text would end at once")


@dataclasses.dataclass(eq=False)
class Completion:
    """What has been written so far.

    Attributes:
        tokens: as sampled; the stop token, or the token that completed a stop string, is the last.
        log_probs: of each token, at temperature 1 and without filters.
        finish_reason: None while it is being written; "stop", "length", "cancelled" or, where the
            request's bias left no token, "blocked" after that.
        stopped_by: the member of the request's `stop` that ended it.
        top: for each token, where the request asks for them, the most likely ones in its place and
            their log-probabilities, likeliest first.
    """

    tokens: list[int] = dataclasses.field(default_factory=list)
    log_probs: list[float] = dataclasses.field(default_factory=list)
    finish_reason: str | None = None
    stopped_by: str | int | None = None
    top: list[list[tuple[int, float]]] = dataclasses.field(default_factory=list)

    def text(self, tokenizer: Tokenizer) -> str:
        """The text of the tokens, up to what stopped it."""
        tokens = self.tokens[:-1] if isinstance(self.stopped_by, int) else self.tokens
        text = b"".join(map(tokenizer.token_bytes, tokens))
        if isinstance(self.stopped_by, str):
            text = text[: text.find(self.stopped_by.encode("utf-8"))]
        return text.decode("utf-8", "replace")


class Stops:
    """Finds out, token by token, whether a text has come to one of its stops."""

    def __init__(self, stop: Iterable[str | int], tokenizer: Tokenizer) -> None:
        stop = tuple(stop)
        self.ids = [x for x in stop if not isinstance(x, str)]
        # A lone surrogate, which JSON can name, is in no text and is never found.
        strings = [x for x in stop if isinstance(x, str)]
        self._strings = [(x.encode("utf-8", "surrogatepass"), x) for x in strings]
        self._kept = max((len(x) for x, _ in self._strings), default=1) - 1
        self._tail = b""
        self._tokenizer = tokenizer

    def found(self, token: int) -> str | int | None:
        """The stop that this token completes; of several, the one that begins first."""
        if token in self.ids:
            return token
        if not self._strings:
            return None
        text = self._tail + self._tokenizer.token_bytes(token)
        places = [(text.find(x), name) for x, name in self._strings if x in text]
        self._tail = text[max(0, len(text) - self._kept) :]
        return min(places)[1] if places else None
