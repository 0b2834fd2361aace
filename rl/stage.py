"""What GRPO and PPO have in common: a stage that practises on problems and is measured on others.

A step of the loop: the policy writes answers to the problems of its batch, which are judged and
packed into rows; then `Method` says what the optimizer is to follow. Everything that a step does
follows from the state and the numbers of its problems, so that a run that was killed goes on to
the same bits. What the policy writes is never seen by the compiler: shapes are fixed.
"""

import contextlib
import dataclasses
import itertools
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.sharding import Mesh
from ml_collections import ConfigDict
from tqdm import tqdm

from data.encoding import Tokenizer
from data.errors import InputError
from data.run_folder import is_done
from model.config import ModelConfig
from model.parameters import initialise, parameters
from model.sharding import shardings
from model.transformer import unstacked
from rl import evaluation
from rl.advantages import overlong_penalty
from rl.environments import curriculum, named
from rl.environments.environment import Environment, Problem, problem_seed
from rl.packing import Packed, pack
from rl.rollout import Rewards, Rollout, judged, rollout_seeds, trajectories, verified
from serve.engine import Engine
from serve.tools.resolve import resolve as resolve_tools
from serve.tools.tool import Tool
from serve.turns import Bounds, Trajectory, Turns
from train import loop, stage, state, trained
from train.gradients import Metrics, gradients
from train.optimizer import optimizer
from train.scaling import resolve

Params = dict[str, Any]


class Method(NamedTuple):
    """What the algorithms differ in. B rows of T places, in microbatches; N problems, G answers.

    declarations: of the parameters; those that the start does not have are initialised.
    carried: numbers that it hands from step to step, by name.
    usable: rewards [N, G] -> [N] bool, the problems whose answers it can learn from.
    credit: rewards [N, G], overlong answers penalised -> [N, G], what is to stand in
      batch["credit"] at every token of an answer.
    prepare: (params, parameters of the start, carried, batch, microbatches in use) -> (what the
      batch is to hold beside that, carried, metrics), before the first update of a step; jitted.
    loss: (params, rows of the batch) -> metrics, whose "loss" the optimizer follows.
    """

    declarations: Params
    carried: dict[str, Any]
    usable: Callable[[np.ndarray], np.ndarray]
    credit: Callable[[np.ndarray], np.ndarray]
    prepare: Callable[
        [Params, Params, dict[str, Array], dict[str, Array], Array],
        tuple[dict[str, Array], dict[str, Array], Metrics],
    ]
    loss: Callable[[Params, dict[str, Array]], Metrics]


def run(
    config: ConfigDict,
    workdir: str,
    make_method: Callable[[ConfigDict, ModelConfig, int], Method],
    make_rewards: Callable[[Environment], Rewards] = verified,
) -> None:
    """Practises, or goes on with it, in `workdir`/config.rl.name.

    Args:
        make_method: (resolved config, architecture, the tokenizer's size) -> the algorithm.
        make_rewards: what answers are worth, from the environment that makes the problems.

    Raises:
        InputError: something in the config or in the run must be put right.
    """
    folder = pathlib.Path(workdir) / config.rl.name
    if is_done(folder):
        return
    if jax.process_count() > 1:
        raise InputError("reinforcement learning runs on one host: start it on one alone")
    tokenizer = Tokenizer.load(pathlib.Path(workdir) / "tokenizer")
    base = trained.read_config(workdir, config.rl.start)
    config, architecture = resolve(stage_config(config, base), tokenizer.vocab_size)
    if architecture.attention == "cudnn":
        raise InputError(
            "config.model.attention is cudnn, which cannot keep the answers of a row apart: leave "
            "it at auto"
        )
    environment = named.environment(config.rl.environment, config)
    mesh = stage.mesh_of(config, architecture, "rl")
    method = make_method(config, architecture, tokenizer.vocab_size)
    with contextlib.ExitStack() as stack:
        tools = resolve_tools(config.rl.tools, workdir, config, seed=config.seed)
        for tool in tools:
            stack.callback(tool.close)
        stage.run(
            config.rl.name,
            config,
            architecture,
            mesh,
            workdir,
            lambda: make_plan(
                *(config, architecture, mesh, tokenizer, method, environment),
                *(make_rewards(environment), tools, workdir),
            ),
            lambda folder, figures: _finish(folder, config),
        )


def stage_config(config: ConfigDict, base: ConfigDict) -> ConfigDict:
    """The run's config with the settings of config.rl in the place of pretraining's, so that all
    that reads `train`, `watch` or `checkpoint` reads those of this stage.

    Args:
        base: the resolved config of the stage to start from.
    """
    rl, result = config.rl, config.copy_and_resolve_references().unlock()
    for name in ("problems", "steps", "epochs", "minibatches", "tokens"):
        if rl[name] < 1:
            raise InputError(f"config.rl.{name} is {rl[name]}; it must be at least 1")
    train = result.train
    train.context = base.model.context
    rows = rl.microbatch or base.train.batch // base.train.accumulate
    # What any mesh of these devices divides.
    devices = len(jax.devices()) // max(1, config.mesh.tensor)
    rows = -(-rows // devices) * devices
    # A row for each answer is enough; how many are used depends on their lengths.
    train.accumulate = -(-rl.problems * rl.group // rows)
    train.batch = train.accumulate * rows
    train.steps = rl.steps
    for key in ("optimizer", "learning_rate", "muon_learning_rate", "weight_decay", "clip"):
        train[key] = rl[key]
    for key in ("warmup", "decay", "final_rate", "beta2"):
        train[key] = rl[key]
    train.average = 0.0
    train.separate_documents = True
    result.watch.log_steps = 1
    result.watch.eval_steps = rl.eval_steps or None
    if config.checkpoint.folder:
        result.checkpoint.folder = os.path.join(config.checkpoint.folder, rl.name)
    return result


def make_plan(
    config: ConfigDict,
    architecture: ModelConfig,
    mesh: Mesh,
    tokenizer: Tokenizer,
    method: Method,
    environment: Environment,
    rewards: Rewards,
    tools: Sequence[Tool],
    workdir: str,
) -> loop.Plan:
    """Everything the loop needs, from the resolved config of the stage."""
    rl = config.rl
    writer = Writer(architecture, tokenizer, tools, config)
    practice = Practice(config, environment, rewards, writer)
    carried = {"rates": curriculum.start(len(practice.levels))} | method.carried
    learner = Learner(config, architecture, mesh, method, carried)
    start = trained.load(workdir, rl.start, mesh).params

    def step(current: state.State, batch: loop.Batch) -> tuple[state.State, Metrics]:
        begun = time.monotonic()
        number, carried = int(current.step) + 1, jax.device_get(current.carried)
        tried, groups, carried["rates"] = practice.groups(
            current.params, batch["problems"], carried["rates"], method.usable
        )
        written = time.monotonic()
        if groups:
            packed = _packed(groups, method, config, number)
            current, metrics = learner.learn(current, start, carried, packed)
        else:
            _say_skipped(rl.name, number, tried)
            current, metrics = learner.skip(current, carried), {}
        jax.block_until_ready(current.step)
        seconds = (written - begun, time.monotonic() - written)
        return current, metrics | _rollout_figures(tried, groups, seconds)

    def evaluate(current: state.State, final: bool) -> dict[str, float]:
        rollouts = practice.held_out(current.params)
        evaluation.keep(pathlib.Path(workdir) / rl.name, int(current.step), rollouts)
        return evaluation.figures(rollouts)

    return loop.Plan(
        name=rl.name,
        layout=learner.layout,
        initial=lambda: learner.initial(start),
        step=step,
        batches=lambda first: _numbers(rl, first),
        evaluate=evaluate,
        sample=None,
        steps=config.train.steps,
        tokens=0,
        flops=0.0,
        peak=1.0,
        evaluate_first=True,
    )


def _say_skipped(name: str, step: int, tried: Sequence[Sequence[Rollout]]) -> None:
    mean = np.mean([one.reward for group in tried for one in group])
    tqdm.write(
        f"{name}: step {step} learns nothing: in each of {len(tried)} groups all answers were worth "
        f"the same ({mean:.3f} on the average)",
        file=sys.stderr,
    )


def _numbers(rl: ConfigDict, first: int) -> Iterator[loop.Batch]:
    """The numbers of the problems of every step, those included that may take the place of others:
    no step needs to know how many another has used."""
    most = rl.problems * (1 + rl.resample)
    for step in itertools.count(first):
        yield {"problems": np.arange(step * most, (step + 1) * most)}


def _packed(
    groups: Sequence[Sequence[Rollout]], method: Method, config: ConfigDict, step: int
) -> Packed:
    """The answers in rows, with what each is worth."""
    rewards = np.array([[one.reward for one in group] for group in groups])
    if config.rl.overlong:
        lengths = np.array([[len(one.trajectory.tokens) for one in group] for group in groups])
        rewards = rewards + overlong_penalty(lengths, config.rl.tokens, config.rl.overlong)
    train = config.train
    packed = pack(
        [one.trajectory for group in groups for one in group],
        train.batch,
        train.context,
        train.batch // train.accumulate,
        np.random.default_rng([config.seed, step]),
    )
    packed.arrays["credit"] = packed.spread(method.credit(rewards).ravel())
    return packed


def _rollout_figures(
    tried: Sequence[Sequence[Rollout]],
    groups: Sequence[Sequence[Rollout]],
    seconds: tuple[float, float],
) -> Metrics:
    """Of a step's answers, as sums and counts; and its seconds of writing and of learning."""
    answers = [one for group in tried for one in group]
    count, tokens = len(answers), sum(one.length for one in answers)
    return {
        "reward": (sum(one.reward for one in answers), count),
        "length": (tokens, count),
        "finished": (sum(evaluation.finished(one) for one in answers), count),
        "unusable_groups": (len(tried) - len(groups), len(tried)),
        "groups": (len(tried), 1),
        "skipped": (0 if groups else 1, 1),
        "rollout_tokens_per_second": (tokens, seconds[0]),
        "rollout_seconds": (seconds[0], 1),
        "update_seconds": (seconds[1], 1),
    }


def _finish(folder: pathlib.Path, config: ConfigDict) -> dict[str, float]:
    evaluation.draw_curves(folder, f"{config.name}: {config.rl.environment}")
    before, after = evaluation.first_and_last(folder)
    return {f"{config.rl.figures}_before": before, f"{config.rl.figures}_after": after}


class Writer:
    """Writes answers with the parameters that it is given, always on one engine."""

    def __init__(
        self,
        architecture: ModelConfig,
        tokenizer: Tokenizer,
        tools: Sequence[Tool],
        config: ConfigDict,
    ) -> None:
        self._architecture, self._tokenizer, self._tools = architecture, tokenizer, tools
        self._names = tuple(parameters(architecture))
        self._slots, most = config.rl.slots, config.rl.tokens
        self._bounds = Bounds(config.rl.calls, most, most, config.rl.result_tokens)
        self._engine: Engine | None = None

    def write(
        self,
        params: Params,
        problems: Sequence[Problem],
        seeds: Sequence[Sequence[int]],
        temperature: float,
    ) -> list[Trajectory]:
        """As rl.rollout.trajectories."""
        params = {name: params[name] for name in self._names}
        if self._engine is None:
            self._engine = Engine(params, self._architecture, self._tokenizer, self._slots)
        else:
            self._engine.set_params(params)
        # In step: what is learnt must not depend on how long a tool takes.
        turns = Turns(self._engine, self._tools, self._bounds, in_step=True)
        with contextlib.closing(turns):
            return trajectories(turns, self._tokenizer, problems, seeds, temperature)


@dataclasses.dataclass(frozen=True)
class Practice:
    """The problems of a stage, and the policy's tries at them."""

    config: ConfigDict
    environment: Environment
    rewards: Rewards
    writer: Writer

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels of difficulty that problems are drawn from."""
        return tuple(self.config.rl.levels) or tuple(range(1, self.environment.levels + 1))

    def groups(
        self,
        params: Params,
        numbers: Sequence[int],
        rates: np.ndarray,
        usable: Callable[[np.ndarray], np.ndarray],
    ) -> tuple[list[list[Rollout]], list[list[Rollout]], np.ndarray]:
        """Groups of answers to problems: all that were written, those to learn from, and the new
        rates of success of the levels.

        In the place of problems that give nothing to learn come others, until the numbers are used
        up.

        Args:
            numbers: of problems.
            rates: of success, of the levels (rl.environments.curriculum): [levels] float32.
        """
        G, wanted = self.config.rl.group, self.config.rl.problems
        tried, kept, left = [], [], list(numbers)
        while left and len(kept) < wanted:
            now, left = left[: wanted - len(kept)], left[wanted - len(kept) :]
            seeds = [rollout_seeds(self.config.seed, int(number), G) for number in now]
            drawn = [self._drawn(int(number), rates) for number in now]
            problems = [problem for problem, _ in drawn]
            written = self.writer.write(params, problems, seeds, temperature=1.0)
            each = [problem for problem in problems for _ in range(G)]
            rollouts = judged(each, written, self.rewards)
            groups = [rollouts[start : start + G] for start in range(0, len(rollouts), G)]
            rewards = np.array([[one.reward for one in group] for group in groups])
            for (_, level), own in zip(drawn, rewards, strict=True):
                rates = np.float32(curriculum.updated(rates.tolist(), level, float(own.mean())))
            tried += groups
            kept += [group for group, good in zip(groups, usable(rewards), strict=True) if good]
        return tried, kept, rates

    def held_out(self, params: Params) -> list[Rollout]:
        """The most likely answer to each problem that is kept for measuring, of all levels."""
        count, levels = self.config.rl.eval_problems, len(self.levels)
        problems = [
            self.environment.problem(
                problem_seed(self.config.seed, number, True), self.levels[number % levels]
            )
            for number in range(count)
        ]
        written = self.writer.write(params, problems, [[0]] * count, temperature=0.0)
        return judged(problems, written, self.rewards)

    def _drawn(self, number: int, rates: np.ndarray) -> tuple[Problem, int]:
        """The problem with this number, and the place of its level among the levels, from 1."""
        seed = problem_seed(self.config.seed, number, False)
        if not self.config.rl.curriculum:
            rates = curriculum.start(len(rates))
        level = curriculum.level(rates, np.random.default_rng(seed).random())
        return self.environment.problem(seed, self.levels[level - 1]), level


class Learner:
    """The compiled functions that learn from packed answers."""

    def __init__(
        self,
        config: ConfigDict,
        architecture: ModelConfig,
        mesh: Mesh,
        method: Method,
        carried: dict[str, Any],
    ) -> None:
        train, rl = config.train, config.rl
        self._mesh, self._method, self._architecture = mesh, method, architecture
        self._microbatches, self._parts = train.accumulate, (rl.epochs, rl.minibatches)
        # The schedule counts updates.
        counted = train.copy_and_resolve_references().unlock()
        counted.steps = train.steps * rl.epochs * rl.minibatches
        self._optimizer = optimizer(counted, method.declarations)
        self._carried = _arrays(carried)
        self.layout = state.layout(
            method.declarations, self._optimizer, False, mesh, self._carried
        )
        places = jax.tree.map(lambda leaf: leaf.sharding, self.layout)
        self._prepare = jax.jit(method.prepare)
        self._update = jax.jit(self._updated, out_shardings=(places, None), donate_argnums=0)
        self._begin = jax.jit(
            # Copied: a step may overwrite the state, and the start is still needed.
            lambda params, carried: state.starting(
                jax.tree.map(jnp.copy, params), self._optimizer, False, carried
            ),
            out_shardings=places,
        )

    def initial(self, start: Params) -> state.State:
        """The state before the first step, from the parameters of the stage it starts from."""
        declarations = self._method.declarations
        new = {name: tree for name, tree in declarations.items() if name not in start}
        made = jax.jit(
            lambda: initialise(jax.random.key(0), new), out_shardings=shardings(new, self._mesh)
        )()
        return self._begin(start | made, self._carried)

    def skip(self, current: state.State, carried: dict[str, Any]) -> state.State:
        """The state after a step that learns nothing."""
        return current.replace(step=current.step + 1, carried=_arrays(carried))

    def learn(
        self, current: state.State, start: Params, carried: dict[str, Any], packed: Packed
    ) -> tuple[state.State, Metrics]:
        """All updates of a step: the microbatches in use are cut into config.rl.minibatches parts,
        and gone through config.rl.epochs times."""
        batch = loop.to_devices(packed.arrays, self._mesh)
        used = np.int32(packed.used)
        added, carried, metrics = self._prepare(current.params, start, carried, batch, used)
        # Waiting for each call: with many independent ones in flight, the sums over several CPU
        # devices can wait for one another for ever.
        batch, carried = jax.block_until_ready(batch | added), jax.device_get(carried)
        epochs, parts = self._parts
        bounds = np.linspace(0, packed.used, min(parts, packed.used) + 1).astype(np.int32)
        spans = [*itertools.pairwise(bounds)] * epochs
        for number, span in enumerate(spans, start=1):
            last = np.int32(number == len(spans))
            current, found = self._update(current, batch, span, carried, last)
            jax.block_until_ready(current)
            for name, (total, count) in found.items():
                before = metrics.get(name, (0.0, 0.0))
                metrics[name] = (before[0] + total, before[1] + count)
        return current, metrics

    def _updated(
        self,
        current: state.State,
        batch: dict[str, Array],
        span: tuple[Array, Array],
        carried: dict[str, Array],
        last: Array,
    ) -> tuple[state.State, Metrics]:
        gradient, metrics = gradients(
            self._method.loss,
            current.params,
            batch,
            self._microbatches,
            prepare=lambda params: unstacked(params, self._architecture),
            span=span,
        )
        changes, opt_state = self._optimizer.update(gradient, current.optimizer, current.params)
        metrics["gradient_norm"] = (optax.tree.norm(gradient), jnp.ones(()))
        following = state.State(
            step=current.step + last,
            params=optax.apply_updates(current.params, changes),
            optimizer=opt_state,
            average=None,
            carried=carried,
        )
        return following, metrics


def _arrays(carried: dict[str, Any]) -> dict[str, Array]:
    return {name: jnp.asarray(value, jnp.float32) for name, value in carried.items()}
