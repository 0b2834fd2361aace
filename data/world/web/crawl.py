"""The crawl: page after page of the world's web, good ones and what else the web is full of.

``pages(seed, megabytes)`` gives the same pages, byte for byte, on every machine. A copy always
comes after its original. URLs lead to hosts under .example, which nobody can register.
"""

import datetime
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from data.world import facts
from data.world.draw import Draw
from data.world.web import (
    blocklists,
    boilerplate,
    compose,
    copies,
    damage,
    designs,
    examples,
    languages,
    personal,
    shallow,
    sites,
    spam,
)
from data.world.web.page import Article, Label, Page, Section
from data.world.web.sites import Site

# Kind of page -> its share. Those below 1 in all are good pages with text of the world.
SHARES = {
    "near_copy": 0.09,
    "language": 0.07,
    "low_quality": 0.07,
    "exact_copy": 0.05,
    "spam": 0.05,
    "adult": 0.04,
    "boilerplate": 0.04,
    "no_page": 0.02,
    "damaged": 0.01,
}
# What is special about a good page -> its share of them.
_GOOD = {"pii": 0.07, "broken": 0.05, "neighbour": 0.03, "charset": 0.03}
# Wanted similarities of near copies: (lowest, highest, share).
_SIMILARITIES = ((0.86, 0.985, 0.5), (0.5, 0.86, 0.25), (0.3, 0.5, 0.25))
# Near copies from here up must be found, those below the second are pages of their own.
FOUND_FROM = 0.85
OWN_BELOW = 0.5

_RECENT = 4000  # good pages that may still be copied
_CRAWLED = datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC)
_SECONDS = 7  # between two pages
_SERVERS = ("nginx", "Apache/2.4.57 (Unix)", "cloud-edge", "lighttpd/1.4.69")


@dataclass(frozen=True)
class _Original:
    article: Article
    site: Site
    url: str
    text: str
    documents: tuple[str, ...]
    score: int


@dataclass
class _State:
    seed: int
    groups: Iterator[tuple]
    originals: list[_Original] = field(default_factory=list)


def pages(seed: int, megabytes: float) -> Iterator[Page]:
    """The seed's crawl, whose good pages hold about ``megabytes`` MB (of 10**6 bytes) of text."""
    state = _State(seed, compose.groups(seed, megabytes))
    kinds = tuple(SHARES)
    number = 0
    while True:
        draw = Draw(f"{seed}/page/{number}")
        kind = _drawn(draw, SHARES, "good")
        if kind.endswith("copy") and not state.originals:
            kind = "good"
        if kind == "good" or kind not in kinds:
            group = next(state.groups, None)
            if group is None:
                return
            yield _good(state, draw, number, group)
        else:
            yield _OTHERS[kind](state, draw, number)
        number += 1


def _drawn(draw: Draw, shares: dict[str, float], rest: str) -> str:
    """One of the names by their shares, or ``rest``."""
    place = draw.integer(0, 9999) / 10000
    for name, share in shares.items():
        place -= share
        if place < 0:
            return name
    return rest


# --- good pages ---------------------------------------------------------------------------------


def _good(state: _State, draw: Draw, number: int, group: tuple) -> Page:
    article = Article(
        tuple(Section(d.title, tuple(d.text.split("\n\n"))) for d in group),
        _author(draw),
        _published(draw),
        is_thread=group[0].genre == "forum",
    )
    design = draw.pick(designs.FOR_GENRE[group[0].genre])
    site = sites.pick(draw, state.seed, design)
    special = _drawn(draw, _GOOD, "plain")
    pii, not_pii = (), ()
    if special == "pii":
        article, pii, not_pii = personal.planted(draw, article)
    elif special == "charset":
        article = damage.typographic(article)
    elif special == "neighbour":
        site = replace(site, host=blocklists.neighbour(draw, state.seed, number))
    html = designs.render(article, site, draw, state.seed)
    text = designs.text(article, design)
    label = Label(
        _url(draw, site, article.title, number),
        "good",
        special,
        design,
        documents=tuple(document.id for document in group),
        score=examples.score(group),
        pii=pii,
        not_pii=not_pii,
    )
    if special == "plain":
        original = _Original(article, site, label.url, text, label.documents, label.score)
        _remember(state, original, number)
    if special == "broken":
        variant = draw.pick(tuple(damage.BROKEN))
        html, label = damage.BROKEN[variant](draw, html), replace(label, variant=variant)
    if special == "charset":
        return _miscoded(draw, number, label, html, text)
    return _page(draw, number, label, html, text)


def _miscoded(draw: Draw, number: int, label: Label, html: str, text: str) -> Page:
    """Declared as UTF-8 but in windows-1252, or the other way round."""
    if draw.chance(0.5):
        label = replace(label, charset="windows-1252")
        return _page(draw, number, label, html, text, charset="windows-1252", told="utf-8")
    label = replace(label, charset="utf-8")
    html = damage.declared(html, "iso-8859-1")
    return _page(draw, number, label, html, text, told="iso-8859-1")


def _remember(state: _State, original: _Original, number: int) -> None:
    if len(state.originals) < _RECENT:
        state.originals.append(original)
    else:
        state.originals[number % _RECENT] = original


def _author(draw: Draw) -> str:
    return f"{draw.pick(personal.FIRST_NAMES)} {draw.pick(personal.FAMILIES).capitalize()}"


def _published(draw: Draw) -> str:
    return f"{draw.integer(2012, 2023)}-{draw.integer(1, 12):02d}-{draw.integer(1, 28):02d}"


# --- copies -------------------------------------------------------------------------------------


def _exact_copy(state: _State, draw: Draw, number: int) -> Page:
    original = draw.pick(state.originals)
    variant = draw.pick(("other_host", "other_host", "tracking", "print"))
    site = original.site
    url = f"{original.url}{'&' if '?' in original.url else '?'}utm_source=mail{number}"
    if variant == "other_host":
        site = sites.pick(draw, state.seed, site.design)
        url = _url(draw, site, original.article.title, number)
    elif variant == "print":
        url = f"https://{site.host}/print/{number}"
    label = Label(
        url,
        "exact_copy",
        variant,
        site.design,
        drop=("exact_duplicates",),
        may=("near_duplicates",),
        documents=original.documents,
        copy_of=original.url,
        similarity=1.0,
        score=original.score,
    )
    html = designs.render(original.article, site, draw, state.seed)
    return _page(draw, number, label, html, original.text)


def _near_copy(state: _State, draw: Draw, number: int) -> Page:
    place = draw.integer(0, len(state.originals) - 1)
    original = state.originals[place]
    low, high, _ = _SIMILARITIES[draw.index((0.5, 0.75, 1.0))]
    wanted = low + (high - low) * draw.integer(0, 99) / 99
    article = copies.near_copy(draw, original.article, wanted)
    design = draw.pick((original.site.design, draw.pick(designs.NAMES)))
    site = sites.pick(draw, state.seed, design)
    text = designs.text(article, design)
    similarity = copies.similarity(copies.grams(original.text), copies.grams(text))
    if similarity < FOUND_FROM:
        # Two loose copies of one page would be copies of one another at who knows what similarity.
        state.originals.pop(place)
    label = Label(
        _url(draw, site, article.title, number),
        "near_copy",
        f"{int(similarity * 10) / 10}",
        design,
        drop=("near_duplicates",) if similarity >= FOUND_FROM else (),
        may=_may_go(similarity),
        documents=original.documents,
        copy_of=original.url,
        similarity=similarity,
        score=original.score,
    )
    return _page(draw, number, label, designs.render(article, site, draw, state.seed), text)


def _may_go(similarity: float) -> tuple[str, ...]:
    """The steps that may drop a copy; what cleaning leaves of two close ones may be the same."""
    if similarity < OWN_BELOW:
        return ()
    close = similarity >= FOUND_FROM
    return ("exact_duplicates", "near_duplicates") if close else ("near_duplicates",)


# --- what is to be dropped ----------------------------------------------------------------------


def _plain_article(draw: Draw, written: tuple[str, tuple[str, ...]]) -> Article:
    title, paragraphs = written
    return Article((Section(title, paragraphs),), _author(draw), _published(draw))


def _junk(state: _State, draw: Draw, number: int, label: Label, article: Article) -> Page:
    """A page of any design but a forum's; the label gets its URL and design."""
    design = draw.pick(("blog", "homepage", "magazine", "news", "school"))
    site = sites.pick(draw, state.seed, design)
    # Not the title: words that sell would let the filter of URLs have the page.
    url = _url(draw, site, "page", number)
    html = designs.render(article, site, draw, state.seed)
    label = replace(label, url=url, design=design)
    return _page(draw, number, label, html, designs.text(article, design))


def _spam(state: _State, draw: Draw, number: int) -> Page:
    variant = draw.pick(tuple(spam.VARIANTS))
    article = _plain_article(draw, spam.write(draw, variant))
    label = Label("", "spam", variant, drop=("quality",), may=("extraction", "language"), score=0)
    return _junk(state, draw, number, label, article)


def _low_quality(state: _State, draw: Draw, number: int) -> Page:
    variant = draw.pick(tuple(shallow.VARIANTS))
    article = _plain_article(draw, shallow.write(draw, variant))
    label = Label(
        "",
        "low_quality",
        variant,
        drop=("quality",),
        may=("extraction", "language"),
        score=shallow.VARIANTS[variant][1],
    )
    return _junk(state, draw, number, label, article)


def _adult(state: _State, draw: Draw, number: int) -> Page:
    """A listed host or URL, or one full of words that sell, over a text like many others."""
    article = _plain_article(draw, shallow.write(draw, draw.pick(("chatter", "promotion"))))
    variant = draw.pick(("domain", "subdomain", "url", "gambling", "words"))
    design = draw.pick(("blog", "magazine"))
    site = sites.pick(draw, state.seed, design)
    site = replace(site, host=blocklists.host(draw, state.seed, variant, site.host))
    slug = "payday casino bonus" if variant == "words" else article.title
    url = _url(draw, site, slug, number)
    label = Label(url, "adult", variant, design, drop=("urls",), score=1)
    html = designs.render(article, site, draw, state.seed)
    return _page(draw, number, label, html, designs.text(article, design))


def _language(state: _State, draw: Draw, number: int) -> Page:
    language = draw.pick(languages.NAMES)
    article = languages.article(draw, language)
    design = draw.pick(designs.NAMES)
    site = sites.pick(draw, state.seed, design)
    label = Label(
        f"https://{language}.{site.host.removeprefix('www.')}/{number}",
        "language",
        language,
        design,
        drop=("language",),
        language=language,
    )
    html = designs.render(article, site, draw, state.seed)
    html = html.replace('lang="en"', f'lang="{language}"')
    text = designs.text(article, design)
    if draw.chance(0.3):
        charset = languages.CHARSETS[language]
        html = damage.declared(html, charset)
        return _page(draw, number, label, html, text, charset=charset, told=charset)
    return _page(draw, number, label, html, text)


def _boilerplate(state: _State, draw: Draw, number: int) -> Page:
    variant = draw.pick(tuple(boilerplate.VARIANTS))
    site = sites.pick(draw, state.seed, draw.pick(designs.NAMES))
    label = Label(
        f"https://{site.host}/{variant}?r={number}",
        "boilerplate",
        variant,
        site.design,
        drop=("quality",),
        may=("extraction", "language"),
        score=0,
    )
    return _page(draw, number, label, boilerplate.render(draw, site, variant, state.seed), "")


def _damaged(state: _State, draw: Draw, number: int) -> Page:
    """A record that ends too early. Only one that the crawler itself cut short can be used."""
    article = _plain_article(draw, shallow.write(draw, "chatter"))
    flaw = draw.pick(("cut", "length", "truncated"))
    page = _junk(state, draw, number, Label("", "damaged", flaw), article)
    if flaw == "truncated":
        body = page.body[: len(page.body) * draw.integer(30, 60) // 100]
        label = replace(page.label, drop=("quality",), may=("extraction", "language"), score=2)
        return replace(page, body=body, label=label, flaw=flaw, text="")
    return replace(page, label=replace(page.label, drop=("read",)), flaw=flaw, text="")


_NO_PAGES = (
    ("status", "404 Not Found", "text/html", b"<html><body><h1>Not Found</h1></body></html>"),
    ("status", "301 Moved Permanently", "text/html", b""),
    ("status", "503 Service Unavailable", "text/html", b"<h1>Try again later</h1>"),
    ("content_type", "200 OK", "image/png", b"\x89PNG\r\n\x1a\n" + bytes(64)),
    ("content_type", "200 OK", "application/pdf", b"%PDF-1.4\n%%EOF\n"),
    ("content_type", "200 OK", "application/json", b'{"posts": []}'),
    ("empty", "200 OK", "text/html", b""),
)


def _no_page(state: _State, draw: Draw, number: int) -> Page:
    variant, status, kind, body = draw.pick(_NO_PAGES)
    site = sites.pick(draw, state.seed, draw.pick(designs.NAMES))
    url = f"https://{site.host}/file/{number}"
    label = Label(url, "no_page", variant, drop=("read",))
    headers = (("Content-Type", kind), ("Content-Length", str(len(body))))
    return Page(url, _fetched(number), status, headers, body, label)


_OTHERS: dict[str, Callable[[_State, Draw, int], Page]] = {
    "near_copy": _near_copy,
    "language": _language,
    "low_quality": _low_quality,
    "exact_copy": _exact_copy,
    "spam": _spam,
    "adult": _adult,
    "boilerplate": _boilerplate,
    "no_page": _no_page,
    "damaged": _damaged,
}


# --- URLs and headers ---------------------------------------------------------------------------


def _url(draw: Draw, site: Site, title: str, number: int) -> str:
    """As the sites of the design have them; with the page's number, so that none repeats."""
    slug = facts.slug(title)[:60].strip("-") or "page"
    path = {
        "blog": f"/{draw.integer(2012, 2023)}/{draw.integer(1, 12):02d}/{slug}-{number}/",
        "encyclopedia": f"/wiki/{slug.capitalize().replace('-', '_')}_{number}",
        "forum": f"/viewtopic.php?f={draw.integer(1, 30)}&t={number}",
        "homepage": f"/~{draw.pick(personal.FAMILIES)}/{slug}-{number}.htm",
        "magazine": f"/stories/{number}/{slug}",
        "news": f"/local/{slug}-{number}.html",
        "school": f"/class-{draw.integer(1, 6)}/{slug}-{number}.html",
    }[site.design]
    return f"{'http' if draw.chance(0.2) else 'https'}://{site.host}{path}"


def _fetched(number: int) -> str:
    time = _CRAWLED + datetime.timedelta(seconds=_SECONDS * number)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _page(
    draw: Draw,
    number: int,
    label: Label,
    html: str,
    text: str,
    charset: str = "utf-8",
    told: str = "utf-8",
) -> Page:
    """A page as a server sends it, encoded in ``charset`` and declared as ``told``."""
    body = html.encode(charset, "xmlcharrefreplace")
    time = _CRAWLED + datetime.timedelta(seconds=_SECONDS * number)
    kind = "text/html" if draw.chance(0.15) else f"text/html; charset={told}"
    headers = [
        ("Date", time.strftime("%a, %d %b %Y %H:%M:%S GMT")),
        ("Server", draw.pick(_SERVERS)),
        ("Content-Type", kind),
    ]
    if draw.chance(0.03):
        body = gzip.compress(body, mtime=0)
        headers.append(("Content-Encoding", "gzip"))
    headers += [("Content-Length", str(len(body))), ("Connection", "close")]
    return Page(label.url, _fetched(number), "200 OK", tuple(headers), body, label, text)


def line(label: Label) -> str:
    """The label as a line of labels.jsonl."""
    return json.dumps(label.to_dict(), ensure_ascii=False) + "\n"
