import hypothesis
import hypothesis.strategies as st
from absl.testing import absltest, parameterized

from data.conversations import CONTROL, END, parse_assistant
from serve.pieces import Pieces
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
        joined: list = []
        for kind, text in [*shown, *pieces.end()]:
            if joined and joined[-1][0] == kind:
                text = joined.pop()[1] + text
            joined.append((kind, text))
        self.assertEqual(joined, expected)

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


if __name__ == "__main__":
    absltest.main()
