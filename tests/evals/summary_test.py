"""Intervals and centred means, by hand and by simulation."""

import numpy as np
from absl.testing import absltest

from evals import summary


class SummaryTest(absltest.TestCase):
    def test_wilson_s_interval(self):
        # z = 1.96: (0.5 + 0.19207) / 1.38415 -+ sqrt(0.025 + 0.0096) * 1.96 / 1.38415.
        low, high = summary.interval([1, 0] * 5)
        self.assertAlmostEqual(low, 0.2366, places=4)
        self.assertAlmostEqual(high, 0.7634, places=4)
        self.assertEqual(summary.interval([0] * 10)[0], 0.0)
        self.assertAlmostEqual(summary.interval([0] * 10)[1], 0.2775, places=4)
        self.assertAlmostEqual(summary.interval([1] * 10)[1], 1.0)

    def test_it_holds_what_it_says(self):
        random = np.random.default_rng(0)
        for p in (0.02, 0.25, 0.9):
            draws = random.random((600, 80)) < p
            inside = [low <= p <= high for low, high in map(summary.interval, draws)]
            self.assertBetween(np.mean(inside), 0.92, 0.985)

    def test_centred(self):
        self.assertEqual(summary.centred(0.25, 0.25), 0.0)
        self.assertEqual(summary.centred(1.0, 0.25), 1.0)
        self.assertAlmostEqual(summary.centred(0.4, 0.25), 0.2)
        self.assertAlmostEqual(summary.centred(0.4, 0.5), -0.2)
        mean = summary.centred_mean({"a": 0.4, "b": 0.4, "c": 0.3}, {"a": 0.25, "b": 0.5, "c": 0.0})
        self.assertAlmostEqual(mean, 0.1)


if __name__ == "__main__":
    absltest.main()
