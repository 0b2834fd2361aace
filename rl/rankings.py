"""The stage that has answers to requests for jokes and stories ordered.

To each prompt the model of config.rankings.stage writes some answers, since a reward model must
know what the policy says, and the world's grammar adds others, good ones and bad. A simulated
person orders those of training, the judge without noise those held out (data.world.jokes):

    rankings/train.jsonl, held_out.jsonl   a ranking a line, in the layout of serve.labels
    rankings/counts.json                   answers by split, and what they are worth

Prompts held out are about other subjects than those of training.
"""

import json
import pathlib
from collections.abc import Sequence

import numpy as np
from ml_collections import ConfigDict

from data import preferences
from data.errors import InputError
from data.run_folder import cleared_partial, is_done, mark_done, record, replace_folder
from data.world.draw import Draw
from data.world.jokes import grammar, judge
from evals import answers
from serve.load import load
from serve.turns import Bounds


def run(config: ConfigDict, workdir: str) -> None:
    """Writes the rankings of the run in `workdir`.

    Written under another name and renamed when whole; stopped, it begins anew.

    Raises:
        InputError: fewer than two answers a prompt, or there is no model to ask.
    """
    section = config.rankings
    folder = pathlib.Path(workdir) / preferences.RANKINGS
    if is_done(folder):
        return
    if folder.exists() and any(folder.iterdir()):
        raise InputError(
            f"{folder} is there and holds no finished rankings: move it away, or give another "
            "--workdir"
        )
    if section.sampled + section.written < 2:
        raise InputError(
            f"config.rankings has {section.sampled} answers sampled and {section.written} written: "
            "give it at least two in all"
        )
    if min(section.train, section.held_out) < 1:
        raise InputError("config.rankings.train and held_out must be at least 1")
    partial = cleared_partial(folder)
    partial.mkdir(parents=True)
    seed = config.world_chat.seed
    prompts = {split: _prompts(seed, split, section[split]) for split in preferences.SPLITS}
    sampled = _sampled(config, workdir, [text for texts in prompts.values() for text in texts])
    figures = {}
    for split, texts in prompts.items():
        own, sampled = sampled[: len(texts)], sampled[len(texts) :]
        found = [
            _ranking(Draw(f"rankings/{seed}/{split}/{n}"), text, said, split, section.written)
            for n, (text, said) in enumerate(zip(texts, own, strict=True))
        ]
        preferences.write(partial / f"{split}.jsonl", found)
        worth = [
            judge.gold(text, answer)
            for text, said in zip(texts, own, strict=True)
            for answer in said
        ]
        figures[f"{split}_prompts"] = len(texts)
        if worth:
            figures[f"{split}_gold_mean"] = float(np.mean(worth))
            figures[f"{split}_gold_deviation"] = float(np.std(worth))
    (partial / "counts.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    mark_done(partial, figures)
    record(workdir, {f"{folder.name}/{name}": value for name, value in figures.items()})
    replace_folder(partial, folder)


def _prompts(seed: int, split: str, count: int) -> list[str]:
    draw = Draw(f"prompts/{seed}/{split}")
    return [grammar.prompt(draw, held_out=split == "held_out") for _ in range(count)]


def _sampled(config: ConfigDict, workdir: str, prompts: Sequence[str]) -> list[list[str]]:
    """Answers of the model to each prompt; none where config.rankings.sampled is 0."""
    section = config.rankings
    if not section.sampled:
        return [[] for _ in prompts]
    engine = answers.engine_of(load(workdir, section.stage))
    questions = [{"messages": [{"role": "user", "content": text}]} for text in prompts]
    given = answers.ask(
        engine,
        questions,
        bounds=Bounds(tokens=section.tokens),
        samples=section.sampled,
        temperature=1.0,
        seed=config.seed,
    )
    return [[answer.text for answer in some] for some in given]


def _ranking(draw: Draw, prompt: str, sampled: Sequence[str], split: str, written: int) -> dict:
    """The line of a prompt: the model's answers and `written` of the grammar, in some order."""
    texts = draw.shuffled([*sampled, *(grammar.candidate(draw, prompt) for _ in range(written))])
    if split == "train":
        ranking = judge.ranking(draw, prompt, texts)
    else:
        ranking = judge.true_ranking(prompt, texts)
    message = {"role": "user", "content": prompt}
    return {"messages": [message], "answers": texts, "ranking": ranking}
