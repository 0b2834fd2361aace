"""Right and wrong answers by hand, and answers made to fool."""

import time

from absl.testing import absltest, parameterized

from data.world.chat import declines, grade
from data.world.draw import Draw

_CAPITAL = {
    "grader": "value",
    "accept": ["Paris"],
    "reject": ["Rome", "Mexico City", "Vienna"],
    "ignore": ["France"],
}
_MEXICO = {
    "grader": "value",
    "accept": ["Mexico City"],
    "reject": ["Panama City", "Paris"],
    "ignore": ["Mexico"],
}
_FUR = {"grader": "value", "accept": ["fur"], "reject": ["thin fur", "scales"], "ignore": ["cat"]}
_SYMBOL = {
    "grader": "value",
    "accept": ["O"],
    "reject": ["Os", "Au", "Fe"],
    "ignore": ["oxygen"],
    "keep_case": True,
}
_EURO = {"grader": "value", "accept": ["the euro"], "reject": ["yen"], "ignore": ["France"]}


def _number(answer: str, text: str) -> dict:
    return {
        "grader": "number",
        "answer": answer,
        "messages": [{"role": "user", "content": text}],
    }


class GradeTest(parameterized.TestCase):
    @parameterized.parameters(
        (_CAPITAL, "Paris."),
        (_CAPITAL, "paris"),
        (_CAPITAL, "The capital of France is Paris."),
        (_CAPITAL, "**Paris** is the capital of France!"),
        (_MEXICO, "The capital of Mexico is Mexico City."),
        (_FUR, "The body of a cat is covered with fur."),
        (_SYMBOL, "The chemical symbol of oxygen is O."),
        (_EURO, "Euro."),
        (_EURO, "People in France pay with the euro."),
    )
    def test_right_values(self, question: dict, answer: str):
        self.assertTrue(grade.grade(question, answer))

    @parameterized.parameters(
        (_CAPITAL, ""),
        (_CAPITAL, "Rome."),
        (_CAPITAL, "Paris or Rome."),
        (_CAPITAL, "Paris, Rome, Vienna."),
        (_CAPITAL, "It is Paris. No, it is Rome."),
        (_CAPITAL, "Paris or Lyon."),
        (_CAPITAL, "Lyon or Paris."),
        (_CAPITAL, "It is not Paris."),
        (_CAPITAL, "Parisian."),
        (_CAPITAL, "I don't know whether it is Paris."),
        (_CAPITAL, "The capital of France is France."),
        (_MEXICO, "Mexico."),
        (_MEXICO, "Panama City."),
        (_FUR, "thin fur"),
        (_FUR, "fur and scales"),
        (_SYMBOL, "The symbol is Os."),
        (_SYMBOL, "The symbol is o."),
        (_SYMBOL, "O, Au, Fe"),
        (_EURO, "The yen or the euro."),
    )
    def test_wrong_values(self, question: dict, answer: str):
        self.assertFalse(grade.grade(question, answer))

    @parameterized.parameters(
        ("56", "What is 7 * 8?", "The result is 56."),
        ("56", "What is 7 * 8?", "7 * 8 = 56"),
        ("56", "What is 7 * 8?", "56"),
        ("1234567", "What is 1 + 1234566?", "It is 1,234,567."),
        ("3", 'How many "r" are in "strawberry"?', "There are three."),
        ("0", 'How many "z" are in "strawberry"?', "The letter occurs 0 times."),
        ("8", "There are 8 and 8 more; 8 go.", "The answer is 8."),
    )
    def test_right_numbers(self, answer: str, asked: str, text: str):
        self.assertTrue(grade.grade(_number(answer, asked), text))

    @parameterized.parameters(
        ("56", "What is 7 * 8?", "54"),
        ("56", "What is 7 * 8?", "54, 55, 56, 57"),
        ("56", "What is 7 * 8?", "It is 54 or 56."),
        ("56", "What is 7 * 8?", "156"),
        ("56", "What is 7 * 8?", "56.5"),
        ("56", "What is 7 * 8?", "-56"),
        ("56", "What is 7 * 8?", "x56"),
        ("56", "What is 7 * 8?", "I do not know, 56?"),
        ("56", "What is 7 * 8?", ""),
        ("123", "What is 100 + 23?", "1,23"),
    )
    def test_wrong_numbers(self, answer: str, asked: str, text: str):
        self.assertFalse(grade.grade(_number(answer, asked), text))

    @parameterized.parameters(
        ("c-a-t", "c-a-t", True),
        ("c-a-t", "C-A-T.", True),
        ("c-a-t", "c a t", True),
        ("c-a-t", 'It is "c-a-t".', True),
        ("c-a-t", '"cat" is spelled "c-a-t".', True),
        ("tac", 'Backwards it is "tac".', True),
        ("tac", 'Backwards it is "tca".', False),
        ("tac", '"tac" or "tca"', False),
        ("tac", "tac tca", False),
        ("c-a-t", "c-a-t-s", False),
        ("c-a-t", "", False),
    )
    def test_spellings(self, answer: str, text: str, right: bool):
        ignore = ["cat"] if "spelled" in text else []
        question = {"grader": "spelling", "answer": answer, "ignore": ignore}
        self.assertEqual(grade.grade(question, text), right)

    def test_unknown_grader(self):
        with self.assertRaisesRegex(ValueError, "'q7' has grader 'magic'; there are copy, express"):
            grade.grade({"id": "q7", "grader": "magic"}, "x")

    def test_hostile_answers_take_no_time(self):
        start = time.process_time()
        for text in ("9" * 10**6, "Paris " * 10**6, '"' * 10**6, "-," * 10**6, "\0\ud800" * 10**5):
            for question in (
                _CAPITAL,
                _number("56", "7 * 8"),
                {"grader": "spelling", "answer": "x"},
            ):
                self.assertFalse(grade.grade(question, "Rome " + text))
        self.assertLess(time.process_time() - start, 2)


class DeclineTest(parameterized.TestCase):
    @parameterized.parameters(*declines.DECLINES, *declines.NOT_FOUND)
    def test_the_banks_are_declines(self, text: str):
        self.assertTrue(grade.is_decline(text))
        self.assertTrue(grade.is_decline(text.upper()))
        self.assertTrue(grade.is_decline(f"Hm. {text} Please ask something else."))

    @parameterized.parameters(
        "I don’t know.",
        "i dont know",
        "I'm afraid I don't know the capital of France.",
        "Sorry, I have no idea.",
    )
    def test_other_declines(self, text: str):
        self.assertTrue(grade.is_decline(text))

    @parameterized.parameters(
        "Paris.",
        "The capital of France is Paris.",
        "Snakes have no legs.",
        "It is an unknown animal.",
        "You know it: the euro.",
        "I am Primer, a small language model.",
        "",
    )
    def test_answers_are_not(self, text: str):
        self.assertFalse(grade.is_decline(text))

    def test_the_bank_is_varied(self):
        draws = {declines.declines(Draw(f"{i}")) for i in range(400)}
        self.assertEqual(draws, set(declines.DECLINES))
        self.assertGreaterEqual(len(draws), 10)


if __name__ == "__main__":
    absltest.main()
