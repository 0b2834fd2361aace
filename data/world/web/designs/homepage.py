"""A private page of the nineties: tables within tables, fonts, a visitor counter, no CSS."""

from data.world.draw import Draw
from data.world.web import furniture
from data.world.web.page import Article, escaped
from data.world.web.sites import Site

_BACKGROUNDS = ("#FFFFE8", "#E8F4FF", "#FFFFFF", "#F4E8FF")


def render(article: Article, site: Site, draw: Draw, seed: int) -> str:
    body = ""
    for section in article.sections[1:]:
        body += (
            f"<H2>{escaped(section.title)}</H2>\n{furniture.paragraphs(section.paragraphs, 'P')}"
        )
    menu = furniture.links(furniture.menu(draw, site), "<FONT SIZE=2>", "</FONT><BR>\n")
    return f"""<HTML>
<HEAD>
<TITLE>{escaped(article.title)}</TITLE>
<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=utf-8">
<META NAME="GENERATOR" CONTENT="PageSmith 3.0">
</HEAD>
<BODY BGCOLOR="{_BACKGROUNDS[site.look % 4]}" TEXT="#000000" LINK="#0000EE">
<TABLE WIDTH="100%" BORDER=0 CELLPADDING=4><TR><TD COLSPAN=2 ALIGN=CENTER>
<TABLE BORDER=2><TR><TD><FONT SIZE=5><B>{site.name}</B></FONT></TD></TR></TABLE></TD></TR>
<TR><TD WIDTH=140 VALIGN=TOP>
<TABLE BORDER=1 CELLSPACING=0><TR><TD>{menu}</TD></TR></TABLE></TD></TR></TABLE>
<HR>
<DIV ALIGN="LEFT" ID="content">
<H1>{escaped(article.title)}</H1>
{furniture.paragraphs(article.sections[0].paragraphs, "P")}{body}</DIV>
<HR>
<TABLE BORDER=0><TR><TD><A HREF="/guestbook.html">Sign my guestbook</A></TD>
<TD>{furniture.links(furniture.related(draw, seed, 3), "", "<BR>")}</TD></TR></TABLE>
<DIV CLASS="footer"><FONT SIZE=1>You are visitor number {draw.integer(1000, 99999)}.<BR>
Best viewed at 800 by 600. &copy; {site.founded} {escaped(article.author)}</FONT></DIV>
</BODY>
</HTML>
"""
