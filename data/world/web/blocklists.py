"""Lists of hosts that a crawl should not hold, in the layout of UT1: CATEGORY/domains, /urls.

The lists of the University of Toulouse (dsi.ut-capitole.fr/blacklists) have hosts without "www."
and URLs without scheme, one a line.
"""

import functools
import os
from collections.abc import Iterable
from urllib.parse import urlsplit

from data.world.draw import Draw
from data.world.web.page import Label

CATEGORIES = ("adult", "gambling")
_LISTED = 240  # hosts of a category
_WORDS = (
    "after-dark velvet-room redlight nightclub18 grownups-only members-only private-show late-pics "
    "lucky-chips wager-den highroller card-night"
).split()


@functools.lru_cache(maxsize=8)
def domains(seed: int, category: str) -> tuple[str, ...]:
    """The hosts that are listed."""
    draw = Draw(f"{seed}/blocklist/{category}")
    words = _WORDS[:8] if category == "adult" else _WORDS[8:]
    return tuple(
        f"{draw.pick(words)}-{number}{draw.pick('abcdefgh')}.example" for number in range(_LISTED)
    )


def host(draw: Draw, seed: int, variant: str, innocent: str) -> str:
    """A listed host, one below a listed host, or the innocent one that needs no list."""
    if variant in ("url", "words"):
        return innocent
    listed = draw.pick(domains(seed, "gambling" if variant == "gambling" else "adult"))
    if variant == "subdomain":
        return f"{draw.pick(('cdn', 'pics', 'm', 'blog.eu'))}.{listed}"
    return f"{draw.pick(('', 'www.'))}{listed}"


def neighbour(draw: Draw, seed: int, number: int) -> str:
    """A host that is not listed although a listed one is a part of its name."""
    listed = draw.pick(domains(seed, "adult"))
    return draw.pick((f"not{listed}", f"{listed}-watchers{number}.example"))


def write(folder: str, seed: int, labels: Iterable[Label]) -> None:
    """The lists of a crawl whose pages have the labels."""
    urls = []
    for label in labels:
        if label.kind == "adult" and label.variant == "url":
            address = urlsplit(label.url)
            query = f"?{address.query}" if address.query else ""
            urls.append(f"{address.netloc.removeprefix('www.')}{address.path}{query}".rstrip("/"))
    for category in CATEGORIES:
        os.makedirs(os.path.join(folder, category))
        listed = {"domains": sorted(domains(seed, category))}
        listed["urls"] = sorted(urls) if category == "adult" else []
        for name, lines in listed.items():
            with open(os.path.join(folder, category, name), "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
