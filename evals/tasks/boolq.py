"""BoolQ (arXiv 1905.10044): whether a passage says yes. Always "yes" is right for 62% of it, which
is the chance at which CORE centres it."""

from evals.layouts import question
from evals.task import CHOICE, Task

TASKS = (Task("boolq", CHOICE, "eval_tasks/boolq.jsonl", question, chance=0.62, core=True),)
