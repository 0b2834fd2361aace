"""The rules of Gopher for repetition and quality (arXiv 2112.11446, section A.1 and table A1)."""

import dataclasses
import functools
import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from data.web.decisions import Drop
from data.web.ngrams import ngram_hashes, word_hashes
from data.web.words import words as words_of


@dataclasses.dataclass(frozen=True)
class Repetition:
    """The most of a document that may be repetition, all of table A1. 1.0 lets everything pass."""

    # Lines and paragraphs that have come before: of their number, of the text's characters.
    duplicate_lines: float = 0.30
    duplicate_paragraphs: float = 0.30
    duplicate_line_characters: float = 0.20
    duplicate_paragraph_characters: float = 0.20
    # Of the text's characters, those in the most frequent run of n words.
    top_2gram: float = 0.20
    top_3gram: float = 0.18
    top_4gram: float = 0.16
    # Of the text's characters, those in runs of n words that have come before.
    duplicate_5gram: float = 0.15
    duplicate_6gram: float = 0.14
    duplicate_7gram: float = 0.13
    duplicate_8gram: float = 0.12
    duplicate_9gram: float = 0.11
    duplicate_10gram: float = 0.10


@dataclasses.dataclass(frozen=True)
class Quality:
    """The limits of section A.1."""

    # Words, those of punctuation alone not counted.
    min_words: int = 50
    max_words: int = 100_000
    # Mean length of these words, in characters.
    min_word_length: float = 3.0
    max_word_length: float = 10.0
    # Hash signs a word, and ellipses a word.
    symbols_per_word: float = 0.1
    # Of the lines, those that start with a bullet; those that end with an ellipsis.
    bullet_lines: float = 0.9
    ellipsis_lines: float = 0.3
    # Of all words, those with at least one letter.
    min_alphabetic: float = 0.8
    # Different words of `stop_words` that must occur. The words are English: other languages give
    # their own, or 0.
    min_stop_words: int = 2
    stop_words: tuple[str, ...] = ("the", "be", "to", "of", "and", "that", "have", "with")


REPETITION = "gopher_repetition"
QUALITY = "gopher_quality"

_PARAGRAPH_END = re.compile(r"\n{2,}")


def repetition(text: str, settings: Repetition, words: Sequence[str] | None = None) -> Drop | None:
    """Whether a document repeats itself too much.

    Args:
        words: `data.web.words.words(text)`, where it is there already.

    Returns:
        None: the document passes.
    """
    if not text.strip():
        return Drop(REPETITION, "empty")
    paragraphs = _PARAGRAPH_END.split(text.strip())
    lines = [line for line in text.split("\n") if line]
    for unit, pieces in (("paragraph", paragraphs), ("line", lines)):
        number, characters = duplicates(pieces)
        for reason, share in (
            (f"duplicate_{unit}s", number / len(pieces)),
            (f"duplicate_{unit}_characters", characters / len(text)),
        ):
            if share > getattr(settings, reason):
                return Drop(REPETITION, reason, share)
    words = words_of(text) if words is None else words
    hashes = word_hashes(words)
    # Characters of words before each place: the characters of any run are a difference.
    ends = np.zeros(len(words) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, words), np.int64, len(words)), out=ends[1:])
    for n in (2, 3, 4):
        share = _top_ngram(ngram_hashes(hashes, n), ends, n) / len(text)
        if share > getattr(settings, f"top_{n}gram"):
            return Drop(REPETITION, f"top_{n}gram", share)
    for n in range(5, 11):
        characters = _duplicate_ngrams(ngram_hashes(hashes, n), ends, n)
        if characters == 0:
            break  # where no run of n words comes twice, no longer one does
        share = characters / len(text)
        if share > getattr(settings, f"duplicate_{n}gram"):
            return Drop(REPETITION, f"duplicate_{n}gram", share)
    return None


def duplicates(pieces: Sequence[str]) -> tuple[int, int]:
    """(number, characters) of the pieces that have come before."""
    seen: set[str] = set()
    number = characters = 0
    for piece in pieces:
        if piece in seen:
            number += 1
            characters += len(piece)
        else:
            seen.add(piece)
    return number, characters


def _top_ngram(ngrams: np.ndarray, ends: np.ndarray, n: int) -> int:
    """Characters, with the spaces inside, of all occurrences of the most frequent run.

    Of several as frequent, the one that comes first in the text is taken.
    """
    if not len(ngrams):
        return 0
    _, first, counts = np.unique(ngrams, return_index=True, return_counts=True)
    most = counts.max()
    place = first[counts == most].min()
    return int(most * (ends[place + n] - ends[place] + n - 1))


def _duplicate_ngrams(ngrams: np.ndarray, ends: np.ndarray, n: int) -> int:
    """Characters in runs that have come before, read from left to right without overlap."""
    if not len(ngrams):
        return 0
    order = np.argsort(ngrams, kind="stable")
    same = ngrams[order][1:] == ngrams[order][:-1]
    if not same.any():
        return 0
    repeated = np.zeros(len(ngrams), bool)
    repeated[order[1:][same]] = True
    repeated[order[:-1][same]] = True
    places = np.flatnonzero(repeated)
    seen: set[int] = set()
    characters = free = 0
    for place, ngram in zip(places.tolist(), ngrams[places].tolist(), strict=True):
        if place < free:
            continue
        if ngram in seen:
            characters += int(ends[place + n] - ends[place])
            free = place + n
        else:
            seen.add(ngram)
    return characters


def quality(text: str, settings: Quality, words: Sequence[str] | None = None) -> Drop | None:
    """Whether a document looks like prose by the measures of section A.1.

    Args:
        words: `data.web.words.words(text)`, where it is there already.

    Returns:
        None: the document passes.
    """
    words = words_of(text) if words is None else words
    lengths = [len(word) for word in words if not _is_symbol(word)]
    count = len(lengths)
    if count < settings.min_words:
        return Drop(QUALITY, "few_words", count)
    if count > settings.max_words:
        return Drop(QUALITY, "many_words", count)
    if not words:
        return None
    mean = sum(lengths) / count if count else 0.0
    if mean < settings.min_word_length:
        return Drop(QUALITY, "short_words", mean)
    if mean > settings.max_word_length:
        return Drop(QUALITY, "long_words", mean)
    hash_signs = text.count("#") / len(words)
    if hash_signs > settings.symbols_per_word:
        return Drop(QUALITY, "hash_signs", hash_signs)
    ellipses = (text.count("...") + text.count("…")) / len(words)
    if ellipses > settings.symbols_per_word:
        return Drop(QUALITY, "ellipses", ellipses)
    lines = text.splitlines()
    bullets = sum(line.lstrip().startswith(("•", "-")) for line in lines) / len(lines)
    if bullets > settings.bullet_lines:
        return Drop(QUALITY, "bullet_lines", bullets)
    cut = sum(line.rstrip().endswith(("...", "…")) for line in lines) / len(lines)
    if cut > settings.ellipsis_lines:
        return Drop(QUALITY, "ellipsis_lines", cut)
    alphabetic = sum(map(_has_letter, words)) / len(words)
    if alphabetic < settings.min_alphabetic:
        return Drop(QUALITY, "alphabetic_words", alphabetic)
    stop_words = len(set(settings.stop_words).intersection(words))
    if stop_words < settings.min_stop_words:
        return Drop(QUALITY, "stop_words", stop_words)
    return None


@functools.lru_cache(maxsize=1 << 16)
def _is_symbol(word: str) -> bool:
    """Whether a word is punctuation alone."""
    return not word.isalnum() and all(unicodedata.category(c)[0] in "PSC" for c in word)


@functools.lru_cache(maxsize=1 << 16)
def _has_letter(word: str) -> bool:
    return word.isalpha() or any(map(str.isalpha, word))
