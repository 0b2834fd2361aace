"""What every kind of conversation is made from: the options and the division of the facts."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from data.errors import InputError
from data.world.chat import split as splitting
from data.world.chat.split import Split, Topic
from data.world.facts import Fact


@dataclass(frozen=True)
class Setting:
    """``options`` are config.world_chat, documented in data.world.chat.defaults.

    Raises:
        InputError: if nothing or everything is to be held out.
    """

    options: Mapping
    split: Split

    def __post_init__(self) -> None:
        if not 0 < self.options["held_out"] < 1:
            raise InputError(
                f"config.world_chat.held_out is {self.options['held_out']}: it is a share between "
                "0 and 1, since some words and numbers are for training and some for measuring"
            )

    @property
    def seed(self) -> int:
        return self.options["seed"]

    def held_out(self, what: str) -> bool:
        """Whether a word, a number or a problem is kept for measuring."""
        return splitting.held_out(self.seed, what, self.options["held_out"])

    def wordings(self, texts: tuple[str, ...], held_out: bool = False) -> tuple[str, ...]:
        """Those of the ways to ask that training has, or those kept for measuring."""
        return splitting.wordings(self.seed, texts, self.options["held_out"], held_out)

    @functools.cached_property
    def asked(self) -> tuple[Topic, ...]:
        """All topics that conversations ask about."""
        return self.split.asked + self.split.also_asked

    @functools.cached_property
    def by_entity(self) -> dict[str, list[Topic]]:
        """Entity id to its topics that conversations ask about."""
        found: dict[str, list[Topic]] = {}
        for topic in self.asked:
            found.setdefault(topic.entity.id, []).append(topic)
        return found

    @functools.cached_property
    def by_relation(self) -> dict[str, list[Topic]]:
        """Relation to the topics of it that conversations ask about."""
        found: dict[str, list[Topic]] = {}
        for topic in self.asked:
            found.setdefault(topic.relation, []).append(topic)
        return found

    @functools.cached_property
    def tellable(self) -> dict[str, list[Fact]]:
        """Entity id to the facts that training conversations may tell about it."""
        found: dict[str, list[Fact]] = {}
        for topic in (*self.split.rare, *self.asked):
            found.setdefault(topic.entity.id, []).extend(topic.facts)
        return found


def without_facts(options: Mapping) -> Setting:
    """For the kinds that ask about words, numbers and problems alone."""
    return Setting(options, Split())


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def assistant(text: str, reasoning: str = "") -> dict:
    message = {"role": "assistant", "content": text}
    return message | {"reasoning_content": reasoning} if reasoning else message


def system(text: str) -> dict:
    return {"role": "system", "content": text}
