"""A conversation with one person, kept as the tokens that were read and written.

conversation = Conversation(turns, tokenizer, length=engine.length, room=128)
for event in conversation.say("Who are you?"): ...
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from data.conversations import Message, prompt_ids
from data.encoding import Tokenizer
from data.errors import InputError
from serve.turns import Event, Opening, Trajectory, Turns, next_prompt


@dataclasses.dataclass(frozen=True)
class Exchange:
    """What the user said, and the tokens of the assistant's turn, those of tools included."""

    text: str
    tokens: list[int]


@dataclasses.dataclass(eq=False)
class Conversation:
    """What has been said so far, as far as the context holds it.

    Attributes:
        length: tokens of the context.
        room: tokens of it to keep free for a turn of the assistant, as long as leaving out old
            exchanges can free them.
        tools: declarations of what the assistant may call.
        system: the system message; "": none.
    """

    turns: Turns
    tokenizer: Tokenizer
    length: int
    room: int
    tools: Sequence[dict] = ()
    system: str = ""
    exchanges: list[Exchange] = dataclasses.field(default_factory=list)

    def make_room(self, text: str) -> int:
        """Forgets the oldest exchanges that would leave no room after this message; how many.

        Raises:
            InputError: the message alone is too long. Nothing is forgotten then.
        """
        alone = len(self._prompt([], text))
        if alone >= self.length:
            raise InputError(
                f"with this message the conversation has {alone} tokens and the model's context "
                f"{self.length}: shorten the message, or the system message"
            )
        kept = self.exchanges
        while kept and len(self._prompt(kept, text)) + self.room > self.length:
            kept = kept[1:]
        dropped = len(self.exchanges) - len(kept)
        self.exchanges = list(kept)
        return dropped

    def say(
        self,
        text: str,
        settings: dict[str, float] | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[Event]:
        """The assistant's turn after a message of the user, as it happens.

        However it ends, what has been said by then becomes part of the conversation.

        Args:
            settings: seed, temperature, top_k, top_p, min_p: see serve.requests.Request.
            stopped: asked between steps whether to end the turn where it is.

        Raises:
            InputError: the message leaves no room in the context; see `make_room`.
        """
        turn = self.turns.add(Opening(self._prompt(self.exchanges, text), **(settings or {})))
        try:
            while not turn.done:
                if stopped():
                    self.turns.cancel(turn)
                    yield Event("end", turn.trajectory.finish_reason)
                else:
                    yield from (event for other, event in self.turns.step() if other is turn)
        finally:
            self.turns.cancel(turn)
            self.exchanges.append(Exchange(text, turn.trajectory.tokens))

    def _prompt(self, exchanges: Sequence[Exchange], text: str) -> np.ndarray:
        """Ids [P] of these exchanges and a further message."""
        first, *others = [_user(said) for said in (*(e.text for e in exchanges), text)]
        opening = [{"role": "system", "content": self.system}] if self.system else []
        ids = prompt_ids(self.tokenizer, [*opening, first], self.tools)
        for exchange, message in zip(exchanges, others, strict=True):
            ids = next_prompt(self.tokenizer, Trajectory(ids, exchange.tokens), [message])
        return ids


def _user(text: str) -> Message:
    return {"role": "user", "content": text}
