"""Conversations and questions that the tests of the world's conversations look at."""

import functools

from ml_collections import ConfigDict

from data.world import chat, documents, english, facts
from data.world.chat import asking
from data.world.chat.phrasings import ASKED
from data.world.draw import Draw

SAMPLE = 4000


@functools.cache
def tellings() -> dict[str, int]:
    return documents.tellings(seed=0, megabytes=12)


def config(**changes) -> ConfigDict:
    config = ConfigDict({"world": {"seed": 0}, "world_chat": chat.defaults()})
    config.world_chat.count = SAMPLE
    config.world_chat.update(changes)
    return config


@functools.cache
def setting() -> chat.Setting:
    return chat.setting(config(), tellings())


@functools.cache
def sample() -> tuple[dict, ...]:
    return tuple(chat.conversations(config(), tellings()))


def of(kind: str) -> list[dict]:
    return [conversation for conversation in sample() if conversation["kind"] == kind]


@functools.cache
def questions(kind: str) -> tuple[dict, ...]:
    return tuple(chat.questions(config(), tellings(), kind))


def contents(conversation: dict, *roles: str) -> list[str]:
    return [m["content"] for m in conversation["messages"] if m["role"] in roles]


def calls(conversation: dict) -> list[tuple[dict, str]]:
    """(function, output) of each tool call."""
    messages = conversation["messages"]
    return [
        (message["tool_calls"][0]["function"], messages[i + 1]["content"])
        for i, message in enumerate(messages)
        if message.get("tool_calls")
    ]


def answer(fact: facts.Fact, reverse: bool = False) -> str:
    """The sentence that answers a question about the fact where no value comes first."""
    return asking.sentence(Draw("any"), fact, 0.0, reverse)


def completed(fact: facts.Fact) -> str:
    """What answers a question that leaves the value blank."""
    template = ASKED[f"{fact.kind}.{fact.relation}"].get("blank_answer", "{bare}")
    return english.sentence(template.format_map(asking.fields(fact)))
