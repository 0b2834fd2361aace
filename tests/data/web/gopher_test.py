import collections
import dataclasses
import re

import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from data.web import gopher
from data.web.gopher import Quality, Repetition
from data.web.ngrams import ngram_hashes, word_hashes
from data.web.words import words

# No two 5-grams of it are the same, and no line.
PROSE = (
    "The river rose in the night and nobody had told the people of the lower town to leave. "
    "By morning water stood in the church, and boats went from door to door with bread. "
    "An old man would not come down from his roof until they had found his dog. "
    "It took three days to sink, and then the work began: mud in every cupboard and in every shoe."
)
ONE_WORD = (f"word{number}" for number in range(10_000))


def distinct(count: int) -> str:
    return " ".join(next(ONE_WORD) for _ in range(count))


def reference(text: str, thresholds: Repetition) -> str | None:
    """The rules of table A1, as simply as they can be written."""
    share = dataclasses.asdict(thresholds)
    for unit, pieces in (
        ("paragraph", re.split(r"\n\n+", text.strip())),
        ("line", [line for line in text.split("\n") if line]),
    ):
        again = [piece for place, piece in enumerate(pieces) if piece in pieces[:place]]
        if len(again) / len(pieces) > share[f"duplicate_{unit}s"]:
            return f"duplicate_{unit}s"
        if sum(map(len, again)) / len(text) > share[f"duplicate_{unit}_characters"]:
            return f"duplicate_{unit}_characters"
    found = words(text)
    for n in range(2, 11):
        ngrams = [tuple(found[place : place + n]) for place in range(len(found) - n + 1)]
        if not ngrams:
            continue
        if n <= 4:
            top, count = collections.Counter(ngrams).most_common(1)[0]
            characters = count * len(" ".join(top))
        else:
            seen, place, characters = set(), 0, 0
            while place < len(ngrams):
                if ngrams[place] in seen:
                    characters += len("".join(ngrams[place]))
                    place += n
                else:
                    seen.add(ngrams[place])
                    place += 1
        name = f"{'top' if n <= 4 else 'duplicate'}_{n}gram"
        if characters / len(text) > share[name]:
            return name
    return None


class RepetitionTest(parameterized.TestCase):
    def test_prose_passes(self):
        self.assertIsNone(gopher.repetition(PROSE, Repetition()))

    def test_lines(self):
        # 2 of 6 lines have come before: a third, above 0.30, while the paragraph is one.
        lines = [distinct(4) for _ in range(4)]
        text = "\n".join([*lines, lines[0], lines[1]])
        drop = gopher.repetition(text, Repetition())
        self.assertEqual((drop.step, drop.reason), ("gopher_repetition", "duplicate_lines"))
        self.assertAlmostEqual(drop.figure, 2 / 6)
        self.assertNotEqual(
            gopher.repetition(text, Repetition(duplicate_lines=0.34)).reason, "duplicate_lines"
        )

    def test_paragraphs(self):
        paragraph = distinct(8)
        text = f"{paragraph}\n\n\n{distinct(8)}\n\n{paragraph}"
        drop = gopher.repetition(text, Repetition())
        self.assertEqual(drop.reason, "duplicate_paragraphs")
        self.assertAlmostEqual(drop.figure, 1 / 3)

    def test_line_characters(self):
        # One line of 5 comes again, a fifth of the lines, but far more of the characters.
        long = distinct(30)
        drop = gopher.repetition("\n".join([long, "a b", "c d", "e f", long]), Repetition())
        self.assertEqual(drop.reason, "duplicate_line_characters")

    def test_top_2gram(self):
        # "ab cd" 10 times is 50 characters of 50 + 9 · 7 + 9 spaces and marks.
        text = " ".join(f"ab cd x{number}yzuvw" for number in range(10))
        drop = gopher.repetition(text, Repetition())
        self.assertEqual(drop.reason, "top_2gram")
        self.assertAlmostEqual(drop.figure, 50 / len(text))

    def test_duplicate_5gram_counts_without_overlap(self):
        five = "alpha beta gamma delta epsilon"
        text = f"{five} {distinct(60)} {five}"
        found = words(text)
        ends = np.cumsum([0, *map(len, found)])
        characters = gopher._duplicate_ngrams(ngram_hashes(word_hashes(found), 5), ends, 5)
        self.assertEqual(characters, len(five) - 4)

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(st.sampled_from(["a", "bb", "ccc", "dd dd", "e\n", "f\n\n", "g. h"]), max_size=60),
        st.floats(0.05, 1.0),
    )
    def test_like_the_rules_written_out(self, pieces, scale):
        text = " ".join(pieces).replace("\n ", "\n")
        thresholds = Repetition(
            **{name: value * scale for name, value in dataclasses.asdict(Repetition()).items()}
        )
        drop = gopher.repetition(text, thresholds)
        if not text.strip():
            self.assertEqual(drop.reason, "empty")
        else:
            self.assertEqual(drop and drop.reason, reference(text, thresholds))

    @settings(deadline=None)
    @given(st.text())
    def test_never_raises(self, text):
        self.assertEqual(
            gopher.repetition(text, Repetition()), gopher.repetition(text, Repetition())
        )


class QualityTest(parameterized.TestCase):
    def test_prose_passes(self):
        self.assertIsNone(gopher.quality(PROSE, Quality()))

    @parameterized.parameters(
        # 49 words and 20 marks, which do not count.
        ("few_words", 49, "the and " + distinct(47) + " ." * 20),
        ("many_words", 100_001, "the and " + "word " * 99_999),
        ("short_words", 2.0, "ab " * 60),
        ("long_words", 11.0, "abcdefghijk " * 60),
        ("hash_signs", 10 / 70, "# " * 10 + "word " * 60),
        ("ellipses", 10 / 70, "… " * 10 + "word " * 60),
        ("bullet_lines", 1.0, "\n".join(f"- {distinct(6)}" for _ in range(10))),
        ("ellipsis_lines", 0.5, f"{distinct(60)}...\n{distinct(10)}"),
        # 20 of 80 words are numbers.
        ("alphabetic_words", 60 / 80, distinct(60) + " 1234" * 20),
        ("stop_words", 1, "the " + distinct(60)),
    )
    def test_rule(self, reason, figure, text):
        drop = gopher.quality(text, Quality())
        self.assertEqual((drop.step, drop.reason), ("gopher_quality", reason))
        self.assertAlmostEqual(drop.figure, figure)

    def test_at_the_threshold_a_document_passes(self):
        self.assertIsNone(gopher.quality("the and " + distinct(48), Quality()))

    def test_other_languages_give_their_stop_words(self):
        text = "der die " + distinct(60)
        self.assertEqual(gopher.quality(text, Quality()).reason, "stop_words")
        self.assertIsNone(gopher.quality(text, Quality(stop_words=("der", "die"))))
        self.assertIsNone(gopher.quality(text, Quality(min_stop_words=0)))

    @settings(deadline=None)
    @given(st.text())
    def test_never_raises(self, text):
        open_ = Quality(min_words=0, min_word_length=0, min_alphabetic=0, min_stop_words=0)
        for chosen in (Quality(), open_):
            self.assertEqual(gopher.quality(text, chosen), gopher.quality(text, chosen))


if __name__ == "__main__":
    absltest.main()
