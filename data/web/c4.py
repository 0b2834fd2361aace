"""The rules of C4 (arXiv 1910.10683, section 2.2), line by line, as FineWeb uses them."""

import dataclasses
import re

from data.web.decisions import Drop
from data.web.words import sentences, words


@dataclasses.dataclass(frozen=True)
class C4:
    """Which rules hold. The values are C4's but where FineWeb (arXiv 2406.17557) is named."""

    # Drop lines that do not end in . ? ! or a quotation mark. C4: yes. FineWeb: no, since it alone
    # removes 30% of all tokens.
    terminal_punctuation: bool = False
    # Sentences that the kept lines must have together. 0: any number.
    min_sentences: int = 5
    # Shorter lines are dropped. 0: none is.
    min_line_words: int = 3
    # Lines with a word of more characters are dropped (C4's code).
    max_word_characters: int = 1000
    # Drop lines that speak of JavaScript, and lines with a phrase of the list (C4's code).
    javascript: bool = True
    policy_phrases: tuple[str, ...] = (
        "terms of use",
        "privacy policy",
        "cookie policy",
        "uses cookies",
        "use of cookies",
        "use cookies",
    )
    # Drop the document where a line that would be kept has "lorem ipsum"; where one has "{".
    lorem_ipsum: bool = True
    curly_bracket: bool = True
    # Take marks of citations and of editing, "[12]", "[citation needed]", out of the lines.
    citations: bool = True


STEP = "c4"

_CITATION = re.compile(r"\[(?:\d*|edit|citation needed)\]")
_TERMINAL = (".", "?", "!", '"', "'")


def clean(text: str, settings: C4) -> str | Drop:
    """The text of the lines that pass, one a line; or why the whole document does not."""
    lower = text.lower()
    has_javascript = settings.javascript and "javascript" in lower
    has_lorem_ipsum = settings.lorem_ipsum and "lorem ipsum" in lower
    has_bracket = settings.curly_bracket and "{" in text
    has_citation = settings.citations and "[" in text
    phrases = [phrase for phrase in settings.policy_phrases if phrase in lower]
    kept: list[str] = []
    count = 0
    for number, line in enumerate(text.splitlines()):
        line = line.strip()
        runs = line.split()
        limit = settings.max_word_characters
        if len(line) > limit and any(len(run) > limit for run in runs):
            continue
        if has_citation:
            line = _CITATION.sub("", line)
        if settings.terminal_punctuation and (not line.endswith(_TERMINAL) or line.endswith("...")):
            continue
        if len(runs) < settings.min_line_words:
            continue
        if has_lorem_ipsum and "lorem ipsum" in line.lower():
            return Drop(STEP, "lorem_ipsum", number)
        if has_javascript and "javascript" in line.lower():
            continue
        if has_bracket and "{" in line:
            return Drop(STEP, "curly_bracket", number)
        if phrases and any(phrase in line.lower() for phrase in phrases):
            continue
        if count < settings.min_sentences:
            count += sentences(words(line))
        kept.append(line)
    if count < settings.min_sentences:
        return Drop(STEP, "few_sentences", count)
    return "\n".join(kept).strip()
