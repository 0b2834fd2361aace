"""The engine in a thread of its own, and the way of requests to it and of tokens back.

    thread = EngineThread(make, limits, metrics)
    thread.start()                                      # in the event loop
    with thread.open([request, opening]) as texts:
        async for number, event in texts:
            ...
    texts.results

Nothing but this thread touches the engine. Work goes in by a queue, and what has happened in a step
comes out by one callback of the event loop, which hands it to the texts it is of.
"""

import asyncio
import concurrent.futures
import dataclasses
import enum
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import numpy as np
from absl import logging

from data.encoding import Tokenizer
from data.errors import InputError
from model.inside import Inside
from serve.engine import Engine
from serve.http.errors import ApiError
from serve.http.limits import Limits
from serve.http.metrics import Metrics
from serve.requests import Completion, Request
from serve.scores import Scores, padded_size
from serve.tools.tool import Tool, nothing
from serve.turns import Event, Opening, Scored, Trajectory, Turn, Turns

# How long to rest when everything waits for tools or the compiler.
_REST_SECONDS = 0.01
# A text that is going on is told of no sooner than this after the last time: what has come in
# between is one message. A person sees no difference, and a small model writes faster than messages
# can be sent.
_TELL_SECONDS = 0.05


@dataclasses.dataclass(frozen=True, eq=False)
class Scoring:
    """Tokens [T] to be scored, with the most likely ones in each one's place where `top`."""

    tokens: np.ndarray
    top: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class Looking:
    """Tokens [T] whose way through the model is to be looked at."""

    tokens: np.ndarray


Work = Request | Opening | Scoring | Looking
Result = Completion | Trajectory | Scores | Inside


class State(enum.Enum):
    LOADING = "loading"
    READY = "ok"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class Served:
    """What is being served. `close` lets go of it."""

    engine: Engine
    tools: tuple[Tool, ...] = ()

    @property
    def tokenizer(self) -> Tokenizer:
        return self.engine.tokenizer

    def close(self) -> None:
        for tool in self.tools:
            tool.close()


@dataclasses.dataclass(frozen=True)
class _Done:
    result: Result


@dataclasses.dataclass(frozen=True)
class _Failed:
    error: Exception


@dataclasses.dataclass(eq=False)
class _Job:
    """One piece of work. `running`, `seen` and `told`, when its text was told of last, belong to
    the engine's thread."""

    work: Work
    texts: "Texts"
    number: int
    begun: float
    over: bool = False
    running: Completion | Turn | None = None
    seen: int = 0
    told: float = 0.0


_News = tuple[_Job, Event | _Done | _Failed]


class Texts:
    """Work of one request, as the event loop sees it. Iterating gives (number, event) until all is
    done; then `results` has a result for each."""

    def __init__(self, thread: "EngineThread", works: Sequence[Work]) -> None:
        now = time.monotonic()
        self._thread = thread
        self.jobs = [_Job(work, self, number, now) for number, work in enumerate(works)]
        self.results: list[Result | None] = [None] * len(works)
        self.news: asyncio.Queue[_News] = asyncio.Queue()
        self._unread = len(works)

    def __enter__(self) -> "Texts":
        return self

    def __exit__(self, *_: object) -> None:
        for job in self.jobs:
            self.cancel(job.number)

    def cancel(self, number: int) -> None:
        """Ends one text where it is. One that is over stays as it is."""
        if not self.jobs[number].over:
            self._thread.cancel(self.jobs[number])

    async def __aiter__(self) -> AsyncIterator[tuple[int, Event]]:
        """
        Raises:
            ApiError: the engine refused the work, or failed.
        """
        # Some may be over before anybody reads: their results wait in the queue.
        while self._unread:
            job, news = await self.news.get()
            if isinstance(news, _Failed):
                raise news.error
            if isinstance(news, _Done):
                self.results[job.number] = news.result
                self._unread -= 1
            else:
                yield job.number, news

    async def finished(self) -> list[Result]:
        """All results, whatever happens on the way to them."""
        async for _ in self:
            pass
        return list(self.results)


class EngineThread:
    """Runs an engine.

    Args:
        make: loads what is to be served; called in the thread.

    `state`, `served` and `error` may be read anywhere; everything else belongs to the event loop.
    `on_unloadable` is called there when there is nothing to serve.
    """

    def __init__(self, make: Callable[[], Served], limits: Limits, metrics: Metrics) -> None:
        self._make, self._limits, self._metrics = make, limits, metrics
        self.state, self.error = State.LOADING, None
        self.on_unloadable: Callable[[], None] = nothing
        self.served: Served | None = None
        # Whether, when the thread ended, something was being compiled that nothing can interrupt.
        self.left_compiling = False
        # Held where work is put in and where the last is taken out: none comes in between.
        self._ending = threading.Lock()
        self._inbox: queue.SimpleQueue[tuple[str, _Job | None]] = queue.SimpleQueue()
        # What a text took lately from its coming to its end, its waiting included.
        self._held, self._seconds = 0, 1.0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @property
    def held(self) -> int:
        """Texts being written or waiting."""
        return self._held

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Cancels what is going on, and waits for the thread to end; for loading, which nothing can
        interrupt, it does not wait."""
        self._inbox.put(("stop", None))
        if self.state is not State.LOADING:
            await asyncio.to_thread(self._thread.join)

    def ready(self) -> Served:
        """What is being served.

        Raises:
            ApiError: it cannot be used now: 503.
        """
        if self.state is not State.READY:
            sentence = {
                State.LOADING: "The model is being loaded.",
                State.STOPPING: "The server is shutting down.",
                State.FAILED: "The model has failed; the server has to be started again.",
            }[self.state]
            raise ApiError(503, sentence, self.state.value, headers={"Retry-After": "5"})
        return self.served

    def open(self, works: Sequence[Work]) -> Texts:
        """Begins work. To be used in a `with` statement, which cancels what is left at its end.

        Raises:
            ApiError: too much is waiting: 429.
        """
        with self._ending:
            self.ready()
            self._check_room(len(works))
            texts = Texts(self, works)
            self._held += len(works)
            for job in texts.jobs:
                self._inbox.put(("add", job))
        return texts

    def _check_room(self, count: int) -> None:
        most = self._limits.slots + self._limits.queue
        if count > most:
            raise ApiError(
                400,
                f"The request asks for {count} texts; this server takes {most} at a time.",
                "too_many_texts",
            )
        if self._held + count > most:
            self._metrics.refused.inc()
            seconds = 1 + int(self._seconds)
            raise ApiError(
                429,
                "The server is busy: too many texts are waiting. Please try again later.",
                "queue_full",
                headers={"Retry-After": str(min(seconds, 60))},
            )

    def cancel(self, job: _Job) -> None:
        self._metrics.cancelled.inc()
        self._inbox.put(("cancel", job))

    def _deliver(self, news: "list[_News]") -> None:
        """In the event loop: hands over what the thread has posted."""
        for job, item in news:
            if isinstance(item, _Done | _Failed):
                job.over = True
                self._held -= 1
                took = time.monotonic() - job.begun
                self._seconds += 0.1 * (took - self._seconds)
            job.texts.news.put_nowait((job, item))

    # --- in the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        worker = None
        try:
            self.served = self._make()
            worker = _Worker(self.served, self._metrics)
            self.state = State.READY
            while self._step(worker):
                pass
            self.state = State.STOPPING
        except BaseException as error:  # nobody above a thread would learn of it
            self.state, self.error = State.FAILED, error
            if not isinstance(error, InputError):
                logging.exception("the engine has failed")
        finally:
            with self._ending:
                left = [job for what, job in self._drained() if what == "add"]
            if worker is not None:
                self._post(worker.news)
                left += worker.jobs
                worker.close()
                self.left_compiling = worker.compiling
            if self.served is not None:
                self.served.close()
            gone = ApiError(503, "The model cannot go on.", self.state.value)
            self._post([(job, _Failed(gone)) for job in left])
            if self.served is None:
                self._call(self.on_unloadable)

    def _step(self, worker: "_Worker") -> bool:
        """Takes in what has come and goes on a little; False: it is time to stop."""
        first = [] if worker.jobs else [self._inbox.get()]
        come = [*first, *self._drained()]
        # All are known from here on, whatever happens: none is left without an answer.
        worker.jobs |= {job: None for what, job in come if what == "add"}
        for what, job in come:
            if what == "stop":
                return False
            if what == "add":
                worker.add(job)
            else:
                worker.cancel(job)
        worker.step()
        news, worker.news = worker.news, []
        self._post(news)
        return True

    def _drained(self) -> list[tuple[str, _Job | None]]:
        found = []
        while True:
            try:
                found.append(self._inbox.get_nowait())
            except queue.Empty:
                return found

    def _post(self, news: "list[_News]") -> None:
        if news:
            self._call(self._deliver, news)

    def _call(self, function: Callable, *arguments: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)


class _Worker:
    """The jobs that the thread works on: every one of `jobs` leaves with one _Done or _Failed.
    `news` is what has not been told yet."""

    def __init__(self, served: Served, metrics: Metrics) -> None:
        self._engine, self._metrics = served.engine, metrics
        self._turns = Turns(served.engine)
        self.jobs: dict[_Job, None] = {}
        self.news: list[_News] = []
        # Jobs whose row is to be read at once, and what each waits for.
        self._reading: dict[_Job, concurrent.futures.Future[None]] = {}
        # By what compile_reading is called with: others go on while a function is compiled.
        self._compiling: dict[tuple[int, bool], concurrent.futures.Future[None]] = {}
        self._compiler = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="compiler")
        self._by_turn: dict[Turn, _Job] = {}

    def close(self) -> None:
        """Ends all texts where they are."""
        for job in list(self.jobs):
            self.cancel(job)
        self._turns.close()
        self._compiler.shutdown(wait=False, cancel_futures=True)

    @property
    def compiling(self) -> bool:
        return any(future.running() for future in self._compiling.values())

    def add(self, job: _Job) -> None:
        try:
            if isinstance(job.work, Scoring | Looking):
                self._reading[job] = self._compiled_for(job.work)
            elif isinstance(job.work, Opening):
                job.running = self._turns.add(job.work)
                self._by_turn[job.running] = job
            else:
                job.running = self._engine.submit(job.work)
        except InputError as error:
            self._end(job, _refused(error))

    def cancel(self, job: _Job) -> None:
        """One that is over stays as it is."""
        if job not in self.jobs:
            return
        running = job.running
        if isinstance(running, Turn):
            self._turns.cancel(running)
            running = running.trajectory
        elif running is not None:
            self._engine.cancel(running)
        self._end(job, _Done(running))

    def step(self) -> None:
        """Reads one row, if one can be read, and writes a little in all texts."""
        read = self._read_one()
        writing = [job for job in self.jobs if isinstance(job.running, Completion)]
        if writing or any(turn.completion for turn in self._by_turn):
            self._engine.step()
        elif self.jobs and not read:
            time.sleep(_REST_SECONDS)
        now = time.monotonic()
        for job in writing:
            if job.running.finish_reason or now - job.told >= _TELL_SECONDS:
                self._look(job, now)
        later = {turn for turn, job in self._by_turn.items() if now - job.told < _TELL_SECONDS}
        for turn, event in self._turns.look(later):
            job = self._by_turn[turn]
            if event.kind != "end":
                job.told = now
                self.news.append((job, event))
            else:
                self._count(turn.trajectory.prompt, sum(turn.trajectory.mask))
                self._end(job, _Done(turn.trajectory))

    def _compiled_for(self, work: Scoring | Looking) -> concurrent.futures.Future[None]:
        size = padded_size(len(work.tokens), self._engine.length)
        which = size, isinstance(work, Looking)
        if which not in self._compiling:
            submitted = self._compiler.submit(self._engine.compile_reading, *which)
            self._compiling[which] = submitted
        return self._compiling[which]

    def _read_one(self) -> bool:
        """Scores or looks at a row for which all is compiled; whether there was one."""
        job = next((job for job, compiling in self._reading.items() if compiling.done()), None)
        if job is None:
            return False
        try:
            if isinstance(job.work, Looking):
                found = self._engine.inside(job.work.tokens)
            else:
                found = self._engine.score(job.work.tokens, job.work.top)
        except InputError as error:
            self._end(job, _refused(error))
        else:
            self._metrics.scored_tokens.inc(len(job.work.tokens))
            self._end(job, _Done(found))
        return True

    def _look(self, job: _Job, now: float) -> None:
        completion = job.running
        new = completion.tokens[job.seen :]
        if new:
            job.told = now
            top = completion.top[job.seen :] or [()] * len(new)
            scored = map(Scored, new, completion.log_probs[job.seen :], top)
            self.news.append((job, Event("tokens", tokens=tuple(scored))))
            job.seen += len(new)
        if completion.finish_reason:
            self._count(job.work.prompt, len(completion.tokens))
            self._end(job, _Done(completion))

    def _end(self, job: _Job, how: _Done | _Failed) -> None:
        self.jobs.pop(job, None)
        self._reading.pop(job, None)
        self._by_turn.pop(job.running, None)
        self.news.append((job, how))

    def _count(self, prompt: Sequence[int], written: int) -> None:
        self._metrics.prompt_tokens.inc(len(prompt))
        self._metrics.written_tokens.inc(written)


def _refused(error: InputError) -> _Failed:
    return _Failed(ApiError(400, f"{error}.", "invalid_value"))
