"""The one loop of turns and tool calls, under chat, server, evaluations and rollouts.

    turns = Turns(engine, tools, Bounds())
    trajectories = turns.complete([Opening(prompt_ids(tokenizer, messages, declarations)), ...])
    for event in turns.stream(Opening(...)): ...       # for one person who watches

An assistant's turn: the model writes until <|im_end|>; if it has called tools, they run, what they
return is appended as tokens, and the model goes on, until it writes a message without a call or
comes to a bound. Tools run in threads, so that a slow one keeps nobody waiting but its own
conversation. Tokens that the model wrote are never decoded and encoded again: what the trajectory
holds is what the model saw.
"""

import concurrent.futures
import dataclasses
import os
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from data.conversations import END, next_turn_ids, parse_assistant, tool_response_ids
from data.encoding import Tokenizer
from data.errors import InputError
from serve.engine import Engine
from serve.pieces import Piece, Pieces, joined
from serve.requests import Bias, Completion, Request
from serve.stopping import StopStrings
from serve.tools.tool import Tool, call_tool

NO_CALLS_LEFT = "error: no calls are left; answer now"
# How long a step waits for tools when nothing else is to be done.
_WAIT_SECONDS = 0.05


@dataclasses.dataclass(frozen=True)
class Bounds:
    """The most that a turn may take.

    Attributes:
        calls: tool calls. The first message that calls more often is told so; the second ends the
            turn.
        tokens: tokens written at a time, until <|im_end|>.
        total_tokens: tokens of the turn in all, those of tools included.
        result_tokens: tokens of what one call returns; the rest is cut off.
        written: tokens that the model writes in the whole turn; None: as many as the others allow.
    """

    calls: int = 4
    tokens: int = 1024
    total_tokens: int = 2048
    result_tokens: int = 256
    written: int | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Opening:
    """A conversation in which the assistant is to take its turn.

    Attributes:
        prompt: [P] int32, from data.conversations.prompt_ids or `next_prompt`.
        seed, temperature, top_k, top_p, min_p, bias: see serve.requests.Request.
        stop: strings that end the turn where one comes in the text of a message, not in what the
            model thinks or calls; its last token is the turn's.
        bounds: None: those that all turns have.
        tools: None: those that all turns have.
        elsewhere: names of tools that whoever opened the turn runs: a message that calls one of
            them ends it.
        top: asks for "tokens" events, with so many of the most likely tokens; None: there are none.
    """

    prompt: np.ndarray
    seed: int = 0
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    bias: Bias | None = None
    stop: tuple[str, ...] = ()
    bounds: Bounds | None = None
    tools: tuple[Tool, ...] | None = None
    elsewhere: frozenset[str] = frozenset()
    top: int | None = None


class Scored(NamedTuple):
    """A token that was written, its log-probability, and the most likely ones in its place."""

    token: int
    log_prob: float
    top: Sequence[tuple[int, float]]


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened in a turn.

    Attributes:
        kind: "text" or "thinking", a piece of it as it comes; "call", a whole tool call; "result",
            what it returned; "tokens", those behind the pieces and calls that follow; "end", the
            turn is over.
        text: of text, thinking and result; of an end, its finish_reason.
        call: of a call, as data.conversations.parse_assistant gives it.
    """

    kind: str
    text: str = ""
    call: dict[str, Any] | None = None
    tokens: tuple[Scored, ...] = ()


@dataclasses.dataclass(eq=False)
class Trajectory:
    """A turn, T tokens after its prompt.

    Attributes:
        prompt: [P] int32.
        tokens: T ids: what the model wrote, and between it what tools returned.
        mask: T, 1 on what the model wrote, its stop tokens included.
        log_probs: T, at temperature 1 and without filters; 0 where the mask is 0.
        messages: what the tokens say: of the assistant, and of tools after its calls.
        calls: tool calls made, those included that were not run because none was left.
        finish_reason: "stop"; "length", at a bound of tokens or of the context; "calls", it went on
            calling when no calls were left; "tool_calls", it calls a tool that whoever opened the
            turn runs; "cancelled".
    """

    prompt: np.ndarray
    tokens: list[int] = dataclasses.field(default_factory=list)
    mask: list[int] = dataclasses.field(default_factory=list)
    log_probs: list[float] = dataclasses.field(default_factory=list)
    messages: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    calls: int = 0
    finish_reason: str | None = None

    def append(self, tokens: Sequence[int], log_probs: Sequence[float] | None = None) -> None:
        """Appends what the model wrote, or without `log_probs` what it was given to read."""
        self.tokens += [int(token) for token in tokens]
        self.mask += [int(log_probs is not None)] * len(tokens)
        self.log_probs += [0.0] * len(tokens) if log_probs is None else list(log_probs)


def next_prompt(
    tokenizer: Tokenizer, trajectory: Trajectory, messages: Sequence[dict[str, Any]]
) -> np.ndarray:
    """The prompt [P] int32 of the turn after this one, further `messages` (of the user) between.

    A turn that was cut off is closed first.
    """
    end = tokenizer.special[END]
    closed = trajectory.tokens[-1:] == [end]
    parts = (trajectory.prompt, trajectory.tokens, [] if closed else [end])
    ids = [np.asarray(part, np.int32) for part in parts]
    return np.concatenate([*ids, next_turn_ids(tokenizer, messages)])


def is_call_of(call: dict[str, Any], names: Container[str]) -> bool:
    """Whether a call, as parse_assistant gives it, is one of these tools, and well-formed."""
    return "error" not in call and call["function"]["name"] in names


class Turn:
    """A turn on its way: the model is writing (`completion`) or tools are running (`results`)."""

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self.trajectory = Trajectory(np.asarray(opening.prompt, np.int32))
        self.completion: Completion | None = None
        self.results: list[concurrent.futures.Future[str]] = []
        self.pieces: Pieces | None = None
        self.stop = StopStrings(opening.stop)
        self.seen = 0

    @property
    def done(self) -> bool:
        return self.trajectory.finish_reason is not None


class Turns:
    """Any number of turns on one engine.

    Not to be shared between threads: one of them adds, steps and cancels.

    With `in_step`, nobody writes on while a tool runs: what the engine is handed at a time, and
    with it the last bit of every log-probability, no longer depends on how fast tools are.
    """

    def __init__(
        self,
        engine: Engine,
        tools: Sequence[Tool] = (),
        bounds: Bounds | None = None,
        in_step: bool = False,
    ):
        self._engine, self._tokenizer, self._in_step = engine, engine.tokenizer, in_step
        self._tools, self._bounds = tuple(tools), bounds or Bounds()
        # A tokenizer without it has no prompts for turns, but what has a Turns may complete texts.
        self._end = self._tokenizer.special.get(END)
        ends = (self._end, self._tokenizer.end_of_text)
        self._stops = tuple(end for end in ends if end is not None)
        self._turns: list[Turn] = []
        self._threads = concurrent.futures.ThreadPoolExecutor(
            max_workers=2 * (os.cpu_count() or 1), thread_name_prefix="tool"
        )

    @property
    def busy(self) -> bool:
        return bool(self._turns)

    def complete(self, openings: Sequence[Opening]) -> list[Trajectory]:
        """All turns, in the order of the openings.

        Raises:
            InputError: a prompt leaves no room in the context; the sentence says which.
        """
        turns = []
        for number, opening in enumerate(openings):
            try:
                turns.append(self.add(opening))
            except InputError as error:
                for turn in turns:
                    self.cancel(turn)
                raise InputError(f"conversation {number}: {error}") from error
        while not all(turn.done for turn in turns):
            self.step()
        return [turn.trajectory for turn in turns]

    def stream(self, opening: Opening) -> Iterator[Event]:
        """One turn as it happens. Closing the iterator cancels the turn."""
        turn = self.add(opening)
        try:
            while not turn.done:
                yield from (event for other, event in self.step() if other is turn)
        finally:
            self.cancel(turn)

    def add(self, opening: Opening) -> Turn:
        """Begins a turn, which the calls of `step` that follow bring to its end.

        Raises:
            InputError: the prompt leaves no room in the context, or holds an id that is no token.
        """
        turn = Turn(opening)
        self._write(turn)
        self._turns.append(turn)
        return turn

    def cancel(self, turn: Turn) -> None:
        """Ends a turn where it is; one that is over stays as it is."""
        if turn.done:
            return
        if turn.completion:
            self._engine.cancel(turn.completion)
            self._take(turn)
        for result in turn.results:  # those that no thread has begun
            result.cancel()
        turn.trajectory.finish_reason = "cancelled"
        self._turns.remove(turn)

    def step(self) -> list[tuple[Turn, Event]]:
        """Lets every turn go on a little, and says what happened."""
        running = [result for turn in self._turns for result in turn.results]
        if self._in_step:
            concurrent.futures.wait(running)
        if any(turn.completion for turn in self._turns):
            self._engine.step()
        else:
            concurrent.futures.wait(
                running, _WAIT_SECONDS, return_when=concurrent.futures.FIRST_COMPLETED
            )
        return self.look()

    def look(self, later: Container[Turn] = ()) -> list[tuple[Turn, Event]]:
        """What has happened, for a caller who steps the engine; begins what follows from it.

        Args:
            later: turns of which more can be told the next time, unless their text is complete.
        """
        events: list[tuple[Turn, Event]] = []
        for turn in self._turns:
            if turn in later and turn.completion and not turn.completion.finish_reason:
                continue
            happened = self._look(turn)
            events += [(turn, event) for event in happened]
        self._turns = [turn for turn in self._turns if not turn.done]
        return events

    def close(self) -> None:
        """Cancels what is going on, and ends the threads."""
        for turn in list(self._turns):
            self.cancel(turn)
        self._threads.shutdown(cancel_futures=True)

    def _look(self, turn: Turn) -> list[Event]:
        if turn.completion:
            events = self._pieces(turn)
            if turn.stop.found:
                self._engine.cancel(turn.completion)
                self._take(turn, turn.seen)
                turn.trajectory.finish_reason = "stop"
            elif turn.completion.finish_reason:
                events += self._written(turn)
        elif all(result.done() for result in turn.results):
            events = self._read_results(turn)
        else:
            events = []
        if turn.done:
            events.append(Event("end", turn.trajectory.finish_reason))
        return events

    def _write(self, turn: Turn) -> None:
        """Has the engine write the next message, as long as the bounds allow."""
        opening, trajectory = turn.opening, turn.trajectory
        context = np.concatenate([trajectory.prompt, np.asarray(trajectory.tokens, np.int32)])
        request = Request(
            prompt=context,
            max_tokens=min(self._bounds_of(turn).tokens, self._left(turn), self._to_write(turn)),
            temperature=opening.temperature,
            top_k=opening.top_k,
            top_p=opening.top_p,
            min_p=opening.min_p,
            seed=opening.seed,
            stop=self._stops,
            bias=opening.bias,
            top=opening.top or 0,
        )
        turn.completion, turn.seen = self._engine.submit(request), 0
        turn.pieces = Pieces(self._tokenizer)

    def _bounds_of(self, turn: Turn) -> Bounds:
        return turn.opening.bounds or self._bounds

    def _tools_of(self, turn: Turn) -> tuple[Tool, ...]:
        return self._tools if turn.opening.tools is None else turn.opening.tools

    def _left(self, turn: Turn) -> int:
        return self._bounds_of(turn).total_tokens - len(turn.trajectory.tokens)

    def _to_write(self, turn: Turn) -> int:
        most = self._bounds_of(turn).written
        return self._left(turn) if most is None else most - sum(turn.trajectory.mask)

    def _pieces(self, turn: Turn) -> list[Event]:
        """The text of the tokens that have come since the last look."""
        completion, start = turn.completion, turn.seen
        pieces: list[Piece] = []
        # One by one, so that where a turn stops does not depend on how many come at a time.
        for token in completion.tokens[start:]:
            turn.seen += 1
            if token not in self._stops:
                pieces += _shown(turn, turn.pieces.add([token]))
            if turn.stop.found:
                break
        else:
            if completion.finish_reason:
                pieces += _shown(turn, turn.pieces.end())
                pieces.append(Piece("text", turn.stop.add("", final=True)))
        pieces = [piece for piece in pieces if piece.text]
        new = completion.tokens[start : turn.seen]
        # They have come together; every event costs its reader, and a server a message.
        events = [Event(piece.kind, piece.text) for piece in joined(pieces)]
        if turn.opening.top is None or not new:
            return events
        top = completion.top[start : turn.seen] or [()] * len(new)
        scored = map(Scored, new, completion.log_probs[start:], top)
        return [Event("tokens", tokens=tuple(scored)), *events]

    def _take(self, turn: Turn, most: int | None = None) -> dict[str, Any]:
        """Puts what the model has written, at most so many tokens of it, into the trajectory; the
        message that it is."""
        completion, turn.completion = turn.completion, None
        tokens = completion.tokens[:most]
        turn.trajectory.append(tokens, completion.log_probs[:most])
        message = parse_assistant(self._tokenizer, tokens)
        turn.trajectory.messages.append(message)
        return message

    def _written(self, turn: Turn) -> list[Event]:
        """A message is complete: runs its calls, or ends the turn."""
        completion, trajectory = turn.completion, turn.trajectory
        message = self._take(turn)
        calls = message.get("tool_calls", [])
        if completion.tokens[-1:] != [self._end] or not calls:
            trajectory.finish_reason = completion.finish_reason
            return [Event("call", call=call) for call in calls]
        most, elsewhere = self._bounds_of(turn).calls, turn.opening.elsewhere
        if any(is_call_of(call, elsewhere) for call in calls):
            trajectory.finish_reason = "tool_calls"
        elif trajectory.calls > most:
            trajectory.finish_reason = "calls"
        else:
            for number, call in enumerate(calls, trajectory.calls):
                if number < most:
                    result = self._threads.submit(call_tool, self._tools_of(turn), call, elsewhere)
                else:
                    result = concurrent.futures.Future()
                    result.set_result(NO_CALLS_LEFT)
                turn.results.append(result)
            trajectory.calls += len(calls)
        return [Event("call", call=call) for call in calls]

    def _read_results(self, turn: Turn) -> list[Event]:
        """Appends what the tools have returned, and has the model go on."""
        trajectory, calls = turn.trajectory, turn.trajectory.messages[-1]["tool_calls"]
        texts = [
            first_tokens(self._tokenizer, result.result(), self._bounds_of(turn).result_tokens)
            for result in turn.results
        ]
        turn.results = []
        ids = tool_response_ids(self._tokenizer, *texts)
        context = len(trajectory.prompt) + len(trajectory.tokens) + len(ids)
        room = self._left(turn) > len(ids) and context < self._engine.length
        if not room or self._to_write(turn) < 1:
            trajectory.finish_reason = "length"
        else:
            trajectory.append(ids)
            for call, text in zip(calls, texts, strict=True):
                name = call.get("function", {}).get("name", "")
                trajectory.messages.append({"role": "tool", "name": name, "content": text})
            self._write(turn)
        return [Event("result", text) for text in texts]


def _shown(turn: Turn, pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The pieces, without what may turn out to begin a string that ends the turn."""
    for kind, text in pieces:
        yield Piece(kind, turn.stop.add(text) if kind == "text" else text)


def first_tokens(tokenizer: Tokenizer, text: str, most: int) -> str:
    """The text, or its beginning where it has more than `most` tokens."""
    ids, count = tokenizer.encode(text), most
    while len(ids) > most:
        # A token may end within a character; and a beginning may be cut into more tokens than the
        # whole was, so that fewer have to be tried.
        text = tokenizer.decode(ids[:count]).rstrip("\ufffd")
        ids, count = tokenizer.encode(text), count - 1
    return text
