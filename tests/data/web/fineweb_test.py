from absl.testing import absltest, parameterized
from hypothesis import given
from hypothesis import strategies as st

from data.web import fineweb
from data.web.fineweb import FineWeb

LONG = "This is a line of prose with more than thirty characters, number {}."


class FineWebTest(parameterized.TestCase):
    def test_prose_passes(self):
        text = "\n".join(LONG.format(number) for number in range(9))
        self.assertIsNone(fineweb.quality(text, FineWeb()))

    @parameterized.parameters(
        ("empty", 0, " \n\n"),
        # 1 of 9 lines ends in punctuation.
        ("punctuated_lines", 1 / 9, "\n".join([LONG[:-1] * 2] * 8 + [LONG])),
        # 3 of 4 lines are short.
        ("short_lines", 3 / 4, "\n".join(["Short one.", "Short two.", "Short three.", LONG])),
        ("duplicate_line_characters", 1 / 3, "\n".join([LONG, LONG, LONG.upper()])),
        # 2 newlines, 6 words.
        ("newlines_per_word", 2 / 6, "\n".join(["x" * 40 + ".", "y" * 40 + ".", "z" * 40 + "."])),
    )
    def test_rule(self, reason, figure, text):
        drop = fineweb.quality(text, FineWeb())
        self.assertEqual((drop.step, drop.reason), ("fineweb", reason))
        self.assertAlmostEqual(drop.figure, figure)

    def test_a_line_of_thirty_characters_is_short(self):
        text = "\n".join(f"{number} " + "x " * 13 + "." for number in range(3, 9))
        self.assertEqual({len(line) for line in text.split("\n")}, {29})
        self.assertEqual(fineweb.quality(text, FineWeb()).reason, "short_lines")

    def test_the_papers_duplicates_are_an_option(self):
        lines = [LONG.format(number) for number in range(20)]
        text = "\n".join([*lines, lines[0]])
        self.assertEqual(fineweb.quality(text, FineWeb()).reason, "duplicate_line_characters")
        self.assertIsNone(fineweb.quality(text, FineWeb(max_duplicate_line_characters=0.1)))

    @given(st.text())
    def test_never_raises(self, text):
        self.assertEqual(fineweb.quality(text, FineWeb()), fineweb.quality(text, FineWeb()))


if __name__ == "__main__":
    absltest.main()
