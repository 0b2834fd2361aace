"""A run that takes a second: a chat stage that was never trained, to practise from, and an
environment in which anything can be a right answer."""

import dataclasses
import functools
import pathlib
import shutil
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from configs.defaults import get_config
from data.run_folder import mark_done, write_atomically
from model.parameters import parameters
from rl import stage, unverified
from rl.environments.environment import Environment, Problem, Verdict, is_held_out
from rl.packing import Packed, pack
from rl.rollout import verified
from serve.turns import Trajectory
from tests.model.random_parameters import random_parameters
from tests.serve import small_model
from train.checkpoints import Checkpoints
from train.optimizer import optimizer
from train.scaling import resolve
from train.state import starting

WORDS = "cat dog mat".split()


def config() -> ConfigDict:
    """Settings of a run whose steps take hundredths of a second."""
    settings = get_config()
    settings.name = "toy"
    settings.mesh.cpu_devices = 1
    settings.model.layers, settings.model.width = 2, 32
    settings.model.heads, settings.model.kv_heads, settings.model.head_dim = 2, 1, 16
    settings.model.context = 64
    settings.train.batch, settings.train.steps = 8, 1
    settings.train.optimizer = "adamw"
    settings.checkpoint.steps = 4
    rl = settings.rl
    rl.environment = "toy"
    rl.tokens, rl.slots, rl.steps, rl.problems, rl.group = 6, 16, 12, 4, 8
    rl.microbatch, rl.eval_problems, rl.eval_steps = 8, 8, 12
    rl.learning_rate, rl.warmup, rl.decay = 3e-2, 0.0, 0.0
    return settings


def make_run(
    workdir: pathlib.Path, settings: ConfigDict | None = None, ending: float = 0.0
) -> pathlib.Path:
    """A folder with a tokenizer and the stage "chat", which is fond of <|im_end|> by a logit of
    about `ending`."""
    tokenizer = small_model.tokenizer()
    (workdir / "tokenizer").mkdir(parents=True)
    write_atomically(workdir / "tokenizer" / "tokenizer.json", _tokenizer_json())
    settings = settings or config()
    settings.model.tied = False if ending else settings.model.tied
    settings, architecture = resolve(settings, tokenizer.vocab_size)
    write_atomically(workdir / "chat" / "config.json", settings.to_json_best_effort())
    update = optimizer(settings.train, parameters(architecture))
    params = jax.tree.map(lambda x: 0.5 * x, random_parameters(architecture))
    if ending:  # one number of the hidden state is the same everywhere, and counts for the end
        params["embedding"] = params["embedding"].at[:, 0].set(2.0)
        params["norm"]["scale"] = params["norm"]["scale"].at[0].set(1.0)
        column = params["unembedding"][:, 0] * 0
        column = column.at[tokenizer.special["<|im_end|>"]].set(ending / 4)
        params["unembedding"] = params["unembedding"].at[:, 0].set(column)
    state = starting(params, update, False).replace(step=jnp.ones((), jnp.int32))
    with Checkpoints(str((workdir / "chat").absolute()), 1) as saves:
        saves.save(1, state, {"batches": 1, "seconds": 0.0})
    mark_done(workdir / "chat", {})
    return workdir


@functools.cache
def _tokenizer_json() -> str:
    from data import tokenizer as training

    return training.train_bpe([small_model.TEXT], 320, "qwen2").to_str()


def copied(made: pathlib.Path, to: pathlib.Path) -> pathlib.Path:
    shutil.copytree(made, to)
    return to


def environment(verify=lambda problem, text: Verdict(float(bool(text)), "said something")):
    def problem(seed: int, level: int) -> Problem:
        word = WORDS[seed % len(WORDS)]
        messages = ({"role": "user", "content": f"the {word} saw {seed % 1000}"},)
        return Problem(f"toy/{level}/{seed}", messages, word, {"word": word})

    return Environment("toy", 3, problem, verify)


def liking(judge, score):
    """An environment in which nothing is verified, whose gold is judge(text), asked of held-out
    problems alone; and what a run is to find in the place of its reward model: score(tokens)."""

    def gold(problem: Problem, text: str) -> float:
        assert is_held_out(problem.facts["seed"]), "gold of a problem that is practised"
        return judge(text)

    class Model:
        def score(self, answers):
            return np.array([score(tokens) for _, tokens in answers], np.float32)

    def problem(seed: int, level: int) -> Problem:
        made = environment().problem(seed, level)
        return dataclasses.replace(made, facts={"seed": seed})

    made = dataclasses.replace(environment(), problem=problem, gold=gold, levels=1)
    return made, mock.patch.object(unverified.RewardModel, "load", lambda *_: Model())


def rlhf_config() -> ConfigDict:
    """Settings of a run against a reward model, which stops at the peak."""
    settings = config()
    rl = settings.rl
    rl.reward, rl.eval_samples, rl.eval_problems = "reward", 8, 8
    rl.tokens, rl.slots, rl.group, rl.steps, rl.eval_steps = 24, 32, 8, 14, 2
    # So slow that answers grow past the peak of gold in several evaluations, not in one step to
    # the most tokens there may be, where few are ended and the proxy falls as well.
    rl.learning_rate, rl.unfinished, rl.stop_at_peak, rl.patience = 1e-3, 1.0, True, 3
    rl.figures = "rlhf"
    settings.checkpoint.steps = 3
    return settings


def longer_is_liked():
    """The longer, the better, says the reward model; not more than some characters, gold."""
    return liking(lambda text: min(len(text), 20 - len(text)), len)


def first_token_below(bound: int):
    """Rewards of 1 for answers whose first token has a number below `bound`."""

    def make(environment):
        def rewards(problems, written):
            good = [trajectory.tokens[0] < bound for trajectory in written]
            return [Verdict(float(one), "low" if one else "high") for one in good]

        return rewards

    return make


def practise(workdir, settings, make_method, make_rewards, of=None):
    """Runs the stage config.rl with an environment of tests."""
    with mock.patch.object(stage.named, "environment", lambda spec, config: of or environment()):
        stage.run(settings, str(workdir), make_method, make_rewards or verified)


def random_trajectories(count: int, rng, longest: int = 20) -> list[Trajectory]:
    """Turns of random tokens, with stretches that a tool has written."""
    made = []
    for _ in range(count):
        prompt = rng.integers(0, 300, rng.integers(1, longest)).astype("int32")
        one = Trajectory(prompt)
        for _ in range(rng.integers(1, 4)):
            tokens = rng.integers(0, 300, rng.integers(1, longest // 3))
            one.append(tokens, rng.normal(-1, 0.3, len(tokens)).tolist())
            if rng.random() < 0.5:
                one.append(rng.integers(0, 300, rng.integers(1, longest // 3)))
        made.append(one)
    return made


def packed(trajectories, rows, context, microbatch, rng) -> Packed:
    return pack(trajectories, rows, context, microbatch, rng)
