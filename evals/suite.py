"""Runs tasks of the evaluation suite on a trained stage.

Every item is asked, in the order of the file, and written with its prompt, answer and verdict as a
line of JSON. Tasks by likelihood score plain text, whatever the stage. Where the model writes, the
base model goes on from plain text; a model of any other stage is asked in turns: the item is a
user's message, examples are earlier turns.
"""

import pathlib
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from tqdm import tqdm

from data.conversations import END, parse_assistant, prompt_ids
from data.errors import InputError
from data.run_folder import write_json_lines
from evals import choice, cloze, exact_match, pass_at_k, records, summary
from evals import task as task_module
from evals.likelihood import Encoded, Likelihood, encoded, likelihood
from evals.task import CHOICE, EXACT_MATCH, SCORED, Choice, Task, Written
from evals.tasks import tasks
from serve.engine import Engine
from serve.load import Trained
from serve.requests import Request
from serve.tools.python import MAX_PRINTED_BYTES, Limits, Sandbox
from train import pretrain

FOLDER = "evals"
CORE = "core"
# Of several samples; one is the likeliest text.
TEMPERATURE = 0.7
_SLOTS = 32
# More than what may be printed, so that the end is seen; and for tests, a little more time.
_SANDBOX = Limits(seconds=5.0, megabytes=64, characters=2 * MAX_PRINTED_BYTES)


class Settings(NamedTuple):
    """How tasks are run. `limit`: most items of a task, 0: all. `shots`: examples, None: as each
    task has them. `samples`: texts an item where the model writes."""

    data: pathlib.Path
    limit: int = 0
    shots: int | None = None
    samples: int = 1
    seed: int = 0


class Result(NamedTuple):
    """Figures by what follows the task's name in theirs ("": the first of them), and a line of JSON
    an item."""

    figures: dict[str, float]
    lines: list[dict[str, Any]]


def core_present(data: pathlib.Path) -> tuple[list[str], list[str]]:
    """The tasks of CORE whose files are there, and those that are not.

    Raises:
        InputError: none is.
    """
    names = [name for name, task in tasks().items() if task.core]
    here = [name for name in names if records.present(data, tasks()[name].file)]
    if not here:
        raise InputError(
            f"no file of CORE's tasks is in {data}, such as {tasks()[names[0]].file}: put them "
            "there or give another --data"
        )
    return here, [name for name in names if name not in here]


def check(names: Sequence[str], data: pathlib.Path, shots: int | None) -> None:
    """Refuses tasks whose files are not there, before a model is loaded.

    Raises:
        InputError: a file is absent.
    """
    for name in names:
        task = tasks()[name]
        records.located(data, task.file, name)
        if task.example_file and (task.shots if shots is None else shots):
            records.located(data, task.example_file, name)


def run(task: Task, trained: Trained, stage: str, settings: Settings) -> Result:
    """The figures of a task and its items' verdicts.

    Figures are the accuracy, its 95% interval ("_low", "_high"), how many items it is over
    ("_items"), how many of them lost their beginning since they did not fit the context ("_cut"),
    and what the kind adds. Where several texts an item are drawn, the names say how many, and the
    accuracy has "_majority_N" (of what most of them say) and "_mean_N" (of each).

    Raises:
        InputError: a file is absent or damaged.
    """
    shots = task.shots if settings.shots is None else settings.shots
    items = task_module.items(task, settings.data, settings.limit)
    pool = task_module.pool(task, settings.data, shots)
    shown = [task_module.examples(task.name, item, pool, shots, settings.seed) for item in items]
    if task.kind in SCORED:
        return _scored(task, trained, items, shown)
    texts = _texts(task, trained, stage != pretrain.NAME, items, shown, settings)
    if task.kind == EXACT_MATCH:
        return _matched(task, items, texts)
    return _tested(items, texts)


def _scored(
    task: Task,
    trained: Trained,
    items: Sequence[Choice],
    shown: Sequence[Sequence[Choice]],
) -> Result:
    size = trained.architecture.context
    befores = [
        task_module.before(examples, task.heading(item.group) if task.heading else "")
        for item, examples in zip(items, shown, strict=True)
    ]
    rows = [
        [
            encoded(trained.tokenizer, before + context, continuation, size)
            for context, continuation in item.options
        ]
        for item, before in zip(items, befores, strict=True)
    ]
    longest = max(len(row.tokens) for options in rows for row in options)
    engine = _engine(trained, 1, longest + 1)
    lines = []
    with _progress(task.name, sum(map(len, rows))) as progress:
        for item, before, options in zip(items, befores, rows, strict=True):
            found = []
            for row in options:
                found.append(likelihood(engine, row))
                progress.update()
            lines.append(_judged(task, item, before, options, found))
    figures = _figures([line["right"] for line in lines], [line["cut"] for line in lines])
    if task.kind == CHOICE:
        by_length = [line["right_by_length"] for line in lines]
        figures |= {f"_norm{name}": value for name, value in _mean(by_length).items()}
    else:
        log_probs = [line["options"][0]["log_prob"] for line in lines]
        figures["_nats"] = cloze.nats(log_probs)
    return Result(figures, lines)


def _judged(
    task: Task,
    item: Choice,
    before: str,
    options: Sequence[Encoded],
    found: Sequence[Likelihood],
) -> dict[str, Any]:
    """The line of an item by likelihood."""
    log_probs = [one.log_prob for one in found]
    line: dict[str, Any] = {"id": item.id, "group": item.group, "examples": before}
    line["options"] = [
        {"context": context, "continuation": continuation}
        | {"log_prob": one.log_prob, "greedy": one.greedy, "tokens": len(row.tokens) - row.start}
        for (context, continuation), row, one in zip(item.options, options, found, strict=True)
    ]
    line |= {"answer": item.gold, "cut": max(row.cut for row in options)}
    if task.kind == CHOICE:
        by_length = choice.chosen_by_length(log_probs, [end for _, end in item.options])
        line |= {"chosen": choice.chosen(log_probs), "chosen_by_length": by_length}
        line |= {"right": line["chosen"] == item.gold, "right_by_length": by_length == item.gold}
        return line
    return line | {"right": found[0].greedy}


class _Asked(NamedTuple):
    """A prompt as it was given, and what was written after it."""

    prompt: str | list[dict[str, str]]
    cut: int
    texts: list[str]


def _texts(
    task: Task,
    trained: Trained,
    in_turns: bool,
    items: Sequence[Written],
    shown: Sequence[Sequence[Written]],
    settings: Settings,
) -> list[_Asked]:
    """What the model writes; it depends on the item, the sample's number and the seed alone."""
    tokenizer, size = trained.tokenizer, trained.architecture.context
    tokens = min(task.tokens, size - 1)
    prompts, encodings = [], []
    for item, examples in zip(items, shown, strict=True):
        if in_turns:
            prompts.append(_messages(item, examples))
            encodings.append(prompt_ids(tokenizer, prompts[-1]))
        else:
            # White space at the end would be the beginning of a token of the answer.
            prompts.append((task_module.before(examples) + item.prompt).rstrip(" "))
            encodings.append(tokenizer.encode(prompts[-1]).astype(np.int32))
    cuts = [max(0, len(ids) - (size - tokens)) for ids in encodings]
    rows = [ids[cut:] for ids, cut in zip(encodings, cuts, strict=True)]
    stops: tuple[str | int, ...] = (tokenizer.end_of_text,)
    stops += (tokenizer.special[END],) if in_turns else task.stops
    requests = [
        Request(
            row,
            tokens,
            temperature=0.0 if settings.samples == 1 else TEMPERATURE,
            seed=zlib.crc32(f"{settings.seed}/{task.name}/{item.id}/{number}".encode()),
            stop=stops,
        )
        for item, row in zip(items, rows, strict=True)
        for number in range(settings.samples)
    ]
    engine = _engine(trained, _SLOTS, max(map(len, rows)) + tokens)
    written = []
    with _progress(task.name, len(requests)) as progress:
        for completion in _completions(engine, requests, progress.update):
            if in_turns:
                message = parse_assistant(tokenizer, completion.tokens)
                written.append(message.get("content") or "")
            else:
                written.append(completion.text(tokenizer))
    by_item = [
        written[start : start + settings.samples]
        for start in range(0, len(written), settings.samples)
    ]
    return [_Asked(*one) for one in zip(prompts, cuts, by_item, strict=True)]


def _completions(engine: Engine, requests: Sequence[Request], finished: Callable) -> list:
    completions = [engine.submit(request) for request in requests]
    while engine.busy:
        finished(sum(one.finish_reason is not None for one in engine.step()))
    return completions


def _messages(item: Written, examples: Sequence[Written]) -> list[dict[str, str]]:
    messages = []
    for example in examples:
        messages.append({"role": "user", "content": example.prompt})
        messages.append({"role": "assistant", "content": example.worked.strip()})
    return [*messages, {"role": "user", "content": item.prompt}]


def _matched(task: Task, items: Sequence[Written], asked: Sequence[_Asked]) -> Result:
    """One text is right or wrong; of several, what most of them say is."""
    lines, means = [], []
    for item, one in zip(items, asked, strict=True):
        answers = [task.answer_of(text) for text in one.texts]
        answer = exact_match.majority(answers)
        means.append(sum(given in item.accept for given in answers) / len(answers))
        line = {"id": item.id, "group": item.group, "prompt": one.prompt, "cut": one.cut}
        line |= {"texts": one.texts, "answers": answers, "answer": answer}
        lines.append(line | {"accept": item.accept, "right": answer in item.accept})
    right, cuts = [line["right"] for line in lines], [line["cut"] for line in lines]
    samples = len(asked[0].texts)
    if samples == 1:
        return Result(_figures(right, cuts), lines)
    # Under names of their own: samples are drawn, where one text is the likeliest.
    figures = {f"_majority_{samples}{name}": value for name, value in _mean(right).items()}
    figures |= {f"_mean_{samples}{name}": value for name, value in _mean(means).items()}
    return Result(figures | _counts(cuts), lines)


def _tested(items: Sequence[Written], asked: Sequence[_Asked]) -> Result:
    """Programs, each with its tests. "_reference": the share of items whose own published solution
    passes, which no model is held to exceed where the sandbox lacks what the others need."""
    samples = len(asked[0].texts)
    lines = []
    sandbox = Sandbox(_SANDBOX, seed=0)
    try:
        for item, one in zip(items, asked, strict=True):
            (tests,) = item.accept
            programs = [pass_at_k.program_of(text) for text in one.texts]
            verdicts = [pass_at_k.passes(sandbox.run, program, tests) for program in programs]
            reference = pass_at_k.program_of(item.worked)
            line = {"id": item.id, "prompt": one.prompt, "cut": one.cut, "texts": one.texts}
            line |= {"programs": programs, "tests": tests, "passed": verdicts}
            line["reference_passes"] = pass_at_k.passes(sandbox.run, reference, tests)
            lines.append(line | {"right": any(verdicts)})
    finally:
        sandbox.close()
    figures: dict[str, float] = {}
    for k in sorted({1, samples}):
        values = [pass_at_k.pass_at_k(samples, sum(line["passed"]), k) for line in lines]
        of = f"_of_{samples}" if samples > 1 else ""
        figures |= {f"_pass_at_{k}{of}{name}": value for name, value in _mean(values).items()}
    figures["_reference"] = sum(line["reference_passes"] for line in lines) / len(lines)
    return Result(figures | _counts([line["cut"] for line in lines]), lines)


def _figures(right: Sequence[bool], cuts: Sequence[int]) -> dict[str, float]:
    return _mean(right) | _counts(cuts)


def _mean(values: Sequence[float]) -> dict[str, float]:
    low, high = summary.interval(values)
    return {"": sum(values) / len(values), "_low": low, "_high": high}


def _counts(cuts: Sequence[int]) -> dict[str, float]:
    return {"_items": len(cuts), "_cut": sum(cut > 0 for cut in cuts)}


def _engine(trained: Trained, slots: int, longest: int) -> Engine:
    """With slots no longer than needed. A power of two, so that rows are padded as the server's."""
    length = min(trained.architecture.context, max(16, 1 << (longest - 1).bit_length()))
    return Engine(trained.params, trained.architecture, trained.tokenizer, slots, length)


def _progress(name: str, total: int) -> tqdm:
    return tqdm(total=total, desc=name, disable=not sys.stderr.isatty())


def keep(workdir: str, stage: str, name: str, lines: Sequence[Mapping[str, Any]]) -> pathlib.Path:
    """Writes the items of a task where a person finds them."""
    path = pathlib.Path(workdir) / FOLDER / stage / f"{name}.jsonl"
    if jax.process_index() == 0:
        write_json_lines(path, lines)
    return path


def core_mean(results: Mapping[str, Result]) -> dict[str, float]:
    """The centred mean over CORE's tasks among the results, and over how many."""
    over = {name: result.figures[""] for name, result in results.items() if tasks()[name].core}
    chances = {name: tasks()[name].chance for name in over}
    return {"centred_mean": summary.centred_mean(over, chances), "centred_mean_tasks": len(over)}


def said(result: Result, chance: float) -> Iterator[str]:
    """The figures in words, one line each: those with an interval, then what else there is."""
    figures, shown = result.figures, set()
    counts = f"{figures['_items']} items, {figures['_cut']} cut to the context"
    for name in [name for name in figures if f"{name}_low" in figures]:
        low, high = f"{name}_low", f"{name}_high"
        shown |= {name, low, high}
        within = f"95%: {figures[low]:.4f} to {figures[high]:.4f}"
        yield f"{name} {figures[name]:.4f} ({within}; {counts})"
    if chance:
        yield f"_chance {chance:.4f}"
    for name in figures:
        if name not in shown | {"_items", "_cut"}:
            yield f"{name} {figures[name]:.4f}"
