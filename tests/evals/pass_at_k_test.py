"""The estimator against all choices of programs, and verdicts of real programs in the sandbox."""

import itertools

from absl.testing import absltest, parameterized

from evals import pass_at_k
from serve.tools.python import Limits, Sandbox

TESTS = "assert double(2) == 4\nassert double(-1) == -2"


class EstimatorTest(parameterized.TestCase):
    def test_is_the_share_of_choices_with_one_that_passes(self):
        for n in range(1, 7):
            for c in range(n + 1):
                for k in range(1, n + 1):
                    choices = list(itertools.combinations([1] * c + [0] * (n - c), k))
                    expected = sum(map(any, choices)) / len(choices)
                    self.assertAlmostEqual(pass_at_k.pass_at_k(n, c, k), expected)

    def test_by_hand(self):
        self.assertAlmostEqual(pass_at_k.pass_at_k(5, 2, 2), 1 - 3 / 10)  # C(3, 2) / C(5, 2)
        self.assertEqual(pass_at_k.pass_at_k(200, 0, 100), 0.0)
        self.assertEqual(pass_at_k.pass_at_k(200, 101, 100), 1.0)

    @parameterized.parameters((2, 1, 3), (2, 3, 1), (2, 1, 0))
    def test_what_has_no_estimate(self, samples, passed, k):
        with self.assertRaisesRegex(ValueError, "no pass@"):
            pass_at_k.pass_at_k(samples, passed, k)


class ProgramTest(parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sandbox = Sandbox(Limits(seconds=0.5, characters=1 << 18), seed=0, processes=1)
        cls.addClassCleanup(cls.sandbox.close)

    def test_program_of(self):
        self.assertEqual(
            pass_at_k.program_of("def f():\n    pass\n[DONE]\nmore"), "def f():\n    pass"
        )
        self.assertEqual(pass_at_k.program_of("Here:\n```python\nx = 1\n```\nThere."), "x = 1")
        self.assertEqual(pass_at_k.program_of("```\nx = 1"), "x = 1")
        self.assertEqual(pass_at_k.program_of(""), "")
        function = "def f(x):\n    return x"
        text = f"```bash\npip install x\n```\n```python\n{function}\n```\n```\nf(1)\n```"
        self.assertEqual(pass_at_k.program_of(text), function)

    @parameterized.named_parameters(
        ("right", "def double(x):\n    return 2 * x", True),
        ("right_and_talkative", "def double(x):\n    print('x' * 9000)\n    return 2 * x", True),
        ("right_with_its_own_print", "def print(x): pass\ndef double(x): return 2 * x", True),
        ("wrong", "def double(x):\n    return x * x", False),
        ("nothing", "", False),
        ("no_python", "def double(x: return 2 * x", False),
        ("for_ever", "def double(x):\n    while True:\n        pass", False),
        ("leaves", "import sys\nsys.exit(0)", False),
        ("raises", "raise SystemExit(0)", False),
        ("swallows_the_tests", 'x = """', False),
        ("comments_them_out", "if False:", False),
        ("own_assertion_error", "def double(x):\n    raise AssertionError", False),
    )
    def test_passes(self, program, expected):
        self.assertEqual(pass_at_k.passes(self.sandbox.run, program, TESTS), expected)


if __name__ == "__main__":
    absltest.main()
