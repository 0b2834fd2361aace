"""Pages made for search engines: stuffed with keywords, spun, doorways, farms of links."""

from collections.abc import Callable

from data.world import telling
from data.world.draw import Draw
from data.world.genres import prose

_THEMES = (
    ("cheap car insurance", "insurance quotes", "low rate cover", "no deposit policy"),
    ("payday loans online", "fast cash advance", "bad credit loans", "instant approval"),
    ("casino bonus codes", "free spins", "online slots", "jackpot games"),
    ("weight loss pills", "fat burner", "slim fast diet", "lose belly weight"),
    ("essay writing service", "buy essays", "cheap term papers", "homework done for you"),
    ("replica designer bags", "luxury outlet", "discount handbags", "best replica store"),
    ("web hosting deals", "unlimited hosting", "domain coupons", "cheap servers"),
    ("cheap flights", "last minute deals", "hotel discounts", "holiday bargains"),
    ("hair growth oil", "anti ageing cream", "miracle serum", "skin repair formula"),
    ("forex trading robot", "crypto signals", "passive income", "get rich system"),
)
_STUFFED = (
    "[Looking for|Searching for|Need] {a}? Our {a} is the [best|number one|leading] {a} in {town}.",
    "With {a} you get {b}, and with {b} you get [even more|the lowest price on|free] {c}.",
    "[Thousands|Millions] of [happy|satisfied] customers [chose|trust] our {a} for {b} and {c}.",
    "[Click here|Call now|Order today] for {a}, because {a} [is what you need|will not last]!",
    "{A} in {town} means {b}, {c} and {d} at [unbeatable|crazy|rock bottom] prices.",
    "[Do not|Never] pay more for {b} when {a} [is here|costs less|beats them all].",
    "Our {a} experts [know|compare|rank] every {b} offer, every {c} offer and every {d} offer.",
    "[Why wait|What are you waiting for]? {A} today, {b} tomorrow, {c} for ever!",
)
_SPUN_SUBJECTS = "perhaps nominal gigantic sundry veritable customary pecuniary oblique".split()
_SPUN = (
    "thing fact manner affair acquisition individual occasion merchandise remittance utility "
    "provision proprietor amenity conveyance habitation garment vicinity commencement procure "
    "obtain endeavour facilitate ameliorate purvey render elect fathom splendid copious frugal "
    "swift merry verily whereas notwithstanding betwixt hereby onward sundry manifold assorted"
).split()

Text = tuple[str, tuple[str, ...]]


def _stuffed(draw: Draw) -> Text:
    a, b, c, d = draw.pick(_THEMES)
    fields = {"a": a, "A": a.capitalize(), "b": b, "c": c, "d": d}
    paragraphs = []
    for _ in range(draw.integer(3, 5)):
        sentences = [
            telling.fill(draw, _STUFFED, town=draw.pick(prose.PLACES), **fields)
            for _ in range(draw.integer(4, 6))
        ]
        paragraphs.append(" ".join(sentences))
    return f"{a.title()} | {b.title()} | {c.title()}", tuple(paragraphs)


def _keywords(draw: Draw) -> Text:
    words = [word for theme in draw.some(_THEMES, 3) for word in theme]
    lines = []
    for _ in range(draw.integer(4, 7)):
        chosen = [draw.pick(words) for _ in range(draw.integer(15, 30))]
        lines.append(", ".join(f"{word} {draw.pick(prose.PLACES)}".lower() for word in chosen))
    return words[0].title(), tuple(lines)


def _doorway(draw: Draw) -> Text:
    a, b, c, _ = draw.pick(_THEMES)
    towns = draw.some(prose.PLACES, 12)
    lines = [f"Find {a} and {b} with the best {c} near you in {town} right now!" for town in towns]
    return f"{a.title()} in {towns[0]}", tuple(lines)


def _spun(draw: Draw) -> Text:
    """Words replaced one by one until nothing is said."""
    paragraphs = []
    for _ in range(draw.integer(3, 5)):
        sentences = []
        for _ in range(draw.integer(3, 6)):
            words = [draw.pick(_SPUN) for _ in range(draw.integer(9, 16))]
            words[draw.integer(0, 4)] = draw.pick(_SPUN_SUBJECTS)
            sentences.append(" ".join(words).capitalize() + ".")
        paragraphs.append(" ".join(sentences))
    return " ".join(draw.some(_SPUN, 4)).capitalize(), tuple(paragraphs)


def _links(draw: Draw) -> Text:
    lines = []
    for _ in range(draw.integer(25, 45)):
        lines.append(f"{draw.pick(draw.pick(_THEMES))} {draw.pick(prose.PLACES).lower()}")
    return "Useful links and partners", tuple(lines)


VARIANTS: dict[str, Callable[[Draw], Text]] = {
    "stuffed": _stuffed,
    "keywords": _keywords,
    "doorway": _doorway,
    "spun": _spun,
    "links": _links,
}


def write(draw: Draw, variant: str) -> Text:
    """Title and paragraphs."""
    return VARIANTS[variant](draw)
