"""The report on the web: the funnel, pages kept and dropped, the filters' precision and recall.

Everything that comes from a page is escaped. What is made is one string of HTML that refers to
nothing outside of itself: a section for a report of many, or a page of its own.
"""

from collections.abc import Mapping
from typing import Any

import data.page
from data.page import drawing, folded, table, text
from data.web import funnel, layout, measure, sinks

KEY, TITLE = "web", "The web, filtered"

# What is measured against what was planted, in the order in which pages meet it.
_NAMES = (*measure.STEPS, "pii")


def page(section: str) -> str:
    """A section as a page that can be opened by itself."""
    return data.page.page("The web pipeline's report", section)


def section(folder: str, figures: Mapping[str, float]) -> str:
    """The section of a finished run.

    Args:
        folder: what the pipeline wrote.
        figures: of report.json; those that begin with "web/" are shown.
    """
    account = sinks.read_json(f"{folder}/{layout.STATS}")
    examples = sinks.read_json(f"{folder}/{funnel.EXAMPLES_FILE}")
    return data.page.section(
        KEY,
        TITLE,
        _summary(account, figures),
        _picture(account),
        _funnel_table(account),
        _precision_table(figures),
        _examples(account, examples),
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
    return drawing(
        funnel.size(account),
        lambda figure: funnel.draw(figure, account),
        "Three bar charts: pages, bytes and tokens left after each step, as in the table below",
        "What was left after each step.",
    )


def _funnel_table(account: Mapping[str, Any]) -> str:
    rows = [
        [
            text(row["step"].replace("_", " ")),
            f"{row['pages']:,}",
            f"{row['bytes']:,}",
            f"{row['tokens']:,}",
            ", ".join(
                f"{text(reason)} {number:,}"
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
        notes.append(f"<p>{name}: {text(counts)}.</p>" if counts else "")
    head = ["after", "pages", "bytes", "tokens", "dropped there"]
    return "\n".join([table("Left after each step, and dropped by it", head, rows, (0, 4)), *notes])


def _precision_table(figures: Mapping[str, float]) -> str:
    rows = []
    for name in _NAMES:
        pair = [figures.get(f"web/{name}_{kind}") for kind in ("precision", "recall")]
        if any(figure is not None for figure in pair):
            shown = ["–" if figure is None else f"{figure:.4f}" for figure in pair]
            rows.append([text(name.replace("_", " ")), *shown])
    if not rows:
        return ""
    loose = figures.get(measure.LOOSE_COPIES)
    note = (
        ""
        if loose is None
        else f"<p>{loose:.2%} of the copies were removed that have less than {measure.WRONG_BELOW} "
        "in common with their originals, and are pages of their own.</p>"
    )
    caption = (
        "Of what a step dropped, the share that was planted to be dropped (precision); of what was "
        "planted for it, the share that it dropped (recall)"
    )
    shown = table(caption, ["step", "precision", "recall"], rows)
    return f"<h3>Against what was planted</h3>{shown}{note}"


def _examples(account: Mapping[str, Any], examples: Mapping[str, list[dict[str, Any]]]) -> str:
    order = [row["step"] for row in account["funnel"]]
    parts = ["<h3>Pages dropped, by step, and pages kept</h3>"]
    for step in [*order, funnel.KEPT]:
        of_step = examples.get(step, ())
        if of_step:
            items = "".join(_example(page) for page in of_step)
            parts.append(folded(step.replace("_", " "), f"<ul>{items}</ul>"))
    return "\n".join(parts)


def _example(page: Mapping[str, Any]) -> str:
    parts = [f"<code>{text(page['url'] or 'no address')}</code>"]
    if page.get("reason"):
        figure = page.get("figure")
        number = "" if figure is None else f" ({figure:.6g})"
        parts.append(f"<b>{text(page['reason'])}{number}</b>")
    if page.get("text"):
        parts.append(f"<blockquote>{text(page['text'])}</blockquote>")
    return f"<li>{' '.join(parts)}</li>"
