"""What stands around the text of a page and is not to be taken for it."""

import functools
import json

from data.world import plan, telling
from data.world.draw import Draw
from data.world.english import capitalized
from data.world.web.page import Article, escaped
from data.world.web.sites import Site

_MENUS = (
    "Home About Archive Contact Newsletter Search".split(),
    "Start Topics Authors Dates Gallery Help".split(),
    "Front page|Latest|Local|Culture|Weekend|Letters|Subscribe".split("|"),
    "Home|All articles|Categories|Most read|Support us|Log in".split("|"),
    "Main page|Contents|Random article|Recent changes|Help page|Donate".split("|"),
)
_COOKIES = (
    "[We use cookies|This site uses cookies|Our partners and we use cookies] to [improve your "
    "experience|measure our traffic|show you relevant offers]. [Accept all|Manage settings|Find "
    "out more]",
    "[Your privacy matters to us|We value your privacy]. [Please choose which cookies you allow|By "
    "clicking Accept you agree to our cookie policy].",
)
_NEWSLETTER = (
    "[Sign up for|Subscribe to|Never miss] our [weekly|monthly|free] newsletter",
    "[Get the best of {name} in your inbox|Join our list of readers]",
)
_ADS = (
    "[Sponsored|Advertisement|Ad]: [Garden furniture|Holiday homes|Warm socks|Reading lights] "
    "[up to half price|now with free delivery|while stocks last]!",
    "[Advertisement|Promoted]: [Learn a language in ten minutes a day|Compare insurance offers "
    "now|Find a plumber near you]",
)
_COMMENTS = (
    "[Great post|Lovely article|Nice read], [thank you|thanks for sharing|keep it up]!",
    "[I learned something today|I had no idea|My kids loved this]. [More of this please|Thanks].",
    "[First!|Does anyone else remember this from school?|Bookmarked for later.]",
    "[There is a typo in the second paragraph|The link on the left is broken], [by the way|fyi].",
    "[I disagree, but it was well written|Not sure about this one|Hm, I will have to check that].",
)
_NICKS = "anneke benno carla_k d4rren elspeth fritzi gus_t hollie imre joaquin kasia lars_o".split()
_FOOTER = (
    "© {founded}-2024 {name}. All rights reserved.",
    "Copyright © 2024 {name}. [Reproduction only with permission|All rights reserved].",
    "{name} © 2024 | [Made with care in Rosehill|Hosted by friends|Running since {founded}]",
)
_POLICY = "Privacy policy|Terms of use|Cookie policy|Imprint|Accessibility".split("|")

_STYLE = (
    "body{{margin:0;font:16px/1.6 {font};color:#{dark}}}a{{color:#{accent}}}"
    ".wrap{{max-width:{width}px;margin:0 auto;padding:0 1rem}}nav ul{{list-style:none;padding:0}}"
    "nav li{{display:inline-block;margin-right:1em}}.cookie{{position:fixed;bottom:0;left:0;"
    "right:0;background:#{dark};color:#fff;padding:1em}}@media(max-width:600px)"
    "{{.sidebar{{display:none}}}}footer{{border-top:1px solid #ccc;font-size:.85em}}"
)
_FONTS = ("Palatino,serif", "Arial,sans-serif", "Verdana,sans-serif", "'Times New Roman',serif")
_COLORS = "7a1f2b 1f4e7a 2b6a3c 6a4a1f 4b2b7a 0b6e6e 8a5200 333366".split()
_SCRIPT = (
    "window.dataLayer=window.dataLayer||[];function track(){{dataLayer.push(arguments);}}"
    "track('js',new Date());track('config','UA-{number}-1');document.addEventListener("
    "'DOMContentLoaded',function(){{var b=document.querySelector('.cookie');if(b){{b.onclick="
    "function(){{b.style.display='none';document.cookie='ok=1;path=/';}};}}}});"
)


def menu(draw: Draw, site: Site) -> list[tuple[str, str]]:
    """(path, words) of a site's entries."""
    return [
        (f"/{word.lower().replace(' ', '-')}/", word) for word in _MENUS[site.look % len(_MENUS)]
    ]


def links(entries: list[tuple[str, str]], before: str = "<li>", after: str = "</li>") -> str:
    return "".join(f'{before}<a href="{path}">{escaped(t)}</a>{after}' for path, t in entries)


@functools.cache
def _names(seed: int) -> tuple[str, ...]:
    """What the world tells of: links lead to nothing that it withholds."""
    return tuple(subject.entity.name for subject in plan.subjects(seed))


def related(draw: Draw, seed: int, count: int) -> list[tuple[str, str]]:
    """(path, words) of links to pages about other things of the world."""
    entries = []
    for name in draw.some(_names(seed), count):
        words = telling.expand(draw, "[More about|All about|Read next:|Pictures of|Quiz:] ") + name
        entries.append((f"/{name.lower().replace(' ', '-')}", words))
    return entries


def head(draw: Draw, site: Site, article: Article) -> str:
    style = _STYLE.format(
        font=_FONTS[site.look % 4],
        dark="222233 1b1b1b 202a20 2a2020".split()[site.look // 4 % 4],
        accent=_COLORS[site.look % len(_COLORS)],
        width=900 + 20 * (site.look % 13),
    )
    title = escaped(article.title)
    data = {
        "@context": "https://schema.org",
        "@type": "Article",
        "headline": article.title,
        "datePublished": article.date,
        "author": {"@type": "Person", "name": article.author},
        "publisher": {"@type": "Organization", "name": site.name},
    }
    return (
        f'<meta charset="utf-8">\n<title>{title} - {site.name}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta property="og:site_name" content="{site.name}">\n'
        f'<link rel="stylesheet" href="/static/{site.look}/main.css">\n<style>{style}</style>\n'
        f'<script type="application/ld+json">{json.dumps(data)}</script>\n'
        f"<script>{script(site)}</script>\n"
    )


def script(site: Site) -> str:
    return _SCRIPT.format(number=100000 + site.look)


def cookies(draw: Draw) -> str:
    text = telling.fill(draw, _COOKIES)
    return (
        f'<div class="cookie cookie-banner" role="dialog"><p>{text}</p>'
        '<button type="button">Accept</button> <a href="/cookies/">More</a></div>\n'
    )


def newsletter(draw: Draw, site: Site) -> str:
    text = telling.fill(draw, _NEWSLETTER, name=site.name)
    return (
        f'<div class="newsletter-signup"><p>{text}</p><form action="/subscribe" method="post">'
        '<input type="email" name="email" placeholder="you"><button>Subscribe</button></form>'
        "</div>\n"
    )


def advertisement(draw: Draw) -> str:
    return f'<aside class="ad advert-slot"><p>{telling.fill(draw, _ADS)}</p></aside>\n'


def comments(draw: Draw, count: int) -> str:
    """Readers' comments, in the markup of weblogs."""
    items = "".join(
        f'<li class="comment" id="comment-{draw.integer(1000, 9999)}"><div class="comment-author">'
        f'{draw.pick(_NICKS)}</div><div class="comment-content"><p>{telling.fill(draw, _COMMENTS)}'
        '</p></div><a class="comment-reply-link" href="#respond">Reply</a></li>'
        for _ in range(count)
    )
    return (
        f'<section id="comments" class="comments-area"><h3>{count} comments</h3>'
        f'<ol class="comment-list">{items}</ol><div id="respond" class="comment-respond">'
        "<h3>Leave a reply</h3><form><textarea></textarea><button>Post</button></form></div>"
        "</section>\n"
    )


def share(site: Site, article: Article) -> str:
    return (
        '<div class="share-buttons social"><span>Share this:</span> <a href="#">Mail</a> '
        '<a href="#">Print</a> <a href="#">Copy link</a></div>\n'
    )


def footer(draw: Draw, site: Site) -> str:
    line = telling.fill(draw, _FOOTER, founded=site.founded, name=site.name)
    policy = links([(f"/{w.lower().replace(' ', '-')}/", w) for w in _POLICY], "", " | ")
    return f'<footer class="site-footer" id="footer"><p>{line}</p><p>{policy}</p></footer>\n'


def breadcrumb(site: Site, topic: str) -> str:
    return (
        f'<div class="breadcrumbs"><a href="/">{site.name}</a> &raquo; '
        f'<a href="/{topic}/">{capitalized(topic)}</a></div>\n'
    )


def paragraphs(texts: tuple[str, ...], tag: str = "p") -> str:
    """Paragraphs; a paragraph's lines are kept apart by <br>."""
    return "".join(
        f"<{tag}>{escaped(text).replace(chr(10), '<br>' + chr(10))}</{tag}>\n" for text in texts
    )
