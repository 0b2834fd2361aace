"""The sites of the crawl: invented names under .example, which RFC 2606 reserves."""

import functools
from dataclasses import dataclass

from data.world.draw import Draw

_FIRST = (
    "amber autumn birch bright brook cedar clover copperfield coral dawn dell elm evening fable "
    "fern finch glen granite harbour hazel heather hill ivy juniper lantern larch lark linden "
    "maple meadow mill misty moss north oak old orchard pebble pine plum quiet quill rain river "
    "rowan sage shore silverton south spring stone summer sun thistle timber topaz valley velvet "
    "walnut west willow wind winter wren"
).split()
_SECOND = (
    "atlas barn bay beacon bridge chronicle corner courtyard cove creek dell drift field fold ford "
    "gate green grove hall harbour haven heath herald house hub journal lane ledger letter library "
    "lodge loft mail mark mews moor notes pages park path place point pond porch post press quay "
    "reader record review ridge road room row school sheet shelf square stand station street "
    "terrace times tower trail tribune view village walk wall ward way wharf wood works yard"
).split()
_SUBDOMAINS = ("", "", "www.", "www.", "www.", "blog.", "en.", "news.", "wiki.", "m.")
SITES = 420  # how many sites of one sort there are; a page draws one of them


@dataclass(frozen=True)
class Site:
    """A host and how its pages look. ``look`` is a number that every design reads its own way."""

    host: str
    name: str
    design: str
    look: int
    founded: int


@functools.lru_cache(maxsize=1 << 14)
def site(seed: int, design: str, number: int) -> Site:
    """Site ``number`` of those of one design. The number is part of the name, so none repeats."""
    draw = Draw(f"{seed}/site/{design}/{number}")
    words = draw.pick(_FIRST), draw.pick(_SECOND)
    joint = draw.pick(("", "", "-"))
    host = f"{draw.pick(_SUBDOMAINS)}{joint.join(words)}{design[0]}{number}.example"
    name = " ".join(word.capitalize() for word in words)
    return Site(host, name, design, draw.integer(0, 999), draw.integer(1998, 2019))


def pick(draw: Draw, seed: int, design: str) -> Site:
    return site(seed, design, draw.integer(0, SITES - 1))
