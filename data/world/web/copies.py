"""Copies of an article that are not quite the same, at a wanted similarity."""

import re
import unicodedata
from dataclasses import replace

from data.world import telling
from data.world.draw import Draw
from data.world.web import compose
from data.world.web.page import Article, Section

_TRIES = 160
_LEAST_WORDS = 80
_STEP = 0.06  # the most that an edit near the wanted similarity may go below it

# What a site adds to a text that it took over. None of it states a fact.
_NOTES = (
    "[This piece|The following text|What you read here] [first appeared|was first printed|was "
    "published before] [in a small magazine|on the pages of a friend|elsewhere] and is [shown|given"
    "|repeated] here [with kind permission|because so many readers asked for it|in full length].",
    "[We thank|Our thanks go to] [the author|the editors|everyone involved] for [letting us use "
    "it|the permission to share it|sending it to us] [so quickly|without any fuss|last month].",
    "[Some|A few] [small|slight] changes were made [to fit our layout|for the sake of clarity|by "
    "our own editors] before [we put it online|it went to print|this page was finished].",
    "[Those who like|Readers who enjoy] [this sort of thing|such short texts|reading at night] "
    "will find [plenty more|many others|a whole shelf of it] on [our other pages|this site].",
    "[Please write to us|Let us know] if [something is missing|you find a mistake|a line does not "
    "look right], and we will [see to it|put it right|have a look] [soon|as fast as we can].",
    "[The text has been|It was] [read aloud|used in a reading group|passed around in our office] "
    "[more than once|last winter|a few weeks ago], and [nobody wanted it to end|everyone had "
    "something to say about it|there was a long talk afterwards].",
    "[A reader|One of our subscribers|A neighbour of ours] [found it|came across it|kept it] while "
    "[clearing out an attic|sorting old papers|looking for something else] and [sent us a copy|"
    "thought that we might want to have it|asked us to keep it alive].",
    "[It is not|We do not claim that it is] [the last word|complete|a work of art], but [we found "
    "it pleasant to read|it made us curious|it has stayed with us for years].",
    "[The pictures|Some photographs] that [belonged to|came with] the [original|first printing] "
    "could [not be shown here|sadly not be used], as [the rights are unclear|nobody knows who took "
    "them|they were too faint to copy].",
    "[We have kept|Nothing was done to] [the order of the parts|the spelling|the tone], even "
    "[where|when] [we might have done it another way|it seemed a little old to us|our own taste is "
    "different].",
)
_SYNONYMS = (
    ("many", "quite a few"),
    ("often", "frequently"),
    ("usually", "as a rule"),
    ("children", "youngsters"),
    ("pupils", "students"),
    ("said", "remarked"),
    ("asked", "wanted to know from"),
    ("people", "folks"),
    ("begins", "starts"),
    ("the answer is", "the solution is"),
    ("for example", "for instance"),
    ("everyone", "everybody"),
    ("it is found", "one finds it"),
    ("belongs to", "is one of"),
    ("remember", "keep in mind"),
    ("because", "since"),
    ("little", "small"),
    ("good", "fine"),
    ("know", "are aware"),
    ("question", "riddle"),
    ("learn", "find out"),
    ("learned", "found out"),
    ("evening", "night"),
    ("thanks", "thank you"),
)
_SENTENCE = re.compile(r'(?<=[.!?])\s+(?=["A-Z])')


def grams(text: str, size: int = 5) -> frozenset[tuple[str, ...]]:
    """The runs of ``size`` words of a text in lower case, without accents, digits all 0."""
    text = re.sub(r"\d", "0", text.lower())
    if not text.isascii():
        text = unicodedata.normalize("NFD", text)
        text = "".join(c for c in text if not unicodedata.combining(c))
    words = re.findall(r"\w+", text)
    return frozenset(zip(*(words[i:] for i in range(size)), strict=False))


def similarity(one: frozenset, other: frozenset) -> float:
    """Jaccard index, 0 to 1; 0 of two empty sets."""
    return len(one & other) / len(one | other) if one or other else 0.0


def near_copy(draw: Draw, article: Article, wanted: float) -> Article:
    """The article with small and large edits until it is no more similar than ``wanted``.

    It stays a page of readable prose. Where no edit leads there it ends a little above.
    """
    source = grams(_plain(article))
    notes = draw.shuffled(_NOTES)  # none is used twice
    current, level = article, 1.0
    for _ in range(_TRIES):
        if level <= wanted:
            break
        edit = draw.pick(_LARGE if level - wanted > 0.15 else _SMALL)
        edited = edit(draw, current, notes)
        if edited is None:
            continue
        text = _plain(edited)
        reached = similarity(source, grams(text))
        if reached < wanted - _STEP or not compose.is_worded(compose.tokens(text), _LEAST_WORDS):
            continue
        if edit in _DROPPING and not compose.is_varied(compose.tokens(text)):
            continue
        current, level = edited, reached
        if edit is _add_note:
            notes.pop()
    return current


def _plain(article: Article) -> str:
    return "\n".join("\n".join((s.title, *s.paragraphs)) for s in article.sections)


def _with(article: Article, number: int, paragraphs: list[str]) -> Article:
    sections = list(article.sections)
    sections[number] = Section(sections[number].title, tuple(paragraphs))
    return replace(article, sections=tuple(sections))


def _any_section(draw: Draw, article: Article) -> tuple[int, list[str]]:
    number = draw.integer(0, len(article.sections) - 1)
    return number, list(article.sections[number].paragraphs)


def _drop_section(draw: Draw, article: Article, notes: list[str]) -> Article | None:
    if len(article.sections) < 2:
        return None
    left = list(article.sections)
    del left[draw.integer(1, len(left) - 1)]
    return replace(article, sections=tuple(left))


def _drop_paragraph(draw: Draw, article: Article, notes: list[str]) -> Article | None:
    number, paragraphs = _any_section(draw, article)
    if len(paragraphs) < 2:
        return None
    del paragraphs[draw.integer(1, len(paragraphs) - 1)]
    return _with(article, number, paragraphs)


def _drop_sentence(draw: Draw, article: Article, notes: list[str]) -> Article | None:
    """Not the first of a paragraph: the others may lean on it."""
    number, paragraphs = _any_section(draw, article)
    place = draw.integer(0, len(paragraphs) - 1)
    sentences = _SENTENCE.split(paragraphs[place])
    if len(sentences) < 3 or "\n" in paragraphs[place]:
        return None
    dropped = sentences.pop(draw.integer(1, len(sentences) - 1))
    if dropped.count('"') % 2:
        return None
    paragraphs[place] = " ".join(sentences)
    return _with(article, number, paragraphs)


def _swap_sections(draw: Draw, article: Article, notes: list[str]) -> Article | None:
    if len(article.sections) < 3:
        return None
    first, *others = article.sections
    return replace(article, sections=(first, *draw.shuffled(others)))


def _reword(draw: Draw, article: Article, notes: list[str]) -> Article | None:
    number, paragraphs = _any_section(draw, article)
    place = draw.integer(0, len(paragraphs) - 1)
    old, new = draw.pick(_SYNONYMS)
    edited = re.sub(rf"\b{old}\b", new, paragraphs[place], count=1)
    if edited == paragraphs[place]:
        return None
    paragraphs[place] = edited
    return _with(article, number, paragraphs)


def _add_note(draw: Draw, article: Article, notes: list[str]) -> Article | None:
    if not notes:
        return None
    number = 0 if draw.chance(0.5) else len(article.sections) - 1
    paragraphs = list(article.sections[number].paragraphs)
    note = telling.expand(draw, notes[-1])
    paragraphs.insert(0 if number == 0 else len(paragraphs), note)
    return _with(article, number, paragraphs)


_LARGE = (_drop_section, _drop_section, _drop_paragraph, _drop_sentence, _add_note)
_SMALL = (_drop_sentence, _drop_sentence, _swap_sections, _reword, _reword, _add_note)
_DROPPING = (_drop_section, _drop_paragraph, _drop_sentence)
