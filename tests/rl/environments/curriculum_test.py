"""Levels are drawn where there is something to learn."""

import collections

from absl.testing import absltest
from hypothesis import given
from hypothesis import strategies as st

from rl.environments import curriculum

_RATES = st.lists(st.floats(0, 1), min_size=1, max_size=6)


class CurriculumTest(absltest.TestCase):
    def test_by_hand(self):
        # Weights 0.02, 0.27, 0.02: of the whole 0.31, the second has 0.02 to 0.29.
        rates = (1.0, 0.5, 0.0)
        self.assertSequenceAlmostEqual(curriculum.weights(rates), (0.02, 0.27, 0.02))
        for u, level in ((0.0, 1), (0.06, 1), (0.07, 2), (0.93, 2), (0.94, 3), (0.9999, 3)):
            self.assertEqual(curriculum.level(rates, u), level)

    @given(_RATES, st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
    def test_always_a_level_and_in_order_of_u(self, rates, u, v):
        low, high = sorted((curriculum.level(rates, u), curriculum.level(rates, v)))
        self.assertBetween(low, 1, len(rates))
        self.assertBetween(high, 1, len(rates))
        self.assertEqual(curriculum.level(rates, min(u, v)), low)

    @given(_RATES, st.integers(1, 6), st.floats(0, 1))
    def test_an_update_moves_one_rate_towards_the_reward(self, rates, tried, reward):
        after = curriculum.updated(rates, tried, reward)
        for number, (old, new) in enumerate(zip(rates, after, strict=True), 1):
            if number == tried:
                self.assertAlmostEqual(abs(new - reward), 0.9 * abs(old - reward))
            else:
                self.assertEqual(new, old)

    def test_a_learner_is_led_from_level_to_level(self):
        """Whoever learns a level by practising it, once the one before is learned, learns all."""
        skill = [0.2, 0.0, 0.0]
        rates = curriculum.start(3)
        drawn = []
        for i in range(600):
            level = curriculum.level(rates, (i * 0.618034) % 1.0)
            drawn.append(level)
            rates = curriculum.updated(rates, level, skill[level - 1])
            if level == 1 or skill[level - 2] > 0.6:
                skill[level - 1] = min(1.0, skill[level - 1] + 0.02)
        self.assertEqual(skill, [1.0, 1.0, 1.0])
        self.assertEqual(collections.Counter(drawn[30:60]).most_common(1)[0][0], 1)


if __name__ == "__main__":
    absltest.main()
