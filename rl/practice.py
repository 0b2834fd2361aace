"""The problems that a policy practises on and is measured with, and its tries at them."""

import contextlib
import dataclasses
import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from data.conversations import END
from data.encoding import Tokenizer
from evals.answers import sample_seeds
from model.config import ModelConfig
from model.parameters import parameters
from rl.environments import curriculum
from rl.environments.environment import (
    Environment,
    HeldOut,
    Problem,
    check_tools,
    chosen_levels,
    held_out_problems,
    problem_seed,
    problem_with_room,
)
from rl.rollout import Rewards, Rollout, has_room, judged, trajectories
from serve.engine import Engine
from serve.tools.tool import Tool
from serve.turns import Bounds, Trajectory, Turns

Params = dict[str, Any]


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

    @property
    def vocab_size(self) -> int:
        """Tokens that can be written."""
        return self._tokenizer.vocab_size

    @property
    def end(self) -> int:
        """The token that ends a turn."""
        return self._tokenizer.special[END]

    def has_room(self, problem: Problem) -> bool:
        """Whether the longest answer to the problem ends within the model's context."""
        most, context = self._bounds.total_tokens, self._architecture.context
        return has_room(self._tokenizer, problem, most, context)

    def write(
        self,
        params: Params,
        problems: Sequence[Problem],
        seeds: Sequence[Sequence[int]],
        temperature: float,
    ) -> list[Trajectory]:
        """As rl.rollout.trajectories.

        Raises:
            InputError: a problem offers a tool that is not at hand, or leaves no room.
        """
        check_tools(problems, [tool.name for tool in self._tools], "rl")
        params = {name: params[name] for name in self._names}
        if self._engine is None:
            self._engine = Engine(params, self._architecture, self._tokenizer, self._slots)
        else:
            self._engine.set_params(params)
        # In step: what is learnt must not depend on how long a tool takes.
        turns = Turns(self._engine, self._tools, self._bounds, in_step=True)
        with contextlib.closing(turns):
            return trajectories(turns, self._tokenizer, problems, seeds, temperature)


class Tries(NamedTuple):
    """A step's answers to problems.

    Attributes:
        tried: groups of answers to one problem each, all that were written.
        kept: those of them to learn from.
        rates: of success, of the levels, with these answers: [levels] float32.
        left_out: problems that left no room for an answer, in whose place others were put.
    """

    tried: list[list[Rollout]]
    kept: list[list[Rollout]]
    rates: np.ndarray
    left_out: int


@dataclasses.dataclass(frozen=True)
class Practice:
    """The problems of a stage, and the policy's tries at them."""

    config: ConfigDict
    environment: Environment
    rewards: Rewards
    writer: Writer

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels of difficulty that problems are drawn from.

        Raises:
            InputError: config.rl.levels names one that the environment does not have.
        """
        return chosen_levels(self.environment, self.config.rl.levels, "rl")

    def groups(
        self,
        params: Params,
        numbers: Sequence[int],
        rates: np.ndarray,
        usable: Callable[[np.ndarray], np.ndarray],
    ) -> Tries:
        """Groups of answers to problems. In the place of problems that give nothing to learn come
        others, until the numbers are used up.

        Args:
            numbers: of problems.
            rates: of success, of the levels (rl.environments.curriculum): [levels] float32.
        """
        G, wanted = self.config.rl.group, self.config.rl.problems
        tried, kept, left, left_out = [], [], list(numbers), 0
        while left and len(kept) < wanted:
            now, left = left[: wanted - len(kept)], left[wanted - len(kept) :]
            seeds = [sample_seeds(self.config.seed, int(number), G) for number in now]
            drawn = [self._drawn(int(number), rates) for number in now]
            problems = [problem for problem, _, _ in drawn]
            left_out += sum(more for _, _, more in drawn)
            written = self.writer.write(params, problems, seeds, temperature=1.0)
            each = [problem for problem in problems for _ in range(G)]
            rollouts = judged(each, written, self.rewards)
            groups = [rollouts[start : start + G] for start in range(0, len(rollouts), G)]
            rewards = np.array([[one.reward for one in group] for group in groups])
            for (_, level, _), own in zip(drawn, rewards, strict=True):
                rates = np.float32(curriculum.updated(rates.tolist(), level, float(own.mean())))
            tried += groups
            kept += [group for group, good in zip(groups, usable(rewards), strict=True) if good]
        return Tries(tried, kept, rates, left_out)

    def held_out(self, params: Params) -> list[Rollout]:
        """What is answered to the problems kept for measuring, and what it is worth."""
        problems, written = self.held_out_answers(params)
        return judged(problems, written, self.rewards)

    @functools.cached_property
    def held_out_problems(self) -> HeldOut:
        """The different problems kept for measuring, of all levels."""
        rl = self.config.rl
        found = held_out_problems(
            self.environment, self.config.seed, rl.eval_problems, self.levels, self.writer.has_room
        )
        if shortfall := found.shortfall(rl.eval_problems, "rl.eval_problems"):
            tqdm.write(f"{rl.name}: {shortfall}", file=sys.stderr)
        return found

    def held_out_answers(self, params: Params) -> tuple[list[Problem], list[Trajectory]]:
        """The most likely answer to each problem that is kept for measuring; or
        config.rl.eval_samples answers, by the same seeds each time. Each with its problem.
        """
        rl, (problems, numbers, _) = self.config.rl, self.held_out_problems
        samples = max(1, rl.eval_samples)
        seeds = [sample_seeds(self.config.seed, seed, samples) for seed in numbers]
        written = self.writer.write(params, problems, seeds, float(rl.eval_samples > 0))
        return [problem for problem in problems for _ in range(samples)], written

    def _drawn(self, number: int, rates: np.ndarray) -> tuple[Problem, int, int]:
        """The problem with this number, the place of its level among the levels, from 1, and how
        many were left out before it."""
        seed = problem_seed(self.config.seed, number, False)
        if not self.config.rl.curriculum:
            rates = curriculum.start(len(rates))
        level = curriculum.level(rates, np.random.default_rng(seed).random())
        problem, left_out = problem_with_room(
            self.environment,
            self.config.seed,
            number,
            False,
            self.levels[level - 1],
            self.writer.has_room,
        )
        return problem, level, left_out
