"""The report on a run: report.html, one file that needs nothing else, for people to read.

The last stage. It asks every stage of the run the same few prompts, which takes seconds, and draws
the rest from what the stages have left in the run's folder. What a run does not have, its report
does not mention. It is written anew each time:

    python -m train.main --config=configs/laptop.py --config.stages="('evals.report',)"

    report.html          the page
    report/said.jsonl    what the stages answered; machine.json: what it was written on
"""

import json
import pathlib

import jax
from ml_collections import ConfigDict

from data.page import page, text
from data.run_folder import is_done, mark_done, write_atomically
from data.web import layout
from data.web import report as web
from evals.report import account, dialogue, said, training
from evals.report import found as of_run
from evals.report.found import Found
from evals.report.part import Part

PAGE = "report.html"


def run(config: ConfigDict, workdir: str) -> None:
    """Writes the report of the run. On several hosts the models are not asked."""
    folder = pathlib.Path(workdir)
    if jax.process_count() == 1:
        said.ask(config, folder)
    if jax.process_index() == 0:
        machine = json.dumps(account.machine(), indent=2) + "\n"
        write_atomically(folder / of_run.FOLDER / of_run.MACHINE, machine)
        written = html(of_run.read(folder))
        write_atomically(folder / PAGE, written)
        mark_done(folder / of_run.FOLDER, {"bytes": len(written.encode())})
        print(f"report: {folder / PAGE}", flush=True)


def html(found: Found) -> str:
    """The page, from what the run has left."""
    parts = [
        part
        for make in (
            _web,
            dialogue.tokens,
            training.losses,
            dialogue.said,
            dialogue.knowledge,
            dialogue.tools,
            dialogue.steps,
            training.practice,
            account.figures,
            account.took,
            account.setting,
        )
        for part in make(found)
    ]
    name = found.config.get("name", found.workdir.name)
    body = "\n".join([_lead(found), *(part.html for part in parts)])
    return page(f"A model's life: {name}", body, [(part.key, part.title) for part in parts])


def _lead(found: Found) -> str:
    stages = found.config.get("stages", ())
    trained = ", ".join(f"<code>{text(name)}</code>" for name in found.stages)
    told = f" Trained, in this order: {trained}." if trained else ""
    return (
        f"<p>What the {len(stages)} stages of this run did, from what they have left in its folder."
        f"{told} Examples are the first of their kind, not the best ones.</p>"
    )


def _web(found: Found) -> list[Part]:
    folder = found.workdir / layout.OUTPUT
    if not is_done(folder):
        return []
    return [Part(web.KEY, web.TITLE, web.section(str(folder), found.figures))]
