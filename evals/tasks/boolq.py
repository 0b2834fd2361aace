"""BoolQ (arXiv 1905.10044): whether a passage says yes. Always "yes" is right for 62% of it; the
chance named here is that of a coin."""

from evals.layouts import question
from evals.task import CHOICE, Task

TASKS = (Task("boolq", CHOICE, "eval_tasks/boolq.jsonl", question, chance=0.5, core=True),)
