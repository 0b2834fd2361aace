"""A wiki: a column of tools, tabs, edit links beside the headings, categories at the end."""

from data.world.draw import Draw
from data.world.web import furniture
from data.world.web.page import Article, escaped
from data.world.web.sites import Site


def render(article: Article, site: Site, draw: Draw, seed: int) -> str:
    body = furniture.paragraphs(article.sections[0].paragraphs)
    for section in article.sections[1:]:
        body += (
            f'<h2><span class="mw-headline">{escaped(section.title)}</span>'
            '<span class="mw-editsection noprint"></span></h2>\n'
            f"{furniture.paragraphs(section.paragraphs)}"
        )
    tools = [("/what-links-here", "What links here"), ("/cite", "Cite this page")]
    tools += [("/print", "Printable version"), ("/history", "Page history")]
    return f"""<!DOCTYPE html>
<html class="client-nojs" lang="en" dir="ltr">
<head>
{furniture.head(draw, site, article)}</head>
<body class="mediawiki ltr ns-0 ns-subject">
<div id="mw-page-base" class="noprint"></div>
<div id="content" class="mw-body" role="main">
<h1 id="firstHeading" class="firstHeading">{escaped(article.title)}</h1>
<div id="bodyContent" class="mw-body-content">
<div id="siteSub" class="noprint">From {site.name}</div>
<div id="mw-content-text" lang="en" dir="ltr"><div class="mw-parser-output">
{body}</div></div>
<div id="catlinks" class="catlinks"><a href="/categories">Categories</a>: <ul>
{furniture.links(furniture.related(draw, seed, 2))}</ul></div>
</div></div>
<div id="mw-navigation"><h2>Navigation menu</h2>
<div id="p-personal" role="navigation"><ul><li><a href="/login">Log in</a></li>
<li><a href="/signup">Create account</a></li></ul></div>
<div id="p-search" role="search"><form action="/search"><input type="search" name="q"></form></div>
<div id="mw-panel" class="sidebar"><div class="portal" role="navigation"><h3>Navigation</h3>
<ul>{furniture.links(furniture.menu(draw, site))}</ul></div>
<div class="portal" role="navigation"><h3>Tools</h3>
<ul>{furniture.links(tools)}</ul></div></div></div>
{furniture.footer(draw, site)}{furniture.cookies(draw)}<script>{furniture.script(site)}</script>
</body>
</html>
"""
