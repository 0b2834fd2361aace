"""Seeds: the same everywhere, and those for training never those for measuring."""

import xxhash
from absl.testing import absltest
from hypothesis import given
from hypothesis import strategies as st

from rl.environments.environment import is_held_out, problem_seed

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


if __name__ == "__main__":
    absltest.main()
