"""Answers in writing that are right or wrong, and what many of them agree on. Pure functions on
hostile text; nothing is executed."""

import collections
import re
import string
from collections.abc import Sequence

# An answer stands at the beginning or the end of a text; what is longer is not read.
_MOST = 20_000
_MARKER = re.compile(r"####|(?:the|final) answer(?: is)?:?|answer is:?", re.IGNORECASE)
_NUMBER = re.compile(r"-?[$€£]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
_LONGEST_NUMBER = 40
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def final_number(text: str) -> str | None:
    """The first number after the last "####" or "answer is"; without these the last number. Without
    thousands separators, currency, and zeros behind the point."""
    text = text[-_MOST:]
    *before, after = _MARKER.split(text)
    found = _NUMBER.search(after) if before else None
    if found is None:
        for found in _NUMBER.finditer(text):  # noqa: B007 - the last one is wanted
            pass
    if found is None or len(found[0]) > _LONGEST_NUMBER:
        return None
    number = re.sub(r"[,$€£]", "", found[0])
    return number.rstrip("0").rstrip(".") if "." in number else number


def first_line(text: str) -> str | None:
    """The first line that is not empty, without what surrounds it and a last full stop."""
    line = text[:_MOST].strip().split("\n")[0]
    _, marker, rest = line.rpartition("answer is")
    line = (rest if marker else line).strip().removesuffix(".").strip()
    return line or None


def plain_words(text: str) -> str | None:
    """The first line in lower case without punctuation and articles, as questions of facts are
    judged (SQuAD, TriviaQA)."""
    line = (first_line(text) or "").lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", line).split()) or None


def majority(answers: Sequence[str | None]) -> str | None:
    """The answer given most often, self-consistency (arXiv 2203.11171); of several the one that was
    given first. A text that gives no answer has no vote."""
    votes = collections.Counter(answer for answer in answers if answer is not None)
    return max(votes, key=votes.__getitem__) if votes else None
