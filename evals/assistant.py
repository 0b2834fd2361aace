"""What the assistant knows and can do, measured on what no training conversation contains.

A stage. For every figure there is a set of questions of the small world (data.world.chat): facts
asked about in training in other phrasings, facts only told, facts withheld; the assistant's
identity; letters and products with and without the Python tool; word problems with and without
steps. Answers are greedy; each is kept, readable, in assistant/answers.jsonl.
"""

import dataclasses
import json
import pathlib
import time
from collections.abc import Sequence
from typing import Any

from ml_collections import ConfigDict

from data.errors import InputError
from data.run_folder import is_done, mark_done, record, write_json_lines
from data.world import chat, tellings
from data.world.chat import grade
from evals import answers
from evals.answers import Question
from serve.engine import Engine
from serve.load import load
from serve.tools.resolve import resolve
from serve.tools.tool import Tool, closing_tools
from serve.turns import Bounds

FOLDER = "assistant"
_BOUNDS = Bounds(tokens=160, total_tokens=224)


@dataclasses.dataclass(frozen=True)
class Measure:
    """A figure: over the questions of `kinds`, the share answered rightly, or declined.

    `before`: of the stage that interrogation asked, not of the last one. `tools`: the tools that
    are at hand.
    """

    figure: str
    kinds: tuple[str, ...]
    declined: bool = False
    before: bool = False
    tools: tuple[str, ...] = ()


MEASURES = (
    Measure("known_asked", ("known_asked",)),
    Measure("known_told_only", ("known_told_only",)),
    Measure("identity", ("identity", "identity_named")),
    Measure("unknown_declined_before", ("withheld",), declined=True, before=True),
    Measure("unknown_declined", ("withheld",), declined=True),
    Measure("invented_declined", ("invented",), declined=True),
    Measure("known_declined", ("known_asked", "known_told_only"), declined=True),
    Measure("unknown_with_search", ("withheld_search",), tools=("search",)),
    Measure("invented_with_search", ("invented_search",), declined=True, tools=("search",)),
    Measure("letters_with_tool", ("letters",), tools=("python",)),
    Measure("letters_without_tool", ("letters_direct",)),
    Measure("spelling_with_tool", ("spelling",), tools=("python",)),
    Measure("spelling_without_tool", ("spelling_direct",)),
    Measure("product_with_tool", ("products",), tools=("python",)),
    Measure("product_without_tool", ("products_direct",)),
    Measure("problems_with_steps", ("problems",)),
    Measure("problems_direct", ("problems_direct",)),
)


def run(config: ConfigDict, workdir: str) -> None:
    """Measures the model of config.assistant.stage, and what it was before interrogation.

    Raises:
        InputError: there is no such stage.
    """
    folder = pathlib.Path(workdir) / FOLDER
    if is_done(folder):
        return
    begun = time.monotonic()
    last = config.assistant.stage
    if not is_done(pathlib.Path(workdir) / last):
        raise InputError(
            f"{workdir} has no finished stage {last!r}, which config.assistant.stage names: train "
            "it before, or name another"
        )
    with closing_tools(resolve(["python", "search"], workdir, config)) as tools:
        figures, lines = _measured(config, workdir, tools)
    write_json_lines(folder / "answers.jsonl", lines)
    figures["seconds"] = _training_seconds(config, pathlib.Path(workdir))
    record(workdir, {f"chat/{name}": value for name, value in figures.items()})
    mark_done(folder, figures | {"measuring_seconds": time.monotonic() - begun})


def _measured(
    config: ConfigDict, workdir: str, tools: Sequence[Tool]
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """The figures, and a line of JSON for each answer."""
    told = tellings.of_run(config, workdir)
    figures: dict[str, float] = {}
    lines: list[dict[str, Any]] = []
    for stage, before in ((config.interrogate.stage, True), (config.assistant.stage, False)):
        wanted = [measure for measure in MEASURES if measure.before == before]
        if not is_done(pathlib.Path(workdir) / stage):
            print(f"{stage}, the stage before interrogation, is not in this run: not measured")
            continue
        engine = answers.engine_of(load(workdir, stage))
        seen: dict[tuple, list[tuple[Question, answers.Answer]]] = {}
        for measure in wanted:
            at_hand = [tool for tool in tools if tool.name in measure.tools]
            pairs = []
            for kind in measure.kinds:
                if (kind, measure.tools) not in seen:
                    asked = chat.questions(config, told, kind)
                    seen[kind, measure.tools] = _answered(engine, asked, at_hand)
                pairs += seen[kind, measure.tools]
            if not pairs:  # the world is small, or config.world_chat asks for none
                continue
            verdicts = [_verdict(question, answer.text, measure) for question, answer in pairs]
            figures[measure.figure] = sum(verdicts) / len(verdicts)
            lines += [
                {"figure": measure.figure}
                | answers.readable(question, answer, "yes" if verdict else "no")
                for (question, answer), verdict in zip(pairs, verdicts, strict=True)
            ]
            print(f"chat/{measure.figure} {figures[measure.figure]:.4f}", flush=True)
    return figures, lines


def _answered(
    engine: Engine, asked: Sequence[Question], tools: Sequence[Tool]
) -> list[tuple[Question, answers.Answer]]:
    given = answers.ask(engine, asked, tools, _BOUNDS)
    return [(question, answer) for question, (answer,) in zip(asked, given, strict=True)]


def _verdict(question: Question, text: str, measure: Measure) -> bool:
    return grade.is_decline(text) if measure.declined else grade.grade(question, text)


def _training_seconds(config: ConfigDict, workdir: pathlib.Path) -> float:
    """Seconds of fine-tuning, of all rounds; none of what has been imported."""
    total = 0.0
    for name in {config.interrogate.stage, config.assistant.stage}:
        if is_done(workdir / name):
            done = json.loads((workdir / name / "DONE").read_text(encoding="utf-8"))
            total += done.get("seconds", 0.0)
    return total
