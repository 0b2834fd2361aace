"""What can be done with a run, as commands to type."""

import importlib.util
import os
import pathlib
import shlex
import sys
from collections.abc import Callable

from data.run_folder import is_done

_REPORT = "report.html"


def next_steps(workdir: str, config: str, is_there: Callable[[str], bool] | None = None) -> str:
    """Commands for what the run has: a model to talk to, one to complete text with, one to go on
    with. "" where nothing has been trained.

    Args:
        config: what --config was given.
        is_there: whether a module can be run; by default, whether it is in this tree.
    """
    is_there = is_there or (lambda module: importlib.util.find_spec(module) is not None)
    folder = pathlib.Path(workdir)
    place = shlex.quote(str(folder))  # without a slash at its end, which "-mine" is to follow
    trained = [name for name in ("base", "chat") if is_done(folder / name)]
    practised = sorted(path.parent.name for path in folder.glob("*/rollouts.jsonl"))
    steps = []
    if "chat" in trained:
        steps.append(("Talk to it", [_call("serve.chat", f"--workdir={place}")]))
    for stage in practised:
        if is_done(folder / stage):
            call = _call("serve.chat", f"--workdir={place}", f"--stage={stage}")
            steps.append((f"Talk to it after practice ({stage})", [call]))
    if "base" in trained:
        prompt = '--prompt="Once upon a time"'
        call = _call("serve.chat", f"--workdir={place}", "--base", prompt)
        steps.append(("Complete a text with the base model", [call]))
    for module, what, *more in (
        ("serve.api", "Serve it, with a web page", "--port=8000"),
        ("serve.export", "Export it for other programs", "--output=exported"),
    ):
        if trained and is_there(module):
            stage = [] if "chat" in trained else ["--stage=base"]
            steps.append((what, [_call(module, f"--workdir={place}", *stage, *more)]))
    if trained:
        steps.append(("Go on with conversations of your own", _own(place, config, trained[-1])))
    if (folder / _REPORT).exists():
        steps.append(("Read what was made", [shlex.quote(str(folder / _REPORT))]))
    return "\n".join(f"{what}:\n" + "\n".join(f"    {c}" for c in calls) for what, calls in steps)


def _own(place: str, config: str, start: str) -> list[str]:
    """A run of its own, since a run has one config: it begins with a copy of this one."""
    mine = f"{place}-mine"
    return [
        f"cp -r {place} {mine} && rm {mine}/config.json",
        _call(
            "train.main",
            f"--config={shlex.quote(config)}",
            f"--workdir={mine}",
            "--config.stages=\"('data.chat_tokens','train.sft')\"",
            f"--config.sft.name=mine --config.sft.start={start}",
            "--config.sft.sources=my_conversations.jsonl@0.7,replay@0.3",
        ),
        _call("serve.chat", f"--workdir={mine}", "--stage=mine"),
    ]


def _call(module: str, *arguments: str) -> str:
    return f"{_python()} -m {module} {' '.join(arguments)}"


def _python() -> str:
    """The interpreter as it can be typed in this folder."""
    path = os.path.relpath(sys.executable)
    return shlex.quote(path) if not path.startswith(os.pardir) else "python"
