import random

import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from data.web import duplicates
from data.web.duplicates import MinHash

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

    def test_recall_is_that_of_the_formula(self):
        draw = random.Random(3)
        found = 0
        for _ in range(300):
            words = document(draw, 204)
            other = words[:-22] + document(draw, 22)  # similarity 178 / 222 = 0.802
            keys = [
                {*duplicates.bands(duplicates.signature(" ".join(text), MinHash()), MinHash())}
                for text in (words, other)
            ]
            found += bool(keys[0] & keys[1])
        expected = 1 - (1 - (178 / 222) ** 8) ** 14
        self.assertAlmostEqual(expected, 0.927, delta=0.001)
        self.assertAlmostEqual(found / 300, expected, delta=0.045)  # 3 standard errors

    def test_bands(self):
        signature = np.arange(112, dtype=np.uint64)
        keys = duplicates.bands(signature, MinHash())
        self.assertLen(set(keys), 14)
        self.assertEqual({len(key) for key in keys}, {16})
        signature[17] += 1  # in the third band
        changed = [
            one != other
            for one, other in zip(keys, duplicates.bands(signature, MinHash()), strict=True)
        ]
        self.assertEqual([place for place, is_changed in enumerate(changed) if is_changed], [2])
        # Two bands of equal rows have different keys.
        self.assertLen(set(duplicates.bands(np.zeros(112, np.uint64), MinHash())), 14)

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
