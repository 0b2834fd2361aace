"""The account of a run: what was read, what each step dropped and why, and what was left."""

import collections
import dataclasses
import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Pages of every step that the report shows; the first in reading order, so that they are the same
# however the work was shared out.
EXAMPLES = 5
# English text has about four bytes a token under the vocabularies of today.
BYTES_A_TOKEN = 4
EXAMPLES_FILE = "examples.json"
TIMINGS = "timings.json"
PICTURE = "funnel.png"

INPUT = "input"
KEPT = "kept"


@dataclasses.dataclass
class Tally:
    """Counts that add up over shards, in whatever order.

    Attributes:
        counts: by "left/STEP/pages", "left/STEP/bytes", "left/STEP/tokens", "dropped/STEP/REASON",
            "changed/STEP", "recovered/REASON" of pages that had something wrong and passed, and of
            what was read besides pages, "records: KIND" and "damage: KIND".
        seconds: CPU time by step.
        examples: the first pages that a step dropped or, under KEPT, that were kept.
    """

    counts: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    seconds: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    examples: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)

    def left(self, step: str, size: int, is_text: bool) -> None:
        """One page of `size` bytes has come through `step`."""
        self.counts[f"left/{step}/pages"] += 1
        self.counts[f"left/{step}/bytes"] += size
        if is_text:
            self.counts[f"left/{step}/tokens"] += size // BYTES_A_TOKEN

    def dropped(self, step: str, reason: str) -> None:
        self.counts[f"dropped/{step}/{reason}"] += 1

    def example(self, step: str, page: dict[str, Any]) -> None:
        of_step = self.examples.setdefault(step, [])
        if len(of_step) < EXAMPLES:
            of_step.append(page)

    def to_dict(self) -> dict[str, Any]:
        return {
            "counts": dict(self.counts),
            "seconds": dict(self.seconds),
            "examples": self.examples,
        }


def merged(tallies: list[dict[str, Any]]) -> dict[str, Any]:
    """The sum of tallies in the form of `Tally.to_dict`."""
    total = Tally()
    examples = collections.defaultdict(list)
    for tally in tallies:
        total.counts.update(tally["counts"])
        total.seconds.update(tally["seconds"])
        for step, pages in tally["examples"].items():
            examples[step] += pages
    total.examples = {
        step: sorted(pages, key=lambda page: page["id"])[:EXAMPLES]
        for step, pages in sorted(examples.items())
    }
    return total.to_dict()


def stats(counts: dict[str, int], steps: tuple[str, ...]) -> dict[str, Any]:
    """The account as stats.json holds it.

    Args:
        counts: of a `Tally`, whole.
        steps: names in the order in which pages meet them.

    Raises:
        ArithmeticError: pages kept and pages dropped do not add up to those that were read. The
            output cannot be trusted then.
    """
    rows = [_row(counts, INPUT)]
    for step in steps:
        row = _row(counts, step)
        prefix = f"dropped/{step}/"
        row["dropped"] = {
            key.removeprefix(prefix): counts[key]
            for key in sorted(counts)
            if key.startswith(prefix)
        }
        if changed := counts.get(f"changed/{step}"):
            row["changed"] = changed
        if rows[-1]["pages"] != row["pages"] + sum(row["dropped"].values()):
            raise ArithmeticError(
                f"{rows[-1]['pages']} pages reached the step {step}, but {row['pages']} were left "
                f"and {sum(row['dropped'].values())} dropped"
            )
        rows.append(row)
    return {
        "pages_in": rows[0]["pages"],
        "pages_kept": rows[-1]["pages"],
        "tokens_kept": rows[-1]["tokens"],
        "funnel": rows,
        "not_pages": {
            key: counts[key] for key in sorted(counts) if key.startswith(("records: ", "damage: "))
        },
        "recovered": {
            key.removeprefix("recovered/"): counts[key]
            for key in sorted(counts)
            if key.startswith("recovered/")
        },
    }


def _row(counts: dict[str, int], step: str) -> dict[str, Any]:
    units = {unit: counts.get(f"left/{step}/{unit}", 0) for unit in ("pages", "bytes", "tokens")}
    return {"step": step} | units


def as_text(account: dict[str, Any]) -> str:
    """The account as lines of text."""
    lines = [f"{'':18}{'pages':>10}{'bytes':>16}{'tokens':>14}  dropped"]
    for row in account["funnel"]:
        reasons = ", ".join(
            f"{number} {reason}" for reason, number in row.get("dropped", {}).items()
        )
        lines.append(
            f"{row['step']:18}{row['pages']:>10,}{row['bytes']:>16,}{row['tokens']:>14,}  {reasons}"
        )
    for key, name in (("recovered", "recovered"), ("not_pages", "not pages")):
        if account[key]:
            lines.append(f"{name}: {json.dumps(account[key])}")
    return "\n".join(lines)


def picture(account: dict[str, Any]) -> bytes:
    """The funnel as PNG: pages, bytes and tokens left after each step."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size(account), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure, account)
    png = io.BytesIO()
    # No version and no time of writing in the file: the same account gives the same bytes.
    figure.savefig(png, dpi=120, metadata={"Software": None})
    return png.getvalue()


def size(account: dict[str, Any]) -> tuple[float, float]:
    """Width and height in inches that the picture needs."""
    return 11, 0.36 * len(account["funnel"]) + 1.4


def draw(figure: "Figure", account: dict[str, Any]) -> None:
    """Draws the funnel on an empty figure."""
    rows = account["funnel"]
    names = [row["step"].replace("_", " ") for row in rows]
    units = (
        ("pages", "pages", "#4269d0"),
        ("bytes", "bytes (HTML, then text)", "#efb118"),
        ("tokens", f"tokens (text bytes / {BYTES_A_TOKEN})", "#3ca951"),
    )
    for axes, (unit, title, color) in zip(figure.subplots(1, 3, sharey=True), units, strict=True):
        values = [row[unit] for row in rows]
        axes.barh(names, values, color=color, height=0.75)
        axes.set_title(title, fontsize=10)
        axes.set_xlim(0, 1.25 * max(values, default=0) or 1)
        axes.xaxis.set_visible(False)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
        for place, value in enumerate(values):
            axes.text(value, place, f" {_short(value)}", va="center", fontsize=8)
    figure.axes[0].invert_yaxis()


def _short(value: int) -> str:
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return str(value)
