"""The words of a config, and what every environment owes: the same problem, and apart halves."""

import collections
import json

from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from rl.environments import named
from rl.environments.environment import problem_seed
from tests.rl.environments import samples


class NamedTest(parameterized.TestCase):
    @parameterized.parameters(
        ("", "no environment is named"),
        (" , ", "no environment is named"),
        ("countdwn", "no environment 'countdwn'; the nearest is countdown"),
        ("gsm8k", "no environment 'gsm8k'; the nearest is gsm8k:PATH"),
        ("gsm8k:", "no environment 'gsm8k:'; the nearest is gsm8k:PATH"),
        ("reasoning_gym", "nearest is reasoning_gym:TASK"),
        ("countdown@0", "weight of source countdown@0 must be a positive number"),
        ("countdown@1,letters", "letters has no weight"),
        ("countdown,countdown", "names an environment twice"),
        ("jsonl:nowhere.jsonl", "no file matches the source nowhere.jsonl"),
    )
    def test_refused(self, spec: str, why: str):
        with self.assertRaisesRegex(InputError, why):
            named.environment(spec, samples.CONFIG)

    def test_a_mixture_by_weight(self):
        mixture = named.environment("countdown@0.75,problems@0.25", samples.CONFIG)
        self.assertEqual(mixture.levels, 4)
        count = collections.Counter()
        for i in range(1000):
            problem = mixture.problem(problem_seed(0, i, False), 3)
            name, level, _ = problem.id.split("/")
            count[name] += 1
            self.assertEqual(level, {"countdown": "3", "problems": "2"}[name])
            said = f"The answer is {problem.answer}."
            self.assertEqual(mixture.verify(problem, said).reward, 1.0)
            self.assertEqual(mixture.verify(problem, "The answer is 0.").reward, 0.0)
        self.assertAlmostEqual(count["countdown"] / 1000, 0.75, delta=0.05)

    @parameterized.parameters(*samples.WORLD, "countdown,letters,tables")
    def test_a_level_that_is_not_there(self, name: str):
        made = named.environment(name, samples.CONFIG)
        for level in (0, made.levels + 1):
            with self.assertRaises(ValueError):
                made.problem(2, level)


class EveryTest(parameterized.TestCase):
    @parameterized.parameters(*samples.WORLD)
    def test_the_same_problem_from_the_same_seed(self, name: str):
        first, second = (named.environment(name, samples.CONFIG) for _ in range(2))

        @settings(max_examples=25, deadline=None)
        @given(st.integers(0, 2**53), st.integers(1, first.levels))
        def check(seed: int, level: int):
            one = first.problem(seed, level)
            self.assertEqual(one, second.problem(seed, level))
            self.assertEqual(one.id, f"{name}/{level}/{seed}")
            self.assertEqual(one.messages[-1]["role"], "user")
            # Plain data, which a file and a checkpoint hold.
            self.assertEqual(json.loads(json.dumps(one.facts)), one.facts)

        check()

    @parameterized.parameters(*samples.WORLD)
    def test_seeds_make_many_problems(self, name: str):
        made = named.environment(name, samples.CONFIG)
        for level in range(1, made.levels + 1):
            texts = {
                made.problem(problem_seed(0, i, False), level).messages[-1]["content"]
                for i in range(100)
            }
            self.assertGreater(len(texts), 90)

    @parameterized.parameters(*samples.WORLD)
    def test_the_problems_of_the_halves_are_apart(self, name: str):
        made = named.environment(name, samples.CONFIG)

        @settings(max_examples=60, deadline=None)
        @given(st.integers(0, 2**32), st.integers(0, 10**6), st.integers(1, made.levels))
        def check(run: int, index: int, level: int):
            for held_out in (False, True):
                problem = made.problem(problem_seed(run, index, held_out), level)
                for key in samples.keys(name, problem):
                    self.assertEqual(samples.SETTING.held_out(key), held_out, problem)

        check()

    @parameterized.parameters(*samples.WORLD)
    def test_right_answers_and_wrong_ones(self, name: str):
        """Right is what another solver finds in the text of the problem."""
        made = named.environment(name, samples.CONFIG)
        for i in range(60):
            for level in range(1, made.levels + 1):
                problem = made.problem(problem_seed(1, i, i % 3 == 0), level)
                for said in samples.right(name, problem):
                    self.assertEqual(made.verify(problem, said).reward, 1.0, (problem, said))
                for said in samples.wrong(name, problem):
                    self.assertEqual(made.verify(problem, said).reward, 0.0, (problem, said))

    def test_tools(self):
        for name in samples.WORLD:
            offered = named.environment(name, samples.CONFIG).problem(4, 1).tools
            names = [tool["function"]["name"] for tool in offered]
            self.assertEqual(names, ["python"] if name == "letters_python" else [])


if __name__ == "__main__":
    absltest.main()
