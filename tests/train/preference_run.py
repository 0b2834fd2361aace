"""A run of seconds with rankings in it, for the tests of the stages that learn from them."""

import functools
import pathlib
import shutil
from unittest import mock

import numpy as np

from configs import defaults
from data import preference_rows, preferences, tokenizer, tokens
from train import pretrain

COLOURS = {"sky": "blue", "grass": "green", "coal": "black", "snow": "white"}
STEPS = 40


def config(folder: pathlib.Path):
    """A base model of text about colours, and rankings in which a shouted answer is worst.

    What is preferred can be seen in an answer's letters: a model of this size learns which answer
    is true by chance alone, sooner on one CPU than on another.
    """
    result = defaults.get_config()
    told = [f"The {thing} is {colour}." for thing, colour in COLOURS.items()]
    text = "<|endoftext|>".join(f"{told[n % 4]} {told[n // 4 % 4]} {n}" for n in range(300))
    (folder / "text.txt").write_text(text)
    asked = list(COLOURS.items())
    preferences.write(folder / "rankings.jsonl", [_ranking(n, *asked[n % 4]) for n in range(300)])
    preferences.write(
        folder / "human.jsonl",
        [
            {"prompt": f"{n}: what is the colour of snow?", "chosen": "white", "rejected": "BLACK"}
            for n in range(500, 560)
        ]
        + [{"prompt": "What is the colour of snow?", "chosen": "white"}],
    )
    result.data.source = str(folder / "text.txt")
    result.data.validation_fraction = 0.1
    result.tokenizer.vocab_size = 400
    result.mesh.cpu_devices = 1
    result.model.depth = 1
    result.model.context = 96
    result.train.batch = 8
    result.train.steps = 20
    result.train.learning_rate = 1e-2
    result.train.optimizer = "adamw"  # compiles faster
    result.watch.sample_tokens = 8
    result.watch.prompts = ()
    result.watch.log_steps = 5
    result.checkpoint.steps = result.watch.eval_steps = 20
    for section in (result.reward, result.dpo):
        section.sources = str(folder / "rankings.jsonl")
        section.start = "base"
        section.steps = STEPS
        section.learning_rate_fraction = 1.0
    return result


def _ranking(number: int, thing: str, colour: str) -> dict:
    others = [other for other in COLOURS.values() if other != colour]
    texts = [colour, others[number % 3].upper(), "I cannot say."]
    order = np.random.default_rng(number).permutation(3)
    places = np.argsort(order).tolist()
    # The right colour, no answer, a wrong one in capitals; now and then the first two alone.
    ranking = [[places[0]], [places[2]], [places[1]]]
    answers = [texts[place] for place in order]
    asked = {"role": "user", "content": f"{number}: what is the colour of {thing}?"}
    if number % 5 == 0:
        answers, ranking = [colour, texts[1]], [[0], [1]]
    return {"messages": [asked], "answers": answers, "ranking": ranking}


def prepare(settings, workdir: pathlib.Path) -> None:
    """The stages before those that learn from preferences."""
    for stage in (tokenizer, tokens, pretrain):
        stage.run(settings, str(workdir))


def copied(before: pathlib.Path, workdir: pathlib.Path) -> pathlib.Path:
    shutil.copytree(before, workdir)
    return workdir


def crash_at(number: int):
    """While it lasts, reading training batch `number` fails."""
    real = preference_rows.Opened.batches

    @functools.wraps(real)
    def batches(self, batch, seed, offsets=None, start=0, references=()):
        for at, found in enumerate(real(self, batch, seed, offsets, start, references), start):
            if at == number:
                raise MemoryError
            yield found

    return mock.patch.object(preference_rows.Opened, "batches", batches)
