"""Winogrande (arXiv 1907.10641) and the Winograd schemas: whom a pronoun means. The end of the
sentence is scored after each of two beginnings with the name in place of the pronoun."""

from evals.layouts import schema
from evals.task import CHOICE, Task

TASKS = tuple(
    Task(name, CHOICE, f"eval_tasks/{name}.jsonl", schema, chance=0.5, core=True)
    for name in ("winogrande", "winograd_wsc")
)
