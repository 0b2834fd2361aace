"""Tasks of BIG-bench (arXiv 2206.04615), Jeopardy questions and bare sums: an end that the model
must write itself, or options. Those of CORE have examples, since their form must be seen."""

from evals.layouts import bare, cloze, cloze_answer, sentence
from evals.task import CHOICE, CLOZE, Task


def _cloze(name: str, core: bool = True, item=cloze) -> Task:
    return Task(name, CLOZE, f"eval_tasks/{name}.jsonl", item, shots=5, core=core)


def _choice(name: str, chance: float) -> Task:
    return Task(name, CHOICE, f"eval_tasks/{name}.jsonl", sentence, chance)


TASKS = (
    _cloze("jeopardy_all", item=cloze_answer),
    _cloze("simple_arithmetic_nospaces", core=False, item=bare),
    _cloze("bigbench_operators"),
    _cloze("bigbench_repeat_copy_logic"),
    _cloze("bigbench_dyck_languages"),
    _choice("bigbench_strange_stories", 0.5),
    _choice("bigbench_novel_concepts", 0.25),
)
