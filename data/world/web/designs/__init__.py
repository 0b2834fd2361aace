"""How sites look. Each module has ``render(article, site, draw, seed) -> str``, a whole document.

Where a design varies with ``site.look`` or by chance, what is main text and what is not stays the
same.
"""

from data.world.draw import Draw
from data.world.web.designs import (
    blog,
    encyclopedia,
    forum,
    homepage,
    magazine,
    news,
    school,
)
from data.world.web.page import Article
from data.world.web.sites import Site

_RENDERERS = {
    "blog": blog.render,
    "encyclopedia": encyclopedia.render,
    "forum": forum.render,
    "homepage": homepage.render,
    "magazine": magazine.render,
    "news": news.render,
    "school": school.render,
}
NAMES = tuple(_RENDERERS)

# Here the title stands in a header outside of the text.
_TITLE_APART = ("blog", "forum", "magazine", "news")

# On what sites a page opens that begins with a document of the genre.
FOR_GENRE = {
    "arithmetic": ("school", "homepage", "blog"),
    "comparison": ("encyclopedia", "magazine", "blog"),
    "diary": ("blog", "homepage", "magazine"),
    "dictionary": ("encyclopedia", "school", "homepage"),
    "encyclopedia": ("encyclopedia", "encyclopedia", "magazine", "school"),
    "forum": ("forum",),
    "joke": ("magazine", "homepage", "blog"),
    "lesson": ("school", "blog", "homepage"),
    "news": ("news",),
    "notes": ("school", "blog", "encyclopedia"),
    "riddle": ("magazine", "news", "homepage"),
    "story": ("magazine", "blog", "news"),
    "worksheet": ("school", "school", "encyclopedia", "magazine"),
}


def render(article: Article, site: Site, draw: Draw, seed: int) -> str:
    """The article as an HTML document of the site."""
    return _RENDERERS[site.design](article, site, draw, seed)


def text(article: Article, design: str) -> str:
    """The main text of the article as the design shows it, one paragraph or heading a line."""
    lines = []
    for number, section in enumerate(article.sections):
        if number or design not in _TITLE_APART:
            lines.append(section.title)
        lines += section.paragraphs
    return "\n".join(lines)
