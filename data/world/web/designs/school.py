"""A school's site: a drawer of classes, term dates, the page of a class, no comments."""

from data.world.draw import Draw
from data.world.web import furniture
from data.world.web.page import Article, escaped
from data.world.web.sites import Site


def render(article: Article, site: Site, draw: Draw, seed: int) -> str:
    body = ""
    for section in article.sections[1:]:
        body += f"<h2>{escaped(section.title)}</h2>\n{furniture.paragraphs(section.paragraphs)}"
    classes = [(f"/class-{number}/", f"Class {number}") for number in range(1, 7)]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
{furniture.head(draw, site, article)}</head>
<body>
<div class="container">
<div id="header" class="header"><a href="/">{site.name} Primary School</a></div>
<div id="menu" class="menu"><ul>{furniture.links(furniture.menu(draw, site))}</ul></div>
{furniture.breadcrumb(site, "classes")}<div class="row">
<div class="col-3 sidebar left" id="sidebar"><h4>Classes</h4><ul>{furniture.links(classes)}</ul>
<h4>Term dates</h4><ul><li>Spring: {draw.integer(5, 12)} January</li>
<li>Summer: {draw.integer(10, 20)} April</li></ul></div>
<div class="col-9" id="main-content" role="main">
<h1>{escaped(article.title)}</h1>
{furniture.paragraphs(article.sections[0].paragraphs)}{body}</div></div>
<div class="quicklinks"><h4>For parents</h4>
<ul>{furniture.links(furniture.related(draw, seed, 3))}</ul></div>
{furniture.footer(draw, site)}</div>
<script>{furniture.script(site)}</script>
</body>
</html>
"""
