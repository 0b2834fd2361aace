"""Answers out of texts, and what most of them say."""

from absl.testing import absltest, parameterized

from evals import exact_match


class ExactMatchTest(parameterized.TestCase):
    @parameterized.parameters(
        ("48/2 = 24, so 48 + 24 = 72.\n#### 72", "72"),
        ("It costs $1,234.50 in all.", "1234.5"),
        ("The answer is 7. The next one would be 8.", "7"),
        ("First the answer is 3; no, the answer is -4", "-4"),
        ("12 and then 13", "13"),
        ("10.0", "10"),
        ("100", "100"),
        ("#### none of the 5", "5"),
        ("no number", None),
        ("", None),
        ("9" * 41, None),
    )
    def test_final_number(self, text, expected):
        self.assertEqual(exact_match.final_number(text), expected)

    @parameterized.parameters(
        (" (B)\nQ: another", "(B)"),
        ("So the answer is True.", "True"),
        ("\n\n", None),
    )
    def test_first_line(self, text, expected):
        self.assertEqual(exact_match.first_line(text), expected)

    def test_plain_words(self):
        self.assertEqual(exact_match.plain_words(' The "Onion", I think.\nNo'), "onion i think")
        self.assertIsNone(exact_match.plain_words("..."))

    def test_majority(self):
        self.assertEqual(exact_match.majority(["3", "4", "4"]), "4")
        self.assertEqual(exact_match.majority(["3", "4", "4", "3"]), "3")  # the first given
        self.assertEqual(exact_match.majority([None, None, "4"]), "4")  # silence has no vote
        self.assertIsNone(exact_match.majority([None, None]))

    def test_hostile_text_is_read_at_once(self):
        for text in ("answer " * 100_000, "1," * 100_000, "9" * 500_000, "#" * 500_000):
            exact_match.final_number(text)
            exact_match.plain_words(text)


if __name__ == "__main__":
    absltest.main()
