"""reasoning-gym's problems under our verifiers; skipped where the package is not installed."""

import importlib.util
import unittest

from absl.testing import absltest, parameterized

from data.errors import InputError
from rl.environments import gym, named
from rl.environments.environment import problem_seed
from tests.rl.environments import answers_test, samples

_MISSING = importlib.util.find_spec("reasoning_gym") is None


class RefusedTest(parameterized.TestCase):
    @parameterized.parameters(*gym.EXECUTED)
    def test_tasks_whose_scorers_run_the_answer(self, task: str):
        with self.assertRaisesRegex(InputError, f"{task} cannot be judged: its own scorer runs"):
            named.environment(f"reasoning_gym:{task}", samples.CONFIG)

    def test_tasks_without_a_verifier(self):
        with self.assertRaisesRegex(InputError, "there is no verifier for it here; use one of"):
            named.environment("reasoning_gym:sudoku", samples.CONFIG)

    @unittest.skipUnless(_MISSING, "reasoning-gym is installed")
    def test_what_to_install(self):
        with self.assertRaisesRegex(InputError, "pip install reasoning-gym"):
            gym.reasoning_gym("chain_sum")


@unittest.skipIf(_MISSING, "reasoning-gym is not installed")
class TasksTest(parameterized.TestCase):
    @parameterized.parameters(*sorted(gym.TASKS))
    def test_the_answers_given_are_right_and_others_wrong(self, task: str):
        environment = gym.reasoning_gym(task)
        texts = [set(), set()]
        for i in range(8):
            for held_out in (False, True):
                seed = problem_seed(0, i, held_out)
                problem = environment.problem(seed, 1)
                self.assertEqual(problem, environment.problem(seed, 1))
                texts[held_out].add(problem.messages[0]["content"])
                said = f"The answer is {problem.answer}"
                self.assertEqual(environment.verify(problem, said).reward, 1.0, problem)
                hostile = answers_test.HOSTILE if i == 0 else ()
                for text in (said + "1", "The answer is 123456789.", *hostile):
                    self.assertEqual(environment.verify(problem, text).reward, 0.0)
        self.assertFalse(texts[0] & texts[1])


if __name__ == "__main__":
    absltest.main()
