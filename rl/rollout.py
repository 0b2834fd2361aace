"""Rollouts: what a policy writes to problems, token by token, and what it is worth.

    with contextlib.closing(Turns(engine, tools, bounds, in_step=True)) as turns:
        written = trajectories(turns, prompts, seeds)
    rollouts = judged(problems, written, verified(environment))

Groups of rollouts of one problem are neighbours in every list. Tokens go in and tokens come out:
nothing that the policy wrote is decoded and encoded again on its way to the loss (rl.packing), and
its log-probabilities are those of the moment it was chosen. While training it is sampled from the
whole distribution, since a truncated one would bias the gradient.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

from data.conversations import prompt_ids
from data.encoding import Tokenizer
from evals.answers import said
from rl.environments.environment import Environment, Problem, Verdict
from serve.turns import Opening, Trajectory, Turns
from train.loop import Diverged

# What each trajectory is worth, given its problem. A reward model scores many at a time.
Rewards = Callable[[Sequence[Problem], Sequence[Trajectory]], Sequence[Verdict]]


@dataclasses.dataclass(frozen=True, eq=False)
class Rollout:
    """One try at a problem.

    Attributes:
        trajectory: what was written, with its mask and log-probabilities.
        reward, why: the verdict on it.
    """

    problem: Problem
    trajectory: Trajectory
    reward: float
    why: str

    @property
    def length(self) -> int:
        """Tokens that the policy wrote, without those that tools returned."""
        return sum(self.trajectory.mask)


def verified(environment: Environment) -> Rewards:
    """The verdicts of an environment on what was said at the end of each turn."""

    def rewards(problems: Sequence[Problem], written: Sequence[Trajectory]) -> Sequence[Verdict]:
        return [
            environment.verify(problem, said(trajectory))
            for problem, trajectory in zip(problems, written, strict=True)
        ]

    return rewards


def has_room(tokenizer: Tokenizer, problem: Problem, tokens: int, context: int) -> bool:
    """Whether an answer of so many tokens to the problem ends within the context."""
    return len(prompt_ids(tokenizer, problem.messages, problem.tools)) + tokens <= context


def trajectories(
    turns: Turns,
    tokenizer: Tokenizer,
    problems: Sequence[Problem],
    seeds: Sequence[Sequence[int]],
    temperature: float = 1.0,
) -> list[Trajectory]:
    """As many turns in answer to each problem as it has seeds, one after the other.

    Args:
        temperature: 1 for training; 0, always the most likely token, for measuring.

    Raises:
        InputError: a problem leaves no room in the model's context.
    """
    openings = []
    for problem, own in zip(problems, seeds, strict=True):
        prompt = prompt_ids(tokenizer, problem.messages, problem.tools)
        openings += [Opening(prompt, seed=seed, temperature=temperature) for seed in own]
    return turns.complete(openings)


def judged(
    problems: Sequence[Problem], written: Sequence[Trajectory], rewards: Rewards
) -> list[Rollout]:
    """Rollouts of trajectories of problems, the one at each place in answer to the other.

    Raises:
        Diverged: a reward is not finite.
    """
    rollouts = []
    for problem, trajectory, verdict in zip(
        problems, written, rewards(problems, written), strict=True
    ):
        if not math.isfinite(verdict.reward):
            raise Diverged(
                f"the reward of an answer to problem {problem.id} is {verdict.reward} "
                f"({verdict.why}): nothing was learnt from it; put right what gives the rewards, "
                "and the same command goes on from the last checkpoint"
            )
        rollouts.append(Rollout(problem, trajectory, float(verdict.reward), verdict.why))
    return rollouts
