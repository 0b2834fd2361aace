"""Answers in writing that are right or wrong, and what many of them agree on. Pure functions on
hostile text; nothing is executed."""

import collections
import decimal
import math
import re
import string
from collections.abc import Hashable, Sequence

# Characters of a text that are read: an answer stands at its beginning or at its end.
MOST = 20_000
_MARKER = re.compile(r"####|\\boxed\{|answer(?: is:?|\*{0,2}:)", re.IGNORECASE)
# Dashes that are written for a minus.
_SIGNS = str.maketrans("−–", "--")
# A sign, unless it stands between two numbers; the digits; what is behind the point.
NUMBER = (
    r"((?<![\w)\]}])(?<![0-9)] )[-+])?[$€£]?((?<=[$€£])-)?"
    r"(?:([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\.[0-9]+)?|(?<![\w.])(\.[0-9]+))"
)
_NUMBER = re.compile(NUMBER)
# Numbers and signs up to an "=", as of "3 + 4 = 7".
_UP_TO_EQUALS = re.compile(r"(?:[0-9 ()$€£%^*/×·÷+-]|[.,](?=[0-9]))*=")
_LONGEST_NUMBER = 40
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def after_marker(text: str) -> str | None:
    """What follows the last "####", "answer is", "answer:" or "\\boxed{"; None without any."""
    *before, after = _MARKER.split(text)
    return after if before else None


def plain_signs(text: str) -> str:
    """The text with the minus sign and the shorter dash as "-"."""
    return text.translate(_SIGNS)


def first_number(text: str) -> re.Match | None:
    """The first number of what follows a marker; if it begins an equation, "3 + 4 = 7", the first
    behind the equals sign. Groups: sign, sign behind a currency, digits, digits behind the point,
    and those where there are none before it."""
    found = _NUMBER.search(text)
    while found and (equation := _UP_TO_EQUALS.match(text, found.start())):
        behind = _NUMBER.search(text, equation.end())
        if behind is None:
            break
        found = behind
    return found


def final_number(text: str) -> str | None:
    """The number that a text gives as its answer: the first after a marker, as `first_number` has
    it; without these the last number. Without thousands separators, currency, and zeros behind the
    point.

    It reads what it can: a number with a unit at its end, or half of a fraction, is a number, and a
    text without a marker may have several. rl.environments.answers.number, which rewards go by,
    takes neither.
    """
    text = plain_signs(text[-MOST:])
    after = after_marker(text)
    found = None if after is None else first_number(after)
    if found is None:
        for found in _NUMBER.finditer(text):  # noqa: B007 - the last one is wanted
            pass
    if found is None or len(found[0]) > _LONGEST_NUMBER:
        return None
    sign, behind, whole, rest, bare = found.groups()
    number = f"{(whole or '0').replace(',', '')}{rest or bare or ''}"
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return f"-{number}" if "-" in (sign, behind) and number != "0" else number


def as_number(value: int | float) -> str | None:
    """A number of a file with all its digits, as people write 1e20; None: it is not finite."""
    if isinstance(value, int):
        return str(value)
    return format(decimal.Decimal(repr(value)), "f") if math.isfinite(value) else None


def first_line(text: str) -> str | None:
    """The first line that is not empty, without what surrounds it and a last full stop."""
    line = text[:MOST].strip().split("\n")[0]
    _, marker, rest = line.rpartition("answer is")
    line = (rest.strip().removeprefix(":") if marker else line).strip().removesuffix(".").strip()
    return line or None


def plain_words(text: str) -> str | None:
    """The first line in lower case without punctuation and articles, as questions of facts are
    judged (SQuAD, TriviaQA)."""
    line = (first_line(text) or "").lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", line).split()) or None


def majority(answers: Sequence[Hashable | None]) -> Hashable | None:
    """The answer given most often, self-consistency (arXiv 2203.11171); of several the one that was
    given first. A text that gives no answer has no vote."""
    votes = collections.Counter(answer for answer in answers if answer is not None)
    return max(votes, key=votes.__getitem__) if votes else None
