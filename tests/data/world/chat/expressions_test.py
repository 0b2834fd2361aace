"""Expressions are read exactly, and hostile ones are refused at once."""

import re
import time
from fractions import Fraction

from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from data.world.chat import expressions

_TREES = st.recursive(
    st.integers(0, 99).map(str),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(
        lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
    ),
    max_leaves=8,
)


class ValueTest(parameterized.TestCase):
    @parameterized.parameters(
        ("7", 7, (7,)),
        ("1+2*3", 7, (1, 2, 3)),
        ("(1+2)*3", 9, (1, 2, 3)),
        ("10-3-2", 5, (10, 3, 2)),
        ("12/4/3", 1, (12, 4, 3)),
        ("1/3*3", 1, (1, 3, 3)),
        ("2 × (8 − 5) ÷ 3", 2, (2, 8, 5, 3)),
        ("((((5))))", 5, (5,)),
    )
    def test_by_hand(self, text: str, value: int, used: tuple[int, ...]):
        self.assertEqual(expressions.value(text), (Fraction(value), used))

    @parameterized.parameters(
        "", " ", "+", "-5", "5-", "(5", "5)", "()", "5 5", "2**3", "2^3", "5//2", "1e5", "0x10",
        "1.5", "1/0", "3/(2-2)", "a", "5+x", "__import__('os')", "5;6", "5\n+6", "٥+٦", "５+6",
        "²", "1234567890", "9" * 10**5, "(" * 10**5, "1" + "+1" * 200, "(" * 21 + "1" + ")" * 21,
        "5 + +6", "5,6",
    )  # fmt: skip
    def test_no_expression(self, text: str):
        start = time.process_time()
        self.assertIsNone(expressions.value(text))
        self.assertLess(time.process_time() - start, 0.05)

    @settings(max_examples=200, deadline=None)
    @given(_TREES)
    def test_agrees_with_python(self, text: str):
        """The text is our own here, each number made a Fraction."""
        try:
            expected = eval(re.sub(r"\d+", r"Fraction(\g<0>)", text), {"Fraction": Fraction})
        except ZeroDivisionError:
            expected = None
        found = expressions.value(text)
        self.assertEqual(found and found[0], expected)

    @settings(max_examples=200, deadline=None)
    @given(st.text(alphabet="0123456789+-*/() .=x\n", max_size=60))
    def test_any_text_is_read_or_refused(self, text: str):
        found = expressions.value(text)
        self.assertTrue(found is None or isinstance(found[0], Fraction))


class FaultTest(parameterized.TestCase):
    @parameterized.parameters(
        "3*5+8",
        "The answer is 3*5+8.",
        "I tried 3+8. The answer is (3*5)+8 = 23.",
        "the answer is: 8 + 5*3",
    )
    def test_right(self, text: str):
        self.assertEqual(expressions.fault(text, (3, 8, 5), 23), "")

    @parameterized.parameters(
        ("The answer is 23.", "not given"),
        ("The answer is 3*5+8+8-8.", "too often"),
        ("The answer is 3*5.", "another number"),
        ("The answer is 3*5+8=24.", "no single"),
        ("The answer is 3*5=15, 15+8=23.", "no single"),
        ("The answer is 3*5+8 or 3+8.", "no expression"),
        ("", "no expression"),
    )
    def test_wrong(self, text: str, why: str):
        self.assertIn(why, expressions.fault(text, (3, 8, 5), 23))

    def test_repeated_numbers_and_all_of_them(self):
        self.assertEqual(expressions.fault("4*4", (4, 4, 7), 16), "")
        self.assertIn("leaves out", expressions.fault("4*4", (4, 4, 7), 16, every=True))
        self.assertIn("too often", expressions.fault("4*4", (4, 7), 16))


if __name__ == "__main__":
    absltest.main()
