"""What the stages of a run have left in its folder, read for the report."""

import dataclasses
import json
import pathlib
from typing import Any

from data.run_folder import figures_of, is_done
from data.web import funnel, layout
from train import pretrain, watch
from train.trained import is_reward_model

FOLDER = "report"
SAID, MACHINE = "said.jsonl", "machine.json"

# The order in which a life goes through its trained stages; others follow by name.
_ORDER = (pretrain.NAME, "sft", "chat", "reward", "dpo", "rl", "rlhf")
_SAMPLE_CHARACTERS = 700

Record = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Stage:
    """A trained stage: its resolved config, the records of its metrics.jsonl, in reinforcement
    learning what it has written to held-out problems, a record each, and how long it took."""

    config: Record
    metrics: list[Record]
    rollouts: list[Record]
    seconds: float | None


@dataclasses.dataclass(frozen=True)
class Found:
    """A run.

    Attributes:
        workdir: its folder.
        config: of config.json.
        figures: of report.json.
        stages: the trained ones by name, in the order of a life.
        said: what stages answered to the same prompts; see evals.report.said.
        answers: of assistant/answers.jsonl.
        questions: of interrogation/questions.jsonl.
        document: the beginning of a text that the run has trained on; "" if none is at hand.
        machine: what the report was made on.
    """

    workdir: pathlib.Path
    config: Record
    figures: dict[str, float]
    stages: dict[str, Stage]
    said: list[Record]
    answers: list[Record]
    questions: list[Record]
    document: str
    machine: Record


def read(workdir: str | pathlib.Path) -> Found:
    """Reads a run. What is not there is empty."""
    workdir = pathlib.Path(workdir)
    return Found(
        workdir=workdir,
        config=_object(workdir / "config.json"),
        figures=figures_of(workdir),
        stages=_stages(workdir),
        said=watch.records(workdir / FOLDER / SAID),
        answers=watch.records(workdir / "assistant" / "answers.jsonl"),
        questions=watch.records(workdir / "interrogation" / "questions.jsonl"),
        document=_document(workdir),
        machine=_object(workdir / FOLDER / MACHINE),
    )


def in_order(names: list[str]) -> list[str]:
    """Names of trained stages in the order of a life."""
    rank = {name: number for number, name in enumerate(_ORDER)}
    return sorted(names, key=lambda name: (rank.get(name, len(rank)), name))


def speaking(workdir: pathlib.Path) -> list[str]:
    """The finished stages whose model writes text: those that have kept samples, but for a reward
    model, whose samples are others' texts with their scores."""
    return in_order(
        [
            folder.name
            for folder in workdir.iterdir()
            if is_done(folder)
            and any((folder / name).exists() for name in ("samples.txt", "rollouts.jsonl"))
            and (config := _object(folder / "config.json"))
            and not is_reward_model(config, folder.name)
        ]
    )


def _stages(workdir: pathlib.Path) -> dict[str, Stage]:
    names = in_order([path.parent.name for path in workdir.glob("*/metrics.jsonl")])
    return {
        name: Stage(
            config=_object(workdir / name / "config.json"),
            metrics=watch.records(workdir / name / "metrics.jsonl"),
            rollouts=watch.records(workdir / name / "rollouts.jsonl"),
            seconds=_object(workdir / name / "DONE").get("seconds"),
        )
        for name in names
    }


def _object(path: pathlib.Path) -> Record:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _document(workdir: pathlib.Path) -> str:
    examples = _object(workdir / layout.OUTPUT / funnel.EXAMPLES_FILE).get(funnel.KEPT, [])
    texts = [page["text"] for page in examples if page.get("text")]
    return texts[0][:_SAMPLE_CHARACTERS] if texts else ""
