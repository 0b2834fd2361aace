"""SVAMP (arXiv 2103.07191): small word problems, worked out in one formula."""

from evals.exact_match import final_number
from evals.layouts import worked_problem
from evals.task import EXACT_MATCH, Task

TASKS = (
    Task(
        "svamp",
        EXACT_MATCH,
        "eval_tasks/svamp.jsonl",
        worked_problem,
        shots=5,
        answer_of=final_number,
        tokens=96,
    ),
)
