"""A discussion board: one block a post, the author's details beside it, signatures below."""

from data.world.draw import Draw
from data.world.web import furniture
from data.world.web.page import Article, escaped
from data.world.web.sites import Site

_RANKS = ("Newcomer", "Member", "Regular", "Veteran", "Moderator")


def render(article: Article, site: Site, draw: Draw, seed: int) -> str:
    first, *others = article.sections
    if article.is_thread:
        bodies = [furniture.paragraphs((paragraph,)) for paragraph in first.paragraphs]
    else:
        bodies = [furniture.paragraphs(first.paragraphs)]
    for section in others:
        heading = f"<h3>{escaped(section.title)}</h3>\n"
        bodies.append(heading + furniture.paragraphs(section.paragraphs))
    posts = "".join(_post(draw, number, body) for number, body in enumerate(bodies, start=1))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
{furniture.head(draw, site, article)}</head>
<body id="forum" class="viewtopic">
<div id="page-header" class="headerbar"><a class="logo" href="/">{site.name}</a>
<nav class="navbar" role="navigation"><ul>{furniture.links(furniture.menu(draw, site))}</ul></nav>
</div>
{furniture.breadcrumb(site, "board")}
<header><h1 class="topic-title">{escaped(article.title)}</h1></header>
<div id="page-body" role="main">
<div class="post-content">
{posts}</div>
<div class="pagination action-bar">{len(bodies)} posts, page 1 of 1</div></div>
<div class="sidebar" id="similar-topics"><h3>Similar topics</h3>
<ul>{furniture.links(furniture.related(draw, seed, 5))}</ul></div>
<div class="who-is-online footer">
<p>Users browsing this forum: {draw.integer(2, 40)} guests</p></div>
{furniture.footer(draw, site)}{furniture.cookies(draw)}</body>
</html>
"""


def _post(draw: Draw, number: int, body: str) -> str:
    return (
        f'<div id="p{number}" class="row"><aside class="col-side author-info">'
        f"<span>{draw.pick(_RANKS)}</span> <span>Joined {draw.integer(2001, 2020)}</span></aside>"
        f'<div class="col"><div class="col-text">\n{body}</div></div>'
        '<div class="buttons toolbar"><a href="#quote">Quote</a> '
        '<a href="#report">Report</a></div></div>\n'
    )
