"""Ratings: by hand, against a general optimiser, and what must not change them."""

import itertools
import math
import random

import numpy as np
import scipy.optimize
from absl.testing import absltest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from evals.ratings import MEAN, TIES, Match, intervals, ratings, tally, together


def duels(one: str, other: str, won: int, even: int, lost: int, tag: str = "") -> list[Match]:
    """Matches of two at prompts of their own."""
    orders = [[[0], [1]]] * won + [[[0, 1]]] * even + [[[1], [0]]] * lost
    names = (one, other)
    return [Match(f"{one}{other}{tag}{n}", names, order) for n, order in enumerate(orders)]


def likeliest(matches: list[Match], names: list[str]) -> np.ndarray:
    """By a general optimiser on the likelihood as it is written."""
    met = {frozenset(m.players) for m in matches}

    def loss(theta):
        at = dict(zip(names, theta, strict=True))
        total = 0.0
        for match in matches:
            level = {p: n for n, group in enumerate(match.ranking) for p in group}
            gap = at[match.players[0]] - at[match.players[1]]
            won = 0.5 + 0.5 * np.sign(level[1] - level[0])
            total += won * np.logaddexp(0, -gap) + (1 - won) * np.logaddexp(0, gap)
        for one, other in map(sorted, met):
            gap = at[one] - at[other]
            total += TIES / 2 * (np.logaddexp(0, -gap) + np.logaddexp(0, gap))
        return total + np.sum(theta) ** 2

    found = scipy.optimize.minimize(loss, np.zeros(len(names)), tol=1e-12).x
    return MEAN + 400 / math.log(10) * (found - found.mean())


matches_of_four = st.lists(
    st.tuples(st.permutations("abcd"), st.integers(2, 4), st.booleans()), min_size=1, max_size=12
)


def made(drawn) -> list[Match]:
    """Matches in the order drawn; the first two are even where it says so."""
    found = []
    for number, (names, count, even) in enumerate(drawn):
        order = [[0, 1], *([n] for n in range(2, count))] if even else [[n] for n in range(count)]
        found.append(Match(f"prompt {number}", tuple(names[:count]), order))
    # So that everybody has met somebody.
    return [*found, *duels("a", "b", 1, 0, 1), *duels("b", "c", 0, 1, 0), *duels("c", "d", 1, 0, 2)]


class RatingsTest(absltest.TestCase):
    def test_of_two_the_gap_is_the_logarithm_of_the_odds(self):
        # 30 wins, 4 ties and 10 losses are 32 to 12; a tenth of a tie is added.
        found = ratings(duels("new", "old", 30, 4, 10))
        gap = 400 * math.log10((32 + TIES / 2) / (12 + TIES / 2))
        self.assertAlmostEqual(found["new"] - found["old"], gap, places=6)
        self.assertAlmostEqual(found["new"] + found["old"], 2 * MEAN, places=6)
        self.assertEqual(list(found), ["new", "old"])
        # Three to one is 191 points.
        found = ratings(duels("new", "old", 3000, 0, 1000))
        self.assertAlmostEqual(found["new"] - found["old"], 190.85, places=1)

    def test_of_three_it_is_the_maximum_of_the_likelihood(self):
        matches = [
            *duels("a", "b", 7, 2, 3),
            *duels("b", "c", 5, 0, 5),
            *duels("c", "a", 1, 3, 8),
        ]
        found = ratings(matches)
        expected = likeliest(matches, ["a", "b", "c"])
        np.testing.assert_allclose([found[name] for name in "abc"], expected, atol=1e-3)

    def test_a_chain_adds_up(self):
        # Who has not met is compared by way of the third: ten to one twice is a hundred to one.
        matches = duels("a", "b", 1000, 0, 100) + duels("b", "c", 1000, 0, 100)
        found = ratings(matches)
        self.assertAlmostEqual(found["a"] - found["c"], 800, delta=1)

    def test_who_always_wins_has_a_finite_rating(self):
        found = ratings(duels("a", "b", 50, 0, 0) + duels("b", "c", 50, 0, 0))
        gap = 400 * math.log10((50 + TIES / 2) / (TIES / 2))
        self.assertAlmostEqual(found["a"] - found["b"], gap, delta=1e-3)
        self.assertAlmostEqual(found["a"] - found["c"], 2 * gap, delta=1e-3)
        # As does one of a million.
        found = ratings([*duels("a", "b", 1, 0, 0), *duels("b", "a", 20_000, 0, 0)])
        self.assertTrue(all(map(math.isfinite, found.values())))

    def test_all_even_is_all_equal(self):
        ranking = Match("p", ("a", "b", "c"), [[0, 1, 2]])
        for value in ratings([ranking]).values():
            self.assertAlmostEqual(value, MEAN, places=9)
        self.assertEqual(tally([ranking], "a"), (0, 2, 0))

    def test_a_ranking_is_its_pairs(self):
        whole = [Match("p", ("a", "b", "c"), [[2], [0, 1]])]
        apart = [
            Match("p", ("a", "b"), [[0, 1]]),
            Match("p", ("c", "a"), [[0], [1]]),
            Match("p", ("b", "c"), [[1], [0]]),
        ]
        self.assertEqual(ratings(whole), ratings(apart))
        self.assertEqual(intervals(whole), intervals(apart))
        self.assertEqual([tally(whole, name) for name in "abc"], [(0, 1, 1), (0, 1, 1), (2, 0, 0)])

    @settings(deadline=None, max_examples=40)
    @given(matches_of_four, st.randoms(use_true_random=False))
    def test_the_order_changes_nothing(self, drawn, chance: random.Random):
        matches = made(drawn)
        found, bounds = ratings(matches), intervals(matches, samples=20)
        mixed = []
        for match in chance.sample(matches, len(matches)):
            places = chance.sample(range(len(match.players)), len(match.players))
            ranking = [chance.sample([places.index(n) for n in g], len(g)) for g in match.ranking]
            mixed.append(Match(match.prompt, tuple(match.players[n] for n in places), ranking))
        self.assertEqual(ratings(mixed), found)
        self.assertEqual(intervals(mixed, samples=20), bounds)

    @settings(deadline=None, max_examples=40)
    @given(matches_of_four)
    def test_a_won_match_raises_the_rating_and_turning_all_round_mirrors_it(self, drawn):
        matches = made(drawn)
        found = ratings(matches)
        more = ratings([*matches, *duels("a", "b", 1, 0, 0, "more")])
        self.assertGreater(more["a"] - more["b"], found["a"] - found["b"])
        turned = ratings([m._replace(ranking=m.ranking[::-1]) for m in matches])
        for name, value in turned.items():
            self.assertAlmostEqual(value, 2 * MEAN - found[name], places=4)

    def test_who_has_not_played_or_met_is_refused(self):
        matches = duels("a", "b", 2, 0, 1)
        with self.assertRaisesRegex(InputError, "^z has played no match, and has no rating: "):
            ratings(matches, ["a", "z"])
        with self.assertRaisesRegex(InputError, "no match has been judged"):
            ratings([Match("p", ("a",), [[0]])])
        with self.assertRaisesRegex(InputError, "^x, y and the other players have never met"):
            ratings(matches + duels("a", "c", 1, 0, 0) + duels("x", "y", 1, 0, 0))
        # One that never plays changes nothing for the others.
        self.assertEqual(ratings([*matches, Match("p", ("z",), [[0]])]), ratings(matches))

    def test_matches_of_those_who_have_met(self):
        first, second = duels("a", "b", 1, 0, 1, "p"), duels("x", "y", 1, 0, 0, "q")
        between = duels("c", "a", 0, 1, 0, "r")
        groups = together([*first, *second, *between])
        self.assertCountEqual(
            [sorted(group) for group in groups], [sorted(first + between), second]
        )
        for group in groups:
            self.assertGreaterEqual(len(ratings(group)), 2)
        joined = together([*first, *second, *duels("b", "y", 1, 0, 0, "s")])
        self.assertLen(joined, 1)

    def test_intervals_hold_the_truth_as_often_as_they_say(self):
        # 100 times 150 prompts of three players: each interval of 90% holds the true rating in
        # about 90 of them.
        true = {"a": 1080.0, "b": 1010.0, "c": 910.0}
        random_ = np.random.default_rng(0)
        held = 0
        for _ in range(100):
            matches = []
            for number in range(150):
                one, other = list(itertools.combinations(true, 2))[number % 3]
                chance = 1 / (1 + 10 ** ((true[other] - true[one]) / 400))
                order = [[0], [1]] if random_.random() < chance else [[1], [0]]
                matches.append(Match(f"p{number}", (one, other), order))
            bounds = intervals(matches, 0.9, samples=200)
            held += sum(low <= true[name] <= high for name, (low, high) in bounds.items())
        self.assertBetween(held / 300, 0.82, 0.95)

    def test_few_prompts_and_those_that_one_has_all_won_leave_much_open(self):
        # Nothing known before and 5 of 5 won: the chance is Beta(6, 1), 0.025^(1/6) at the least.
        low, high = intervals(duels("a", "b", 5, 0, 0), samples=4000)["a"]
        odds = 0.025 ** (1 / 6) / (1 - 0.025 ** (1 / 6))
        self.assertAlmostEqual(low, MEAN + 200 * math.log10(odds), delta=15)
        self.assertGreater(high, ratings(duels("a", "b", 5, 0, 0))["a"])
        low, high = intervals(duels("a", "b", 1, 0, 0))["a"]
        self.assertLess(low, MEAN)
        low, high = intervals(duels("a", "b", 0, 1, 0))["a"]
        self.assertGreater(high - low, 100)

    def test_intervals_are_of_prompts_and_not_of_pairs(self):
        # Ten rankings that agree at each of 40 prompts say no more than one at each does.
        once = [Match(f"{n}", ("a", "b"), [[0], [1]] if n < 28 else [[1], [0]]) for n in range(40)]
        one, ten = intervals(once)["a"], intervals(once * 10)["a"]
        self.assertLess(abs((ten[1] - ten[0]) / (one[1] - one[0]) - 1), 0.15)


if __name__ == "__main__":
    absltest.main()
