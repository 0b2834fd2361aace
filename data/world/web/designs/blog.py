"""A weblog: one column of posts, a sidebar, comments below."""

from data.world.draw import Draw
from data.world.web import furniture
from data.world.web.page import Article, escaped
from data.world.web.sites import Site


def render(article: Article, site: Site, draw: Draw, seed: int) -> str:
    body = furniture.paragraphs(article.sections[0].paragraphs)
    for section in article.sections[1:]:
        body += f"<h2>{escaped(section.title)}</h2>\n{furniture.paragraphs(section.paragraphs)}"
    archive = [(f"/{year}/", f"Archive {year}") for year in range(site.founded, site.founded + 5)]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
{furniture.head(draw, site, article)}</head>
<body class="single single-post">
<a class="skip-link screen-reader-text" href="#content">Skip to content</a>
<header id="masthead" class="site-header"><p class="site-title"><a href="/">{site.name}</a></p>
<nav id="site-navigation" class="main-navigation"><ul>{furniture.links(furniture.menu(draw, site))}
</ul></nav></header>
<div id="content" class="site-content"><main id="main" class="site-main">
<article id="post-{site.look}" class="post type-post hentry">
<header class="entry-header"><h1 class="entry-title">{escaped(article.title)}</h1>
<div class="entry-meta"><time datetime="{article.date}">{article.date}</time> by
<a rel="author" href="/author/">{article.author}</a></div></header>
<div class="entry-content">
{body}</div>
<footer class="entry-footer"><a href="/category/notes/" rel="tag">Notes</a></footer>
</article>
{furniture.share(site, article)}<nav class="post-navigation">
<a href="?p=1" rel="prev">Previous post</a> <a href="?p=3" rel="next">Next post</a></nav>
{furniture.comments(draw, draw.integer(1, 4))}</main>
<aside id="secondary" class="widget-area sidebar">
<section class="widget"><h2 class="widget-title">Recent posts</h2>
<ul>{furniture.links(furniture.related(draw, seed, 5))}</ul></section>
<section class="widget"><h2 class="widget-title">Archives</h2>
<ul>{furniture.links(archive)}</ul></section>
{furniture.newsletter(draw, site)}</aside></div>
{furniture.footer(draw, site)}{furniture.cookies(draw)}</body>
</html>
"""
