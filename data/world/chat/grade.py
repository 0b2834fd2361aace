"""Whether an answer is right. Pure functions on text; the answer is hostile and may be anything.

A question says how its answer is judged: by "value" (accepted words, and no rejected ones beside
them), by "number", by "spelling", as a "copy" or as an "expression" that makes a number. Nothing is
executed, and only the first 2,000 characters are looked at.
"""

import re
from collections.abc import Mapping

from data.world.chat import expressions

LOOKED_AT = 2000
_DECLINES = re.compile(
    r"\b(?:i (?:do not|don't|dont) (?:know|have (?:that|this|the) (?:fact|answer|information))"
    r"|i am not sure|i'm not sure|i (?:cannot|can't) (?:say|tell|answer)"
    r"|i could not find|i couldn't find|i did not find|i didn't find|i found nothing"
    r"|i have not learned|i haven't learned|i never learned|i have no (?:idea|answer)"
    r"|i am afraid i|is unknown to me|beyond what i know|not something i know"
    r"|nothing i know|i know nothing)\b"
)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?![\w])(?!\.\d)")
_ONES = "zero one two three four five six seven eight nine ten eleven twelve".split()


def is_decline(text: str) -> bool:
    """Whether the text says that the answer is not known or was not found."""
    return bool(_DECLINES.search(text[:LOOKED_AT].lower().replace("’", "'")))


def normalized(text: str, keep_case: bool = False) -> str:
    """The words and numbers in lower case, one space between them and at either end."""
    words = re.findall(r"[^\W_]+", text[:LOOKED_AT] if keep_case else text[:LOOKED_AT].lower())
    return f" {' '.join(words)} "


def _phrases(question: Mapping, key: str) -> dict[str, str]:
    """The phrases of a list of the question, normalized and without an article, to the list."""
    found = {}
    for text in question.get(key, ()):
        phrase = normalized(text, question.get("keep_case", False))
        for article in (" the ", " a ", " an "):
            if phrase.startswith(article) and len(phrase) > len(article):
                phrase = phrase[len(article) - 1 :]
        found[phrase] = key
    return found


def _is_value(question: Mapping, text: str) -> bool:
    """An accepted phrase stands in the text as whole words, and no rejected one does.

    Longer phrases are looked for first, so that "thin fur" is not taken for "fur".
    """
    if is_decline(text):
        return False
    words = normalized(text, question.get("keep_case", False))
    accepted = _phrases(question, "accept")
    for phrase in accepted:
        if any(f" {word}{phrase}" in words for word in ("not", "or", "or the", "or a", "or an")):
            return False
        if f"{phrase}or " in words:
            return False
    phrases = _phrases(question, "reject") | _phrases(question, "ignore") | accepted
    found = set()
    for phrase in sorted(phrases, key=len, reverse=True):
        if phrase in words:
            found.add(phrases[phrase])
            words = words.replace(phrase, "  ")
    return "accept" in found and "reject" not in found


def numbers(text: str) -> list[int]:
    """The whole numbers of a text, "1,234" and the words up to "twelve" included, in order."""
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text[:LOOKED_AT].lower())
    for value, word in enumerate(_ONES):
        text = re.sub(rf"\b{word}\b", str(value), text)
    return [int(number[0]) for number in _NUMBER.finditer(text) if len(number[0]) < 100]


def _is_number(question: Mapping, text: str) -> bool:
    """The answer is in the text, and beside it at most the numbers of the question."""
    answer = int(question["answer"])
    found = numbers(text)
    given = {n for m in question["messages"] if m["role"] == "user" for n in numbers(m["content"])}
    return answer in found and set(found) <= given | {answer} and not is_decline(text)


def _is_spelling(question: Mapping, text: str) -> bool:
    """The answer's letters are the text, or the only quoted part of it, hyphens and case aside."""
    quoted = re.findall(r"\"([^\"]*)\"", text[:LOOKED_AT])
    said = [part for part in quoted if part.lower() not in question.get("ignore", ())] or [text]
    letters = [re.sub(r"[\s,\-]", "", part).strip(".").lower() for part in said]
    return letters == [re.sub(r"[\s,\-]", "", question["answer"]).lower()]


def _is_copy(question: Mapping, text: str) -> bool:
    """The text is the answer, to the letter; quotation marks or a full stop around it are not."""
    said, answer = text[:LOOKED_AT].strip(), question["answer"]
    plain = said if answer.endswith(".") else said.removesuffix(".")
    return answer in (said, plain) or f'"{answer}"' == plain


def _is_expression(question: Mapping, text: str) -> bool:
    """It makes the target of the numbers, each used once at most."""
    return not expressions.fault(text[:LOOKED_AT], question["numbers"], question["target"])


_GRADERS = {
    "value": _is_value,
    "number": _is_number,
    "spelling": _is_spelling,
    "copy": _is_copy,
    "expression": _is_expression,
}


def grade(question: Mapping, answer_text: str) -> bool:
    """Whether the answer to a question is right.

    ``question`` has "grader" (one of the five), and "accept" (words any of which answers),
    "reject" (words that spoil an answer), "ignore" (names that do not count) and "keep_case"; or
    "answer" and "messages"; or "numbers" and "target". A decline is never right.

    Raises:
        ValueError: if the question names no known grader.
    """
    if question.get("grader") not in _GRADERS:
        raise ValueError(
            f"question {question.get('id')!r} has grader {question.get('grader')!r}; "
            f"there are {', '.join(sorted(_GRADERS))}"
        )
    return _GRADERS[question["grader"]](question, answer_text)
