from absl.testing import absltest, parameterized
from hypothesis import given
from hypothesis import strategies as st

from data.web.words import MAX_RUN, sentences, words


class WordsTest(parameterized.TestCase):
    # As the Penn Treebank's rules cut, in spaCy's reading of them.
    @parameterized.parameters(
        ("Don't stop-now: it's", "Do n't stop - now : it 's"),
        ("(really) 3.5% of U.S.", "( really ) 3.5 % of U.S."),
        ('"economy"... See', '" economy " ... See'),
        (
            "http://example.com/a?b=c, e.g. Mr. Smith's",
            "http://example.com/a?b=c , e.g. Mr. Smith 's",
        ),
        ("10am—yes/no and a_b foo.bar x,y", "10am — yes / no and a_b foo.bar x , y"),
        ("$5 #tag 1,000-2,000", "$ 5 # tag 1,000 - 2,000"),
        ("• bullet: end… ok?!", "• bullet : end … ok ? !"),
        ("p.m. 5km 20% O'Reilly users'", "p.m. 5 km 20 % O'Reilly users '"),
        ("“quoted” ‘single’ hello.World", "“ quoted ” ‘ single ’ hello . World"),
        ("foo@bar.com (a) [1] the end.", "foo@bar.com ( a ) [ 1 ] the end ."),
        ("J. R. Smith cannot", "J. R. Smith can not"),
        ("  \n\t ", ""),
    )
    def test_cuts(self, text, expected):
        self.assertEqual(words(text), expected.split())

    def test_a_run_without_spaces_is_cut_in_linear_time(self):
        found = words("(" * 100_000 + "a" * 100_000 + "." * 100_000)
        self.assertLen(found, 200_000 + 100_000 // MAX_RUN)
        self.assertEqual(max(map(len, found)), MAX_RUN)

    @parameterized.parameters(
        ("x" + "." * 90 + "a" + ")" * 95, ["x", "." * 90, "a", *")" * 95]),
        ("3" + "." * 150 + "km", ["3", "." * 150, "km"]),
        ("end" + "." * 190, ["end", "." * 190]),
        ("20inch", ["20", "inch"]),
        ("3.5km²", ["3.5", "km²"]),
    )
    def test_closing_punctuation_of_any_length(self, run, expected):
        self.assertEqual(words(run), expected)

    @given(st.text(max_size=3 * MAX_RUN))
    def test_nothing_is_lost(self, text):
        found = words(text)
        if all(len(run) <= MAX_RUN for run in text.split()):
            self.assertEqual("".join(found), "".join(text.split()))
        self.assertTrue(all(found))

    @parameterized.parameters(
        ("", 0),
        ("Menu", 1),
        ("One. Two! Three?", 3),
        ("Mr. Smith of the U.S. paid 3.5 dollars.", 1),
        ('He said "Stop." Then he left...', 2),
        ("... and so on", 1),
        ("Wait?! What. ) Then", 3),
    )
    def test_sentences(self, line, expected):
        self.assertEqual(sentences(words(line)), expected)


if __name__ == "__main__":
    absltest.main()
