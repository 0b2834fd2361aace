"""LAMBADA (arXiv 1606.06031): the last word of a passage, which takes all of it to guess."""

from evals.layouts import cloze
from evals.task import CLOZE, Task

TASKS = (Task("lambada_openai", CLOZE, "eval_tasks/lambada_openai.jsonl", cloze, core=True),)
