"""Everyday knowledge: COPA, OpenBookQA (arXiv 1809.02789), CommonsenseQA (arXiv 1811.00937, here
with four of its options) and Social IQA (arXiv 1904.09728, with two). The last two ask for a
letter, which takes examples."""

from evals.layouts import sentence
from evals.task import CHOICE, Task


def _task(name: str, chance: float, shots: int = 0, core: bool = True) -> Task:
    file = f"eval_tasks/{name}.jsonl"
    return Task(name, CHOICE, file, sentence, chance, shots, core=core)


TASKS = (
    _task("copa", 0.5),
    _task("openbook_qa", 0.25),
    _task("commonsense_qa", 0.25, shots=5),
    _task("siqa", 0.5, shots=5, core=False),
)
