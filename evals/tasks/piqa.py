"""PIQA (arXiv 1911.11641): which of two ways reaches a physical goal."""

from evals.layouts import question
from evals.task import CHOICE, Task

TASKS = (Task("piqa", CHOICE, "eval_tasks/piqa.jsonl", question, chance=0.5, core=True),)
