"""Finding out what a model knows, and making conversations that teach it to say so.

The stage between two rounds of fine-tuning, after Llama 3 (arXiv 2407.21783, section 4.3.6): the
model is asked questions whose answers the text of its pretraining, or a file, gives; several
answers to each are sampled and judged. What it answers rightly it is to go on answering; where it
is consistently wrong it is to decline, or, with a search tool, to look the answer up; what lies
between is left alone, for teaching either would teach to guess or to hold back.

    interrogation/questions.jsonl      every question with its answers and the verdict
    interrogation/conversations.jsonl  what is to be learnt: the source "interrogation" of SFT

A question about something that the model has never met may still be answered rightly by luck (few
continents), so that a verdict takes the other questions about the same entity into account.
"""

import collections
import pathlib
from collections.abc import Iterator, Sequence

from absl import logging
from ml_collections import ConfigDict

from data import sources
from data.chat_sources import INTERROGATED
from data.errors import InputError
from data.passages import found_passages
from data.run_folder import (
    cleared_partial,
    is_done,
    mark_done,
    record,
    replace_folder,
    write_json_lines,
)
from data.tool_declarations import PYTHON, SEARCH
from data.world import chat, tellings
from data.world.chat import declines, grade
from data.world.chat import tools as calls
from data.world.chat.search import mentions
from data.world.chat.setting import assistant, user
from data.world.draw import Draw
from evals import answers, exact_match
from evals.answers import Answer, Question
from serve.load import load
from serve.tools.resolve import resolve
from serve.tools.tool import Tool, closing_tools
from serve.turns import Bounds

KNOWN, UNSURE, UNKNOWN = "known", "unsure", "unknown"
# Of what is to be declined, how many conversations are made that search for it instead, and for
# how many of them both tools are offered.
_SEARCHED, _BOTH_TOOLS = 0.5, 0.4
_ANSWER_TOKENS = 48


def run(config: ConfigDict, workdir: str) -> None:
    """Asks the model of config.interrogate.stage, and writes `workdir`/interrogation.

    Raises:
        InputError: there is no such stage, or there are no questions.
    """
    final = pathlib.Path(workdir) / INTERROGATED[0]
    if is_done(final):
        return
    settings = config.interrogate
    asked = _questions(config, workdir)
    engine = answers.engine_of(load(workdir, settings.stage))
    bounds = Bounds(calls=0, tokens=_ANSWER_TOKENS)
    given = answers.ask(
        engine, asked, (), bounds, settings.samples, temperature=1.0, seed=config.seed
    )
    scores = [_right(question, of_one) for question, of_one in zip(asked, given, strict=True)]
    verdicts = judge(asked, scores, settings.known_from, settings.unknown_to)
    partial = cleared_partial(final)
    found = [
        answers.readable(question, of_one[0], verdict)
        | {"right": score, "answers": [answer.text for answer in of_one]}
        for question, of_one, score, verdict in zip(asked, given, scores, verdicts, strict=True)
    ]
    write_json_lines(partial / "questions.jsonl", found)
    with closing_tools(resolve(["search"], workdir, config)) as (search,):
        made = lessons(asked, given, verdicts, search, config.seed)
        write_json_lines(partial / INTERROGATED[1], made)
    counts = collections.Counter(verdicts)
    figures = {verdict: counts[verdict] / len(asked) for verdict in (KNOWN, UNSURE, UNKNOWN)}
    mark_done(partial, figures | {"questions": len(asked)})
    record(workdir, {f"{final.name}/{name}": value for name, value in figures.items()})
    replace_folder(partial, final)


def _questions(config: ConfigDict, workdir: str) -> list[Question]:
    settings = config.interrogate
    if settings.source == "world":
        told = tellings.of_run(config, workdir)
        return chat.practice_questions(config, told, settings.questions)
    problems: collections.Counter = collections.Counter()
    found = list(of_file(settings.source, problems))[: settings.questions]
    for reason, number in problems.items():
        logging.warning("%s: %d records left out: %s", settings.source, number, reason)
    if not found:
        raise InputError(
            f"{settings.source} holds no question: give JSON Lines of question and answer, or "
            'answers, in config.interrogate.source, or "world"'
        )
    return found


def of_file(spec: str, problems: collections.Counter) -> Iterator[Question]:
    """Questions of JSON Lines of {"question", "answer" or "answers"}; what is none is counted."""
    for name, row in sources.records(spec, problems):
        given = row.get("answers") or row.get("answer")
        accept = [_text(one) for one in (given if isinstance(given, list) else [given])]
        if not isinstance(row.get("question"), str) or not accept or None in accept:
            problems["no question with an answer or a list of answers"] += 1
            continue
        yield {
            "id": name,
            "entity": name,
            "messages": [{"role": "user", "content": row["question"]}],
            "query": row["question"],
            "reply": _text(row.get("answer")) or accept[0],
            "grader": "value",
            "accept": accept,
        }


def _text(answer: object) -> str | None:
    """An answer of a file, a text or a number, as text."""
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        return exact_match.as_number(answer)
    return answer if isinstance(answer, str) else None


def _right(question: Question, given: Sequence[Answer]) -> float:
    """The share of right answers."""
    return sum(grade.grade(question, answer.text) for answer in given) / len(given)


def judge(
    asked: Sequence[Question], scores: Sequence[float], known_from: float, unknown_to: float
) -> list[str]:
    """known, unsure or unknown for each question.

    What is compared is the mean of two shares of right answers: its own, and that of all questions
    about its entity. What is known must also be answered rightly often enough by itself. What is
    "answerable", such as who the model is, is never unknown: it would learn to decline that.
    """
    of_entity = collections.defaultdict(list)
    for question, score in zip(asked, scores, strict=True):
        of_entity[question["entity"]].append(score)
    verdicts = []
    for question, score in zip(asked, scores, strict=True):
        shares = of_entity[question["entity"]]
        both = (score + sum(shares) / len(shares)) / 2
        if score >= known_from and both >= known_from:
            verdicts.append(KNOWN)
        else:
            unknown = both <= unknown_to and not question.get("answerable")
            verdicts.append(UNKNOWN if unknown else UNSURE)
    return verdicts


def lessons(
    asked: Sequence[Question],
    given: Sequence[Sequence[Answer]],
    verdicts: Sequence[str],
    search: Tool,
    seed: int,
) -> Iterator[dict]:
    """Conversations: of what is known an answer that the model gave and that was right; of what is
    unknown one that declines and now and then one that searches, for what nobody has met in vain.
    Where a question has other wordings ("again"), both are learnt in these, too."""
    for question, of_one, verdict in zip(asked, given, verdicts, strict=True):
        draw = Draw(f"{seed}/lesson/{question['id']}")
        said = list(question["messages"])
        again = [([user(text)], reply) for text, reply in question.get("again", ())]
        if verdict == KNOWN:
            right = next(answer.text for answer in of_one if grade.grade(question, answer.text))
            for messages, reply in [(said, right), *again]:
                yield {"messages": [*messages, assistant(reply)], "kind": KNOWN}
        elif verdict == UNKNOWN:
            for messages in (said, *(messages for messages, _ in again)):
                decline = assistant(declines.declines(draw))
                yield {"messages": [*messages, decline], "kind": UNKNOWN}
            if draw.chance(_SEARCHED):
                yield _searched(draw, question, said, search)


def _searched(draw: Draw, question: Question, said: list[dict], search: Tool) -> dict:
    result = search.run({"query": question["query"]})
    is_found = any(_is_told(passage, question) for passage in found_passages(result))
    reply = question["reply"] if is_found else declines.not_found(draw)
    messages = [*said, *calls.search(question["query"], result), assistant(reply)]
    both = draw.chance(_BOTH_TOOLS)
    tools = [PYTHON, SEARCH] if both else [SEARCH]
    return {"messages": messages, "tools": tools, "kind": "searched"}


def _is_told(passage: str, question: Question) -> bool:
    """Whether the passage has the answer and, where its names are known, what is asked about."""
    names = question.get("ignore", ())
    if names and not mentions(passage, names):
        return False
    return mentions(passage, question["accept"], question.get("keep_case", False))
