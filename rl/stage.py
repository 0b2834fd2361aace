"""What GRPO and PPO have in common: a stage that practises on problems and is measured on others.

A step of the loop: the policy writes answers to the problems of its batch (rl.practice), which are
judged and packed into rows, and the optimizer follows what the algorithm makes of them
(rl.learner). Everything that a step does follows from the state and the numbers of its problems, so
that a run that was killed goes on to the same bits. Shapes are fixed, whatever the policy writes.
"""

import itertools
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np
from absl import logging
from jax.sharding import Mesh
from ml_collections import ConfigDict
from tqdm import tqdm

from data import sources
from data.encoding import Tokenizer
from data.errors import InputError
from data.run_folder import is_done
from model.config import ModelConfig
from model.parameters import flops_per_token
from rl import early_stopping, evaluation, unverified
from rl.advantages import overlong_penalty
from rl.environments import curriculum, named
from rl.environments.environment import Environment, chosen_levels
from rl.environments.files import HELD_OUT
from rl.learner import Learner, Method
from rl.packing import Packed, pack
from rl.practice import Practice, Writer
from rl.rollout import Rewards, Rollout, verified
from serve.tools.resolve import resolve as resolve_tools
from serve.tools.tool import closing_tools
from train import loop, stage, state, trained, watch
from train.gradients import Metrics
from train.scaling import resolve, with_model


def run(
    config: ConfigDict,
    workdir: str,
    make_method: Callable[[ConfigDict, ModelConfig, int], Method],
    make_rewards: Callable[[Environment], Rewards] = verified,
) -> None:
    """Practises, or goes on with it, in `workdir`/config.rl.name.

    Args:
        make_method: (resolved config, architecture, the tokenizer's size) -> the algorithm.
        make_rewards: what answers are worth, from the environment that makes the problems, unless
            config.rl.reward names a reward model.

    Raises:
        InputError: something in the config or in the run must be put right.
    """
    folder = pathlib.Path(workdir) / config.rl.name
    if is_done(folder):
        return
    tokenizer = Tokenizer.load(pathlib.Path(workdir) / "tokenizer")
    base = trained.read_start(workdir, config.rl.start)
    config, architecture = resolve(stage_config(config, base), tokenizer.vocab_size)
    environment = named.environment(config.rl.environment, config)
    chosen_levels(environment, config.rl.levels, "rl")  # refused before anything is loaded
    _check_rewards(config.rl, environment)
    _warn_of_what_was_trained_on(config)
    mesh = stage.mesh_of(config, architecture, "rl")
    method = make_method(config, architecture, tokenizer.vocab_size)
    with closing_tools(resolve_tools(config.rl.tools, workdir, config, seed=config.seed)) as tools:
        writer = Writer(architecture, tokenizer, tools, config)
        practice = Practice(config, environment, make_rewards(environment), writer)
        stage.run(
            config.rl.name,
            config,
            architecture,
            mesh,
            workdir,
            lambda: make_plan(config, architecture, mesh, method, practice, workdir),
            lambda folder, figures: _finish(folder, config),
        )


def stage_config(config: ConfigDict, base: ConfigDict) -> ConfigDict:
    """The run's config with the settings of config.rl in the place of pretraining's, so that all
    that reads `train`, `watch` or `checkpoint` reads those of this stage.

    Args:
        base: the resolved config of the stage to start from.
    """
    rl, result = config.rl, with_model(config, base.model)
    some = ("problems", "group", "steps", "epochs", "minibatches", "tokens", "slots")
    stage.check_counts(rl, "rl", (*some, "eval_problems"))
    zero_too = ("resample", "microbatch", "eval_steps", "eval_samples", "calls", "result_tokens")
    stage.check_counts(rl, "rl", zero_too, least=0)
    train = result.train
    train.context = base.model.context
    rows = rl.microbatch or base.train.batch // base.train.accumulate
    # What any mesh of these devices divides.
    devices = max(1, len(jax.devices()) // max(1, config.mesh.tensor))
    rows = -(-rows // devices) * devices
    # A row for each answer is enough; how many are used depends on their lengths.
    train.accumulate = -(-rl.problems * rl.group // rows)
    train.batch = train.accumulate * rows
    train.steps = rl.steps
    for key in ("optimizer", "learning_rate", "muon_learning_rate", "weight_decay", "clip"):
        train[key] = rl[key]
    for key in ("warmup", "decay", "final_rate", "beta2"):
        train[key] = rl[key]
    # What is kept for use is set at a peak (rl.early_stopping), and does not follow the steps.
    train.average = 1.0 if rl.stop_at_peak else 0.0
    train.separate_documents = True
    result.watch.log_steps = 1
    result.watch.eval_steps = rl.eval_steps or None
    if config.checkpoint.folder:
        result.checkpoint.folder = os.path.join(config.checkpoint.folder, rl.name)
    return result


def _warn_of_what_was_trained_on(config: ConfigDict) -> None:
    practised = {part.spec.partition(":")[2] for part in sources.parse(config.rl.environment)}
    for section in ("sft", "sft_again"):
        taught = {source.spec for source in sources.parse(config[section].sources)}
        for path in sorted(practised & taught):
            if config[section].validation_fraction < HELD_OUT:
                logging.warning(
                    "config.%s.sources names %s, too: most problems that are kept for measuring "
                    "here were trained on, answers included. In a new run, set "
                    "config.%s.validation_fraction to %s at least.",
                    section,
                    path,
                    section,
                    HELD_OUT,
                )


def _check_rewards(rl: ConfigDict, environment: Environment) -> None:
    if environment.gold and not rl.reward:
        raise InputError(
            f"nothing verifies the answers of the environment {environment.name}: name the stage "
            "of a reward model in config.rl.reward"
        )
    if rl.reward and rl.curriculum:
        raise InputError(
            "config.rl.curriculum goes by answers that are right or wrong, and a reward model says "
            "of none that it is: set it to False"
        )
    if rl.stop_at_peak and not rl.reward:
        raise InputError(
            "config.rl.stop_at_peak is for a reward model, whose peak is not the end: set it to "
            "False, or config.rl.reward"
        )
    if rl.reward and (rl.eval_problems < 2 or rl.eval_samples < 1 or rl.patience < 1):
        raise InputError(
            "with config.rl.reward set, config.rl.eval_problems must be at least 2, and "
            "eval_samples and patience at least 1"
        )


def make_plan(
    config: ConfigDict,
    architecture: ModelConfig,
    mesh: Mesh,
    method: Method,
    practice: Practice,
    workdir: str,
) -> loop.Plan:
    """Everything the loop needs, from the resolved config of the stage."""
    rl = config.rl
    carried = {"rates": curriculum.start(len(practice.levels))} | method.carried
    if rl.stop_at_peak:
        carried |= early_stopping.start()
    learner = Learner(config, architecture, mesh, method, carried)
    start = trained.load(workdir, rl.start, mesh).params
    judges = None
    if rl.reward:
        practice, judges = unverified.prepared(config, architecture, mesh, practice, start, workdir)

    def step(current: state.State, batch: loop.Batch) -> tuple[state.State, Metrics]:
        begun = time.monotonic()
        number, carried = int(current.step) + 1, jax.device_get(current.carried)
        tried, groups, carried["rates"], left_out = practice.groups(
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
        figures = _rollout_figures(tried, groups, seconds)
        figures["flops"] = (_flops(architecture, tried, groups, rl.epochs), 1)
        figures["left_out"] = (left_out, 1)
        return current, metrics | figures

    return loop.Plan(
        name=rl.name,
        layout=learner.layout,
        initial=lambda: learner.initial(start),
        step=step,
        batches=lambda first: _numbers(rl, first),
        evaluate=_evaluator(practice, judges, pathlib.Path(workdir) / rl.name),
        sample=None,
        steps=config.train.steps,
        tokens=0,
        flops=0.0,
        peak=1.0,
        evaluate_first=True,
        follow=early_stopping.follower(unverified.TO_STOP_BY) if rl.stop_at_peak else None,
        is_over=early_stopping.is_over(rl.patience) if rl.stop_at_peak else None,
    )


def _evaluator(
    practice: Practice, judges: unverified.Judges | None, folder: pathlib.Path
) -> Callable[[state.State, bool], dict[str, float]]:
    """(state, whether it is the last) -> figures of what it writes to held-out problems, which is
    kept in `folder`."""

    def evaluate(current: state.State, final: bool) -> dict[str, float]:
        rollouts = practice.held_out(current.params)
        left_out = {"held_out_left_out": practice.held_out_problems.left_out}
        gold = judges.golds(rollouts) if judges else ()
        evaluation.keep(folder, int(current.step), rollouts, gold)
        if judges is None:
            return evaluation.figures(rollouts) | left_out
        strayed = judges.strayed([one.trajectory for one in rollouts])
        found = unverified.figures(rollouts, practice.config.rl.eval_samples, gold, strayed)
        return found | left_out

    return evaluate


def _say_skipped(name: str, step: int, tried: Sequence[Sequence[Rollout]]) -> None:
    mean = np.mean([one.reward for group in tried for one in group])
    tqdm.write(
        f"{name}: step {step} learns nothing: in each of {len(tried)} groups all answers were "
        f"worth the same ({mean:.3f} on the average)",
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


def _flops(
    architecture: ModelConfig,
    tried: Sequence[Sequence[Rollout]],
    groups: Sequence[Sequence[Rollout]],
    epochs: int,
) -> float:
    """Of a step: a forward pass over all prompts and answers while they are written, and forward
    and backward ones over those learnt from, as `flops_per_token` counts them. Evaluations, the
    reference and a reward model are not in it."""

    def tokens(groups: Sequence[Sequence[Rollout]]) -> list[int]:
        return [
            len(one.trajectory.prompt) + len(one.trajectory.tokens)
            for group in groups
            for one in group
        ]

    def total(lengths: Sequence[int]) -> float:
        return sum(length * flops_per_token(architecture, length) for length in lengths)

    return total(tokens(tried)) / 3 + epochs * total(tokens(groups))


def _finish(folder: pathlib.Path, config: ConfigDict) -> dict[str, float]:
    evaluation.draw_curves(folder, f"{config.name}: {config.rl.environment}")
    lines = watch.records(folder / "metrics.jsonl")
    left_out = sum(line.get("left_out", 0) for line in lines)
    held_out = max(line.get("held_out_left_out", 0) for line in lines)
    if left_out or held_out:
        print(
            f"{config.rl.name}: {left_out:.0f} problems of practice and {held_out:.0f} held-out "
            "ones were left out, too long for the model's context; others took their places"
        )
    cost = {f"{config.rl.name}/flops": sum(line.get("flops", 0.0) for line in lines)}
    if config.rl.reward:
        unverified.draw(folder, f"{config.name}: {config.rl.environment}")
        found = unverified.summary(folder)
        return cost | {f"{config.rl.figures}/{name}": value for name, value in found.items()}
    before, after = evaluation.first_and_last(folder)
    return cost | {f"{config.rl.figures}_before": before, f"{config.rl.figures}_after": after}
