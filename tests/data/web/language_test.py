from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from data.web import language
from data.web.decisions import Drop
from data.web.language import Language

ENGLISH = "The river rose in the night, and nobody had told the people of the lower town to leave."
GERMAN = (
    "Der Fluss stieg in der Nacht, und niemand hatte den Leuten der Unterstadt Bescheid gesagt."
)
FRENCH = "La rivière est montée pendant la nuit, et personne n'avait prévenu les gens du bas."


class LanguageTest(parameterized.TestCase):
    @parameterized.parameters(("en", ENGLISH), ("de", GERMAN), ("fr", FRENCH))
    def test_identifies(self, code, text):
        [(found, score)] = language.identify(text)
        self.assertEqual(found, code)
        self.assertBetween(score, 0.8, 1.0)

    def test_all_of_a_text_is_read(self):
        # The first 80 characters, the detector's own default, are English.
        [(found, _)] = language.identify(ENGLISH + "\n" + "\n".join([GERMAN] * 50))
        self.assertEqual(found, "de")

    def test_chooses(self):
        self.assertEqual(language.choose(ENGLISH, Language())[0], "en")
        self.assertEqual(language.choose(GERMAN, Language(("en", "de")))[0], "de")
        self.assertEqual(language.choose(FRENCH, Language(()))[0], "fr")
        drop = language.choose(GERMAN, Language())
        self.assertEqual((drop.step, drop.reason), ("language", "other_language"))
        self.assertGreater(drop.figure, 0.8)

    def test_unclear(self):
        text = "12 345 #### 678"
        drop = language.choose(text, Language((), 0.99))
        self.assertEqual(drop.reason, "unclear_language")
        self.assertEqual(language.choose(" \n", Language()), Drop("language", "unclear_language"))

    def test_below_one_half_the_second_best_language_can_be_the_one_wanted(self):
        text = f"{ENGLISH} {GERMAN}"
        both = language.identify(text, 2)
        self.assertEqual({name for name, _ in both}, {"en", "de"})
        second, score = both[1]
        self.assertLess(score, 0.5)
        self.assertEqual(language.choose(text, Language((second,), score / 2)), both[1])

    def test_capitals(self):
        self.assertEqual(language.identify(ENGLISH.upper())[0][0], "en")

    def test_early_drops_only_what_is_clear(self):
        self.assertIsNone(language.early(ENGLISH, Language()))
        self.assertEqual(language.early(GERMAN * 5, Language()).step, "language")
        self.assertIsNone(language.early(GERMAN * 5, Language(("de",))))
        self.assertIsNone(language.early(GERMAN * 5, Language(())))
        self.assertIsNone(language.early(GERMAN * 5, Language(early_threshold=1.0)))
        self.assertIsNone(language.early("", Language()))

    @settings(deadline=None)
    @given(st.text())
    def test_never_raises(self, text):
        self.assertEqual(language.choose(text, Language()), language.choose(text, Language()))


if __name__ == "__main__":
    absltest.main()
