"""What may be sent of a text that a stop string may end."""

from absl.testing import absltest
from hypothesis import given
from hypothesis import strategies as st

from serve.stopping import StopStrings, TokenText
from tests.serve import small_model

LETTERS = st.text("ab", max_size=12)


class StopStringsTest(absltest.TestCase):
    def test_a_beginning_is_held_back(self):
        stops = StopStrings(("###", "END"))
        said = [stops.add(text) for text in ("a#", "#b", "E", "N", "x", "##", "#y")]
        self.assertEqual(said, ["a", "##b", "", "", "ENx", "", ""])
        self.assertTrue(stops.found)
        self.assertEqual(stops.add("more", final=True), "")

    def test_the_end_gives_out_what_was_held(self):
        stops = StopStrings(("END",))
        self.assertEqual(stops.add("xEN") + stops.add("", final=True), "xEN")
        self.assertFalse(stops.found)

    @given(st.lists(LETTERS, max_size=6), st.lists(st.text("ab", min_size=1, max_size=4)))
    def test_however_it_comes_it_is_the_text_up_to_the_first_stop(self, pieces, strings):
        whole = "".join(pieces)
        stops = StopStrings(strings)
        said = ""
        for piece in pieces:
            said += stops.add(piece)
            self.assertFalse(any(stop in said for stop in strings))
        said += stops.add("", final=True)
        places = [whole.find(stop) for stop in strings if stop in whole]
        # What has been said cannot be taken back: the first stop to be whole ends the text.
        first = min((n for n in range(len(whole) + 1) if any(s in whole[:n] for s in strings)),
                    default=None)  # fmt: skip
        if first is None:
            self.assertEqual((said, stops.found), (whole, False))
        else:
            self.assertTrue(stops.found)
            self.assertTrue(whole.startswith(said))
            self.assertGreaterEqual(len(said), min(places))


class TokenTextTest(absltest.TestCase):
    def test_characters_are_whole_and_ends_unseen(self):
        tokenizer = small_model.tokenizer()
        text = "naïve 日本語 😀 END"
        told = TokenText(tokenizer, (tokenizer.end_of_text,), (" END",))
        ids = tokenizer.encode(text).tolist()
        pieces = [told.add([token]) for token in ids]
        self.assertEqual("".join(pieces) + told.end(), "naïve 日本語 😀")
        self.assertNotIn("�", "".join(pieces))

    def test_bytes_that_are_no_text(self):
        tokenizer = small_model.tokenizer()
        told = TokenText(tokenizer, (tokenizer.end_of_text,), ())
        first = tokenizer.encode("😀")[:1].tolist()
        self.assertEqual(told.add(first) + told.add([tokenizer.end_of_text]), "")
        self.assertEqual(told.end(), "�")


if __name__ == "__main__":
    absltest.main()
