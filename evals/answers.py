"""Asking a model many questions at once, through the one loop of turns and tool calls."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xxhash

from data.conversations import prompt_ids
from data.run_folder import DONE
from serve.engine import Engine
from serve.load import Trained
from serve.tools.tool import Tool
from serve.turns import Bounds, Opening, Trajectory, Turns

_SLOTS = 64

# A question is plain data: "id", "messages", where tools are offered "tools", and what its grader
# needs (see data.world.chat.grade).
Question = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Answer:
    """One answer to a question.

    Attributes:
        text: what the model said at the end of its turn; "" if it never came to an end.
        trajectory: all of it, tool calls and steps included.
    """

    text: str
    trajectory: Trajectory


def engine_of(trained: Trained) -> Engine:
    """An engine that writes answers to many questions at once."""
    return Engine(trained.params, trained.architecture, trained.tokenizer, _SLOTS)


def ask(
    engine: Engine,
    questions: Sequence[Question],
    tools: Sequence[Tool] = (),
    bounds: Bounds | None = None,
    samples: int = 1,
    temperature: float = 0.0,
    seed: int = 0,
) -> list[list[Answer]]:
    """`samples` answers to each question, in its order, with `tools` at hand.

    An answer depends on its question, the places of both and the seed alone: answers to different
    questions are drawn independently.

    Raises:
        InputError: a question is too long for the model's context.
    """
    prompts = [
        prompt_ids(engine.tokenizer, question["messages"], question.get("tools", ()))
        for question in questions
    ]
    openings = [
        Opening(prompt, seed=own_seed, temperature=temperature)
        for number, prompt in enumerate(prompts)
        for own_seed in sample_seeds(seed, number, samples)
    ]
    with contextlib.closing(Turns(engine, tools, bounds)) as turns:
        given = [Answer(said(trajectory), trajectory) for trajectory in turns.complete(openings)]
    return [given[start : start + samples] for start in range(0, len(given), samples)]


def sample_seeds(seed: int, number: int, samples: int) -> list[int]:
    """A seed for each sample of the question or problem with this number, of these alone."""
    drawn = np.random.SeedSequence([seed, number]).generate_state(samples)
    return [int(one) for one in drawn]


def said(trajectory: Trajectory) -> str:
    """What the model said at the end of its turn; "" if it never came to an end."""
    last = trajectory.messages[-1]
    is_over = trajectory.finish_reason == "stop" and last["role"] == "assistant"
    return last["content"] if is_over else ""


def model_id(workdir: str | os.PathLike, stage: str) -> str:
    """What tells the finished model of a stage from one that is trained in its place later: a
    digest of DONE, which says among other things how long it took. "": it is not finished."""
    path = pathlib.Path(workdir) / stage / DONE
    return xxhash.xxh64_hexdigest(path.read_bytes()) if path.exists() else ""


def readable(question: Question, answer: Answer, verdict: str) -> dict[str, Any]:
    """The answer as a person reads it in a file of JSON lines: prompt, steps, calls, verdict."""
    return {
        "id": question["id"],
        "verdict": verdict,
        "prompt": list(question["messages"]),
        "turn": answer.trajectory.messages,
        "finish_reason": answer.trajectory.finish_reason,
        "expected": question.get("answer", question.get("accept", "")),
    }
