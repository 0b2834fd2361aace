"""Rows of the layouts that several tasks share, as items."""

from evals.task import Choice, Row, Written


def question(row: Row, id: str) -> Choice:
    """{query, choices, gold}: a question, and the options as its answer."""
    return _options(row, id, row["query"].rstrip() + "\nAnswer:")


def sentence(row: Row, id: str) -> Choice:
    """{query, choices, gold}: the beginning of a text, and the options as its end; also a query
    that ends in "Answer:" already."""
    return _options(row, id, row["query"].rstrip())


def _options(row: Row, id: str, context: str) -> Choice:
    options = tuple((context, f" {choice.strip()}") for choice in row["choices"])
    return Choice(id, "", options, row["gold"])


def schema(row: Row, id: str) -> Choice:
    """{context_options, continuation, gold}: how likely the same end is after each beginning."""
    end = f" {row['continuation'].strip()}"
    options = tuple((context.rstrip(), end) for context in row["context_options"])
    return Choice(id, "", options, row["gold"])


def cloze(row: Row, id: str) -> Choice:
    """{context, continuation}: the end as it stands there."""
    return Choice(id, "", ((row["context"].rstrip(), f" {row['continuation'].strip()}"),), 0)


def cloze_answer(row: Row, id: str) -> Choice:
    """{context, continuation}: a question, and the end as its answer."""
    context = f"Question: {row['context'].strip()}\nAnswer:"
    return Choice(id, "", ((context, f" {row['continuation'].strip()}"),), 0)


def bare(row: Row, id: str) -> Choice:
    """{context, continuation}: a sum without spaces."""
    return Choice(id, "", ((row["context"].strip(), row["continuation"].strip()),), 0)


def worked_problem(row: Row, id: str) -> Written:
    """{context, answer, chain_of_thought}: a problem, answered after working it out."""
    worked = f" {row['chain_of_thought'].strip()} The answer is {row['answer']}."
    prompt = f"Question: {row['context'].strip()}\nAnswer:"
    return Written(id, "", prompt, worked, (str(row["answer"]),))
