from absl.testing import absltest
from hypothesis import given
from hypothesis import strategies as st

from data.web import clusters


def by_hand(pairs: list[tuple[int, int]]) -> dict[int, int]:
    """Every id's smallest relative, by merging sets."""
    groups = {id_: {id_} for pair in pairs for id_ in pair}
    for a, b in pairs:
        joined = groups[a] | groups[b]
        groups.update(dict.fromkeys(joined, joined))
    return {id_: min(group) for id_, group in groups.items() if id_ != min(group)}


class CopiesTest(absltest.TestCase):
    def test_none(self):
        self.assertEqual(list(clusters.copies([])), [])

    def test_chain_in_any_order(self):
        chain = [(n << 40, (n + 1) << 40) for n in range(2000)]
        expected = {n << 40: 0 for n in range(1, 2001)}
        for pairs in (chain, chain[::-1], chain[::2] + chain[1::2]):
            self.assertEqual(dict(clusters.copies(iter(pairs))), expected)

    @given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60))
    def test_as_by_hand(self, pairs):
        self.assertEqual(dict(clusters.copies(pairs)), by_hand(pairs))


if __name__ == "__main__":
    absltest.main()
