"""TriviaQA (arXiv 1705.03551): facts, with every name an answer goes by."""

from evals.exact_match import plain_words
from evals.task import EXACT_MATCH, Row, Task, Written


def item(row: Row, id: str) -> Written:
    names = {plain_words(name) for name in (row["answer"], *row["aliases"])} - {None}
    return Written(id, "", row["context"].rstrip(), f" {row['answer']}", tuple(sorted(names)))


TASKS = (
    Task(
        "triviaqa",
        EXACT_MATCH,
        "eval_tasks/triviaqa_sm_sub.jsonl",
        item,
        shots=5,
        answer_of=plain_words,
        stops=("\n",),
        tokens=24,
    ),
)
