"""FineWeb's own rules on top of Gopher's and C4's (arXiv 2406.17557, section 3.6)."""

import dataclasses
from collections.abc import Sequence

from data.web.decisions import Drop
from data.web.gopher import duplicates
from data.web.words import SENTENCE_ENDS
from data.web.words import words as words_of


@dataclasses.dataclass(frozen=True)
class FineWeb:
    """The thresholds of section 3.6, on the lines that are not blank."""

    # At least so many of the lines must end in punctuation.
    min_punctuated_lines: float = 0.12
    # At most so many may be short, which is no longer than so many characters.
    max_short_lines: float = 0.67
    short_line_characters: int = 30
    # At most so many characters may stand in lines that have come before. 0.1 in the paper, 0.01 in
    # the code that made the data set; this is the code's.
    max_duplicate_line_characters: float = 0.01
    # At most so many line ends a word: a list has more. Not in the paper; the code's.
    max_newlines_per_word: float = 0.3


STEP = "fineweb"

_ENDS = tuple(SENTENCE_ENDS)


def quality(text: str, settings: FineWeb, words: Sequence[str] | None = None) -> Drop | None:
    """Whether a document's lines look like those of prose.

    Args:
        words: `data.web.words.words(text)`, where it is there already.

    Returns:
        None: the document passes.
    """
    lines = [line for line in text.split("\n") if line and not line.isspace()]
    if not lines:
        return Drop(STEP, "empty")
    share = sum(line.endswith(_ENDS) for line in lines) / len(lines)
    if share < settings.min_punctuated_lines:
        return Drop(STEP, "punctuated_lines", share)
    share = sum(len(line) <= settings.short_line_characters for line in lines) / len(lines)
    if share > settings.max_short_lines:
        return Drop(STEP, "short_lines", share)
    newlines = text.count("\n")
    share = duplicates(lines)[1] / (len(text) - newlines)
    if share > settings.max_duplicate_line_characters:
        return Drop(STEP, "duplicate_line_characters", share)
    share = newlines / max(1, len(words_of(text) if words is None else words))
    if share > settings.max_newlines_per_word:
        return Drop(STEP, "newlines_per_word", share)
    return None
