"""Rollouts and whole GRPO steps against TRL's GRPOTrainer.

    python -m benchmarks.rollouts --trl_python=PATH [--rounds=5] [--steps=2]

Both sides practise with a Qwen3 of the laptop config's size (4 layers of width 160, a vocabulary of
4096, float32) from the same random weights on the same prompts, word problems of the small world:
16 problems a step, 8 answers of at most 64 tokens to each, temperature 1, the loss of DAPO without
a KL penalty, AdamW, one update. An answer is worth 1 or 0 by its last token, so that nearly every
group has something to learn. They take turns, a round of a few steps each, and medians are
compared; a first round, in which things compile, does not count.

PATH is the Python of an environment with trl, accelerate, datasets, transformers and PyTorch; this
one needs the last two.
"""

import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from absl import app, flags, logging
from ml_collections import ConfigDict

from benchmarks.pytorch_model import named_weights, perturbed, pytorch_model
from configs.laptop import get_config
from data import tokenizer as tokenizer_stage
from data.conversations import END, prompt_ids
from data.encoding import Tokenizer
from data.errors import one_line_errors
from data.run_folder import write_atomically
from model.config import ModelConfig
from model.parameters import count, initialise, parameters
from rl import grpo, stage
from rl.environments import named
from rl.environments.environment import Environment, Problem, Verdict, problem_seed
from rl.practice import Practice, Writer
from serve.turns import Trajectory
from train import stage as train_stage
from train.checkpoints import Checkpoints
from train.optimizer import optimizer
from train.scaling import resolve
from train.state import starting

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROBLEMS, GROUP, TOKENS = 16, 8, 64

_PYTHON = flags.DEFINE_string("trl_python", None, "Python with TRL.", required=True)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Timed rounds of each side.", lower_bound=1)
_STEPS = flags.DEFINE_integer("steps", 2, "Steps a round.", lower_bound=1)
_MICROBATCH = flags.DEFINE_integer("trl_microbatch", 16, "Answers that TRL learns from at a time.")

# Takes the steps of a round: {"seconds", "rollout", "reward", "tokens"}.
Round = Callable[[], dict[str, float]]


def settings() -> ConfigDict:
    config = get_config()
    config.stages, config.data.source = ("data.tokenizer",), "world"
    config.world.megabytes = 2.0
    config.model.vocab_size = 4096
    config.mesh.cpu_devices = os.cpu_count()
    rl = config.rl
    rl.problems, rl.group, rl.tokens, rl.resample = PROBLEMS, GROUP, TOKENS, 0
    rl.slots = PROBLEMS * GROUP
    rl.steps = 10_000  # the learning rate stays where it is
    return config


def make_run(config: ConfigDict, workdir: pathlib.Path) -> tuple[Tokenizer, ModelConfig, Any]:
    """A run whose stage "chat" has random weights; the weights too."""
    tokenizer_stage.run(config, str(workdir))
    tokenizer = Tokenizer.load(workdir / "tokenizer")
    resolved, architecture = resolve(config, tokenizer.vocab_size)
    params = perturbed(initialise(jax.random.key(0), parameters(architecture)))
    write_atomically(workdir / "chat" / "config.json", resolved.to_json_best_effort())
    params = jax.tree.map(jnp.asarray, params)
    state = starting(params, optimizer(resolved.train, parameters(architecture)), False)
    with Checkpoints(str((workdir / "chat").absolute()), 1) as saves:
        saves.save(1, state.replace(step=jnp.ones((), jnp.int32)), {"batches": 1, "seconds": 0.0})
    return tokenizer, architecture, params


def problems_of(config: ConfigDict) -> Environment:
    """The word problems of two steps, whatever the level."""
    base = named.environment("problems", config)
    return Environment("problems", 1, lambda seed, level: base.problem(seed, 1), base.verify)


def parity(spent: dict[str, float]) -> Callable:
    """Rewards by the last token; adds up their seconds, and the tokens."""

    def rewards(problems: Sequence[Problem], written: Sequence[Trajectory]) -> list[Verdict]:
        begun = time.perf_counter()
        given = [Verdict(float(one.tokens[-1] % 2), "its last token") for one in written]
        spent["tokens"] += sum(len(one.tokens) for one in written)
        spent["reward"] += time.perf_counter() - begun
        return given

    return rewards


def primer(config: ConfigDict, workdir: pathlib.Path, tokenizer: Tokenizer, steps: int) -> Round:
    base = ConfigDict(json.loads((workdir / "chat" / "config.json").read_text("utf-8")))
    config, architecture = resolve(stage.stage_config(config, base), tokenizer.vocab_size)
    mesh = train_stage.mesh_of(config, architecture, "rl")
    method = grpo.make_method(config, architecture, tokenizer.vocab_size)
    spent = {"reward": 0.0, "tokens": 0.0}
    writer = Writer(architecture, tokenizer, (), config)
    practice = Practice(config, problems_of(config), parity(spent), writer)
    with jax.set_mesh(mesh):
        plan = stage.make_plan(config, architecture, mesh, method, practice, str(workdir))
        held = {"state": plan.initial(), "batches": plan.batches(0)}

    def round_() -> dict[str, float]:
        spent.update(reward=0.0, tokens=0.0)
        writing, begun = 0.0, time.perf_counter()
        with jax.set_mesh(mesh):
            for _ in range(steps):
                held["state"], metrics = plan.step(held["state"], next(held["batches"]))
                writing += metrics["rollout_seconds"][0]
            jax.block_until_ready(held["state"].params)
        seconds = time.perf_counter() - begun
        return spent | {"seconds": seconds, "rollout": writing - spent["reward"]}

    return round_


def write_for_transformers(
    folder: pathlib.Path, architecture: ModelConfig, params: Any, workdir: pathlib.Path
) -> None:
    import transformers

    model = pytorch_model(architecture, named_weights(params, architecture))
    words = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(workdir / "tokenizer" / "tokenizer.json"),
        eos_token=END,
        pad_token="<|endoftext|>",
        padding_side="left",
    )
    # No other settings than the trainer's are to be in force.
    model.generation_config = transformers.GenerationConfig(
        eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id
    )
    model.save_pretrained(folder)
    words.save_pretrained(folder)


def trl(program: subprocess.Popen) -> Round:
    def round_() -> dict[str, float]:
        program.stdin.write("\n")
        program.stdin.flush()
        line = program.stdout.readline()
        if not line:
            sys.exit(f"error: {_PYTHON.value} could not run TRL, see above")
        return json.loads(line)

    return round_


def start_trl(question: dict[str, Any]) -> subprocess.Popen:
    program = subprocess.Popen(
        [_PYTHON.value, str(ROOT / "benchmarks" / "trl_grpo.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    program.stdin.write(json.dumps(question) + "\n")
    program.stdin.flush()
    return program


def compare(rounds: dict[str, list[dict[str, float]]], steps: int) -> None:
    """Prints medians over rounds, and the ratios."""
    found = []
    for name, lines in rounds.items():
        part = {
            what: statistics.median(line[what] / steps for line in lines)
            for what in ("seconds", "rollout", "reward")
        }
        rate = statistics.median(line["tokens"] / line["rollout"] for line in lines)
        length = statistics.mean(line["tokens"] for line in lines) / (steps * PROBLEMS * GROUP)
        found.append((rate, 60 / part["seconds"]))
        rest = part["seconds"] - part["rollout"] - part["reward"]
        print(
            f"{name:6}  rollouts {rate:7,.0f} tokens/s  {60 / part['seconds']:5.1f} GRPO steps/min"
            f"  a step: rollout {part['rollout']:.2f} s, reward {part['reward']:.3f} s, update "
            f"{rest:.2f} s; {length:.1f} tokens an answer"
        )
    (ours, our_steps), (theirs, their_steps) = found
    print(f"ratio   rollouts {ours / theirs:.2f}  GRPO steps {our_steps / their_steps:.2f}")


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    if len(argv) > 1:
        raise app.UsageError(f"unknown argument {argv[1]}")
    config, steps, rounds = settings(), _STEPS.value, 1 + _ROUNDS.value
    jax.config.update("jax_num_cpu_devices", config.mesh.cpu_devices)
    with one_line_errors(), contextlib.ExitStack() as stack:
        workdir = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tokenizer, architecture, params = make_run(config, workdir)
        print(f"{count(architecture):,} parameters, {tokenizer.vocab_size} tokens", flush=True)
        write_for_transformers(workdir / "theirs", architecture, params, workdir)
        environment = problems_of(config)
        numbers = range(PROBLEMS * steps * rounds)
        asked = [
            environment.problem(problem_seed(config.seed, number, False), 1).messages
            for number in numbers
        ]
        ids = [prompt_ids(tokenizer, messages).tolist() for messages in asked]
        question = {
            "model": str(workdir / "theirs"),
            "output": str(workdir / "trl"),
            "prompts": [tokenizer.decode(one) for one in ids],
            "prompt_ids": ids,
            "problems": PROBLEMS,
            "group": GROUP,
            "tokens": TOKENS,
            "steps": steps,
            "rounds": rounds,
            "microbatch": _MICROBATCH.value,
            "threads": os.cpu_count(),
        }
        program = start_trl(question)
        stack.callback(program.kill)
        sides = {"Primer": primer(config, workdir, tokenizer, steps), "TRL": trl(program)}
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
        for _ in range(rounds):
            for name, side in sides.items():
                taken[name].append(side())
        compare({name: lines[1:] for name, lines in taken.items()}, steps)


if __name__ == "__main__":
    app.run(main)
