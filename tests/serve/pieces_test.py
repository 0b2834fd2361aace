import itertools
import types

import hypothesis
import hypothesis.strategies as st
import numpy as np
from absl.testing import absltest, parameterized

from data.conversations import CONTROL, END, parse_assistant
from serve.pieces import Pieces, joined, stream_text
from serve.requests import Completion, Request
from tests.serve import small_model

# Bytes, so that characters come in parts, and control tokens wherever they may be.
TOKENS = st.lists(
    st.integers(0, 255) | st.sampled_from([c for c in CONTROL if c != END] + ["\n", "é"])
)


def ids_of(parts):
    tokenizer = small_model.trained().tokenizer
    by_byte = {data: number for number, data in enumerate(tokenizer.tokens) if len(data) == 1}
    for part in parts:
        if isinstance(part, int):
            yield by_byte[bytes([part])]
        elif part in tokenizer.special:
            yield tokenizer.special[part]
        else:
            yield from (by_byte[bytes([byte])] for byte in part.encode())


class PiecesTest(parameterized.TestCase):
    @parameterized.parameters(
        (["Yes.\n\nNo.\n"], [("text", "Yes.\n\nNo.")]),
        (["<think>", "\nHm.\n", "</think>", "\n\nYes."], [("thinking", "Hm."), ("text", "Yes.")]),
        (["See.\n", "<tool_call>", "\n{}\n", "</tool_call>"], [("text", "See.")]),
        (["a", "<think>", "b"], [("text", "a<think>b")]),
        (["<think>", "a", "<tool_call>", "b"], [("thinking", "a<tool_call>b")]),
        (["日本"], [("text", "日本")]),
        ([0xE6, 0x97], [("text", "\ufffd")]),
    )
    def test_pieces(self, parts, expected):
        pieces = Pieces(small_model.trained().tokenizer)
        shown = [piece for token in ids_of(parts) for piece in pieces.add([token])]
        self.assertEqual(joined([*shown, *pieces.end()]), expected)

    @hypothesis.given(TOKENS)
    def test_together_they_are_the_message(self, parts):
        tokenizer = small_model.trained().tokenizer
        ids = list(ids_of(parts))
        pieces = Pieces(tokenizer)
        shown = [piece for token in ids for piece in pieces.add([token])] + list(pieces.end())
        message = parse_assistant(tokenizer, ids)
        for kind, key in (("text", "content"), ("thinking", "reasoning_content")):
            text = "".join(piece.text for piece in shown if piece.kind == kind)
            self.assertEqual(text, message.get(key, ""))


class Typing:
    """An engine that writes given bytes, a token a step."""

    def __init__(self, tokens: list[bytes]):
        self._left = list(range(len(tokens)))
        self.tokenizer = types.SimpleNamespace(token_bytes=lambda token: tokens[token])
        self.completion = Completion()

    def submit(self, request):
        self.completion.finish_reason = None if self._left else "stop"
        return self.completion

    def step(self):
        self.completion.tokens.append(self._left.pop(0))
        if not self._left:
            self.completion.finish_reason = "stop"

    def cancel(self, completion):
        completion.finish_reason = completion.finish_reason or "cancelled"


REQUEST = Request(np.zeros(1, np.int32), 1)


class StreamTextTest(parameterized.TestCase):
    def shown_after(self, tokens: list[bytes]) -> list[str]:
        """What has been shown after each token."""
        engine, shown = Typing(tokens), [""] * (len(tokens) + 1)
        for piece in stream_text(engine, REQUEST):
            self.assertNotEqual(piece, "")
            at = len(engine.completion.tokens)
            shown[at:] = [shown[at] + piece] * (len(shown) - at)
        return shown[1:]

    @hypothesis.given(st.text(), st.lists(st.integers(0, 60)))
    def test_any_text_through_any_split(self, text, cuts):
        data = text.encode("utf-8")
        edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
        tokens = [data[start:end] for start, end in itertools.pairwise(edges)]
        shown = self.shown_after(tokens)
        read = b""
        for token, found in zip(tokens, shown, strict=True):
            read += token
            # All whole characters, at once, and nothing of the one that is not whole.
            self.assertEqual(found, read.decode("utf-8", "ignore"))
        self.assertEqual(shown[-1] if shown else "", text)

    @hypothesis.given(st.lists(st.binary(max_size=4)))
    def test_bytes_that_are_no_text(self, tokens):
        shown = self.shown_after(tokens)
        whole = b"".join(tokens).decode("utf-8", "replace")
        found = shown[-1] if shown else ""
        # What may be the start of a character is held back, and dropped at the very end.
        self.assertIn(whole, (found, found + "\ufffd", found + "\ufffd\ufffd"))

    def test_the_stop_is_no_text(self):
        request = Request(np.zeros(1, np.int32), 9, stop=(1, "stop strings are the engine's"))
        self.assertEqual("".join(stream_text(Typing([b"a", b"<|endoftext|>"]), request)), "a")

    def test_closing_cancels(self):
        engine = Typing([b"a", b"b", b"c"])
        pieces = stream_text(engine, REQUEST)
        self.assertEqual(next(pieces), "a")
        pieces.close()
        self.assertEqual(engine.completion.finish_reason, "cancelled")


if __name__ == "__main__":
    absltest.main()
