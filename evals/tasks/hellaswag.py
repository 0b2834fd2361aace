"""HellaSwag (arXiv 1905.07830): how a described scene goes on, four options. The file is the one
published, with ctx_a, ctx_b, activity_label, endings and label."""

import re

from evals.task import CHOICE, Choice, Row, Task

_BRACKETED = re.compile(r"\[[^\]\n]*\]")


def item(row: Row, id: str) -> Choice:
    context = f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b'].capitalize()}"
    ends = tuple((cleaned(context), f" {cleaned(end)}") for end in row["endings"])
    return Choice(id, "", ends, int(row["label"]))


def cleaned(text: str) -> str:
    """Without the marks of the how-to articles that half of the scenes are from."""
    return _BRACKETED.sub("", text.strip().replace(" [title]", ". ")).replace("  ", " ").strip()


TASKS = (Task("hellaswag", CHOICE, "hellaswag/hellaswag_val.jsonl", item, chance=0.25, core=True),)
