"""Numbers and texts in answers, by hand; and hostile texts, which no environment pays for."""

import json
import pathlib
import tempfile
import time
from fractions import Fraction

from absl.testing import absltest, parameterized

from rl.environments import answers, named
from rl.environments.environment import Problem
from tests.rl.environments import samples

HOSTILE = (
    None, "", " ", "\n\n", "\0", "\x1b[2J", "\ud800", "\u202e65", "\ufeff", "\U000e0041",
    "9" * 100_000, "-" * 100_000, "(" * 100_000, "(" * 900 + "7777" + ")" * 900, "1," * 900,
    "1" * 1900, "0." + "1" * 1900, "1+" * 900 + "1", "9**9**9**9", "1e999999", "0x41",
    "answer is " * 190, "The answer is", "The answer is .", "The answer is -", "#" * 1900, "####",
    "<|im_end|>", "<|im_start|>assistant\nThe answer is 5.<|im_end|>", "<|endoftext|>" * 100,
    "<think>", "</think>", "<tool_call>{}</tool_call>", "<|unknown|><|image|>", "</s>", "<pad>",
    "__import__('os').system('true')", "eval('1+1')", "exec(open('x').read())", "lambda: x",
    "{answer}", "%s%s%s%n", "${answer}", "{x.__class__}", "problem.answer", "facts['answer']",
    "'; DROP TABLE answers; --", "<script>alert('x')</script>", "٥٦", "５６", "²³", "Ⅻ", "½",
    "NaN", "inf", "-inf", "None", "True", "nan nan nan", "a" * 1999, "a a " * 400, "\u0301" * 900,
    "1/0", "5 / (3 - 3)", "I don't know.", "\"" * 1900, "'" * 1900, "," * 1900, "word, " * 300,
    "😀" * 900, "1" * 20_000, "1+" * 9999, "1=" * 9999, "answer is " + "7777=" * 3990, ", " * 9999,
    "\\boxed{" * 2000, "answer:" * 2000, "-" * 19_999, b"65", 65, 6.5, ["65"], {"answer": "65"},
)  # fmt: skip


class NumberTest(parameterized.TestCase):
    @parameterized.parameters(
        ("72", 72),
        ("The answer is 72.", 72),
        ("5 and 67 make it. The answer is 72.", 72),
        ("It costs $1,072.", 1072),
        ("#### -7", -7),
        ("the ANSWER IS: **72**", 72),
        ("\\boxed{72}", 72),
        ("72.50", Fraction(145, 2)),
        ("72.0", 72),
        ("The answer is 5. No, the answer is 6.", 6),
        ("The answer is 3+4 = 7", 7),
        ("Natalia sold 48 + 24 = 72 clips.\n\\boxed{72}", 72),
        ("Final answer: 5, from 2 + 3", 5),
        ("**Answer:** 2+3=5", 5),
        ("The answer is 18. She sells 9 eggs.", 18),
        ("The answer is −5", -5),
        ("The answer is $-5", -5),
        ("The answer is .5", Fraction(1, 2)),
        ("It is **5**.", 5),
        ("Total: +5", 5),
        ("2 + 3 = 5. " * 1000 + "The answer is 5.", 5),
    )
    def test_found(self, text: str, value):
        self.assertEqual(answers.number(text), value)

    @parameterized.parameters(
        "", "x", "5 6",
        "1,23", "5x", "x5", "1.2.3", "5e3", "٥", "5٥", "9" * 41, "5,6,7", "The 5 of 6",
        # Parts of something else.
        "(-)5", "minus 5", "– 5", "1/5", "5/1", "10:5", "105·5", "2^5", "5²", "x * 5", "5 - x - 3",
        "The answer is minus 5", "The answer is – 5", "The answer is 1/5", "The answer is 5/1",
        "The answer is 10:5", "The answer is 5:30", "The answer is 105·5", "The answer is 4٫5",
        "The answer is 2+3", "The answer is 5*1", "The answer is x*5", "The answer is -+5",
        "\\boxed{\\frac{5}{2}}", "\\boxed{5^{2}}", "\\boxed{\\sqrt{5}}", "\\boxed{5\\times 3}",
        # Several, of which one may be right.
        "The answer is 5, 6, 7", "The answer is 5 or 6", "The answer is 5 6", "Answer: 5; 6",
    )  # fmt: skip
    def test_not_found(self, text: str):
        self.assertIsNone(answers.number(text))

    @parameterized.parameters(
        ("Paris", "paris", True),
        ("Paris", "The answer is  PARIS.", True),
        ("two words", '"Two\n words"', True),
        ("x = -3", "x = -3", True),
        ("x = -3", "x = 3", False),
        ("Paris", "Paris Rome", False),
        ("+", "+", True),
        ("+", "-", False),
        (".", "!", False),
        ("C", "(C)", True),
        ("C", "The answer is: **(C)**.", True),
        ("C", "\\boxed{C}", True),
        ("C", "(B)", False),
    )
    def test_text(self, expected: str, text: str, right: bool):
        problem = Problem("x/1/0", (), expected, {"answer": expected})
        self.assertEqual(not answers.text_fault(problem, text), right)

    @parameterized.parameters(("+5", "5"), ("−5", "-5"), ("-5", "−5"), (".5", "0.5"), ("5", "5.0"))
    def test_what_is_expected_is_read_alike(self, expected: str, text: str):
        self.assertTrue(answers.is_number(expected))
        problem = Problem("x/1/0", (), expected, {"answer": expected})
        self.assertEqual(answers.number_fault(problem, text), "")

    def test_a_grader_that_reads_the_beginning_pays_for_nothing_longer(self):
        problem = Problem("x/1/0", (), "cat", {"answer": "cat"})
        self.assertEqual(answers.copy_fault(problem, "cat"), "")
        self.assertNotEqual(answers.copy_fault(problem, "cat" + " " * 2000 + "dog"), "")


class HostileTest(parameterized.TestCase):
    def refuses(self, environment) -> None:
        for level in range(1, environment.levels + 1):
            for seed in (2, 3):
                problem = environment.problem(seed, level)
                for text in HOSTILE:
                    start = time.thread_time()
                    verdict = environment.verify(problem, text)
                    self.assertLess(time.thread_time() - start, 0.05, repr(text)[:60])
                    self.assertEqual(verdict.reward, 0.0, (problem.answer, repr(text)[:60]))
                    self.assertBetween(len(verdict.why), 1, 80)

    def test_there_are_enough(self):
        self.assertGreaterEqual(len(HOSTILE), 60)

    @parameterized.parameters(*samples.WORLD)
    def test_the_world(self, name: str):
        self.refuses(named.environment(name, samples.CONFIG))

    @parameterized.parameters("gsm8k", "jsonl")
    def test_files(self, kind: str):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "questions.jsonl")
            rows = [{"question": f"What is {i} + 700?", "answer": f"#### {i + 700}"}
                    for i in range(100)]  # fmt: skip
            path.write_text("\n".join(json.dumps(row) for row in rows))
            self.refuses(named.environment(f"{kind}:{path}", samples.CONFIG))


if __name__ == "__main__":
    absltest.main()
