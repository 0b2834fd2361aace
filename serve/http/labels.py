"""POST /v1/labels: what a person says of answers, as a line of a file in the folder of labels.

An ideal answer and a ranking become lines of labels.jsonl, as of `python -m serve.label`:

    {"messages": [...], "answer": "I am Primer."}
    {"messages": [...], "answers": ["I am Primer.", "A cat."], "ranking": [[0], [1]]}

With "contenders", the names of who has answered, a ranking is a vote and becomes a line of
votes.jsonl, which `python -m evals.arena --judge=person --output=votes.jsonl` reads.
"""

import asyncio
from typing import Any

from data.errors import InputError
from serve.http import fields
from serve.http.connection import Reply
from serve.http.errors import ApiError, invalid
from serve.http.prompts import conversation
from serve.http.site import Site
from serve.labels import ideal, ranked

LABELS, VOTES = "labels.jsonl", "votes.jsonl"
_MAX_ANSWERS = 64


async def label(site: Site, body: dict[str, Any], reply: Reply) -> None:
    """Answers {"file": where the line is, "lines": how many are there now}.

    Raises:
        ApiError: a field is wrong, or nothing can be written: 403.
    """
    if site.labels is None:
        raise ApiError(403, "This server writes no labels (see --labels).", "no_labels")
    name, line = await asyncio.to_thread(_line, body)
    try:
        async with site.labels.turn:  # one thread at most is taken, of those that all share
            lines = await asyncio.to_thread(site.labels.append, name, line)
    except InputError as error:
        raise ApiError(403, f"{error}.", "not_written") from None
    await reply.json({"file": str(site.labels.path / name), "lines": lines})


def _line(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The file, and what is to be written to it."""
    prompt = conversation(body, [])
    if prompt["messages"][-1]["role"] != "user":
        raise invalid("messages", "The last of 'messages' must be the user's.")
    answer = fields.text(body, "answer")
    if answer is not None:
        if not answer.strip():
            raise invalid("answer", "'answer' is empty.")
        return LABELS, ideal(prompt, answer.strip())
    answers = _texts(body, "answers")
    if not 2 <= len(answers) <= _MAX_ANSWERS:
        raise invalid("answers", f"'answers' must hold between 2 and {_MAX_ANSWERS} texts.")
    line = ranked(prompt, answers, _ranking(body, len(answers)))
    if body.get("contenders") is None:
        return LABELS, line
    names = _texts(body, "contenders")
    if len(names) != len(answers) or len(set(names)) != len(names):
        raise invalid("contenders", "'contenders' must hold a name for each answer, all different.")
    return VOTES, line | {"contenders": names, "judge": "person"}


def _texts(body: dict[str, Any], name: str) -> list[str]:
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise invalid(name, f"'{name}' must be a list of strings.", "invalid_type")
    return value


def _ranking(body: dict[str, Any], count: int) -> list[list[int]]:
    value = body.get("ranking")
    whole = isinstance(value, list) and all(isinstance(group, list) and group for group in value)
    places = [place for group in value for place in group] if whole else []
    if not all(type(place) is int for place in places) or sorted(places) != [*range(count)]:
        raise invalid(
            "ranking", f"'ranking' must be lists of places that name 0 to {count - 1} once each."
        )
    return value
