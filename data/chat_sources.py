"""Where conversations come from: a source named in `config.sft.sources` to conversations.

A comma-separated list of sources, `@number` after one being its weight, as in `config.data.source`:

    world                                  the small world's conversations
    interrogation                          what the run's stage evals.interrogate has written
    replay                                 documents of pretraining (see data.chat_loader)
    chat.jsonl   sft/*.json.gz   folder/   files, globs, folders, local or remote; JSON Lines, JSON
                                           arrays, Parquet; gzip and zstd by suffix

What a record of a file is shows in its fields:

    messages                      OpenAI's conversations, with tools
    conversations, conversation   ShareGPT's: from and value, or role and content; function_call and
                                  observation
    prompt: {text, replies}       an OpenAssistant tree
    instruction, output           Alpaca's; also with input or context, history, and response for
                                  output
    question or query, answer     GSM8K's where the answer ends in "####", its steps before that
    prompt, answer                also completion or response for answer, of any of these; texts, or
                                  lists of messages

Control tokens that a record of a file has as text are read as what they stand for in an
assistant's turn, <think> at its beginning and <tool_call>, and around the result of a tool,
<tool_response>. Elsewhere they stay text.

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

from ml_collections import ConfigDict

from data import reply_trees, sources
from data.conversations import (
    CALL,
    CALL_END,
    RESPONSE,
    RESPONSE_END,
    THINK,
    THINK_END,
    Malformed,
    Message,
    checked,
    plain_texts,
)
from data.encoding import well_formed
from data.errors import InputError

WORLD, REPLAY, INTERROGATION = "world", "replay", "interrogation"
# The folder and the file of what the last of these stands for.
INTERROGATED = ("interrogation", "conversations.jsonl")

_SHAREGPT_ROLES = {
    "system": "system",
    "developer": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "function": "tool",
    "function_response": "tool",
    "tool": "tool",
}
# GSM8K's answers: steps, this mark and the result; with notes for a calculator in the steps, as in
# 48/2 = <<48/2=24>>24.
_RESULT = "\n#### "
_CALCULATION = re.compile(r"<<[^<>]*>>")
# The frame that Alpaca's training code put around an instruction.
_FRAME = re.compile(
    r"\ABelow is an instruction\b.*?### Instruction:\n(.*?)(?:\n+### Input:\n(.*?))?"
    r"\n+### Response:\s*\Z",
    re.DOTALL,
)


def conversations(
    spec: str,
    config: ConfigDict,
    workdir: str | os.PathLike,
    dropped: collections.Counter,
) -> Iterator[dict]:
    """Conversations of one source in a fixed order, as data.conversations.checked gives them.

    Replies lose the white space around them; every turn says something, and at least one is the
    assistant's and to be learnt. A "kind", which the world gives its conversations, is kept.

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


def training_texts(config: ConfigDict, workdir: str | os.PathLike, most: int) -> Iterator[str]:
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
    result["messages"] = [one for m in result["messages"] for one in _with_structure(m)]
    for message in result["messages"]:
        if message["role"] == "assistant":
            for key in ("content", "reasoning_content"):
                if key in message:
                    message[key] = message[key].strip()
            if not message["content"] and not message.get("tool_calls"):
                raise Malformed("a reply is empty")
        elif message["role"] == "user" and not message["content"].strip():
            raise Malformed("a user's turn is empty")
    if not any(
        message["role"] == "assistant" and message.get("weight") != 0
        for message in result["messages"]
    ):
        raise Malformed("it has no reply to learn from")
    if isinstance(conversation.get("kind"), str):
        result["kind"] = conversation["kind"]
    return result


def _of_files(spec: str, paths: str, dropped: collections.Counter) -> Iterator[dict]:
    if paths not in reply_trees.PATHS:
        known = ", ".join(reply_trees.PATHS)
        raise InputError(f'config.sft.oasst_paths is "{paths}": it is one of {known}')
    if spec.startswith("tfds:"):
        raise InputError(f"{spec} holds no conversations: give files, world or replay")
    for _, record in sources.records(spec, dropped):
        try:
            if reply_trees.is_tree(record):
                yield from reply_trees.paths_of(record["prompt"], paths)
            else:
                yield _converter(record)(record)
        except Malformed as error:
            dropped[error.reason] += 1


def _converter(record: dict) -> Callable[[dict], dict]:
    if "messages" in record:
        return _openai
    if "conversations" in record or "conversation" in record:
        return _sharegpt
    if "instruction" in record and ("output" in record or "response" in record):
        return _alpaca
    if ("question" in record or "query" in record) and _first(record, _ANSWERS) is not None:
        return _question
    if "prompt" in record and _first(record, _ANSWERS) is not None:
        return _prompt
    raise unknown(record, "conversation")


def unknown(record: dict, what: str) -> Malformed:
    """Why a record without the fields of `what` cannot be used."""
    if all(key in record for key in ("message_id", "role", "text")):
        return Malformed(
            "it is one message of OpenAssistant's: give the export of whole trees (trees.jsonl.gz)"
        )
    return Malformed(f"its fields are those of no known form of {what}")


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
    return {**record, "tools": _tools(record)}


def _alpaca(record: dict) -> dict:
    asked = record["instruction"]
    more = _first(record, ("input", "context"))
    if isinstance(asked, str) and isinstance(more, str) and more.strip():
        asked = f"{asked}\n\n{more}"
    before = record.get("history") or []
    if not isinstance(before, list) or not all(isinstance(p, list) and len(p) == 2 for p in before):
        raise Malformed("its history is not a list of pairs")
    pairs = [*before, [asked, _first(record, ("output", "response"))]]
    return _with_system(record, [one for pair in pairs for one in _exchange(*pair)["messages"]])


def _question(record: dict) -> dict:
    if "choices" in record or "options" in record:
        raise Malformed("it has choices for an answer, which its question does not show")
    question, answer = _first(record, ("question", "query")), _first(record, _ANSWERS)
    steps = ""
    if isinstance(answer, str):
        # A heading of Markdown looks like the mark, but is not all that follows.
        before, mark, result = answer.partition(_RESULT)
        if mark and len(result.strip().splitlines()) == 1 and "####" not in before + result:
            steps, answer = _CALCULATION.sub("", before).strip(), result
    return _with_system(record, _exchange(question, answer, steps)["messages"])


def _prompt(record: dict) -> dict:
    asked, answer = record["prompt"], _first(record, _ANSWERS)
    framed = _FRAME.match(asked) if isinstance(asked, str) else None
    if framed:
        asked = "\n\n".join(part for part in framed.groups() if part)
    first, last = _exchange(asked, answer)["messages"]
    messages = [
        *(asked if isinstance(asked, list) else [first]),
        *(answer if isinstance(answer, list) else [last]),
    ]
    return {"messages": messages, "tools": _tools(record)}


def _with_system(record: dict, messages: list[Any]) -> dict:
    """A conversation that begins with the system message that a record has beside its turns."""
    said = _first(record, ("system", "system_prompt"))
    if isinstance(said, str) and said.strip():
        messages = [{"role": "system", "content": said}, *messages]
    return {"messages": messages}


def _sharegpt(record: dict) -> dict:
    turns = record.get("conversations", record.get("conversation"))
    if not isinstance(turns, list):
        raise Malformed("its conversations are not a list of turns")
    # Pairs of answers in the same form: the better one ends the conversation.
    messages = [
        _turn(turn) for turn in [*turns, *([record["chosen"]] if "chosen" in record else [])]
    ]
    return _with_system(record, messages) | {"tools": _tools(record)}


def _turn(turn: Any) -> Message:
    if not isinstance(turn, dict):
        raise Malformed("a turn is not an object")
    speaker = turn.get("from", turn.get("role"))
    said = turn.get("value", turn.get("content"))
    role = _SHAREGPT_ROLES.get(speaker) if isinstance(speaker, str) else None
    if role is None:
        raise Malformed("a turn is by none of the speakers of ShareGPT's form")
    if speaker != "function_call":
        return {**turn, "role": role, "content": said}
    calls = _parsed(said, "a function_call is not JSON")
    return {
        "role": role,
        "weight": turn.get("weight"),
        "tool_calls": [
            {"type": "function", "function": call}
            for call in (calls if isinstance(calls, list) else [calls])
        ],
    }


def _tools(record: dict) -> Any:
    return _parsed(record.get("tools"), "its tools are not JSON")


def _parsed(value: Any, complaint: str) -> Any:
    """JSON in a string, which is how ShareGPT's form holds data; "" is no data."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else None
    except (ValueError, RecursionError) as error:
        raise Malformed(complaint) from error


# --- control tokens as text -------------------------------------------------------------------


def _with_structure(message: Message) -> list[Message]:
    """A message as `checked` gives it, control tokens in its text as what they stand for; several
    where one has the results of several calls."""
    if message["role"] == "assistant":
        return [_with_parts(message)]
    if message["role"] == "tool":
        return [message | {"content": one} for one in _responses(message["content"])]
    return [message]


def _with_parts(message: Message) -> Message:
    content, parts = message["content"].strip(), {}
    if content.startswith(THINK):
        thought, end, content = content.removeprefix(THINK).partition(THINK_END)
        if not end or "reasoning_content" in message:
            raise Malformed("a reply's reasoning does not end, or is there twice")
        parts["reasoning_content"] = thought
    if CALL in content:
        said, *called = content.split(CALL)
        calls = [text.partition(CALL_END) for text in called]
        if not all(end for _, end, _ in calls) or "tool_calls" in message:
            raise Malformed("a reply's tool call does not end, or is there twice")
        content = said.rstrip() + "".join(after.rstrip() for _, _, after in calls)
        parts["tool_calls"] = [
            {"function": _parsed(call, "a tool call is not JSON")} for call, _, _ in calls
        ]
    if not parts:
        return message
    return checked({"messages": [message | parts | {"content": content}]})["messages"][0]


def _responses(content: str) -> list[str]:
    """What a tool has returned: the content, or what stands in each <tool_response> of it."""
    before, *parts = (part.strip() for part in content.split(RESPONSE))
    if before or not parts or not all(part.endswith(RESPONSE_END) for part in parts):
        return [content]
    return [part.removesuffix(RESPONSE_END).strip() for part in parts]


# --- prompts of answers to choose from --------------------------------------------------------


def asked(record: dict) -> dict:
    """The conversation up to the answer, of a record that has answers to choose from.

    Raises:
        Malformed: it is of no known form.
    """
    if isinstance(record.get("messages"), list):
        return {**record, "tools": _tools(record)}
    if "conversations" in record or "conversation" in record:
        return _sharegpt({key: record[key] for key in record if key != "chosen"})
    if "instruction" in record:
        return {"messages": _alpaca(record)["messages"][:-1]}
    prompt = record.get("prompt")
    if isinstance(prompt, list):
        return {"messages": prompt, "tools": _tools(record)}
    if isinstance(prompt, str):
        return {"messages": _prompt(record)["messages"][:-1]}
    raise unknown(record, "a prompt")
