"""The report on the web: the funnel, pages kept and dropped, the filters' precision and recall.

Everything that comes from a page is escaped. What is made is one string of HTML that refers to
nothing outside of itself: a section for a report of many, or a page of its own.
"""

import base64
import html
from collections.abc import Mapping
from typing import Any

from data.web import funnel, layout, measure, sinks

# What is measured against what was planted, in the order in which pages meet it.
_NAMES = (*measure.STEPS, "pii")

_STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
img { max-width: 100%; background: #fff; border-radius: 6px; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child, .reasons th:last-child, .reasons td:last-child { text-align: left; }
summary { cursor: pointer; padding: .2rem 0; }
code, blockquote { overflow-wrap: anywhere; }
blockquote { margin: .3rem 0 1rem; padding: .3rem .8rem; background: var(--soft);
  white-space: pre-wrap; }
"""


def page(section: str) -> str:
    """A section as a page that can be opened by itself, on light and on dark screens."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>The web, filtered</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{section}\n</body></html>\n"
    )


def section(folder: str, figures: Mapping[str, float]) -> str:
    """The section of a finished run.

    Args:
        folder: what the pipeline wrote.
        figures: of report.json; those that begin with "web/" are shown.
    """
    account = sinks.read_json(f"{folder}/{layout.STATS}")
    examples = sinks.read_json(f"{folder}/{funnel.EXAMPLES_FILE}")
    return "\n".join(
        [
            '<section id="web"><h2>The web, filtered</h2>',
            _summary(account, figures),
            _picture(account),
            _funnel_table(account),
            _precision_table(figures),
            _examples(account, examples),
            "</section>",
        ]
    )


def _summary(account: Mapping[str, Any], figures: Mapping[str, float]) -> str:
    pages_in, kept = account["pages_in"], account["pages_kept"]
    share = f" ({kept / pages_in:.1%})" if pages_in else ""
    rate = figures.get("web/pages_per_second")
    speed = f", at {rate:.1f} pages a second" if rate is not None else ""
    return (
        f"<p>{kept:,} of {pages_in:,} pages were kept{share}, about "
        f"{account['tokens_kept']:,} tokens{speed}.</p>"
    )


def _picture(account: Mapping[str, Any]) -> str:
    png = base64.b64encode(funnel.picture(account)).decode()
    alt = "Three bar charts: pages, bytes and tokens left after each step, as in the table below"
    return f'<img alt="{alt}" src="data:image/png;base64,{png}">'


def _funnel_table(account: Mapping[str, Any]) -> str:
    rows = [
        [
            row["step"].replace("_", " "),
            f"{row['pages']:,}",
            f"{row['bytes']:,}",
            f"{row['tokens']:,}",
            ", ".join(
                f"{reason} {number:,}"
                for reason, number in sorted(
                    row.get("dropped", {}).items(), key=lambda item: (-item[1], item[0])
                )
            ),
        ]
        for row in account["funnel"]
    ]
    notes = []
    for key, name in (
        ("recovered", "Wrong with pages that came through all the same"),
        ("not_pages", "Read besides pages"),
    ):
        counts = ", ".join(f"{what} {number:,}" for what, number in account[key].items())
        notes.append(f"<p>{name}: {html.escape(counts)}.</p>" if counts else "")
    table = _table(["after", "pages", "bytes", "tokens", "dropped there"], rows, "reasons")
    return "\n".join([table, *notes])


def _precision_table(figures: Mapping[str, float]) -> str:
    rows = []
    for name in _NAMES:
        pair = [figures.get(f"web/{name}_{kind}") for kind in ("precision", "recall")]
        if any(figure is not None for figure in pair):
            shown = ["–" if figure is None else f"{figure:.4f}" for figure in pair]
            rows.append([name.replace("_", " "), *shown])
    if not rows:
        return ""
    loose = figures.get(measure.LOOSE_COPIES)
    note = (
        ""
        if loose is None
        else f"<p>{loose:.2%} of the copies were removed that have less than {measure.WRONG_BELOW} "
        "in common with their originals, and are pages of their own.</p>"
    )
    table = _table(["step", "precision", "recall"], rows)
    return f"<h3>Against what was planted</h3>{table}{note}"


def _examples(account: Mapping[str, Any], examples: Mapping[str, list[dict[str, Any]]]) -> str:
    order = [row["step"] for row in account["funnel"]]
    parts = ["<h3>Pages dropped, by step, and pages kept</h3>"]
    for step in [*order, funnel.KEPT]:
        of_step = examples.get(step, ())
        if not of_step:
            continue
        items = "".join(_example(page) for page in of_step)
        name = step.replace("_", " ")
        parts.append(f"<details><summary>{html.escape(name)}</summary><ul>{items}</ul></details>")
    return "\n".join(parts)


def _example(page: Mapping[str, Any]) -> str:
    parts = [f"<code>{html.escape(page['url'] or 'no address')}</code>"]
    if page.get("reason"):
        figure = page.get("figure")
        number = "" if figure is None else f" ({figure:.6g})"
        parts.append(f"<b>{html.escape(page['reason'])}{number}</b>")
    if page.get("text"):
        parts.append(f"<blockquote>{html.escape(page['text'])}</blockquote>")
    return f"<li>{' '.join(parts)}</li>"


def _table(head: list[str], rows: list[list[str]], kind: str = "") -> str:
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
