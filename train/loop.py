"""The training loop under every stage: take steps, watch, evaluate, save, stop and go on again.

A stage hands the loop a `Plan`: how its state starts, its step, its batches from any batch number
on, and how to evaluate and sample. What is here knows nothing of losses or models, nor whether a
step finds its rows in the batch or, as in reinforcement learning, has the model write them first.

Determinism: the loop adds no randomness and no clock to the computation, and batch n depends on n
alone. A run stopped anywhere and started again takes the same steps on the same batches.
"""

import contextlib
import dataclasses
import itertools
import pathlib
import re
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data.run_folder import write_atomically
from model.sharding import batch_sharding
from train.checkpoints import Checkpoints
from train.gradients import Metrics
from train.state import State
from train.watch import Watch

Batch = dict[str, np.ndarray]


class Stopped(Exception):
    """A signal asked the run to stop; its state is saved."""

    def __init__(self, step: int, signum: int):
        super().__init__(
            f"stopped by {signal.Signals(signum).name} after step {step}, which is saved; "
            "the same command goes on from there"
        )
        self.signum = signum


class Diverged(Exception):
    """The loss or the gradient is no longer finite."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a stage gives the loop.

    name: the stage's folder within the run, such as "base".
    layout: the state as shapes and shardings; `initial()` makes the first one.
    step: (state, this host's part of a batch) -> (state, metrics); may overwrite the state it is
      given, and may return before the device is done. What it does beside that depends on its two
      arguments alone.
    batches: start -> this host's part of batch start, start + 1, ...
    evaluate: (state, whether it is the last) -> figures.
    sample: state -> text that the model writes; None: evaluation keeps that itself.
    steps: how many to take. tokens, flops: of one step, over all hosts; 0 tokens: not the same in
      every step, and no speed is given. peak: FLOP/s.
    evaluate_first: whether to evaluate before the first step, too.
    follow: (state, figures of its evaluation) -> the state to go on with; None: the same.
    is_over: state -> whether it is the last, before all steps are taken; None: never. Both depend
      on their arguments alone.
    """

    name: str
    layout: State
    initial: Callable[[], State]
    step: Callable[[State, Batch], tuple[State, Metrics]]
    batches: Callable[[int], Iterator[Batch]]
    evaluate: Callable[[State, bool], dict[str, float]]
    sample: Callable[[State], str] | None
    steps: int
    tokens: int
    flops: float
    peak: float
    evaluate_first: bool = False
    follow: Callable[[State, dict[str, float]], State] | None = None
    is_over: Callable[[State], bool] | None = None


def run(plan: Plan, folder: pathlib.Path, mesh: Mesh, config: ConfigDict) -> tuple[State, dict]:
    """Takes the plan's steps, from the newest intact checkpoint if there is one.

    Args:
        folder: the stage's folder, where metrics, samples and (unless config.checkpoint.folder says
            otherwise) checkpoints go.
        config: the resolved run config; its `checkpoint` and `watch` are read, and all of it is
            kept with the checkpoints.

    Returns:
        The last state, and the figures of the last evaluation with "tokens_per_second",
        "peak_fraction" (plan.flops per second of stepping over plan.peak; evaluation, saving and
        compilation left out), "flops" and "tokens" (of all steps, where the plan knows them) and
        "seconds" (all of them, over every start of the run).

    Raises:
        Stopped: SIGTERM or SIGINT came; the state is saved.
        Diverged: a loss or gradient was not finite; nothing made from it is saved.
        InputError: no room for checkpoints, or none of them intact.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lead = jax.process_index() == 0
    saves = Checkpoints(config.checkpoint.folder or str(folder.absolute()), config.checkpoint.keep)
    with saves, _stop_signals() as stop:
        found = saves.restore(plan.layout)
        state, record = found or (plan.initial(), {"batches": 0, "seconds": 0.0})
        start = int(state.step)
        over = _is_over(plan, state)
        batches = plan.batches(record["batches"])
        clock = _Clock(record["seconds"])
        last = None
        if lead:
            _keep_until(folder / "samples.txt", start)
        with Watch(folder, plan.name, plan.steps, start, lead) as watch:
            if found:
                watch.say(f"{plan.name}: going on from the checkpoint of step {start}")
            elif plan.evaluate_first:
                last, state = _evaluated(plan, state, False)
                watch.record(0, last)
            flight = _Flight(plan, folder, saves, clock)
            for step in range(start + 1, plan.steps + 1):
                if over:
                    break
                state, metrics = plan.step(state, next(batches))
                flight.land()  # the step before, while this one runs
                flight.launch(step, metrics)
                watch.advance(step - 1)
                if _due(step, config.watch.log_steps, plan.steps):
                    watch.record(step, flight.means() | _speed(plan, clock))
                if _due(step, config.watch.eval_steps, plan.steps):
                    flight.land()
                    with clock.paused():
                        last, state = _evaluated(plan, state, step == plan.steps)
                        watch.record(step, last)
                        over = _is_over(plan, state)
                        if plan.sample:
                            text = plan.sample(state)  # by all hosts, which compute together
                            if lead:
                                _append(folder / "samples.txt", step, text)
                signum = stop.reached()
                if signum or over or _due(step, config.checkpoint.steps, plan.steps):
                    flight.land()  # so that nothing is saved that is not known to be finite
                    with clock.paused():
                        seconds = clock.seconds()
                        kept = {"batches": step, "seconds": seconds, "config": config.to_dict()}
                        saves.save(step, state, kept)
                if signum:
                    raise Stopped(step, signum)
            watch.advance(int(state.step))
    if stop.signum:  # it came while the last save was written
        raise Stopped(int(state.step), stop.signum)
    if last is None:  # it was killed between its last save and the end
        last = plan.evaluate(state, True)
    each = {"flops": plan.flops, "tokens": plan.tokens}
    cost = {name: plan.steps * value for name, value in each.items() if value}
    return state, last | _speed(plan, clock) | cost | {"seconds": clock.seconds()}


def _evaluated(plan: Plan, state: State, final: bool) -> tuple[dict[str, float], State]:
    figures = plan.evaluate(state, final)
    return figures, plan.follow(state, figures) if plan.follow else state


def _is_over(plan: Plan, state: State) -> bool:
    return plan.is_over is not None and plan.is_over(state)


def _due(step: int, every: int, steps: int) -> bool:
    return step == steps or step % every == 0


class _Flight:
    """The step that runs while the host goes on, and the figures since they were last asked for."""

    def __init__(self, plan: Plan, folder: pathlib.Path, saves: Checkpoints, clock: "_Clock"):
        self._plan, self._folder, self._saves, self._clock = plan, folder, saves, clock
        self._step, self._metrics = 0, None
        self._landed: list[dict[str, tuple[float, float]]] = []

    def launch(self, step: int, metrics: Metrics) -> None:
        self._step, self._metrics = step, metrics

    def land(self) -> None:
        """Waits for the step and refuses figures that are not finite."""
        if self._metrics is None:
            return
        values = {k: (float(s), float(c)) for k, (s, c) in jax.device_get(self._metrics).items()}
        self._metrics = None
        if not all(np.isfinite(s) for s, _ in values.values()):
            raise Diverged(_diverged(self._plan, self._folder, self._saves, self._step, values))
        self._landed.append(values)
        self._clock.stepped()

    def means(self) -> dict[str, float]:
        """Means over the steps since the last call, the loss first."""
        self.land()
        steps, self._landed = self._landed, []
        # Not every step need have all of them: one that learns nothing has no loss.
        names = dict.fromkeys(sorted(name for values in steps for name in values))
        pairs = {name: [v[name] for v in steps if name in v] for name in names}
        return {
            name: sum(s for s, _ in pairs[name]) / (sum(c for _, c in pairs[name]) or 1.0)
            for name in sorted(names, key=lambda name: name != "loss")
        }


class _Clock:
    """Wall time of the whole stage, and of stepping alone."""

    def __init__(self, before: float):
        self._before, self._begun = before, time.monotonic()
        self._mark: float | None = None
        self.steps, self.stepping = 0, 0.0

    def seconds(self) -> float:
        return self._before + time.monotonic() - self._begun

    def stepped(self) -> None:
        now = time.monotonic()
        # The first step compiles: it sets the mark and is not counted.
        if self._mark is not None:
            self.steps += 1
            self.stepping += now - self._mark
        self._mark = now

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        yield
        self._mark = time.monotonic()


# JAX has hosts agree on one of the points that they reach, whose numbers must rise over the whole
# process: a signal between two stages is for the first steps of the second.
_SYNC_POINTS = itertools.count(1)


class _Stop:
    signum = 0

    def reached(self) -> int:
        """The signal to stop for after this step, the same on every host; 0: none."""
        if jax.process_count() == 1:
            return self.signum
        from jax.experimental import multihost_utils

        point = next(_SYNC_POINTS)
        return signal.SIGTERM * multihost_utils.reached_preemption_sync_point(point)


@contextlib.contextmanager
def _stop_signals() -> Iterator[_Stop]:
    """SIGTERM and SIGINT ask for a stop after the step in progress; a second SIGINT ends at once.

    With several hosts, JAX's own service watches SIGTERM and agrees on one step for all of them.
    """
    stop = _Stop()
    if jax.process_count() > 1:
        yield stop
        return

    def ask(signum: int, frame: Any) -> None:
        if stop.signum == signal.SIGINT == signum:
            raise KeyboardInterrupt
        stop.signum = signum

    old = {signum: signal.signal(signum, ask) for signum in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for signum, handler in old.items():
            signal.signal(signum, handler)


def local_rows(mesh: Mesh, batch: int) -> np.ndarray:
    """Which rows of a global batch the devices of this host hold, in rising order."""
    places = batch_sharding(mesh).addressable_devices_indices_map((batch,)).values()
    return np.unique(np.concatenate([np.arange(batch)[index] for (index,) in places]))


def to_devices(batch: Batch, mesh: Mesh) -> dict[str, Array]:
    """The global batch of which every host gives the rows it holds."""
    place = batch_sharding(mesh)
    return {
        name: jax.make_array_from_process_local_data(place, rows) for name, rows in batch.items()
    }


def _speed(plan: Plan, clock: _Clock) -> dict[str, float]:
    if not plan.tokens:
        return {}
    if not clock.stepping:
        return {"tokens_per_second": 0.0, "peak_fraction": 0.0}
    rate = clock.steps / clock.stepping
    return {
        "tokens_per_second": rate * plan.tokens,
        "peak_fraction": rate * plan.flops / plan.peak,
    }


def _append(path: pathlib.Path, step: int, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"=== step {step}\n{text}\n")


def _keep_until(path: pathlib.Path, step: int) -> None:
    """Leaves out what steps after this one have appended, since they will be taken again."""
    if not path.exists():
        return
    heading = re.compile(r"^=== step (\d{1,15})$", re.MULTILINE)
    text = path.read_text(encoding="utf-8")
    later = [match.start() for match in heading.finditer(text) if int(match[1]) > step]
    if later:
        write_atomically(path, text[: later[0]])


def _diverged(
    plan: Plan,
    folder: pathlib.Path,
    saves: Checkpoints,
    step: int,
    values: dict[str, tuple[float, float]],
) -> str:
    # Each host holds its own rows.
    host = f"-{jax.process_index()}" if jax.process_count() > 1 else ""
    batch = folder / f"diverged-batch-{step - 1}{host}.npz"
    np.savez(batch, **next(plan.batches(step - 1)))
    bad = ", ".join(f"{name} {s}" for name, (s, _) in values.items() if not np.isfinite(s))
    good = saves.last_good()
    held = f"the last good checkpoint is that of step {good}" if good else "nothing was saved yet"
    return (
        f"not finite at step {step}: {bad}; its batch, number {step - 1}, is in {batch}, and "
        f"{held}. Lower the learning rate in a new --workdir"
    )
