"""Expressions of whole numbers, + - * / and parentheses: read, and never executed.

The text is a model's, and hostile: nothing is read beyond a length, a depth and a number of digits.
"""

import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

_LONGEST = 200  # characters of an expression
_DEEPEST = 20  # parentheses in one another
_MOST_DIGITS = 9  # of a number
_TOKEN = re.compile(r" *(?:([0-9]+)|([-+*/()]))")
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-"})


class _Unreadable(Exception):
    """The text is no expression, or not one of bounded size, or divides by zero."""


class _Reader:
    """Recursive descent over tokens, the value exact; `used` are the numbers met so far."""

    def __init__(self, text: str):
        self._tokens = _tokens(text)
        self._at = 0
        self.used: list[int] = []

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def whole(self) -> Fraction:
        value = self._sum(0)
        if self._peek():
            raise _Unreadable
        return value

    def _sum(self, depth: int) -> Fraction:
        value = self._product(depth)
        while self._peek() in ("+", "-"):
            sign, other = self._next(), self._product(depth)
            value = value + other if sign == "+" else value - other
        return value

    def _product(self, depth: int) -> Fraction:
        value = self._atom(depth)
        while self._peek() in ("*", "/"):
            sign, other = self._next(), self._atom(depth)
            if sign == "/" and not other:
                raise _Unreadable
            value = value * other if sign == "*" else value / other
        return value

    def _atom(self, depth: int) -> Fraction:
        token = self._next()
        if token == "(" and depth < _DEEPEST:
            value = self._sum(depth + 1)
            if self._next() != ")":
                raise _Unreadable
            return value
        if not token[:1].isdigit():
            raise _Unreadable
        self.used.append(int(token))
        return Fraction(self.used[-1])


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match or len(match[1] or "") > _MOST_DIGITS:
            raise _Unreadable
        found.append(match[1] or match[2])
        at = match.end()
    return found


def value(text: str) -> tuple[Fraction, tuple[int, ...]] | None:
    """The exact value of an expression, and the numbers that stand in it; None if it is none.

    There is no sign before a number, no power and no name. An expression is at most 200 characters
    long, and its numbers have at most nine digits.
    """
    text = text[: _LONGEST + 1].translate(_SIGNS).strip()
    if len(text) > _LONGEST:
        return None
    try:
        reader = _Reader(text)
        return reader.whole(), tuple(reader.used)
    except _Unreadable:
        return None


def said(text: str) -> str:
    """What follows the last "answer is" of a text, or else all of it, without a full stop."""
    _, _, after = text.rpartition("answer is")
    return after.strip().removeprefix(":").removesuffix(".").strip()


def fault(text: str, numbers: Sequence[int], target: int, every: bool = False) -> str:
    """What is wrong with a text that should make the target of the numbers; "" if it does.

    The expression stands after "answer is", or is all of the text; "= 23" may follow it, if 23 is
    the target. Each number may be used once, as often as it is given; `every` one must be.
    """
    expression, equals, result = said(text).partition("=")
    if equals and result.strip() != str(target):
        return "no single expression that ends in the target"
    found = value(expression)
    if found is None:
        return "no expression of numbers and + - * /"
    if Counter(found[1]) - Counter(numbers):
        return "uses a number that is not given, or one too often"
    if every and len(found[1]) < len(numbers):
        return "leaves out a number"
    if found[0] != target:
        return "makes another number than the target"
    return ""
