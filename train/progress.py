"""Which stage of how many is at work, and what the stages of a run take: seconds, memory, FLOPs."""

import contextlib
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from data.run_folder import DONE, figures_of, record
from train.loop import Stopped

SECONDS = "seconds"


@contextlib.contextmanager
def stage(
    workdir: str, name: str, said: str, left: str, peak_gb: Callable[[], float]
) -> Iterator[None]:
    """Around a stage: says that it begins and what it took, and adds that to report.json.

    A stage that finds its work done says so and counts for nothing. One that is stopped counts;
    what a start took that was killed is lost.

    Args:
        said: what to call the stage, such as "stage 3 of 11: data.tokenizer".
        left: how long it and the run will take, or "".
        peak_gb: the most memory so far.
    """
    print(f"{said}{left and '  '}{left}", flush=True)
    before, begun = _finished(workdir), time.monotonic()
    try:
        yield
    except (Stopped, KeyboardInterrupt):
        record(workdir, _totals(workdir, name, time.monotonic() - begun, peak_gb()))
        raise
    seconds = time.monotonic() - begun
    if _finished(workdir) == before:
        print(f"{said}: was done before", flush=True)
        return
    record(workdir, _totals(workdir, name, seconds, peak_gb()))
    print(f"{said}: done in {seconds:,.1f} s", flush=True)


def time_left(
    expected: Sequence[tuple[str, float]],
    stages: Sequence[str],
    name: str,
    figures: Mapping[str, float],
) -> str:
    """How long the stage and all from it on will take, such as "about 18 min, 62 min to the end";
    "" if nothing is expected of one of them.

    Args:
        expected: (stage, seconds) on some machine. What the stages before have taken here says how
            much slower or faster this one is.
        stages: of the run, in order; `name` is one of them.
        figures: of report.json; what a stage has taken before it was stopped comes off.
    """
    seconds = dict(expected)
    at = stages.index(name)
    if not set(stages[at:]) <= set(seconds) or not any(seconds.values()):
        return ""
    taken = {stage: figures.get(f"{SECONDS}/{stage}", 0.0) for stage in stages}
    past = [stage for stage in stages[:at] if taken[stage] and stage in seconds]
    # Short stages tell little: it is as if a tenth more had been done, just as expected.
    before = 0.1 * sum(seconds.get(stage, 0.0) for stage in stages)
    pace = (before + sum(map(taken.get, past))) / (before + sum(map(seconds.get, past)))
    ahead = [max(0.0, pace * seconds[stage] - taken[stage]) for stage in stages[at:]]
    return f"about {_minutes(ahead[0])}, {_minutes(sum(ahead))} to the end"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _finished(workdir: str) -> dict[str, int]:
    """The folders of the run that say DONE, and when they said it."""
    return {
        path.parent.name: path.stat().st_mtime_ns
        for path in pathlib.Path(workdir).glob(f"*/{DONE}")
    }


def _totals(workdir: str, name: str, seconds: float, peak_gb: float) -> dict[str, float]:
    """The figures that change when a stage has worked for so many more seconds."""
    figures = figures_of(workdir)
    own = f"{SECONDS}/{name}"
    spent = {key: value for key, value in figures.items() if key.startswith(f"{SECONDS}/")}
    spent[own] = spent.get(own, 0.0) + seconds
    flops = [
        value
        for key, value in figures.items()
        if key.endswith("/flops") and not key.startswith("total/")
    ]
    totals = {
        own: spent[own],
        "total/seconds": sum(spent.values()),
        "total/peak_memory_gb": max(peak_gb, figures.get("total/peak_memory_gb", 0.0)),
    }
    return totals | ({"total/flops": sum(flops)} if flops else {})
