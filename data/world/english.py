"""The little grammar that templates need: articles, plurals, sentences, lists."""

import re
from collections.abc import Sequence

_VOWEL_SOUND = ("hour", "honest", "heir", "x-ray", "mri")
_CONSONANT_SOUND = ("uni", "eu", "use", "ura", "one", "ukr", "uru")
_CONSONANT_EXCEPTIONS = ("unim", "unin", "unid")
_IRREGULAR_PLURALS = {
    "calf": "calves",
    "larva": "larvae",
    "ephyra": "ephyrae",
    "fish": "fish",
    "fry": "fry",
    "spat": "spat",
}
_SENTENCE_START = re.compile(r"(?<=[.!?]) [a-z]|(?<=\.\") [a-z]")
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()


def with_article(phrase: str) -> str:
    """The phrase with "a" or "an" by the sound it begins with: "an owl", "a unit"."""
    word = phrase.lower()
    if word.startswith(_VOWEL_SOUND):
        return f"an {phrase}"
    if word.startswith(_CONSONANT_SOUND) and not word.startswith(_CONSONANT_EXCEPTIONS):
        return f"a {phrase}"
    return f"an {phrase}" if word[0] in "aeiou" else f"a {phrase}"


def plural(noun: str) -> str:
    """The plural of a noun or noun phrase: "foxes", "calves", "pieces of cutlery"."""
    if noun in _IRREGULAR_PLURALS:
        return _IRREGULAR_PLURALS[noun]
    head, of, rest = noun.partition(" of ")
    if of:
        return f"{plural(head)} of {rest}"
    head, infix, rest = noun.partition(" for ")
    if infix:
        return f"{plural(head)}{infix}{rest}"
    if noun.endswith(("s", "x", "ch", "sh", "z")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def is_plural(phrase: str) -> bool:
    """Whether a verb after the phrase is plural: "the Petronas Towers", not "The Four Seasons"."""
    head = phrase.partition(" of ")[0]
    return head == "X-rays" or (
        head.startswith("the ")
        and head.endswith("s")
        and not head.endswith(("ss", "us", "is", "ics"))
    )


def capitalized(text: str) -> str:
    """The text with its first letter in upper case, an opening quotation mark passed over."""
    for i, character in enumerate(text[:2]):
        if character.isalnum():
            return text[:i] + character.upper() + text[i + 1 :]
    return text


def capitalized_sentences(text: str) -> str:
    """The text with a capital after every full stop; speech may go on in lower case after "?"."""
    return capitalized(_SENTENCE_START.sub(lambda match: match[0].upper(), text))


def sentence(clause: str) -> str:
    """A clause as a sentence: a capital first, and a full stop unless it has an end already."""
    end = "" if clause.endswith((".", "?", "!", '."', '?"', '!"')) else "."
    return capitalized(clause) + end


def listed(items: Sequence[str], joint: str = " and ") -> str:
    """The items joined as a list: "a", "a and b", "a, b and c"."""
    if len(items) == 1:
        return items[0]
    return f"{', '.join(items[:-1])}{joint}{items[-1]}"


def number_word(number: int) -> str:
    """A number from 0 to 99 in words: "forty-two".

    Raises:
        ValueError: if the number is outside 0..99.
    """
    if not 0 <= number <= 99:
        raise ValueError(f"number_word takes 0 to 99, not {number}")
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens]}-{_ONES[ones]}" if ones else _TENS[tens]
