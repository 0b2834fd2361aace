import hypothesis
import hypothesis.strategies as st
from absl.testing import absltest

from data.passages import passages


class PassagesTest(absltest.TestCase):
    def test_neighbours_share_a_sentence(self):
        text = "One two. Three four! Five six? Seven.\n\nEight nine"
        self.assertEqual(
            list(passages(text, most=20)),
            ["One two. Three four!", "Five six? Seven.", "Seven. Eight nine"],
        )

    def test_long_sentences_are_cut_between_words(self):
        self.assertEqual(list(passages("aaaa bbbb cccc dddd", most=10)), ["aaaa bbbb", "cccc dddd"])
        parts = ["aaaa bbbb", "cccc dd"]
        self.assertEqual(list(passages("aaaa bbbb cccc dd", most=14)), parts)
        self.assertEqual(list(passages("x" * 25, most=10)), ["x" * 10, "x" * 10, "x" * 5])

    @hypothesis.given(st.text(alphabet="ab .!?\n。\"'", max_size=200), st.integers(2, 40))
    def test_nothing_is_lost_and_nothing_too_long(self, text, most):
        found = list(passages(text, most))
        for passage in found:
            self.assertBetween(len(passage), 1, most)
        letters = "".join(text.split())
        self.assertEqual(letters == "", not found)
        place = 0
        for passage in found:
            # Each begins within what came before, or right after it.
            shown = "".join(passage.split())
            begins = [n for n in range(place + 1) if letters.startswith(shown, n)]
            self.assertNotEmpty(begins)
            place = max(place, max(begins) + len(shown))
        self.assertEqual(place, len(letters))


if __name__ == "__main__":
    absltest.main()
