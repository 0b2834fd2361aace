"""Writing many texts at once: continuous batching over a fixed number of slots.

    engine = Engine(params, architecture, tokenizer, slots=32)
    completions = engine.generate([Request(prompt, max_tokens=64), ...])

Everything that writes text goes through here: the terminal, evaluations and rollouts. Requests wait
until a slot is free; texts of all lengths and settings are written together by one compiled
function, and a slot that has finished takes the next request while the others go on. `submit` and
`step` are for callers who want tokens as they come, `generate` for those who want them all.

What is written depends on the request alone: on its prompt, settings and seed, not on its slot or
its neighbours (up to rounding: sums of different order, about 1e-6 in a log-probability).

A slot keeps its tokens' keys and values when its text is finished. A later prompt that begins with
the same tokens, such as the next turn of the conversation, takes them over and only the rest of it
is read.
"""

import collections
import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from data.encoding import Tokenizer
from data.errors import InputError
from model.config import ModelConfig
from model.inside import Inside
from model.parameters import parameters
from model.quantize import is_quantized, quantized_declarations
from model.sampling import Sampling
from model.sharding import RULES, shardings
from serve import scores as scoring
from serve import slots as device
from serve.compiled import compiled
from serve.load import decoding_mesh
from serve.requests import Completion, Request, Stops
from serve.scores import Scores
from serve.slots import STOPS, Limits, Rows, Written

# Prompts are read in pieces of a power of two tokens between these.
_SMALLEST_PIECE, _LARGEST_PIECE = 16, 256


@dataclasses.dataclass(eq=False)
class _Writing:
    """A request on its way: at most `most` tokens are to be written, and `read` tokens of its
    prompt are in its slot's cache."""

    request: Request
    completion: Completion
    stops: Stops
    most: int
    read: int = 0

    @property
    def begun(self) -> bool:
        return self.read == len(self.request.prompt)

    @property
    def steered(self) -> bool:
        return self.request.bias is not None or self.request.top > 0

    @property
    def left(self) -> int:
        return self.most - len(self.completion.tokens)


class Engine:
    """Slots, and the requests that wait for them.

    Args:
        params: as of model.parameters or model.quantize, on any devices.
        architecture: the model's sizes.
        slots: texts written at a time.
        length: positions of a slot, prompt and completion together; None: the model's context.
        steps: tokens written between two looks at the waiting requests.
        mesh: where to compute; None: `decoding_mesh(slots)`.

    `tokens_read` counts the tokens of prompts, without those that a slot held already.

    Raises:
        ValueError: a size is out of its range.
    """

    def __init__(
        self,
        params: dict[str, Any],
        architecture: ModelConfig,
        tokenizer: Tokenizer,
        slots: int = 32,
        length: int | None = None,
        steps: int = 8,
        mesh: Mesh | None = None,
    ) -> None:
        if slots < 1 or steps < 1:
            raise ValueError(f"slots is {slots} and steps {steps}; they must be at least 1")
        self.length = architecture.context if length is None else length
        if not 2 <= self.length <= architecture.context:
            raise ValueError(
                f"length is {length}; it must be between 2 and the context, {architecture.context}"
            )
        self.tokenizer = tokenizer
        # Unrolled, so that the cache of each layer is an array of its own, updated in place.
        self._config = dataclasses.replace(architecture, scan=False)
        self._mesh = decoding_mesh(slots) if mesh is None else mesh
        self._on_cpu = self._mesh.devices.flat[0].platform == "cpu"
        axes = RULES["batch"]
        self._parts = int(np.prod([self._mesh.shape[axis] for axis in axes]))
        if slots % self._parts:
            raise ValueError(f"{slots} slots do not divide over {self._parts} devices")
        self._per = slots // self._parts  # slots of a part of the devices
        self._by_slot = NamedSharding(self._mesh, PartitionSpec(axes))
        self._whole = NamedSharding(self._mesh, PartitionSpec())
        self._compiled = compiled(self._config, tokenizer.vocab_size, steps, self._mesh)
        with jax.set_mesh(self._mesh):
            self._state = jax.jit(
                lambda: device.empty_slots(self._config, slots, self.length),
                out_shardings=self._by_slot,
            )()
        self._waiting: collections.deque[_Writing] = collections.deque()
        self._at: list[_Writing | None] = [None] * slots
        # The tokens of each slot whose keys and values its cache holds, the prompts that are on
        # their way there (-1 where there are none), and when each slot was last of use.
        self._held = np.full((slots, self.length), -1, np.int32)
        self._reading = self._held.copy()
        self._used = np.zeros(slots, np.int64)
        self._clock = itertools.count(1)
        self.tokens_read = 0
        self.set_params(params)

    def set_params(self, params: dict[str, Any]) -> None:
        """Writes with other parameters from now on. Nothing may be being written.

        What is written after that is, to the last bit, what a new engine would write.

        Raises:
            RuntimeError: something is.
        """
        if self.busy:
            raise RuntimeError("parameters cannot change while texts are being written")
        self._held[:] = self._reading[:] = -1
        self._used[:] = 0
        declarations = parameters(self._config)
        if is_quantized(params):
            declarations = quantized_declarations(declarations)
        places = shardings(declarations, self._mesh)
        with jax.set_mesh(self._mesh):
            placed = jax.device_put(params, places)
            self._params = self._compiled.prepare(placed)

    def forget(self) -> None:
        """No prompt that comes takes anything over from texts that are finished."""
        for slot, writing in enumerate(self._at):
            if writing is None:
                self._held[slot] = -1

    def warm_up(self) -> None:
        """Compiles everything, so that no request waits for that. Nothing is written."""
        nobody: list[list[int]] = [[] for _ in range(self._parts)]
        with jax.set_mesh(self._mesh):
            for size in _pieces(self.length):
                for R in {1, _rows_at_a_time(size, self._per)}:
                    rows = jax.device_put(self._rows(nobody, R, size), self._by_slot)
                    self._state = self._compiled.insert(self._params, self._state, rows)
            for part in range(self._parts):
                self._copy(part, 0, 0)
            self._choose_again([])
            for size in (*_few(self._per), self._per):
                self._advance(np.empty(0, int), size, 0)

    @property
    def busy(self) -> bool:
        """Whether anything is waiting or being written."""
        return bool(self._waiting) or any(self._at)

    def submit(self, request: Request) -> Completion:
        """Queues a request; its completion is filled by the calls of `step` that follow.

        Raises:
            InputError: the prompt leaves no room for a token, or holds an id that is no token.
        """
        P = len(request.prompt)
        if P >= self.length:
            raise InputError(
                f"the prompt is {P} tokens long and the model's context {self.length}: shorten "
                f"the prompt to {self.length - 1} tokens at most"
            )
        self._check_ids(request.prompt)
        completion = Completion()
        stops = Stops(request.stop, self.tokenizer)
        most = min(request.max_tokens, self.length - P)
        self._waiting.append(_Writing(request, completion, stops, most))
        return completion

    def _check_ids(self, tokens: np.ndarray) -> None:
        low, high = int(np.min(tokens)), int(np.max(tokens))
        if low < 0 or high >= self.tokenizer.vocab_size:
            raise InputError(
                f"the prompt holds the token {low if low < 0 else high}; those of the tokenizer "
                f"are 0 to {self.tokenizer.vocab_size - 1}"
            )

    def cancel(self, completion: Completion) -> None:
        """Ends a completion where it is. One that is finished stays as it is."""
        for writing in list(self._waiting):
            if writing.completion is completion:
                self._waiting.remove(writing)
                completion.finish_reason = "cancelled"
        for slot, writing in enumerate(self._at):
            if writing is not None and writing.completion is completion:
                self._finish(slot, "cancelled")

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """All completions, in the order of the requests."""
        completions = [self.submit(request) for request in requests]
        while any(completion.finish_reason is None for completion in completions):
            self.step()
        return completions

    def step(self) -> list[Completion]:
        """Reads prompts into free slots and writes a few tokens in every slot.

        Returns:
            The completions that have more tokens now or are finished.
        """
        with jax.set_mesh(self._mesh):
            self._admit()
            begun = [slot for slot, writing in enumerate(self._at) if writing and writing.begun]
            steered = [slot for slot in begun if self._at[slot].steered]
            blocked = self._choose_again(steered) if steered else []
            active = np.array([slot for slot in begun if self._at[slot]], int)
            if not len(active):
                return blocked
            count = 1 if steered else max(self._at[slot].left for slot in active)
            most = np.bincount(active // self._per).max()
            size = next((size for size in _few(self._per) if size >= most), self._per)
            slots, written = self._advance(active, size, count)
        return blocked + self._hand_out(slots, *written)

    def _advance(self, active: np.ndarray, size: int, count: int) -> tuple[np.ndarray, Written]:
        """Writes up to `count` tokens in the slots `active`, of which no part has more than `size`.

        Returns:
            The slot of each column of what was written, and that, on the host.
        """
        S, per = len(self._at), self._per
        if size == per:
            slots = np.arange(S)
            advance, which = self._compiled.advance, np.isin(slots, active)
        else:
            slots = np.full((self._parts, size), S)  # none
            for part in range(self._parts):
                mine = active[active // per == part]
                slots[part, : len(mine)] = mine
            slots = slots.ravel()
            which = np.where(slots < S, slots % per, per).astype(np.int32)
            advance = self._compiled.advance_some
        which = jax.device_put(which, self._by_slot)
        self._state, written = advance(self._params, self._state, which, np.int32(count))
        return slots, jax.device_get(written)

    def _choose_again(self, steered: list[int]) -> list[Completion]:
        """The next tokens of these slots under their requests' biases, and those most likely.

        Returns:
            The completions that end here, since nothing may follow.
        """
        S = len(self._at)
        bias = np.zeros((S, self._config.vocab_size), np.float32)
        biased, ranked = np.zeros(S, bool), np.zeros(S, bool)
        blocked = []
        for slot in steered:
            request, completion = self._at[slot].request, self._at[slot].completion
            ranked[slot] = request.top > 0
            if request.bias is None:
                continue
            added = request.bias(completion.tokens)
            if added is None:
                blocked.append(slot)
            else:
                biased[slot], bias[slot, : len(added)] = True, added
        self._state, top = self._compiled.choose_again(
            self._params, self._state, *jax.device_put((bias, biased, ranked), self._by_slot)
        )
        tokens, log_probs = jax.device_get(top)
        for slot in steered:
            request, completion = self._at[slot].request, self._at[slot].completion
            if request.top and slot not in blocked:
                pairs = zip(tokens[slot].tolist(), log_probs[slot].tolist(), strict=True)
                completion.top.append(list(itertools.islice(pairs, request.top)))
        completions = [self._at[slot].completion for slot in blocked]
        for slot in blocked:
            self._finish(slot, "blocked")
        return completions

    def score(self, tokens: np.ndarray, top: bool = False) -> Scores:
        """How likely the model finds tokens [T] that are there already, in one forward pass.

        Args:
            top: whether to look up the most likely tokens in each one's place.

        Raises:
            InputError: there are more tokens than the context holds, or an id is no token.
        """
        T = self._checked_length(tokens)
        with jax.set_mesh(self._mesh):
            found = jax.device_get(self._compiled.score(self._params, *self._to_score(tokens, top)))
        return jax.tree.map(lambda x: x[0, : T - 1], found)

    def _to_score(self, tokens: np.ndarray, top: bool) -> tuple[Array, Array]:
        row = scoring.padded(tokens, self.length)
        return jax.device_put((row, np.array([top])), self._whole)

    def inside(self, tokens: np.ndarray) -> Inside:
        """What happens in the model as it reads tokens [T]: see model.inside.

        Raises:
            InputError: there are more tokens than the context holds, or an id is no token.
        """
        T = self._checked_length(tokens)
        with jax.set_mesh(self._mesh):
            found = jax.device_get(self._compiled.inside(self._params, self._to_look_at(tokens)))
        # The padding comes after the text, which therefore does not see it.
        return Inside(found.attention[:, :, :T, :T], found.tokens[:, :T], found.log_probs[:, :T])

    def _to_look_at(self, tokens: np.ndarray) -> Array:
        return jax.device_put(scoring.padded(tokens, self.length)[0], self._whole)

    def compile_reading(self, size: int, inside: bool) -> None:
        """Compiles what `score`, or `inside`, needs for rows padded to this size. Touches no text,
        so that another thread may call this while they are written."""
        tokens = np.zeros(size, np.int32)
        with jax.set_mesh(self._mesh):
            if inside:
                lowered = self._compiled.inside.lower(self._params, self._to_look_at(tokens))
            else:
                lowered = self._compiled.score.lower(self._params, *self._to_score(tokens, False))
            lowered.compile()

    def _checked_length(self, tokens: np.ndarray) -> int:
        """T, of tokens [T] that are to be read in one pass; refused as `score` says."""
        if len(tokens) > self.length:
            raise InputError(
                f"the text is {len(tokens)} tokens long and the model's context {self.length}: "
                "shorten it"
            )
        self._check_ids(tokens)
        return len(tokens)

    def _hand_out(
        self, slots: np.ndarray, tokens: np.ndarray, log_probs: np.ndarray, valid: np.ndarray
    ) -> list[Completion]:
        """Gives the columns of what was written to the texts in these slots."""
        changed = []
        for column in np.flatnonzero(valid.any(axis=0)):
            slot = slots[column]
            changed.append(self._at[slot].completion)
            rows = valid[:, column]
            self._take(slot, tokens[rows, column].tolist(), log_probs[rows, column].tolist())
        return changed

    def _take(self, slot: int, tokens: list[int], log_probs: list[float]) -> None:
        writing = self._at[slot]
        request, completion = writing.request, writing.completion
        P = len(request.prompt)
        count = len(tokens)
        if request.stop:
            for count, token in enumerate(tokens, start=1):  # noqa: B007 - where it ends counts
                completion.stopped_by = writing.stops.found(token)
                if completion.stopped_by is not None:
                    break
        start = P + len(completion.tokens)
        self._held[slot, start : start + count] = tokens[:count]
        completion.tokens += tokens[:count]
        completion.log_probs += log_probs[:count]
        if completion.stopped_by is not None:
            self._finish(slot, "stop")
        elif writing.left == 0:
            self._finish(slot, "length")

    def _finish(self, slot: int, reason: str) -> None:
        self._at[slot].completion.finish_reason = reason
        self._at[slot] = None
        self._reading[slot] = -1
        self._used[slot] = next(self._clock)

    def _admit(self) -> None:
        """Gives free slots to waiting requests, and reads a piece of every prompt that is not read
        to its end."""
        while True:
            while self._waiting and self._place(self._waiting[0]):
                self._waiting.popleft()
            unread = [s for s, writing in enumerate(self._at) if writing and not writing.begun]
            if not unread:
                return
            self._read(unread)
            if not self._waiting or all(self._at):
                return

    def _place(self, writing: _Writing) -> bool:
        """Finds a slot, and the longest beginning of the prompt that some slot holds."""
        free = np.array([slot for slot, other in enumerate(self._at) if other is None], int)
        if not len(free):
            return False
        prompt = np.asarray(writing.request.prompt, np.int32)
        # The last token of the prompt is always read: the first that is written depends on it.
        common = _common(self._held, prompt[:-1]).reshape(self._parts, -1)
        if _common(self._reading, prompt[:-1]).max() > common.max() + _SMALLEST_PIECE:
            return False  # better when that prompt has been read
        # Slots can only be copied within their part.
        part = free // common.shape[1]
        best = common.max(axis=1)[part]
        goes_on = (common.flat[free] == best) & (best == (self._held[free] >= 0).sum(axis=1))
        # Of the longest, a slot whose own tokens the prompt goes on from, or that rests longest.
        slot = int(free[np.lexsort((self._used[free], ~goes_on, -best))[0]])
        part = slot // common.shape[1]
        source, writing.read = int(common[part].argmax()), int(common[part].max())
        if common.flat[slot] < writing.read:
            self._copy(part, source, slot % common.shape[1])
        self._held[slot] = -1
        self._held[slot, : writing.read] = prompt[: writing.read]
        self._reading[slot, : len(prompt)] = prompt
        self._at[slot] = writing
        self._used[slot] = next(self._clock)
        return True

    def _copy(self, part: int, source: int, target: int) -> None:
        sources = np.zeros(self._parts, np.int32)
        targets = np.full(self._parts, self._per, np.int32)  # none
        sources[part], targets[part] = source, target
        pair = jax.device_put((sources, targets), self._by_slot)
        self._state = self._compiled.copy(self._state, *pair)

    def _read(self, unread: list[int]) -> None:
        """Reads the next piece of the prompt of each of these slots."""
        pieces = collections.defaultdict(list)
        for slot in unread:
            writing = self._at[slot]
            left = len(writing.request.prompt) - writing.read
            sizes = _pieces(self.length)
            pieces[next((n for n in sizes if n >= left), sizes[-1])].append(slot)
        for size, slots in pieces.items():
            by_part = [[s for s in slots if s // self._per == part] for part in range(self._parts)]
            while any(by_part):
                longest = max(map(len, by_part))
                R = _rows_at_a_time(size, self._per)
                # On a CPU rows that hold nothing take as long as others.
                few = R // 2 if self._on_cpu else 1
                R = 1 if longest <= few else R
                batch = [part[:R] for part in by_part]
                by_part = [part[R:] for part in by_part]
                rows = self._rows(batch, R, size)
                rows = jax.device_put(rows, self._by_slot)
                self._state = self._compiled.insert(self._params, self._state, rows)
                # Waiting for each: with many independent calls in flight, the sums over several
                # CPU devices can wait for one another for ever.
                jax.block_until_ready(self._state.running)

    def _rows(self, batch: list[list[int]], R: int, size: int) -> Rows:
        """The next pieces of the slots of `batch`, one list a part of the devices."""
        n = R * self._parts
        whole = np.zeros(n, np.int32)
        real = np.zeros(n, np.float32)
        rows = Rows(
            np.zeros((n, size), np.int32), whole, whole.copy(), whole.copy(),
            np.zeros(n, bool), np.zeros(n, np.uint32),
            Sampling(real, whole.copy(), real.copy(), real.copy()),
            Limits(whole.copy(), np.full((n, STOPS), -1, np.int32)),
        )  # fmt: skip
        for part, slots in enumerate(batch):
            for r, slot in enumerate(slots, start=part * R):
                writing, request = self._at[slot], self._at[slot].request
                P, start = len(request.prompt), writing.read
                count = min(size, P - start)
                self.tokens_read += count
                rows.tokens[r, :count] = request.prompt[start : start + count]
                rows.count[r], rows.start[r] = count, start
                rows.slot[r] = slot % self._per
                rows.final[r] = start + count == P
                rows.seed[r] = request.seed
                for array, name in zip(rows.settings, Sampling._fields, strict=True):
                    array[r] = getattr(request, name)
                rows.limits.last[r] = P + writing.most - 1
                ids = writing.stops.ids[:STOPS]
                rows.limits.stops[r, : len(ids)] = ids
                self._held[slot, : start + count] = request.prompt[: start + count]
                writing.read = start + count
                if writing.begun:
                    self._reading[slot] = -1
        return rows


def _common(held: np.ndarray, prompt: np.ndarray) -> np.ndarray:
    """How many tokens each row [S, length] begins with that a prompt begins with: [S]."""
    if not len(prompt):
        return np.zeros(len(held), int)
    same = held[:, : len(prompt)] == prompt
    return np.where(same.all(axis=1), len(prompt), same.argmin(axis=1))


def _pieces(length: int) -> list[int]:
    """The sizes of pieces that prompts are read in, rising."""
    most = min(_LARGEST_PIECE, length)
    powers = (1 << n for n in range(_SMALLEST_PIECE.bit_length() - 1, most.bit_length()))
    return sorted({*(size for size in powers if size < most), most})


def _few(slots: int) -> list[int]:
    """For how many slots there is a function of its own, rising: where few texts are being written,
    not all are computed."""
    return [8**n for n in range(slots.bit_length()) if 8**n <= slots // 2]


def _rows_at_a_time(size: int, slots: int) -> int:
    return min(slots, max(1, _LARGEST_PIECE // size))
