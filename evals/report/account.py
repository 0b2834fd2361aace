"""Every figure, and what the run took: time, operations, machine, versions, config."""

import importlib.metadata
import json
import os
import pathlib
import platform
from typing import Any

import jax

from data.page import folded, table, text
from evals.report import pictures
from evals.report.found import Found
from evals.report.meanings import meaning, shown
from evals.report.part import Part, part

_PACKAGES = (
    *("jax", "jaxlib", "numpy", "optax", "orbax-checkpoint", "grain", "tokenizers", "tiktoken"),
    *("apache-beam", "trafilatura", "pyarrow", "matplotlib"),
)
_GB = 1e9


def figures(found: Found) -> list[Part]:
    """A table of every figure of report.json."""
    if not found.figures:
        return []
    rows = [
        [f"<code>{text(name)}</code>", text(shown(name, value)), text(meaning(name))]
        for name, value in sorted(found.figures.items())
    ]
    whole = table("Figures of report.json", ["figure", "value", "what it is"], rows, (0, 2))
    intro = "What was measured, as report.json has it for programs. Shares are of 1."
    return part("figures", "Every figure", intro, whole)


def took(found: Found) -> list[Part]:
    """Time of the stages, and what training cost."""
    return part(
        "cost",
        "What it took",
        "Seconds are wall time, over all starts of the run.",
        _total(found),
        _time(found),
        _cost(found),
    )


def _total(found: Found) -> str:
    parts = []
    for key, form in (
        ("total/seconds", "{:,.0f} seconds"),
        ("total/peak_memory_gb", "{:.2f} GB of memory at most"),
    ):
        if key in found.figures:
            parts.append(form.format(found.figures[key]))
    if "total/flops" in found.figures:
        parts.append(f"{shown('', found.figures['total/flops'])} FLOPs of training")
    return f"<p>In all: {', '.join(parts)}.</p>" if parts else ""


def _time(found: Found) -> str:
    stages = [name for name in found.config.get("stages", ()) if f"seconds/{name}" in found.figures]
    if not stages:
        return ""
    seconds = [found.figures[f"seconds/{name}"] for name in stages]
    return pictures.bars(stages, {"": seconds}, "Bars: seconds of each stage", shares=False)


def _cost(found: Found) -> str:
    rows = []
    for name, stage in found.stages.items():
        steps = max((line["step"] for line in stage.metrics), default=0)
        peak, flops, tokens = (
            found.figures.get(f"{name}/{key}") for key in ("peak_fraction", "flops", "tokens")
        )
        rows.append(
            [
                text(name),
                f"{steps:,}",
                _or_dash(tokens, "{:,.0f}"),
                "–" if flops is None else shown("", flops),
                _or_dash(stage.seconds, "{:,.0f}"),
                _or_dash(peak, "{:.0%}"),
            ]
        )
    if not rows:
        return ""
    head = ["stage", "steps", "tokens", "FLOPs", "seconds", "of matmul peak"]
    caption = (
        "Trained stages. FLOPs are those of the steps: 6 for each weight that multiplies, for each "
        "token, and attention. Of matmul peak: share of the speed of plain matrix products"
    )
    return table(caption, head, rows)


def _or_dash(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def setting(found: Found) -> list[Part]:
    """Machine, versions and config."""
    machine = dict(found.machine)
    packages = machine.pop("packages", {})
    tables = []
    if machine:
        rows = [[text(name), text(value)] for name, value in machine.items()]
        tables.append(table("Machine", ["what", "which"], rows, (0, 1)))
    if packages:
        rows = [[text(name), text(value)] for name, value in packages.items()]
        tables.append(table("Versions", ["package", "version"], rows, (0, 1)))
    config = ""
    if found.config:
        written = json.dumps(found.config, indent=2, ensure_ascii=False)
        config = folded("config.json, complete", f"<pre>{text(written)}</pre>")
    intro = "The same config and seed give the same result on the same machine."
    return part("setting", "Machine, versions, config", intro, *tables, config)


def machine() -> dict[str, Any]:
    """What this program runs on."""
    found = {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory (GB)": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GB, 1),
        "devices": ", ".join(f"{device.device_kind} {device.id}" for device in jax.devices()),
        "python": platform.python_version(),
    }
    installed = {item.metadata["Name"] for item in importlib.metadata.distributions()}
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES if name in installed}
    return found | {"packages": versions}


def _processor() -> str:
    """The model's name where Linux tells it; else what kind of processor it is."""
    path = pathlib.Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
