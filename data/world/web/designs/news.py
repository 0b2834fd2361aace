"""A news portal: sections, most read, ads within the text, links to what else has happened."""

from data.world.draw import Draw
from data.world.web import furniture
from data.world.web.page import Article, escaped
from data.world.web.sites import Site


def render(article: Article, site: Site, draw: Draw, seed: int) -> str:
    paragraphs = [furniture.paragraphs((text,)) for text in article.sections[0].paragraphs]
    if len(paragraphs) > 1:
        paragraphs.insert(1, furniture.advertisement(draw))
    body = "".join(paragraphs)
    for section in article.sections[1:]:
        body += f"<h2>{escaped(section.title)}</h2>\n{furniture.paragraphs(section.paragraphs)}"
    ticker = furniture.links(furniture.related(draw, seed, 4))
    return f"""<!DOCTYPE html>
<html lang="en" class="no-js">
<head>
{furniture.head(draw, site, article)}</head>
<body class="article-page">
{furniture.cookies(draw)}<div class="ticker breaking-news"><ul>{ticker}</ul></div>
<header class="masthead"><div class="logo"><a href="/">{site.name}</a></div>
<nav class="primary-nav"><ul>{furniture.links(furniture.menu(draw, site))}</ul></nav></header>
{furniture.breadcrumb(site, "local")}<div class="layout wrap"><article class="article" role="main">
<h1 class="headline">{escaped(article.title)}</h1>
<p class="byline">By <span class="author">{article.author}</span> | <time>{article.date}</time></p>
<div class="article__body article-content">
{body}</div>
{furniture.share(site, article)}</article>
<aside class="sidebar most-read"><h3>Most read</h3>
<ol>{furniture.links(furniture.related(draw, seed, 5))}</ol>
{furniture.advertisement(draw)}</aside></div>
<div class="related related-articles"><h3>Related</h3>
<ul>{furniture.links(furniture.related(draw, seed, 3))}</ul></div>
{furniture.newsletter(draw, site)}{furniture.footer(draw, site)}</body>
</html>
"""
