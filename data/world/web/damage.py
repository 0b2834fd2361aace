"""HTML and encodings as careless hands leave them. The text that a reader sees stays the same."""

import re
from dataclasses import replace

from data.world.draw import Draw
from data.world.web.page import Article, Section

_OPENING_QUOTE = re.compile(r'(^|[\s(\[])"')


def unclosed(draw: Draw, html: str) -> str:
    """Without the end tags that browsers can do without, and some that they cannot."""
    html = re.sub(r"</(p|li|td|tr|P|TD|TR)>", "", html)
    html = re.sub(r"</(body|html|BODY|HTML)>", "", html)
    return html.replace("</nav></header>", "</nav>", draw.integer(0, 1))


def stray(draw: Draw, html: str) -> str:
    """With end tags of nothing, bare ampersands, crossed tags and attributes without quotes."""
    html = html.replace("</p>\n", "</b></p></font>\n").replace("&amp;", "&")
    html = re.sub(r'class="([\w-]+)"', r"class=\1", html)
    html = re.sub(r"<(h2|H2)>(.*?)</\1>", r"<\1><b><i>\2</b></i></\1>", html)
    return html.replace("<html", "<html><html", 1)


def nested_tables(draw: Draw, html: str) -> str:
    """The whole body in tables within tables, the last of them never closed."""
    cell = "<table border=0><tr><td width=1%></td><td>"
    depth = draw.integer(2, 5)
    html = re.sub(r"(<body[^>]*>)", lambda tag: tag[0] + cell * depth, html, flags=re.IGNORECASE)
    return re.sub("</body>", "</td></tr></table>" * (depth - 1) + "</body>", html, flags=re.I)


def headless(draw: Draw, html: str) -> str:
    """Without doctype, html, head and body tags."""
    return re.sub(r"(?i)<!doctype[^>]*>\s*|</?(?:html|head|body)\b[^>]*>\s*", "", html)


BROKEN = {
    "unclosed": unclosed,
    "stray": stray,
    "nested_tables": nested_tables,
    "headless": headless,
}


def curled(text: str) -> str:
    """The text with the quotation marks and apostrophes of printed books."""
    return _OPENING_QUOTE.sub("\\1“", text).replace('"', "”").replace("'", "’")


def typographic(article: Article) -> Article:
    return replace(
        article,
        sections=tuple(
            Section(curled(section.title), tuple(curled(text) for text in section.paragraphs))
            for section in article.sections
        ),
    )


def declared(html: str, charset: str) -> str:
    """The document with another charset in its meta tag."""
    return re.sub(r"(?i)(charset=\"?)utf-8", rf"\g<1>{charset}", html, count=1)
