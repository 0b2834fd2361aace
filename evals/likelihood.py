"""How likely a model finds a continuation, by the same path as the server's echo and logprobs.

What is scored is what lm-evaluation-harness sends to /v1/completions: the ids of the context, then
those of the continuation, with nothing before them; the harness keeps a position free for a token
that it has the server write.
"""

from typing import NamedTuple

import numpy as np

from data.encoding import Tokenizer
from evals.cloze import would_write
from serve.engine import Engine


class Encoded(NamedTuple):
    """Ids [T] of a context and, from `start` on, of its continuation; `cut`: tokens at the
    beginning that found no room."""

    tokens: np.ndarray
    start: int
    cut: int


class Likelihood(NamedTuple):
    """The continuation's log-probability in nats, and whether each of its tokens is the likeliest
    in its place."""

    log_prob: float
    greedy: bool


def encoded(tokenizer: Tokenizer, context: str, continuation: str, context_size: int) -> Encoded:
    """What is to be scored, at most `context_size` - 1 tokens of it: too long a text loses its
    beginning.

    The continuation is what the context's own ids leave of the ids of both together, so that no
    token stands across the border; white space at the end of the context belongs to it, since that
    is how a tokenizer would have it. An empty context is the token before every document.
    """
    kept = context.rstrip()
    continuation, context = context[len(kept) :] + continuation, kept
    if context:
        first = tokenizer.encode(context)
        rest = tokenizer.encode(context + continuation)[len(first) :]
    else:
        first, rest = np.array([tokenizer.end_of_text]), tokenizer.encode(continuation)
    tokens = np.concatenate([first, rest]).astype(np.int32)
    cut = max(0, len(tokens) - (context_size - 1))
    # Of a continuation longer than all the room, the first token left is what the others follow.
    return Encoded(tokens[cut:], max(1, len(first) - cut), cut)


def likelihood(engine: Engine, row: Encoded) -> Likelihood:
    """Of one row, in one forward pass."""
    if row.start >= len(row.tokens):  # the context's ids leave nothing
        return Likelihood(0.0, True)
    found = engine.score(row.tokens, top=True)
    log_probs = found.log_probs[row.start - 1 :]
    best = found.top.log_probs[row.start - 1 :, 0]
    return Likelihood(sum(log_probs.tolist()), would_write(log_probs, best))
