"""Completing one text: token ids as they are chosen, and their text as it becomes certain."""

import codecs
from collections.abc import Iterable, Iterator

import jax
import numpy as np

from data.encoding import Tokenizer
from data.errors import InputError
from model import decode
from model.sampling import Sampling
from serve.load import Trained

_SMALLEST_BUCKET = 32

_prefill = jax.jit(decode.prefill, static_argnames=("config", "size", "vocab_size"))
_step = jax.jit(
    decode.step, static_argnames=("config", "vocab_size"), donate_argnames=("decoding",)
)


def prompt_ids(trained: Trained, text: str) -> np.ndarray:
    """Ids [P] to complete `text` from: those of the text, or end_of_text alone, after which
    documents begin. Names of special tokens in the text are text.

    Raises:
      InputError: the model's context has no room for another token after them.
    """
    tokenizer, context = trained.tokenizer, trained.architecture.context
    ids = tokenizer.encode(text) if text else np.array([tokenizer.end_of_text])
    if len(ids) >= context:
        raise InputError(
            f"the prompt is {len(ids)} tokens long and the model's context {context}: shorten the "
            f"prompt to {context - 1} tokens at most"
        )
    return ids.astype(np.int32)


def completion(
    trained: Trained, prompt: np.ndarray, settings: Sampling, seed: int, max_tokens: int
) -> Iterator[int]:
    """The tokens that the model writes after a prompt, each as soon as it is chosen.

    They end before end_of_text, after `max_tokens`, or where the context is full. The same
    arguments give the same tokens.

    Args:
      prompt: [P] int32, at least 1 token and fewer than the context.
      settings: of a batch of one.
    """
    params, config, tokenizer = trained.params, trained.architecture, trained.tokenizer
    count = min(max_tokens, config.context - len(prompt))
    # Powers of two, so that prompts of all lengths share a few compiled functions.
    padded = np.zeros((1, _bucket(len(prompt), config.context)), np.int32)
    padded[0, : len(prompt)] = prompt
    decoding = _prefill(
        params,
        config,
        padded,
        np.array([len(prompt)], np.int32),
        jax.random.key(seed)[None],
        settings,
        size=_bucket(len(prompt) + count, config.context),
        vocab_size=tokenizer.vocab_size,
    )
    for left in reversed(range(count)):
        token = decoding.token.item()
        if token == tokenizer.end_of_text:
            return
        if left:  # begun before the token is handed out: the device works while the caller prints
            decoding = _step(params, config, decoding, settings, vocab_size=tokenizer.vocab_size)
        yield token


def text_pieces(tokens: Iterable[int], tokenizer: Tokenizer) -> Iterator[str]:
    """The text of tokens, in pieces as they come.

    A token may end within a character: its bytes are held back until the rest has come, and
    dropped if none comes. Bytes that can be no part of UTF-8 become U+FFFD.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for token in tokens:
        if text := decoder.decode(tokenizer.token_bytes(token)):
            yield text


def _bucket(length: int, most: int) -> int:
    return min(most, max(_SMALLEST_BUCKET, 1 << (length - 1).bit_length()))
