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
        ("To find the answer, we take 16 - 3 - 4 = 9 eggs. Then 9 * 2 = 18 dollars.", "18"),
        ("Let's get the answer step by step. 5 + 7 = 12.", "12"),
        ("The answer is 2 * 9 = 18 = 18.0.", "18"),
        ("The answer is 18. Check: 9 * 2 = 18, 18 / 9 = 2.", "18"),
        ("**Final answer:** 5, from 2 + 3", "5"),
        ("\\boxed{-1,234.50}", "-1234.5"),
        ("So x = 20-15", "15"),
        ("So x = 20 -15", "15"),
        ("So x =-15", "-15"),
        ("So x = −15", "-15"),
        ("It costs $-5", "-5"),
        ("The answer is .5", "0.5"),
        ("-0", "0"),
        ("no number", None),
        ("", None),
        ("9" * 41, None),
    )
    def test_final_number(self, text, expected):
        self.assertEqual(exact_match.final_number(text), expected)

    @parameterized.parameters(
        (" (B)\nQ: another", "(B)"),
        ("So the answer is True.", "True"),
        ("So the answer is: (A).", "(A)"),
        ("\n\n", None),
    )
    def test_first_line(self, text, expected):
        self.assertEqual(exact_match.first_line(text), expected)

    def test_plain_words(self):
        self.assertEqual(exact_match.plain_words(' The "Onion", I think.\nNo'), "onion i think")
        self.assertIsNone(exact_match.plain_words("..."))

    def test_numbers_of_files_have_all_their_digits(self):
        for value, text in ((5, "5"), (-0.5, "-0.5"), (1e20, "1" + "0" * 20), (1e-7, "0.0000001")):
            self.assertEqual(exact_match.as_number(value), text)
        self.assertEqual(exact_match.as_number(10**400), "1" + "0" * 400)
        self.assertIsNone(exact_match.as_number(float("nan")))
        self.assertIsNone(exact_match.as_number(float("inf")))

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
