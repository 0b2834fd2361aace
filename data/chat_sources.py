"""Where conversations come from: a source named in `config.sft.sources` to conversations.

A comma-separated list of sources, `@number` after one being its weight, as in `config.data.source`:

    world                                  the small world's conversations
    interrogation                          what the run's stage evals.interrogate has written
    replay                                 documents of pretraining (see data.chat_loader)
    chat.jsonl   sft/*.json.gz   folder/   files, globs, folders, local or remote; JSON Lines, JSON
                                           arrays, Parquet; gzip and zstd by suffix

What a record of a file is shows in its fields:

    messages                      OpenAI's conversations, with tools
    conversations                 ShareGPT's: from and value; function_call and observation
    prompt: {text, replies}       an OpenAssistant tree
    instruction, output           Alpaca's; also with input or context, and response for output
    question, answer              GSM8K's where the answer has "####", its steps before that
    prompt, answer                also completion or response for answer

Every record becomes a conversation (a tree may become several) or is counted under the reason why
not.
"""

import collections
import json
import os
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import ml_collections

from data import sources
from data.conversations import Malformed, Message, checked, plain_texts
from data.encoding import well_formed
from data.errors import InputError

WORLD, REPLAY, INTERROGATION = "world", "replay", "interrogation"
# The folder and the file of what the last of these stands for.
INTERROGATED = ("interrogation", "conversations.jsonl")
PATHS = ("best", "all")

_SHAREGPT_ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "function_response": "tool",
    "tool": "tool",
}
# GSM8K's notes for a calculator: 48/2 = <<48/2=24>>24.
_CALCULATION = re.compile(r"<<[^<>]*>>")
# The frame that Alpaca's training code put around an instruction.
_FRAME = re.compile(
    r"\ABelow is an instruction\b.*?### Instruction:\n(.*?)(?:\n+### Input:\n(.*?))?"
    r"\n+### Response:\s*\Z",
    re.DOTALL,
)


def conversations(
    spec: str,
    config: ml_collections.ConfigDict,
    workdir: str | os.PathLike,
    dropped: collections.Counter,
) -> Iterator[dict]:
    """Conversations of one source in a fixed order, as data.conversations.checked gives them.

    Replies lose the white space around them; every turn says something, and at least one is the
    assistant's. A "kind", which the world gives its conversations, is kept.

    Args:
        spec: "world", "interrogation" or files.
        workdir: the run, whose text decides what the world's conversations ask about.
        dropped: counts, by reason, the records that gave none.

    Raises:
        InputError: the source is missing, unreachable or damaged.
    """
    if spec == WORLD:
        # Imported here since they read their tables when they are.
        from data.world import chat, tellings

        found = chat.conversations(config, tellings.of_run(config, workdir))
    elif spec == INTERROGATION:
        path = pathlib.Path(workdir, *INTERROGATED)
        if not path.exists():
            raise InputError(
                f"the source {spec} is what the stage evals.interrogate writes, and there is no "
                f"{path}: name that stage in config.stages before this one"
            )
        found = _of_files(str(path), config.sft.oasst_paths, dropped)
    else:
        found = _of_files(spec, config.sft.oasst_paths, dropped)
    for conversation in found:
        try:
            yield _to_learn_from(conversation)
        except Malformed as error:
            dropped[error.reason] += 1


def is_held_out(conversation: dict, fraction: float) -> bool:
    """Whether a conversation belongs to the validation split, by a hash of the first turn of its
    user."""
    asked = (
        message["content"] for message in conversation["messages"] if message["role"] == "user"
    )
    text = next(asked, None) or json.dumps(conversation["messages"])
    return sources.is_held_out(well_formed(text), fraction)


def training_texts(
    config: ml_collections.ConfigDict, workdir: str | os.PathLike, most: int
) -> Iterator[str]:
    """Text of the training split's conversations, without control tokens, about `most` bytes.

    Sources share them by weight, each from its beginning; replay has none.
    """
    named = [
        source
        for source in sources.parse(config.sft.sources, "config.sft.sources")
        if source.spec != REPLAY
    ]
    total = sum(source.weight or 1.0 for source in named)
    for source in named:
        left = most * (source.weight or 1.0) / total
        for conversation in conversations(source.spec, config, workdir, collections.Counter()):
            if is_held_out(conversation, config.sft.validation_fraction):
                continue
            for text in plain_texts(conversation["messages"], conversation.get("tools", ())):
                yield text
                left -= len(text.encode("utf-8"))
            if left <= 0:
                break


def _to_learn_from(conversation: dict) -> dict:
    result = checked(conversation)
    for message in result["messages"]:
        if message["role"] == "assistant":
            for key in ("content", "reasoning_content"):
                if key in message:
                    message[key] = message[key].strip()
            if not message["content"] and not message.get("tool_calls"):
                raise Malformed("a reply is empty")
        elif message["role"] == "user" and not message["content"].strip():
            raise Malformed("a user's turn is empty")
    if not any(message["role"] == "assistant" for message in result["messages"]):
        raise Malformed("it has no reply to learn from")
    if isinstance(conversation.get("kind"), str):
        result["kind"] = conversation["kind"]
    return result


def _of_files(spec: str, paths: str, dropped: collections.Counter) -> Iterator[dict]:
    if paths not in PATHS:
        raise InputError(f'config.sft.oasst_paths is "{paths}": it is one of {", ".join(PATHS)}')
    if spec.startswith("tfds:"):
        raise InputError(f"{spec} holds no conversations: give files, world or replay")
    for _, record in sources.records(spec, dropped):
        try:
            if is_tree(record):
                yield from _tree_paths(record["prompt"], paths)
            else:
                yield _converter(record)(record)
        except Malformed as error:
            dropped[error.reason] += 1


def _converter(record: dict) -> Callable[[dict], dict]:
    if "messages" in record:
        return _openai
    if "conversations" in record:
        return _sharegpt
    if "instruction" in record and ("output" in record or "response" in record):
        return _alpaca
    if "question" in record and "answer" in record:
        return _question
    if "prompt" in record and _first(record, _ANSWERS) is not None:
        return _prompt
    raise Malformed("its fields are those of no known form of conversation")


_ANSWERS = ("answer", "completion", "response", "output")


def _first(record: dict, keys: tuple[str, ...]) -> Any:
    return next((record[key] for key in keys if record.get(key) is not None), None)


def _exchange(asked: Any, answer: Any, reasoning: str = "") -> dict:
    reply: Message = {"role": "assistant", "content": answer}
    if reasoning:
        reply["reasoning_content"] = reasoning
    return {"messages": [{"role": "user", "content": asked}, reply]}


def _openai(record: dict) -> dict:
    if record.get("label") is False:
        raise Malformed("its label says that the answer is bad")
    if "ranking" in record:
        raise Malformed("it ranks answers, which is for a reward model")
    return record


def _alpaca(record: dict) -> dict:
    asked = record["instruction"]
    more = _first(record, ("input", "context"))
    if isinstance(asked, str) and isinstance(more, str) and more.strip():
        asked = f"{asked}\n\n{more}"
    conversation = _exchange(asked, _first(record, ("output", "response")))
    if isinstance(record.get("system"), str) and record["system"].strip():
        conversation["messages"].insert(0, {"role": "system", "content": record["system"]})
    return conversation


def _question(record: dict) -> dict:
    question, answer = record["question"], record["answer"]
    if not isinstance(answer, str):
        return _exchange(question, answer)
    steps, mark, final = answer.rpartition("####")
    return _exchange(question, final if mark else answer, _CALCULATION.sub("", steps).strip())


def _prompt(record: dict) -> dict:
    asked = record["prompt"]
    framed = _FRAME.match(asked) if isinstance(asked, str) else None
    if framed:
        asked = "\n\n".join(part for part in framed.groups() if part)
    return _exchange(asked, _first(record, _ANSWERS))


def _sharegpt(record: dict) -> dict:
    turns = record["conversations"]
    if not isinstance(turns, list):
        raise Malformed("its conversations are not a list of turns")
    # Pairs of answers in the same form: the better one ends the conversation.
    messages = [
        _turn(turn) for turn in [*turns, *([record["chosen"]] if "chosen" in record else [])]
    ]
    if isinstance(record.get("system"), str) and record["system"].strip():
        messages.insert(0, {"role": "system", "content": record["system"]})
    return {"messages": messages, "tools": _parsed(record.get("tools"), "its tools are not JSON")}


def _turn(turn: Any) -> Message:
    if not isinstance(turn, dict):
        raise Malformed("a turn is not an object")
    speaker = turn.get("from", turn.get("role"))
    said = turn.get("value", turn.get("content"))
    role = _SHAREGPT_ROLES.get(speaker) if isinstance(speaker, str) else None
    if role is None:
        raise Malformed("a turn is by none of the speakers of ShareGPT's form")
    if speaker != "function_call":
        return {"role": role, "content": said}
    calls = _parsed(said, "a function_call is not JSON")
    return {
        "role": role,
        "tool_calls": [
            {"type": "function", "function": call}
            for call in (calls if isinstance(calls, list) else [calls])
        ],
    }


def _parsed(value: Any, complaint: str) -> Any:
    """JSON in a string, which is how ShareGPT's form holds data; "" is no data."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else None
    except (ValueError, RecursionError) as error:
        raise Malformed(complaint) from error


def asked(record: dict) -> dict:
    """The conversation up to the answer, of a record that has answers to choose from.

    Raises:
        Malformed: it is of no known form.
    """
    if isinstance(record.get("messages"), list):
        return record
    if "conversations" in record:
        return _sharegpt({key: record[key] for key in record if key != "chosen"})
    if "instruction" in record:
        return {"messages": _alpaca(record)["messages"][:-1]}
    prompt = record.get("prompt")
    if isinstance(prompt, list):
        return {"messages": prompt}
    if isinstance(prompt, str):
        return {"messages": _prompt(record)["messages"][:-1]}
    raise Malformed("its fields are those of no known form of a prompt")


# --- OpenAssistant's trees --------------------------------------------------------------------


def is_tree(record: dict) -> bool:
    """Whether a record is a tree of replies."""
    prompt = record.get("prompt")
    return isinstance(prompt, dict) and "replies" in prompt


def _tree_paths(prompt: dict, paths: str) -> Iterator[dict]:
    """Conversations from the prompt down: through the replies ranked best, or through all.

    Each ends with the last reply of the assistant on its way.

    Raises:
        Malformed: there is no such reply.
    """
    found = False
    # Depth first, the best path first. Nobody answers what was deleted or found bad.
    waiting = [(prompt, [])]
    while waiting:
        node, before = waiting.pop()
        path = [*before, _tree_message(node)]
        replies = _good_replies(node)
        if replies and paths == "best":
            replies = replies[:1]
        waiting += [(reply, path) for reply in reversed(replies)]
        # A turn of a person that nobody answered ends a path too; its parent said the last word.
        if path[-1]["role"] == "assistant" and not any(_good_replies(reply) for reply in replies):
            found = True
            yield {"messages": path}
    if not found:
        raise Malformed("a tree has no good reply of the assistant")


def ranked_replies(prompt: dict) -> Iterator[tuple[list[Message], list[tuple[str, float]]]]:
    """The places of a tree where people have ranked the assistant's replies: the messages before
    it, and the (text, rank) of each reply that has one, the best the lowest.

    Raises:
        Malformed: a message of the tree cannot be read.
    """
    waiting = [(prompt, [])]
    while waiting:
        node, before = waiting.pop()
        path = [*before, _tree_message(node)]
        replies = _good_replies(node)
        waiting += [(reply, path) for reply in reversed(replies)]
        ranked = [
            (reply.get("text"), _rank(reply))
            for reply in replies
            if reply.get("role") == "assistant" and isinstance(reply.get("rank"), int | float)
        ]
        if len({rank for _, rank in ranked}) > 1:
            yield path, ranked


def _good_replies(node: dict) -> list[dict]:
    """The replies to a message, the best ranked first and those without a rank last."""
    replies = node.get("replies") or []
    if not isinstance(replies, list):
        raise Malformed("a tree's replies are not a list")
    good = [
        reply
        for reply in replies
        if isinstance(reply, dict)
        and not reply.get("deleted")
        and reply.get("review_result") is not False
    ]

    return sorted(good, key=_rank)


def _rank(reply: dict) -> float:
    """Of a reply in its tree; infinite where it has none."""
    given = reply.get("rank")
    try:
        return float(given) if isinstance(given, int | float) else float("inf")
    except OverflowError as error:
        raise Malformed("a rank is too large a number") from error


def _tree_message(node: dict) -> Message:
    role = {"prompter": "user", "assistant": "assistant"}.get(str(node.get("role")))
    if role is None:
        raise Malformed("a tree's message is by neither prompter nor assistant")
    return {"role": role, "content": node.get("text")}
