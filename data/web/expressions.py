"""XPath expressions that only look at tags and attributes, as functions of Python.

Two thirds of trafilatura's time goes into a dozen expressions that match the `class` and `id` of
every element against long patterns. Each match through XPath costs a context, lists of nodes and
strings made of them; here it is a look at an attribute and a search, and elements alike, of which
pages are full, are looked at once. What is found is the same, in the same order.
"""

import re
from collections.abc import Callable, Iterator

from lxml import etree

# .//*[…], of which [1] is the first within each parent, and (.//*[…])[1], the first of all.
_FORM = re.compile(
    r"\s*(?:\.//\*(?P<each>\[.*?\])(?P<of_parent>\[1\])?|\(\.//\*(?P<of_all>\[.*\])\)\[1\])\s*",
    re.DOTALL,
)
_ONE_OF_TAGS = re.compile(r"\[\s*self::[\w-]+(?:\s+or\s+self::[\w-]+)*\s*\]")
_TOKEN = re.compile(
    r"""
    (?P<space>\s+) | (?P<string>'[^']+'|"[^"]+") | self::(?P<tag>[\w-]+)
    | (?P<attributes>@[\w-]+(?:\s*\|\s*@[\w-]+)*)
    | (?P<word>[\[\]()=,]|(?:and|or|not|contains|starts-with|translate|re:test)\b)
    """,
    re.VERBOSE,
)
_PYTHON = {"[": "(", "]": ")", "=": "==", "starts-with": "starts_with", "re:test": "test"}

_Matches = Callable[[etree._Element, Callable[..., str]], bool]


class ByAttributes:
    """A function that finds what an expression finds.

    Raises:
        ValueError: the expression looks at more than the tags and attributes of elements, or does
            so in words that are not known here.
    """

    def __init__(self, expression: etree.XPath):
        form = _FORM.fullmatch(expression.path)
        if form is None:
            raise ValueError(f"not of the form .//*[...]: {expression.path}")
        predicates = form["each"] or form["of_all"]
        self._first_of_parent, self._first_of_all = bool(form["of_parent"]), bool(form["of_all"])
        self._matches = _compiled(predicates)
        self._attributes = frozenset(re.findall(r"@([\w-]+)", predicates))
        tags = _ONE_OF_TAGS.match(predicates)
        self._candidates = re.findall(r"self::([\w-]+)", tags[0]) if tags else ["*"]

    def __call__(self, tree: etree._Element) -> list[etree._Element]:
        found = self._found(tree)
        if self._first_of_all:
            first = next(found, None)
            return [] if first is None else [first]
        if self._first_of_parent:
            firsts: dict[etree._Element | None, etree._Element] = {}
            for element in found:
                firsts.setdefault(element.getparent(), element)
            return list(firsts.values())
        return list(found)

    def _found(self, tree: etree._Element) -> Iterator[etree._Element]:
        matches, attributes = self._matches, self._attributes
        known: dict[str | tuple, bool] = {}
        for element in tree.iterdescendants(*self._candidates):
            # In the order of the page, which decides what @id|@class is.
            kind = element.tag
            if items := element.items():
                kind = (kind, *[item for item in items if item[0] in attributes])
            found = known.get(kind)
            if found is None:
                found = known[kind] = matches(element, element.get)
            if found:
                yield element


def quicken(module: object) -> int:
    """Puts functions in the place of those expressions in the lists of a module that can be.

    Returns:
        how many.
    """
    count = 0
    for expressions in vars(module).values():
        if not isinstance(expressions, list):
            continue
        for number, expression in enumerate(expressions):
            if isinstance(expression, etree.XPath):
                try:
                    expressions[number] = ByAttributes(expression)
                except ValueError:
                    continue  # it stays an expression
                count += 1
    return count


def _compiled(predicates: str) -> _Matches:
    """Predicates, each in brackets, as Python: `and`, `or` and `=` mean and bind the same there."""
    tokens = [("", ""), *_tokens(predicates), ("", "")]
    source = []
    for (_, before), (kind, text), (_, after) in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if kind == "tag":
            source.append(f"element.tag == {text!r}")
        elif kind == "string":
            source.append(repr(text[1:-1]))
        elif kind == "attributes":
            source.append(_attributes(re.findall(r"[\w-]+", text), before, after))
        else:
            source += ["and"] * (before == "]" and text == "[") + [_PYTHON.get(text, text)]
    return eval(f"lambda element, get: {' '.join(source)}", dict(_FUNCTIONS))


def _tokens(predicates: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(predicates):
        token = _TOKEN.match(predicates, place)
        if token is None:
            raise ValueError(f"not about tags and attributes alone: {predicates[place:]}")
        place = token.end()
        if token.lastgroup != "space":
            yield token.lastgroup, token[token.lastgroup]


def _attributes(names: list[str], before: str, after: str) -> str:
    if before in ("=", ",") or (len(names) > 1 and after != ","):
        raise ValueError(f"attributes in a place that is not known here: {names}")
    if len(names) > 1:
        return f"first(element, {names!r})"
    return f"get({names[0]!r}, '')" if after in ("=", ",") else f"get({names[0]!r}) is not None"


def _first(element: etree._Element, names: list[str]) -> str:
    """XPath's string of several attributes: that of the first in the order of the page."""
    return next((value for name, value in element.items() if name in names), "")


def _contains(text: str, part: str) -> bool:
    return part in text


def _translate(text: str, old: str, new: str) -> str:
    return text.translate(str.maketrans(old[: len(new)], new[: len(old)], old[len(new) :]))


def _test(text: str, pattern: str, flags: str = "") -> bool:
    return re.search(pattern, text, re.IGNORECASE if "i" in flags else 0) is not None


_FUNCTIONS = {
    "contains": _contains,
    "first": _first,
    "starts_with": str.startswith,
    "test": _test,
    "translate": _translate,
}
