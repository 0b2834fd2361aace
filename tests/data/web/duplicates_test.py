import random

import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from data.web import duplicates, steps
from data.web.duplicates import MinHash
from data.web.settings import Settings

PRIME = 2**61 - 1


def document(draw: random.Random, length: int = 200) -> list[str]:
    return ["".join(draw.choices("abcdefghij", k=8)) for _ in range(length)]


class NormalizeTest(parameterized.TestCase):
    @parameterized.parameters(
        ("Hello, World! It's 3.50", "hello world it s 0"),
        ("On 12/24/2020 at 1,234.56", "on 0 0 0 at 0"),
        ("Crème Brûlée — ÉTÉ", "creme brulee ete"),
        ("snake_case e-mail", "snake case e mail"),
        ("日本語 text", "日 本 語 text"),
        ("٣ apples and ３ pears", "0 apples and 0 pears"),
        (" \n", ""),
    )
    def test_words(self, text, expected):
        self.assertEqual(duplicates.normalized_words(text), expected.split())

    def test_exact_key(self):
        key = duplicates.exact_key("Caf\u00e9  au\nlait ")
        self.assertEqual(key, duplicates.exact_key("Cafe\u0301 au lait"))
        self.assertLen(key, 16)
        for other in ("Caf\u00e9 au lait.", "caf\u00e9 au lait", "Cafe au lait", ""):
            self.assertNotEqual(key, duplicates.exact_key(other))


class MinHashTest(parameterized.TestCase):
    def test_hash_functions_are_exact(self):
        draw = random.Random(0)
        edges = [0, 1, PRIME - 1, PRIME, PRIME + 1, 2**64 - 1, 2**32, 2**32 - 1]
        h = edges + [draw.randrange(2**64) for _ in range(50)]
        a = [1, PRIME - 1, 2**32, 2**32 - 1] + [draw.randrange(1, PRIME) for _ in range(50)]
        b = [0, PRIME - 1, 0, PRIME - 1] + [draw.randrange(PRIME) for _ in range(50)]
        found = duplicates._hashed(*(np.array(values, np.uint64) for values in (h, a, b)))
        expected = [[(one * x + other) % PRIME for x in h] for one, other in zip(a, b, strict=True)]
        self.assertEqual(found.tolist(), expected)

    def test_signature_is_of_the_set_of_shingles(self):
        words = document(random.Random(1))
        one = duplicates.signature(" ".join(words + words[:8]), MinHash())
        # Shingles that are there already, once more.
        other = duplicates.signature(" ".join(words + words[:8] + words[4:8]), MinHash())
        self.assertEqual((one.shape, one.dtype), ((112,), np.uint64))
        self.assertGreater(duplicates.similarity(one, other), 0.9)
        twice = duplicates.signature(" ".join(["a b c d e"] * 2), MinHash())
        often = duplicates.signature(" ".join(["a b c d e"] * 9), MinHash())
        np.testing.assert_array_equal(twice, often)

    def test_estimates_similarity(self):
        draw = random.Random(2)
        settings_ = MinHash(bands=100, hashes_per_band=10)
        words = document(draw, 404)  # 400 shingles
        for changed in (20, 80, 200):
            # The last words replaced: `changed` shingles of each are not in the other.
            other = words[:-changed] + document(draw, changed)
            expected = (400 - changed) / (400 + changed)
            found = duplicates.similarity(
                duplicates.signature(" ".join(words), settings_),
                duplicates.signature(" ".join(other), settings_),
            )
            # 1000 hashes: standard error of at most 0.016.
            self.assertAlmostEqual(found, expected, delta=0.05)

    def test_an_element_of_two_signatures_is_equal_with_the_probability_of_the_similarity(self):
        draw = random.Random(3)
        shingles = np.array([draw.randrange(2**64) for _ in range(120)], np.uint64)
        equal = np.empty((300, 112), bool)  # [seeds, functions]
        for seed in range(300):
            values = duplicates._hashed(shingles, *duplicates._functions(112, seed))  # [112, 120]
            equal[seed] = values[:, :110].min(axis=1) == values[:, 10:].min(axis=1)
        similarity = 100 / 120
        # Four standard errors: of 33,600 elements, of one function's 300.
        self.assertAlmostEqual(equal.mean(), similarity, delta=0.0082)
        np.testing.assert_allclose(equal.mean(axis=0), similarity, atol=0.087)
        # Of independent functions the number that agree is binomial.
        spread = equal.sum(axis=1).var(ddof=1) / (112 * similarity * (1 - similarity))
        self.assertAlmostEqual(spread, 1, delta=4 * (2 / 299) ** 0.5)

    @parameterized.parameters((14, 8, 0.927), (16, 7, 0.979))
    def test_recall_is_that_of_the_formula(self, bands, rows, expected):
        draw = random.Random(4)
        found = 0
        for seed in range(300):
            chosen = MinHash(bands=bands, hashes_per_band=rows, seed=seed)
            words = document(draw, 204)
            other = words[:-22] + document(draw, 22)  # similarity 178 / 222 = 0.802
            keys = [
                {*duplicates.bands(duplicates.signature(" ".join(text), chosen), chosen)}
                for text in (words, other)
            ]
            found += bool(keys[0] & keys[1])
        formula = 1 - (1 - (178 / 222) ** rows) ** bands
        self.assertAlmostEqual(formula, expected, delta=0.001)
        error = (formula * (1 - formula) / 300) ** 0.5
        self.assertAlmostEqual(found / 300, formula, delta=3 * error)

    @parameterized.parameters((0.5, 0.0005), (0.6, 0.02), (0.7, 0.48), (0.8, 0.96), (0.85, 0.994))
    def test_bands_and_sketches_part_copies_from_others_better_than_bands_of_eight(
        self, similarity, bound
    ):
        """At 0.7 and below no more pairs than the bound are found, above no fewer.

        Of elements that agree by chance, as those of real signatures do: see the tests above.
        """
        random_ = np.random.default_rng(5)
        chosen, pairs = Settings(), 20_000
        equal = random_.random((pairs, 112)) < similarity
        shared = equal.reshape(pairs, chosen.minhash.bands, -1).all(axis=2).any(axis=1)
        other = np.where(equal, 0, random_.integers(0, 256, equal.shape)).astype(np.uint8)
        blank = bytes(112)
        alike = [
            steps.sketched_similarity(blank, row.tobytes()) >= chosen.near_similarity
            for row in other
        ]
        found = np.mean(shared & alike)
        fineweb = 1 - (1 - similarity**8) ** 14
        if similarity > 0.7:
            self.assertGreater(found, max(bound, fineweb))
        else:
            self.assertLess(found, min(bound, fineweb))

    def test_bands(self):
        signature = np.arange(112, dtype=np.uint64)
        keys = duplicates.bands(signature, MinHash())
        self.assertLen(set(keys), 16)
        self.assertEqual({len(key) for key in keys}, {16})
        signature[17] += 1  # in the third band
        changed = [
            one != other
            for one, other in zip(keys, duplicates.bands(signature, MinHash()), strict=True)
        ]
        self.assertEqual([place for place, is_changed in enumerate(changed) if is_changed], [2])
        # Two bands of equal rows have different keys.
        self.assertLen(set(duplicates.bands(np.zeros(112, np.uint64), MinHash())), 16)

    def test_is_the_same_everywhere(self):
        # Recorded: a change would part copies over two runs of one crawl.
        found = duplicates.signature(
            "The same text in every process and on every machine.", MinHash()
        )
        self.assertEqual(found[:2].tolist(), [659349944133028814, 17717766256893677])

    def test_short_texts(self):
        short = [
            duplicates.signature(text, MinHash()) for text in ("", "one", "one two", "two one")
        ]
        self.assertLen({signature.tobytes() for signature in short}, 4)

    @settings(deadline=None)
    @given(st.text(), st.integers(1, 3))
    def test_never_raises(self, text, copies):
        signature = duplicates.signature(text, MinHash())
        self.assertTrue((signature < PRIME).all())
        np.testing.assert_array_equal(signature, duplicates.signature(text, MinHash()))
        duplicates.exact_key(text * copies)


if __name__ == "__main__":
    absltest.main()
