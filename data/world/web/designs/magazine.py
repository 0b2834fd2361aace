"""A magazine that would rather sell: teasers, offers, a shop between the text and the footer."""

from data.world import telling
from data.world.draw import Draw
from data.world.web import furniture
from data.world.web.page import Article, escaped
from data.world.web.sites import Site

_OFFERS = (
    "[Wall clock|Picnic basket|Tea set|Gift card|Poster of the month|Wooden puzzle]",
    "[Reader's choice|Cosy blanket|Garden bench|Storybook box|Travel diary]",
)


def render(article: Article, site: Site, draw: Draw, seed: int) -> str:
    body = furniture.paragraphs(article.sections[0].paragraphs)
    for number, section in enumerate(article.sections[1:]):
        if number == 0:
            body += furniture.advertisement(draw)
        body += f"<h2>{escaped(section.title)}</h2>\n{furniture.paragraphs(section.paragraphs)}"
    offers = "".join(
        f'<li class="product-card"><a href="/shop/{draw.integer(100, 999)}">'
        f'{telling.fill(draw, _OFFERS)}</a> <span class="price">{draw.integer(5, 90)}.95</span> '
        '<button class="buy">Add to cart</button></li>'
        for _ in range(4)
    )
    return f"""<!doctype html>
<html lang="en-GB">
<head>
{furniture.head(draw, site, article)}</head>
<body>
<div class="topbar promo-banner">Free delivery on orders over {draw.integer(20, 60)}</div>
<header role="banner" class="header"><a class="brand" href="/">{site.name}</a>
<nav class="menu"><ul>{furniture.links(furniture.menu(draw, site))}</ul></nav>
<a class="cart" href="/cart">Cart (0)</a></header>
<main class="page">
<article class="story" itemscope itemtype="https://schema.org/Article">
<h1 itemprop="headline">{escaped(article.title)}</h1>
<div class="byline author">Words: {article.author}</div>
<div class="article-body" itemprop="articleBody">
{body}</div>
</article>
</main>
<section class="shop-widget related-products"><h3>From our shop</h3><ul>{offers}</ul></section>
<section class="teasers related-posts"><h3>You may also like</h3>
<ul>{furniture.links(furniture.related(draw, seed, 6))}</ul></section>
{furniture.newsletter(draw, site)}{furniture.footer(draw, site)}{furniture.cookies(draw)}
<script>{furniture.script(site)}</script></body>
</html>
"""
