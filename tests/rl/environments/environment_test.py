"""Seeds: the same everywhere, and those for training never those for measuring; held-out problems:
each once."""

import xxhash
from absl.testing import absltest
from hypothesis import given
from hypothesis import strategies as st

from rl.environments.environment import (
    Environment,
    Problem,
    asked,
    held_out_problems,
    is_held_out,
    problem_seed,
)

_RUN = st.integers(0, 2**32)
_INDEX = st.integers(0, 10**9)


class SeedTest(absltest.TestCase):
    @given(_RUN, _INDEX, _RUN, _INDEX)
    def test_training_and_measuring_are_apart_in_all_runs(self, run, index, other, another):
        train, held_out = problem_seed(run, index, False), problem_seed(other, another, True)
        self.assertNotEqual(train, held_out)
        self.assertFalse(is_held_out(train))
        self.assertTrue(is_held_out(held_out))
        self.assertBetween(train, 0, 2**53 - 1)
        self.assertBetween(held_out, 0, 2**53 - 1)

    def test_seeds_differ(self):
        for held_out in (False, True):
            seeds = {problem_seed(run, i, held_out) for run in range(20) for i in range(500)}
            self.assertLen(seeds, 10_000)

    def test_they_stay_as_they_are(self):
        """Another seed for the same run would be another run."""
        self.assertEqual(problem_seed(0, 0, True), problem_seed(0, 0, False) + 1)
        self.assertEqual(problem_seed(0, 0, False), xxhash.xxh64_intdigest(b"0/0") // 4096 * 2)


class HeldOutTest(absltest.TestCase):
    def of(self, count: int, distinct: int, has_room=lambda problem: True, **settings):
        def problem(seed: int, level: int) -> Problem:
            message = {"role": "user", "content": f"{level}/{seed // 2 % distinct}"}
            return Problem(f"few/{level}/{seed}", (message,), "", {})

        environment = Environment("few", 2, problem, None)
        levels = settings.pop("levels", (1,))
        return held_out_problems(environment, 7, count, levels, has_room, **settings), problem

    def test_no_two_ask_the_same(self):
        found, problem = self.of(30, 30)
        texts = [one.messages[0]["content"] for one in found.problems]
        self.assertLen(set(texts), 30)
        for one, seed in zip(found.problems, found.seeds, strict=True):
            self.assertTrue(is_held_out(seed))
            self.assertEqual(one, problem(seed, 1))

    def test_where_none_is_repeated_they_are_the_first(self):
        found, problem = self.of(4, 10**9, levels=(1, 2))
        seeds = [problem_seed(7, number, True) for number in range(4)]
        self.assertEqual(found.seeds, seeds)
        self.assertEqual(found.problems, [problem(seed, 1 + n % 2) for n, seed in enumerate(seeds)])

    def test_there_may_be_fewer(self):
        self.assertLen(self.of(96, 3)[0].problems, 3)
        self.assertLen(self.of(96, 3, levels=(1, 2))[0].problems, 6)

    def test_what_is_seen_or_has_no_room_is_not_among_them(self):
        seen = [asked([{"content": "1/0", "role": "user"}])]
        found, _ = self.of(96, 4, lambda one: one.messages[0]["content"] != "1/2", seen=seen)
        texts = {one.messages[0]["content"] for one in found.problems}
        self.assertEqual(texts, {"1/1", "1/3"})
        self.assertGreaterEqual(found.left_out, 0)


if __name__ == "__main__":
    absltest.main()
