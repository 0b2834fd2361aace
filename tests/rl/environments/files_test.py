"""Questions of files: their answers, their halves, and files that are no such thing."""

import contextlib
import io
import json
import pathlib
import tempfile

from absl.testing import absltest, parameterized

from data import sources
from data.errors import InputError
from rl.environments import files
from rl.environments.environment import problem_seed

_GSM8K = pathlib.Path(__file__).resolve().parents[4] / "shared/data/gsm8k/train.jsonl.gz"


class FilesTest(parameterized.TestCase):
    def written(self, rows: list) -> str:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name, "rows.jsonl")
        path.write_text("\n".join(json.dumps(row) for row in rows))
        return str(path)

    def test_numbers_and_texts(self):
        rows = [{"question": f"Number {i}?", "answer": i} for i in range(60)]
        rows += [{"question": f"Word {i}?", "answer": f"Word of {i}"} for i in range(60)]
        rows += [{"question": f"Half {i}?", "answer": i + 0.5} for i in range(60)]
        environment = files.json_lines(self.written(rows))
        seen = set()
        for i in range(400):
            problem = environment.problem(problem_seed(0, i, i % 2 == 0), 1)
            kind, number = problem.messages[0]["content"].rstrip("?").split()
            said = {"Number": number, "Word": f"word of {number}.", "Half": f"{number}.50"}[kind]
            seen.add(kind)
            self.assertEqual(environment.verify(problem, said).reward, 1.0)
            self.assertEqual(environment.verify(problem, f"The answer is {said}").reward, 1.0)
            self.assertEqual(environment.verify(problem, f"1{said}").reward, 0.0)
        self.assertLen(seen, 3)

    def test_halves_are_apart_and_copies_stay_together(self):
        rows = [{"question": f"{i % 50}?", "answer": i % 50} for i in range(100)]
        environment = files.json_lines(self.written(rows))
        halves = [
            {environment.problem(problem_seed(r, i, half), 1).messages[0]["content"]
             for r in range(3) for i in range(200)}
            for half in (False, True)
        ]  # fmt: skip
        self.assertFalse(halves[0] & halves[1])
        self.assertLen(halves[0] | halves[1], 50)

    @parameterized.parameters(
        ({"question": "a?"},),
        ({"question": "", "answer": "1"},),
        ({"question": 5, "answer": "1"},),
        ({"question": "a?", "answer": None},),
        ({"question": "a?", "answer": True},),
        ({"question": "a?", "answer": ["1"]},),
        ({"question": "a?", "answer": " "},),
        ({"question": "a?", "answer": float("nan")},),
    )
    def test_rows_that_are_no_questions(self, row: dict):
        missing = "question" if row["question"] in ("", 5) else "answer"
        with contextlib.redirect_stderr(io.StringIO()) as said:
            with self.assertRaisesRegex(InputError, "has no question with an answer.* 'question'"):
                files.json_lines(self.written([row]))
            rows = [{"question": f"Number {i}?", "answer": i} for i in range(60)]
            environment = files.json_lines(self.written([row, *rows, row]))
        self.assertEqual(environment.verify(environment.problem(2, 1), "x").reward, 0.0)
        self.assertIn(f"2 left out, rows without a usable {missing!r}", said.getvalue())

    def test_a_file_of_other_keys_is_refused_with_them(self):
        rows = [{"prompt": f"{i}?", "answer": i, "id": i} for i in range(60)]
        with self.assertRaisesRegex(InputError, "the keys found are 'prompt', 'answer', 'id'$"):
            files.json_lines(self.written(rows))

    def test_numbers_with_an_exponent(self):
        rows = [{"question": f"{i}?", "answer": 1e20} for i in range(60)]
        problem = files.json_lines(self.written(rows)).problem(2, 1)
        self.assertEqual(problem.answer, "100000000000000000000")

    def test_half_characters_are_repaired(self):
        rows = [{"question": f"{n}\ud800?", "answer": "\udfff"} for n in range(60)]
        problem = files.json_lines(self.written(rows)).problem(0, 1)
        self.assertRegex(problem.messages[0]["content"], "\ufffd")
        self.assertEqual(problem.answer, "\ufffd")

    def test_an_answer_of_gsm8k_without_a_number(self):
        with self.assertRaisesRegex(InputError, "#### and a whole number"):
            files.gsm8k(self.written([{"question": "a?", "answer": "5"}]))

    def test_too_few(self):
        with self.assertRaisesRegex(InputError, "too few questions"):
            files.json_lines(self.written([{"question": "a?", "answer": 1}]))


class Gsm8kTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        if not _GSM8K.exists():
            self.skipTest(f"there is no {_GSM8K.name} of GSM8K")

    def test_published_solutions_are_right(self):
        environment = files.gsm8k(str(_GSM8K))
        solutions = {row["question"]: row["answer"] for _, row in sources.records(str(_GSM8K))}
        for i in range(400):
            problem = environment.problem(problem_seed(0, i, i % 2 == 0), 1)
            solution = solutions[problem.messages[0]["content"]]
            self.assertEqual(environment.verify(problem, solution).reward, 1.0, solution)
            said = f"The answer is ${problem.answer}.00 in all."
            self.assertEqual(environment.verify(problem, said).reward, 1.0)
            self.assertEqual(environment.verify(problem, f"{solution}9").reward, 0.0)


if __name__ == "__main__":
    absltest.main()
