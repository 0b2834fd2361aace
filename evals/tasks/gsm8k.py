"""GSM8K (arXiv 2110.14168): word problems, the number after "####". `gsm8k_train` asks those of the
training half, for models that have not seen them."""

import re

from evals.exact_match import final_number
from evals.task import EXACT_MATCH, Row, Task, Written

# Of every step, for a calculator: <<48/2=24>>.
_CALCULATOR = re.compile(r"<<[^<>\n]*>>")
_TRAIN = "gsm8k/train.jsonl"


def item(row: Row, id: str) -> Written:
    worked = _CALCULATOR.sub("", row["answer"]).strip()
    _, marker, number = worked.rpartition("####")
    answer = final_number(number)
    if not marker or answer is None:
        raise ValueError("the answer does not end in #### and a number")
    prompt = f"Question: {row['question'].strip()}\nAnswer:"
    return Written(id, "", prompt, f" {worked}", (answer,))


def _task(name: str, file: str) -> Task:
    return Task(
        name,
        EXACT_MATCH,
        file,
        item,
        shots=5,
        example_file=_TRAIN,
        answer_of=final_number,
        stops=("\n\n", "Question:"),
        tokens=256,
    )


TASKS = (_task("gsm8k", "gsm8k/test.jsonl"), _task("gsm8k_train", _TRAIN))
