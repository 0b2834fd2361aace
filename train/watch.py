"""What a person sees of a run: a progress line, metrics.jsonl, TensorBoard events, a loss curve."""

import json
import pathlib
import sys
import time
from typing import Any

from tqdm import tqdm

from data.run_folder import write_atomically

# Recorded and not shown, so that a line can be read: what explains a run that goes wrong.
_UNSHOWN = frozenset(
    (
        "clipped",
        "finished",
        "flops",
        "groups",
        "held_out_left_out",
        "left_out",
        "mismatch",
        "old_kl",
        "policy_loss",
        "ratio",
        "rollout_seconds",
        "skipped",
        "update_seconds",
        "weight",
    )
)


class Watch:
    """Shows and records the figures of one stage.

    On a terminal there is one line with a bar, rate, time left and the newest figures; elsewhere
    a line for each record. metrics.jsonl holds one JSON object a record, {"step": ..., figure:
    ...}; records later than `start` are dropped when a run is taken up again, since their steps
    will be taken again.

    Args:
        folder: the stage's folder.
        steps: steps of the whole stage.
        start: steps already taken.
        active: False on hosts that stay silent.
    """

    def __init__(self, folder: pathlib.Path, name: str, steps: int, start: int, active: bool):
        self._name, self._steps, self._active = name, steps, active
        if not active:
            return
        from tensorboardX import SummaryWriter

        self._path = folder / "metrics.jsonl"
        # A run without a checkpoint begins anew, and evaluates before its first step again.
        kept = [line for line in records(self._path) if start and line["step"] <= start]
        write_atomically(self._path, "".join(json.dumps(line) + "\n" for line in kept))
        self._file = self._path.open("a")
        self._events = SummaryWriter(str(folder / "events"), purge_step=start + 1)
        self._bar = None
        if sys.stderr.isatty():
            self._bar = tqdm(total=steps, initial=start, desc=name, unit="step", dynamic_ncols=True)
        self._begun, self._first = time.monotonic(), start

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        if self._active:
            self._file.close()
            self._events.close()
            if self._bar is not None:
                self._bar.close()

    def advance(self, step: int) -> None:
        """Moves the bar to `step`."""
        if self._active and self._bar is not None:
            self._bar.update(step - self._bar.n)

    def record(self, step: int, figures: dict[str, float]) -> None:
        """Writes the figures of `step` to file and events, and shows them."""
        if not self._active:
            return
        self._file.write(json.dumps({"step": step} | figures) + "\n")
        self._file.flush()
        for name, value in figures.items():
            self._events.add_scalar(name, value, step)
        shown = "  ".join(
            _brief(name, value) for name, value in figures.items() if name not in _UNSHOWN
        )
        if self._bar is not None:
            self._bar.set_postfix_str(shown)
            return
        line = f"{self._name} {step}/{self._steps}  {shown}"
        if done := step - self._first:
            left = (time.monotonic() - self._begun) / done * (self._steps - step)
            line += f"  {_clock(left)} left"
        self.say(line)

    def say(self, text: str) -> None:
        """Prints a line without tearing the bar."""
        if self._active:
            tqdm.write(text, file=sys.stderr)


def records(path: pathlib.Path) -> list[dict[str, Any]]:
    """The records of a metrics.jsonl, without a last line that a kill cut short."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def loss_curve(folder: pathlib.Path, title: str) -> None:
    """Draws loss.png from the folder's metrics.jsonl."""
    from matplotlib.figure import Figure

    lines = records(folder / "metrics.jsonl")
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, style in (("loss", {"lw": 1, "alpha": 0.8}), ("val_loss", {"marker": "o", "ms": 4})):
        points = [(line["step"], line[name]) for line in lines if name in line]
        if points:
            axes.plot(*zip(*points, strict=True), label=name, **style)
    axes.set(xlabel="step", ylabel="loss", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(folder / "loss.png", dpi=120)


def _brief(name: str, value: float) -> str:
    forms = {
        "bits_per_byte": "{:.4f} bits/byte",
        "tokens_per_second": "{:,.0f} tokens/s",
        "rollout_tokens_per_second": "{:,.0f} tokens/s",
        "peak_fraction": "{:.0%} of peak",
    }
    if name in forms:
        return forms[name].format(value)
    return f"{name} {value:.4f}" if abs(value) < 1000 else f"{name} {value:,.0f}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
