"""ARC (arXiv 1803.05457): grade-school science, four options."""

from evals.layouts import question
from evals.task import CHOICE, Task

TASKS = tuple(
    Task(name, CHOICE, f"eval_tasks/{name}.jsonl", question, chance=0.25, core=True)
    for name in ("arc_easy", "arc_challenge")
)
