"""From what a model has written to a verdict. Pure functions on hostile text; nothing is executed.

What every environment refuses unread: no text, too much of it, names of special tokens, and
characters that are not text. So nothing that an engine or a template gives a meaning to is paid
for.
"""

import re
import unicodedata
from collections.abc import Callable, Hashable
from fractions import Fraction

from data.world.chat import grade
from rl.environments.environment import Problem, Verdict

_SPECIAL = re.compile(r"<\|[^<>\s]{0,40}\|>|</?(?:think|tool_call|tool_response|s|eos|bos|pad)>")
_NO_TEXT = ("Cc", "Cf", "Cs", "Co", "Cn")  # categories of Unicode: control, surrogate, ...
_MARKER = re.compile(r"answer is:?|####", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?<![\w.])(?<![0-9],)(-?)\$?([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\.[0-9]+)?(?!\w|[.,][0-9])"
)
_LONGEST_NUMBER = 40  # characters


def refusal(text: str | None) -> str:
    """Why a text is worth nothing before it is read; "" if it is to be read."""
    if not isinstance(text, str) or not text.strip():
        return "no answer"
    if len(text) > grade.LOOKED_AT:
        return "the answer is too long"
    if _SPECIAL.search(text):
        return "special tokens in the answer"
    if any(unicodedata.category(char) in _NO_TEXT for char in text if char not in "\n\t"):
        return "characters that are not text"
    return ""


def judge(fault: Callable[[Problem, str], str]) -> Callable[[Problem, str | None], Verdict]:
    """A verifier from what tells the fault of an answer ("": it is right)."""

    def verify(problem: Problem, text: str | None) -> Verdict:
        why = refusal(text) or fault(problem, text)
        return Verdict(0.0, why) if why else Verdict(1.0, "right")

    return verify


def after_marker(text: str) -> str:
    """What follows the last "answer is" or "####"; all of the text if there is none."""
    return _MARKER.split(text)[-1]


def number(text: str) -> Fraction | None:
    """The last number after "answer is" or "####"; without these, the only number of the text."""
    count, last = 0, None
    for match in _NUMBER.finditer(after_marker(text)):  # not as a list: hostile text has hundreds
        count, last = count + 1, match
    if last is None or (count > 1 and not _MARKER.search(text)):
        return None
    return _exact(last) if len(last[0]) <= _LONGEST_NUMBER else None


def _exact(match: re.Match) -> Fraction:
    sign, whole, rest = match.groups()
    return Fraction(sign + whole.replace(",", "") + (rest or ""))


def is_number(text: str) -> bool:
    """Whether a text is one number and nothing else."""
    match = _NUMBER.fullmatch(text)
    return bool(match) and len(text) <= _LONGEST_NUMBER


def number_fault(problem: Problem, text: str) -> str:
    """Whether the number in the answer is facts["answer"], a text for which `is_number` is true."""
    found = number(text)
    if found is None:
        return "no number, or more than one without saying which is the answer"
    expected = _NUMBER.fullmatch(problem.facts["answer"])
    return "" if found == _exact(expected) else "another number"


def text_fault(problem: Problem, text: str) -> str:
    """Whether the answer is facts["answer"], case, white space and what stands around it aside."""
    said, expected = (_plain(after_marker(one)) for one in (text, problem.facts["answer"]))
    return "" if said == expected else "another answer"


def normalised(problem: Problem, text: str | None) -> Hashable | None:
    """What an answer comes to, the same for answers that say the same: a number where one is
    expected, otherwise its words. None: it is refused unread, or says no number."""
    if refusal(text):
        return None
    if is_number(problem.facts["answer"]):
        return number(text)
    return _plain(after_marker(text))


def _plain(text: str) -> str:
    words = " ".join(text.casefold().split())
    return words.strip(" .!\"'*`") or words


def copy_fault(problem: Problem, text: str) -> str:
    """Whether the answer is facts["answer"] to the letter; see data.world.chat.grade."""
    question = {"grader": "copy", "answer": problem.facts["answer"]}
    return "" if grade.grade(question, text) else "not the same to the letter"
