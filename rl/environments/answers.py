"""From what a model has written to a verdict. Pure functions on hostile text; nothing is executed.

What every environment refuses unread: no text, too much of it, names of special tokens, and
characters that are not text. So nothing that an engine or a template gives a meaning to is paid
for.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable, Hashable, Mapping
from fractions import Fraction
from typing import Any

from data.world.chat import grade
from evals import exact_match
from rl.environments.environment import Problem, Verdict

_SPECIAL = re.compile(r"<\|[^<>\s]{0,40}\|>|</?(?:think|tool_call|tool_response|s|eos|bos|pad)>")
_NO_TEXT = ("Cc", "Cf", "Cs", "Co", "Cn")  # categories of Unicode: control, surrogate, ...
_NUMBER = re.compile(exact_match.NUMBER)
_ALONE = re.compile(rf"(?<![\w.])(?<![0-9],){exact_match.NUMBER}(?!\w|[.,][0-9])")
_LONGEST_NUMBER = 40  # characters
_AROUND = " .,;:!?()[]{}$\"'*`"
# What makes a number a part of something else, and how much of a text is looked at for it.
_NEAR = 16
_BEFORE_IT = re.compile(
    r"[\w.)\]}٫]$|[\w^]\{$"  # half a word or a number, "(-)5", "\frac{5"
    r"|[-+—/×÷·^] ?$|[\w)\]}]\*\*?$|[\w)\]}] \*\*? $|\\(?:times|cdot|div) ?$"  # "105·5", "- 5"
    r"|\b(?:minus|negative|plus|times|over) $",
    re.IGNORECASE,
)
_BEHIND_IT = re.compile(
    r"\w|[.,'’٫٬][0-9]| ?:[0-9]| : [0-9]"  # "5x", "5.1.2", "5:3"
    r"| ?(?:[-+/×÷·^]|\*\*?|\\(?:times|cdot|div)) ?[-+$€£({.]?[0-9]"  # "5/3", "5 - 3", "5^{2"
    r"| ?(?:[,;&|]| or\b| and\b)? ?[-+$€£]{0,2}\.?[0-9]",  # "5 6", "5, 6", "5 or 6"
    re.IGNORECASE,
)


def refusal(text: str | None) -> str:
    """Why a text is worth nothing before it is read; "" if it is to be read."""
    if not isinstance(text, str) or not text.strip():
        return "no answer"
    if len(text) > exact_match.MOST:
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
    """What follows the last marker of an answer (evals.exact_match), or else all of the text."""
    after = exact_match.after_marker(text)
    return text if after is None else after


def number(text: str) -> Fraction | None:
    """The number that a text gives as its answer: the first after a marker, as
    evals.exact_match.first_number has it; without a marker, the only number of the text.

    Unlike evals.exact_match.final_number it takes no number that is a part of something else, such
    as a fraction, a ratio, a product or a list, and of several without a marker none: a policy
    would learn to write many.
    """
    text = exact_match.plain_signs(text)
    after = exact_match.after_marker(text)
    if after is None:
        after = text
        only = list(itertools.islice(_ALONE.finditer(text), 2))
        found = only[0] if len(only) == 1 else None
    else:
        found = exact_match.first_number(after)
    if found is None or len(found[0]) > _LONGEST_NUMBER:
        return None
    before, behind = after[max(0, found.start() - _NEAR) : found.start()], after[found.end() :]
    if _BEFORE_IT.search(before) or _BEHIND_IT.match(behind):
        return None
    return _exact(found)


def _exact(match: re.Match) -> Fraction | None:
    sign, behind_currency, whole, rest, bare = match.groups()
    if sign and behind_currency:
        return None
    digits = f"{(whole or '0').replace(',', '')}{rest or bare or ''}"
    return Fraction(digits) * (-1 if "-" in (sign, behind_currency) else 1)


def is_number(text: str) -> bool:
    """Whether a text is one number and nothing else."""
    match = _NUMBER.fullmatch(exact_match.plain_signs(text))
    return bool(match) and len(text) <= _LONGEST_NUMBER and _exact(match) is not None


def number_fault(problem: Problem, text: str) -> str:
    """Whether the number in the answer is facts["answer"], a text for which `is_number` is true."""
    found = number(text)
    if found is None:
        return "no number of its own, or more than one without saying which is the answer"
    expected = _NUMBER.fullmatch(exact_match.plain_signs(problem.facts["answer"]))
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
    return words.strip(_AROUND) or words


def copy_fault(problem: Problem, text: str) -> str:
    """Whether the answer is facts["answer"] to the letter; see data.world.chat.grade."""
    question = {"grader": "copy", "answer": problem.facts["answer"]}
    return "" if graded(question, text) else "not the same to the letter"


def graded(question: Mapping[str, Any], text: str) -> bool:
    """Whether data.world.chat.grade finds an answer right. It looks at the beginning alone, and
    what is longer is not right: nobody is paid for what stands beside what was not read."""
    return len(text) <= grade.LOOKED_AT and grade.grade(question, text)
