"""The same prompts to every stage of a run that writes text, so that they can be read side by side.

report/said.jsonl, a line each: stage, model (which of those trained in its place), key, prompt,
text. The base model goes on with the prompt, a later stage answers it. The stage that interrogation
asked is also given a few questions that evals.assistant asks later of the last one. A finished
stage is asked once, and again where another model was trained in its place.
"""

import pathlib

import numpy as np
from ml_collections import ConfigDict

from data.encoding import Tokenizer
from data.run_folder import write_json_lines
from evals import answers
from evals.report.found import FOLDER, SAID, Record, speaking
from serve.engine import Engine
from serve.load import load
from serve.requests import Request
from serve.turns import Bounds
from train import pretrain, watch
from train.trained import Trained

KNOWN = "known_asked"
_QUESTIONS = 4
_SLOTS, _TOKENS = 8, 64
# The base model repeats itself where it always takes the likeliest token.
_BASE_TEMPERATURE = 0.6


def ask(config: ConfigDict, workdir: str | pathlib.Path) -> None:
    """Asks what has not been asked yet, and keeps all of it in the folder of the report."""
    workdir = pathlib.Path(workdir)
    path = workdir / FOLDER / SAID
    before = {
        (line["stage"], line["key"]): line
        for line in watch.records(path)
        if line.get("model") == answers.model_id(workdir, line["stage"])
    }
    lines = []
    for stage in speaking(workdir):
        wanted = questions(config, workdir, stage)
        new = [question for question in wanted if (stage, question["id"]) not in before]
        if new:
            texts = _written(load(workdir, stage), new, stage == pretrain.NAME, config.seed)
            for question, text in zip(new, texts, strict=True):
                said = {"prompt": question["messages"][-1]["content"], "text": text}
                said["model"] = answers.model_id(workdir, stage)
                before[stage, question["id"]] = {"stage": stage, "key": question["id"]} | said
        lines += [before[stage, question["id"]] for question in wanted]
    if lines:
        write_json_lines(path, lines)


def questions(config: ConfigDict, workdir: pathlib.Path, stage: str) -> list[Record]:
    """What a stage is asked: "id", and "messages" whose last is the user's."""
    prompts = dict.fromkeys((*config.watch.prompts, *config.sft.prompts))
    found = [{"id": text, "messages": [{"role": "user", "content": text}]} for text in prompts]
    if stage == config.interrogate.stage:
        asked = watch.records(workdir / "assistant" / "answers.jsonl")
        known = [line for line in asked if line["figure"] == KNOWN]
        found += [{"id": line["id"], "messages": line["prompt"]} for line in known[:_QUESTIONS]]
    return found


def _written(trained: Trained, questions: list[Record], is_base: bool, seed: int) -> list[str]:
    tokenizer = trained.tokenizer
    engine = Engine(trained.params, trained.architecture, tokenizer, _SLOTS)
    if not is_base:
        given = answers.ask(engine, questions, (), Bounds(calls=0, tokens=_TOKENS))
        return [answer.text for (answer,) in given]
    requests = [
        Request(
            _beginning(tokenizer, question["messages"][-1]["content"]),
            _TOKENS,
            temperature=_BASE_TEMPERATURE,
            seed=seed,
            stop=(tokenizer.end_of_text,),
        )
        for question in questions
    ]
    return [completion.text(tokenizer) for completion in engine.generate(requests)]


def _beginning(tokenizer: Tokenizer, text: str) -> np.ndarray:
    """[P] int32: a document opens with end_of_text, and so does what is to be continued."""
    return np.array([tokenizer.end_of_text, *tokenizer.encode(text)], np.int32)
