"""What a policy is worth on held-out problems, what it writes to them, and how that went."""

import pathlib
from collections.abc import Sequence
from typing import Any

from data.run_folder import write_json_lines
from evals.answers import Answer, readable, said
from rl.rollout import Rollout
from train import watch

ROLLOUTS = "rollouts.jsonl"
HELD_OUT = "held_out_reward"

# The panels of the picture: figures of metrics.jsonl that share an axis.
_PANELS = (
    ("reward", ("reward", HELD_OUT)),
    ("tokens", ("length", "held_out_length")),
    ("nats a token, to the start", ("kl",)),
    ("nats a token", ("entropy",)),
)


def figures(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """Means over answers to held-out problems."""
    count = len(rollouts)
    return {
        HELD_OUT: sum(one.reward for one in rollouts) / count,
        "held_out_length": sum(one.length for one in rollouts) / count,
        "held_out_finished": sum(finished(one) for one in rollouts) / count,
    }


def finished(rollout: Rollout) -> bool:
    """Whether the policy ended its turn by itself."""
    return rollout.trajectory.finish_reason == "stop"


def keep(
    folder: pathlib.Path, step: int, rollouts: Sequence[Rollout], gold: Sequence[float] = ()
) -> None:
    """Adds the rollouts of an evaluation to rollouts.jsonl, a line each: step, id, reward, verdict
    (why), prompt, turn (steps, tool calls and their results), finish_reason and expected.

    Lines of this step and later ones, left there by a run that was stopped, are replaced.

    Args:
        gold: of each, where a hidden judge knows it.
    """
    path = folder / ROLLOUTS
    lines = [line for line in watch.records(path) if line["step"] < step]
    kept = [{"gold": round(float(value), 3)} for value in gold] or [{}] * len(rollouts)
    for one, more in zip(rollouts, kept, strict=True):
        lines.append({"step": step} | more | _line(one))
    write_json_lines(path, lines)


def _line(rollout: Rollout) -> dict[str, Any]:
    answer = Answer(said(rollout.trajectory), rollout.trajectory)
    return {"reward": rollout.reward} | readable(rollout.problem.question, answer, rollout.why)


def first_and_last(folder: pathlib.Path, figure: str = HELD_OUT) -> tuple[float, float]:
    """A figure of the first and of the last evaluation in metrics.jsonl."""
    found = [line[figure] for line in watch.records(folder / "metrics.jsonl") if figure in line]
    return found[0], found[-1]


def draw_curves(folder: pathlib.Path, title: str) -> None:
    """Draws curves.png from the folder's metrics.jsonl."""
    from matplotlib.figure import Figure

    lines = watch.records(folder / "metrics.jsonl")
    figure = Figure(figsize=(9, 6), layout="constrained")
    for axes, (label, names) in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
        for name in names:
            points = [(line["step"], line[name]) for line in lines if name in line]
            if points:
                style = {"marker": "o", "ms": 4} if name.startswith("held") else {"lw": 1}
                axes.plot(*zip(*points, strict=True), label=name, **style)
        axes.set(xlabel="step", ylabel=label)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    figure.suptitle(title)
    figure.savefig(folder / "curves.png", dpi=120)
