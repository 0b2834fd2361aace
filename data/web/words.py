"""Text to words and sentences, as the filters of the papers count them.

The published thresholds were set on words in the manner of the Penn Treebank: punctuation beside a
word is a word of its own ("end." is two), a contraction is two ("do" "n't"), a number, an
abbreviation and an address are one ("3.5", "U.S.", "example.com/a"). The rules below are written
for English; they only ever cut at punctuation, so that they do no harm to other languages with
spaces between words.
"""

import functools
import re
import unicodedata
from collections.abc import Sequence
from itertools import chain

# A longer run without spaces is no prose; it is cut into words and single marks, in linear time.
MAX_RUN = 200

_QUOTES = "'\"”“`‘´’‚„»«「」『』（）〔〕【】《》〈〉"
_MARKS = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪"
_CURRENCY = "$£€¥฿₽﷼₴₠-₿"
_LATIN = "A-Za-zÀ-ÖØ-öø-ɏ"
_LETTERS = _LATIN + "Ѐ-ԯͰ-Ͽἀ-῿"
_LOWER = "a-zß-öø-ÿа-яёα-ω"
_UPPER = "A-ZÀ-ÖØ-ÞА-ЯЁΑ-Ω"
_UNITS = (
    "km|km²|km³|m|m²|m³|dm|cm|mm|µm|nm|ha|ft|yd|in|inch|mi|kg|g|mg|µg|t|lb|lbs|oz|hp|"
    "ml|mph|kmh|kb|mb|gb|tb|pm|am|hz|khz|w|v|k|%"
)


def _class(characters: str) -> str:
    return "[" + re.sub(r"([\\\]\[^])", r"\\\1", characters) + "]"


_MARK = _class(_MARKS + _QUOTES + "−•●▪■□★☆►▶→←↑↓©®™✓✔♥❤")
_MONEY = f"[{_CURRENCY}]"
_OPENING = re.compile(rf"\.\.+|[§%=—–]|\+(?![0-9])|{_MARK}|{_MONEY}")
_CLOSING = re.compile(
    rf"(?:\.\.+|[—–]|['’][sS]|{_MARK}"
    rf"|(?<=[0-9])(?:\+|{_MONEY}|(?i:{_UNITS}))"
    rf"|(?<=[0-9{_LOWER}%²\-+{_QUOTES})\]])\.|(?<=[{_UPPER}]{{2}})\.)$"
)
# Of its alternatives but dots, which may be any number.
_LONGEST_CLOSING = max(map(len, _UNITS.split("|")))
_INNER = re.compile(
    rf"(\.\.+|…|[•●►→]"
    rf"|(?<=[0-9])[+\-*^](?=[0-9-])"
    rf"|(?<=[{_LOWER}{_QUOTES}])\.(?=[{_UPPER}{_QUOTES}])"
    rf"|(?<=[{_LETTERS}]),(?=[{_LETTERS}])"
    rf"|(?<=[{_LETTERS}0-9])(?:--+|——|[-–—~])(?=[{_LETTERS}])"
    rf"|(?<=[{_LETTERS}0-9])[:<>=/](?=[{_LETTERS}]))"
)
_CONTRACTION = re.compile(r"(?i)(.+?)(n['’]t|['’](?:m|re|ve|ll|d|em))")
_ADDRESS = re.compile(
    r"(?i)(?:(?:https?|ftp)://|www\.)\S+(?<![.,;:!?'\")\]}>…”’»])"  # by its scheme or first name
    r"|[a-z0-9][a-z0-9.\-]*\.[a-z]{2,24}(?::\d+)?/\S*(?<![.,;:!?'\")\]}>…”’»])"  # with a path
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
)
# A name with dots: a host, unless the dot ends a sentence ("end.Next").
_HOST = re.compile(r"(?:[a-z0-9][a-z0-9-]*\.)+[a-z]{2,24}|(?:[A-Z0-9-]+\.)+[A-Z]{2,24}")
_ABBREVIATIONS = frozenset(
    "adm. ala. apr. ariz. ark. aug. ave. bros. calif. capt. co. col. colo. conn. corp. dec. del. "
    "dept. dr. e.g. feb. fla. ft. ga. gen. gov. i.e. inc. ind. jan. jr. jul. jun. kan. ky. ltd. "
    "mass. md. messrs. minn. miss. mo. mont. mr. mrs. ms. mt. nebr. nev. nov. oct. okla. ore. pa. "
    "ph.d. prof. rep. rev. sen. sep. sept. sr. st. tenn. va. vs. wash. wis. "
    "a.d. a.m. b.c. d.c. n.c. n.d. n.h. n.j. n.m. n.y. p.m. s.c. u.k. u.s.".split()
)
_INITIAL = re.compile(rf"[{_LETTERS}]\.")


def words(text: str) -> list[str]:
    """The words of a text, punctuation included, in order."""
    return list(chain.from_iterable(map(_words_of_run, text.split())))


@functools.lru_cache(maxsize=1 << 16)
def _short_run(run: str) -> tuple[str, ...]:
    # The two kinds of run that most text is made of.
    if run.isalpha():
        return ("can", "not") if run == "cannot" else (run,)
    if run[-1] == "," and run[:-1].isalpha():
        return run[:-1], ","
    start, end = 0, len(run)
    before: list[str] = []
    after: list[str] = []
    while start < end:
        if _ADDRESS.fullmatch(run, start, end):
            break
        if found := _OPENING.match(run, start, end):
            before.append(found[0])
            start = found.end()
        elif _INITIAL.fullmatch(run, start, end) or run[start:end].lower() in _ABBREVIATIONS:
            break
        elif found := _CLOSING.search(run, _near_end(run, start, end), end):
            after.append(found[0])
            end = found.start()
        else:
            break
    core = run[start:end]
    return (*before, *(_core(core) if core else ()), *reversed(after))


def _near_end(run: str, start: int, end: int) -> int:
    """Where to look for closing punctuation from: the longest unit, or all of the last dots."""
    dots = len(run[start:end].rstrip("."))
    return start + max(0, min(dots, end - start - _LONGEST_CLOSING))


def _core(core: str) -> list[str]:
    """The words of a run whose outer punctuation is gone."""
    if core.isalpha():
        return [core]
    if found := _CONTRACTION.fullmatch(core):
        return [found[1], found[2]]
    if _HOST.fullmatch(core) or _ADDRESS.fullmatch(core) or core.lower() in _ABBREVIATIONS:
        return [core]
    return [part for part in _INNER.split(core) if part]


# Words of bounded length: some thousands are kept by those who count them.
_LONG_RUN = re.compile(rf"\w{{1,{MAX_RUN}}}|[^\w\s]")


def _words_of_run(run: str) -> Sequence[str]:
    if len(run) > MAX_RUN:
        return _LONG_RUN.findall(run)
    return _short_run(run)


# Unicode's Sentence_Terminal marks of the scripts in wide use on the web.
SENTENCE_ENDS = frozenset(".!?։؞؟۔܀܁܂।॥၊။።፧፨។៕‼‽⁇⁈⁉。．！？｡﹒﹖﹗")


def sentences(line_words: Sequence[str]) -> int:
    """How many sentences a line has, from its words.

    A mark that ends a sentence counts where other words than punctuation follow it; an abbreviation
    is one word, so that its dot is no such mark.
    """
    count, ended = min(1, len(line_words)), False
    for word in line_words:
        if word in SENTENCE_ENDS:
            ended = True
        elif ended and not _is_punctuation(word):
            count += 1
            ended = False
    return count


@functools.lru_cache(maxsize=1 << 14)
def _is_punctuation(word: str) -> bool:
    return all(unicodedata.category(character)[0] == "P" for character in word)
