"""The report's pictures: curves over steps, bars, shares of answers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from data.page import COLOURS, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Points = Sequence[tuple[float, float]]

_DASHES = ("-", "--", ":", "-.")


class Panel(NamedTuple):
    """Lines that share their axes."""

    lines: Mapping[str, Points]
    y: str
    x: str = "step"


def curves(panels: Sequence[Panel], subject: str, caption: str = "") -> str:
    """Panels of lines, two beside each other; points are marked where there are few."""
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)

    def draw(figure: "Figure") -> None:
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes, panel in zip(grid, panels, strict=False):
            for number, (name, points) in enumerate(panel.lines.items()):
                marker = "o" if len(points) <= 40 else None
                dashes = _DASHES[number % len(_DASHES)]
                axes.plot(*zip(*points, strict=True), dashes, label=name, marker=marker, ms=3.5)
            axes.set(xlabel=panel.x, ylabel=panel.y)
            axes.grid(alpha=0.6)
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend()
        for axes in grid[len(panels) :]:
            axes.set_axis_off()

    said = " ".join(
        _told(name, points, panel) for panel in panels for name, points in panel.lines.items()
    )
    size = (5.2 * columns + 0.4 * (columns == 1) * 5, 2.9 * rows)
    return drawing(size, draw, f"{subject}. {said}", caption)


def _told(name: str, points: Points, panel: Panel) -> str:
    """A line in words."""
    (x, first), (end, last) = points[0], points[-1]
    low, high = min(y for _, y in points), max(y for _, y in points)
    return (
        f"{name}: {first:.3g} at {panel.x} {x:.4g}, {last:.3g} at {end:.4g}, "
        f"between {low:.3g} and {high:.3g}."
    )


def bars(
    names: Sequence[str],
    series: Mapping[str, Sequence[float]],
    subject: str,
    caption: str = "",
    shares: bool = True,
) -> str:
    """Bars that lie, in a group for each name, one of each series in a group.

    Args:
        shares: whether values are shares of 1; else they are seconds.
    """
    form = "{:.0%}" if shares else "{:,.0f} s"
    height = 0.8 / len(series)

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        for number, (label, values) in enumerate(series.items()):
            places = [row + (number - (len(series) - 1) / 2) * height for row in range(len(names))]
            axes.barh(places, values, height * 0.9, label=label, color=COLOURS[number])
            for place, value in zip(places, values, strict=True):
                axes.text(value, place, f" {form.format(value)}", va="center", fontsize=9)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.12 if shares else 1.15 * max(map(max, series.values()), default=0) or 1)
        axes.xaxis.set_visible(False)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
        if len(series) > 1:
            figure.legend(loc="outside upper right", ncols=len(series))

    told = "; ".join(
        f"{name}: "
        + ", ".join(
            f"{label} {form.format(values[number])}".strip() for label, values in series.items()
        )
        for number, name in enumerate(names)
    )
    size = (9, 0.5 + len(names) * (0.22 + 0.24 * len(series)))
    return drawing(size, draw, f"{subject}. {told}.", caption)


def stacked(
    edges: Sequence[str], series: Mapping[str, Sequence[int]], x: str, y: str, subject: str
) -> str:
    """Standing bars of counts, the series on top of each other."""

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        below = [0] * len(edges)
        hatches = ("", "///", "...")
        for number, (label, counts) in enumerate(series.items()):
            axes.bar(
                range(len(edges)), counts, 0.85, below, label=label, color=COLOURS[number],
                hatch=hatches[number % 3], edgecolor="none",
            )  # fmt: skip
            below = [a + b for a, b in zip(below, counts, strict=True)]
        axes.set_xticks(range(len(edges)), edges)
        axes.set(xlabel=x, ylabel=y)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend()

    told = "; ".join(
        f"{label}: "
        + ", ".join(
            f"{count} at {edge}" for edge, count in zip(edges, counts, strict=True) if count
        )
        for label, counts in series.items()
    )
    return drawing((8, 3), draw, f"{subject}. {told}.")
