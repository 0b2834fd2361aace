"""What reports are made of: a page that refers to nothing outside of itself, tables, pictures.

What is shown comes from web pages and models: every function here escapes the text that it is
given, and what it returns is HTML.
"""

import html
import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Lines and bars: each can be told from white and from near black (contrast 3 or more).
COLOURS = ("#3b7dd8", "#c2701c", "#2f9e5b", "#b0568f", "#7a7f8a", "#a08500")

# Drawn with these and replaced, since matplotlib knows no colour that follows the page's.
_INK, _FAINT = "#010203", "#040506"

_UNSHOWN = re.compile(
    r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]"
)

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #f2f4f7; --line: #cfd5dd;
  --quiet: #57606a; --link: #0a58ca; --good: #116b38; --bad: #a32020;
  --t0: #d7e6fb; --t1: #fbe3c8; --t2: #d3f0dc; --t3: #f4d9ea; --t4: #ebe7bd; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --paper: #14171b; --soft: #1f242a;
  --line: #3b434d; --quiet: #a2abb6; --link: #7db4ff; --good: #6fd196; --bad: #ff9b93;
  --t0: #1f3d66; --t1: #5e3d14; --t2: #1b4a2d; --t3: #57294a; --t4: #4a4613; } }
* { box-sizing: border-box; }
body { font: 1rem/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 66rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; overflow-wrap: break-word; }
h1, h2, h3 { line-height: 1.25; text-wrap: balance; }
h2 { margin: 3rem 0 .8rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { margin: 2rem 0 .5rem; }
p, li, figcaption { max-width: 46rem; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .3rem .6rem; }
nav ol { columns: 17rem; padding-left: 1.4rem; margin: .5rem 0; }
nav li { break-inside: avoid; padding: .15rem 0; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .93rem; min-width: min(34rem, 100%); }
caption { text-align: left; color: var(--quiet); padding: .3rem 0; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; font-variant-numeric: tabular-nums; }
th { color: var(--quiet); font-weight: 600; }
td.text, th.text { text-align: left; overflow-wrap: anywhere; min-width: 6rem; }
td.text { min-width: 11rem; }
tbody th { color: inherit; font-weight: inherit; }
figure { margin: 1.2rem 0; }
figure svg { display: block; width: 100%; height: auto; max-width: 58rem; stroke-linejoin: round; }
figcaption { color: var(--quiet); font-size: .93rem; margin-top: .3rem; }
summary { cursor: pointer; padding: .25rem 0; }
blockquote, pre { margin: .3rem 0 1rem; padding: .5rem .8rem; background: var(--soft);
  border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; }
pre { font-size: .85rem; }
code { overflow-wrap: anywhere; }
.tokens span { border-radius: 3px; padding: .1rem 0; }
.tokens { line-height: 2; }
.t0 { background: var(--t0); } .t1 { background: var(--t1); } .t2 { background: var(--t2); }
.t3 { background: var(--t3); } .t4 { background: var(--t4); }
.said { white-space: pre-wrap; }
.call { display: block; margin: .2rem 0; font-size: .88rem; color: var(--quiet); }
.right { color: var(--good); font-weight: 600; } .wrong { color: var(--bad); font-weight: 600; }
.quiet { color: var(--quiet); }
@media (max-width: 40rem) { th, td { padding: .3rem .4rem; } figure { overflow-x: auto; }
  figure svg { min-width: 36rem; } }
@media print {
  :root { color-scheme: light; --ink: #000; --paper: #fff; --soft: #f2f4f7; --line: #bbb;
    --quiet: #444; --link: #000; --good: #116b38; --bad: #a32020;
    --t0: #d7e6fb; --t1: #fbe3c8; --t2: #d3f0dc; --t3: #f4d9ea; --t4: #ebe7bd; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  * { print-color-adjust: exact; }
  .skip { display: none; }
  .wide, figure { overflow: visible; }
  td.text { min-width: 0; } figure svg { min-width: 0; }
  figure, tr, blockquote { break-inside: avoid; }
  h2, h3, summary, caption { break-after: avoid; }
  details::details-content { content-visibility: visible; }
}
"""


def page(title: str, body: str, contents: Sequence[tuple[str, str]] = ()) -> str:
    """A page for light and dark screens, phones and paper.

    Args:
        title: text, of the page and its first heading.
        body: HTML; its headings begin at the second level.
        contents: (id, title) of each section, for the table of contents.
    """
    links = "".join(f'<li><a href="#{text(key)}">{text(name)}</a></li>' for key, name in contents)
    nav = f'<nav aria-label="Contents"><ol>{links}</ol></nav>' if links else ""
    skip = '<a class="skip" href="#main">To the text</a>' if links else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{_STYLE}</style></head>\n"
        f'<body>{skip}<header><h1>{text(title)}</h1>{nav}</header>\n<main id="main">\n{body}\n'
        "</main></body></html>\n"
    )


def text(anything: object) -> str:
    """Escaped, for the inside of an element or of a quoted attribute.

    Control characters become U+FFFD, and so do those that turn the direction of writing: they would
    turn what stands after them, too.
    """
    return html.escape(_UNSHOWN.sub("\ufffd", str(anything)))


def section(key: str, title: str, *parts: str) -> str:
    """A part of a page with its heading.

    Args:
        key: what the table of contents refers to.
        parts: HTML.
    """
    body = "\n".join(part for part in parts if part)
    return f'<section id="{text(key)}"><h2>{text(title)}</h2>\n{body}\n</section>'


def table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], texts: Sequence[int] = (0,)
) -> str:
    """A table that scrolls by itself where the screen is narrow.

    Args:
        caption: what it shows; text.
        head: texts of the columns.
        rows: HTML of the cells; the first names the row.
        texts: numbers of the columns that hold words, which stand to the left.
    """
    kinds = [' class="text"' if number in texts else "" for number in range(len(head))]
    top = "".join(
        f'<th scope="col"{kind}>{text(name)}</th>' for name, kind in zip(head, kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{kind}>{cell}</td>" if number else f'<th scope="row"{kind}>{cell}</th>'
            for number, (cell, kind) in enumerate(zip(row, kinds, strict=True))
        )
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{text(caption)}"><table>'
        f"<caption>{text(caption)}</caption><thead><tr>{top}</tr></thead>\n"
        f"<tbody>{body}</tbody></table></div>"
    )


def folded(summary: str, body: str) -> str:
    """HTML that is shown when it is asked for, under a text that says what it is."""
    return f"<details><summary>{text(summary)}</summary>{body}</details>"


def drawing(
    size: tuple[float, float], draw: Callable[["Figure"], None], alternative: str, caption: str = ""
) -> str:
    """A picture in SVG that takes the page's colours.

    Args:
        size: width and height in inches; the page scales it.
        draw: draws on an empty figure.
        alternative: says in words what the picture shows, for those who do not see it.
    """
    import matplotlib
    from matplotlib.figure import Figure

    settings = {
        "svg.fonttype": "none",
        # By this, names inside the picture are its own, and the same at every drawing.
        "svg.hashsalt": f"{alternative} {caption}",
        "axes.facecolor": "none",
        "grid.color": _FAINT,
        "legend.frameon": False,
        "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    } | dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK
    )
    written = io.StringIO()
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=size, layout="constrained", facecolor="none")
        draw(figure)
        figure.savefig(written, format="svg", metadata={"Date": None})
    below = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
    return f"<figure>{_inlined(written.getvalue(), alternative)}{below}</figure>"


def _inlined(svg: str, alternative: str) -> str:
    """matplotlib's file as a part of a page: without what a page has once, or must not have."""
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</defs>", "", svg, flags=re.DOTALL)
    box = re.search(r'viewBox="[^"]*"', svg).group()
    label = f'role="img" aria-label="{text(alternative)}"'
    svg = re.sub(r"<svg[^>]*>", lambda _: f"<svg {box} {label}>", svg, count=1)
    # Names of parts recur in every picture; only those that are referred to are kept.
    used = set(re.findall(r"#([\w.-]+)[\")]", svg))
    svg = re.sub(r' id="([^"]*)"', lambda name: name[0] if name[1] in used else "", svg)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 system-ui, sans-serif", svg)
    return svg.replace(_INK, "currentColor").replace(_FAINT, "var(--line)")
