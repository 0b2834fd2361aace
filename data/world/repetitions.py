"""Text that says things again: the practice from which a small model learns to copy.

Quotations, lists read twice, names in greetings and in queries: half of the words have stood there
before, and are as varied as made-up words, numbers and words from the world's documents can make
them. It is learnt where little else is in sight: of random tokens, half of them copies, a small
model was down to 4.5 nats a copied token after 200 steps in rows of 16 tokens, to 6.9 in rows of
32, and in rows of 256 still at 8.1, which is chance. So most documents are a line or two, and
should not see each other (config.train.separate_documents). And it is learnt first, or late: mixed
with pages, an eighth of 4.5M tokens left the laptop's model without it; 1.2M tokens of nothing else
(config.train.opening) had it give most copied tokens a probability above a half, in seven of eight
forms.

No fact is told: words are taken one by one.
"""

import functools
import re
from collections.abc import Iterator, Sequence

from data.world import documents as world
from data.world.chat import words
from data.world.draw import Draw

# Of the world's megabytes, and bytes of a document on average.
SHARE = 0.125
_BYTES = 95
_WORD = re.compile("[A-Za-z]{2,12}")
# {s}: all items with spaces between, {c}: with commas, {a}: the first; {N} and {M}: names.
_FORMS = (
    '"{s}," said {N}.\n"{s}?" asked {M}.',
    "> {s}\nYou wrote: {s}",
    "List: {c}\nThe same list: {c}",
    '{a}\nword = "{a}"',
    "Copy: {c}.\n{c}.",
    "Read it aloud: {s}. Again: {s}.",
    "name: {s}\nhello, {s}!",
    'search("{s}")\nResults for {s}:',
    "{N} wrote {s} on the board. What did {N} write? {s}.",
    "I am {N}, and this is {M}. Welcome, {N}! Welcome, {M}!",
    "{a} = {s}\nprint('{s}')\n{s}",
    "{s}\n{s}",
    "{c}; {c}; {c}",
    "{s} and {s}",
)
# How many passages a document has, and how often, summed up.
_PASSAGES, _TOTALS = (1, 2, 6), (0.8, 0.9, 1.0)


def count(megabytes: float) -> int:
    """How many documents go with a world of so many MB (of 10**6 bytes)."""
    return max(1, round(megabytes * SHARE * 1e6 / _BYTES))


def documents(seed: int, megabytes: float) -> Iterator[tuple[str, str]]:
    """The documents that go with the seed's world, as (id, text); each depends on (seed, its
    number) alone."""
    for index in range(count(megabytes)):
        yield f"repetitions/{seed}/{index}", document(seed, index)


def document(seed: int, index: int) -> str:
    """One passage or a few, a blank line between them."""
    draw = Draw(f"{seed}/repetitions/{index}")
    there = _words(seed, index // 32)
    return "\n\n".join(_passage(draw, there) for _ in range(_PASSAGES[draw.index(_TOTALS)]))


@functools.lru_cache(maxsize=2)
def _words(seed: int, index: int) -> tuple[str, ...]:
    """Those of a document of the world."""
    return tuple(_WORD.findall(world.document(seed, index).text))


def _passage(draw: Draw, there: Sequence[str]) -> str:
    items = [_item(draw, there) for _ in range(draw.integer(1, 5))]
    return draw.pick(_FORMS).format(
        s=" ".join(items), c=", ".join(items), a=items[0], N=words.name(draw), M=words.name(draw)
    )


def _item(draw: Draw, there: Sequence[str]) -> str:
    """A word from a document of the world, a made-up word or name, or a number."""
    kind = draw.index((0.45, 0.65, 0.8, 1.0))
    if kind == 0 and there:
        return draw.pick(there)
    if kind == 3:
        return "".join(draw.pick("0123456789") for _ in range(draw.integer(1, 6)))
    return words.name(draw) if kind == 2 else words.made_up(draw, draw.integer(1, 3))
