"""Text cut into passages of a sentence or two.

    list(passages("Gold is a metal. It does not rust. Rings are made of it.", most=40))
    # ["Gold is a metal. It does not rust.", "It does not rust. Rings are made of it."]

They are what the search tool finds, and what conversations that search are made of.
"""

import re
from collections.abc import Iterable, Iterator

# Short ones: several fit into what a search tool gives, and the words that were searched for weigh
# more in them. Of the facts that the laptop's library tells, the first 300 characters held 0.82 in
# passages of 100 characters, 0.64 in passages of 300.
CHARACTERS = 100
# Of what the search tool gives, at most. Less of a row of training is passages than with 300, and
# with as many steps more was learnt, of finding by search and of all else.
RESULT_CHARACTERS = 200

_IN_NO_DOCUMENT = "(in no document: "

_SENTENCE_END = re.compile(
    r"""(?<=[.!?。！？])\s+|(?<=[.!?。！？]["'”’)\]])\s+|\n|(?<=[。！？])(?!["'”’)\]])"""
)


def in_no_document(words: Iterable[str]) -> str:
    """The line that opens the result of a search for words of which these stand in no document:
    what is found is then about something else."""
    return f"{_IN_NO_DOCUMENT}{' '.join(words)})"


def found_passages(result: str) -> list[str]:
    """The passages of a search's result, without the line of `in_no_document`."""
    return [line for line in result.split("\n") if not line.startswith(_IN_NO_DOCUMENT)]


def passages(text: str, most: int = CHARACTERS) -> Iterator[str]:
    """A text cut into passages of at most `most` characters: sentences in a row, the last of one
    being the first of the next where there is room for it, so that a question and its answer, or a
    name and what is said of it, stand together. Longer sentences are cut into parts of like length:
    a last one of a word or two would be the best passage for these words, and say nothing."""
    held: list[str] = []
    for sentence in _sentences(text, most):
        if held and len(" ".join([*held, sentence])) > most:
            yield " ".join(held)
            held = held[-1:] if len(held[-1]) + 1 + len(sentence) <= most else []
        held.append(sentence)
    if held:
        yield " ".join(held)


def _sentences(text: str, most: int) -> Iterator[str]:
    for sentence in _SENTENCE_END.split(text):
        words = " ".join(sentence.split())
        start = 0
        while (left := len(words) - start) > most:
            even = start + -(-left // -(-left // most))
            space = words.find(" ", even, start + most + 1)
            if space < 0:
                space = words.rfind(" ", start + 1, even)
            end = start + most if space < 0 else space
            yield words[start:end]
            start = end + (words[end] == " ")
        if start < len(words):
            yield words[start:]
