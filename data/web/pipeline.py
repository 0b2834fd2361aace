"""The web pipeline in Apache Beam: files of pages in, clean documents and an account out.

Every shard is filtered into a file of its own; what is shuffled after that are hashes and ids,
never a document, so the same pipeline runs in one process, in several, or on a cluster. Workers and
launcher meet in the output's folder, which on a cluster must be one that all of them reach (gs://,
s3://, hdfs://).

    OUTPUT/documents/00000.parquet ...   url, date, language, scores, text
    OUTPUT/dropped.parquet/              the ledger: url, step, reason, figure of every page dropped
    OUTPUT/stats.json  funnel.png        pages, bytes, tokens left after each step
    OUTPUT/report.html                   the same to look at, with pages kept and dropped
    OUTPUT/examples.json  timings.json   for the report; CPU seconds by step
    OUTPUT/DONE                          written when all of these are whole

A local output is built in OUTPUT.partial and renamed; a remote one is built in place, and whole
once it has DONE.
"""

import contextlib
import dataclasses
import errno
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import fsspec
import tqdm
from fsspec.implementations.local import LocalFileSystem
from ml_collections import ConfigDict

from data import run_folder
from data.errors import InputError
from data.web import funnel, layout, lookups, measure, pages, passes, report, runners, sinks
from data.web.settings import Settings, from_config

_SETTINGS = "settings.json"
_ELAPSED = f"{passes.TALLIES}/elapsed.json"
_POLL_SECONDS = 2.0


def run(config: ConfigDict, workdir: str) -> None:
    """The stage: filters `config.web.input`, or the crawl made for the run, into `workdir`/web.

    Of a crawl made for the run, it is known what is planted in each page: the filters' precision
    and recall go into report.json.

    Raises:
        InputError: there is no such input, or the folder was made with other settings.
    """
    output = os.path.join(workdir, layout.OUTPUT)
    if run_folder.is_done(output):
        _clear(output)
        return
    settings = from_config(config.web)
    crawl = ""
    if not config.web.input:
        crawl = os.path.join(workdir, layout.CRAWL)
        if not run_folder.is_done(crawl):
            raise InputError(
                f"config.web.input is empty and there is no finished {crawl}: name an input, or "
                "let the stage data.world.web, which makes one, run first"
            )
        settings = _with_lists_of(crawl, settings)
    source = config.web.input or crawl
    folder, account = build(source, output, settings, processes=config.web.processes)
    figures = {
        "web/pages_in": account["pages_in"],
        "web/pages_kept": account["pages_kept"],
        "web/pages_per_second": account["pages_in"] / sinks.read_json(f"{folder}/{_ELAPSED}"),
    }
    if crawl:
        figures |= measure.measure_output(os.path.join(crawl, layout.LABELS), folder)
    run_folder.record(workdir, figures)
    publish(folder, output, account, figures)
    print(f"web\n{funnel.as_text(account)}", flush=True)


def _with_lists_of(crawl: str, settings: Settings) -> Settings:
    """The settings with the blocklists and the scored texts that lie beside a made crawl."""
    blocklists = os.path.join(crawl, layout.BLOCKLISTS)
    scored = os.path.join(crawl, layout.SCORED)
    if not settings.urls.blocklists and os.path.isdir(blocklists):
        chosen = dataclasses.replace(settings.urls, blocklists=blocklists)
        settings = dataclasses.replace(settings, urls=chosen)
    if not lookups.classifies(settings) and os.path.exists(scored):
        settings = dataclasses.replace(settings, classifier_labels=scored)
    return settings


def build(
    source: str,
    output: str,
    settings: Settings,
    runner: str = runners.DEFAULT,
    processes: int = 0,
    flags: tuple[str, ...] = (),
) -> tuple[str, dict[str, Any]]:
    """Filters `source`; returns the folder it is in and the account, for `publish`.

    Goes on with what a stopped run of the same settings and the same files has left there.

    Raises:
        InputError: an input, a setting, a runner or a flag cannot be used.
    """
    runners.set_verbosity(runner)
    # They take two seconds to import, which a stage that is done need not wait for.
    import apache_beam as beam

    from data.web import graph

    engine, options = runners.create(runner, processes), runners.options(runner, processes, flags)
    found = pages.shards(source)
    pages.check_text_key(found, settings.text_key)
    folder = _claim(output, settings, found)
    lookups.prepare(settings, folder)
    names = lookups.chain(settings, folder).names
    with _watched(folder, len(found)), _one_sentence(output):
        pipeline = beam.Pipeline(runner=engine, options=options)
        graph.build(pipeline, found, settings, folder)
        pipeline.run().wait_until_finish()
    total = sinks.read_json(f"{folder}/{graph.SUM}")
    account = funnel.stats(total["counts"], names)
    sinks.write_json(f"{folder}/{layout.STATS}", account)
    sinks.write_json(f"{folder}/{funnel.EXAMPLES_FILE}", total["examples"])
    sinks.write_json(f"{folder}/{funnel.TIMINGS}", total["seconds"])
    sinks.write_bytes(f"{folder}/{funnel.PICTURE}", funnel.picture(account))
    return folder, account


def publish(
    folder: str, output: str, account: dict[str, Any], figures: Mapping[str, float] | None = None
) -> None:
    """Writes the report, says DONE, gives a local folder its name, and clears what only the work
    needed: until then a run that is stopped goes on with it.

    Args:
        figures: what else the report is to show; see `report.section`.
    """
    page = report.page(report.section(folder, figures or {}))
    sinks.write_bytes(f"{folder}/{layout.REPORT}", page.encode())
    filesystem, path = fsspec.url_to_fs(folder)
    summary = {key: account[key] for key in ("pages_in", "pages_kept", "tokens_kept")}
    sinks.write_json(f"{folder}/{run_folder.DONE}", summary)
    if isinstance(filesystem, LocalFileSystem):
        run_folder.replace_folder(path, fsspec.url_to_fs(output)[1])
    _clear(output)


def _clear(folder: str) -> None:
    """Removes what only the work needs; a run that is stopped here leaves the rest to the next."""
    filesystem, path = fsspec.url_to_fs(folder)
    for name in (passes.FILTERED, passes.TALLIES, lookups.FOLDER):
        if filesystem.exists(f"{path}/{name}"):
            filesystem.rm(f"{path}/{name}", recursive=True)


def _claim(output: str, settings: Settings, found: list[pages.Shard]) -> str:
    """The folder to work in: as a run of the same settings left it, or new."""
    filesystem, final = fsspec.url_to_fs(output)
    is_local = isinstance(filesystem, LocalFileSystem)
    if filesystem.exists(f"{final}/{run_folder.DONE}"):
        _clear(output)
        raise InputError(f"{output} holds finished output: give another folder, or move it away")
    if is_local and os.path.exists(final) and (not os.path.isdir(final) or os.listdir(final)):
        raise InputError(f"{output} exists and is no output of this program: give another folder")
    folder = f"{final}.partial" if is_local else filesystem.unstrip_protocol(final)
    mine = {"settings": dataclasses.asdict(settings), "input": pages.signature(found)}
    mine = json.loads(json.dumps(mine))
    theirs = sinks.read_json(f"{folder}/{_SETTINGS}")
    has_work = bool(filesystem.glob(f"{fsspec.url_to_fs(folder)[1]}/{passes.TALLIES}/*.pass1.json"))
    if theirs is not None and theirs != mine and has_work:
        raise InputError(
            f"{folder} holds a run with other settings or another input that was stopped: delete "
            "it, or give another output"
        )
    path = fsspec.url_to_fs(folder)[1]
    if theirs != mine:
        if theirs is not None:
            _clear(folder)
        sinks.write_json(f"{folder}/{_SETTINGS}", mine)
    for leftover in filesystem.glob(f"{path}/**/*{sinks.PARTIAL}"):
        filesystem.rm(leftover)
    return folder


@contextlib.contextmanager
def _watched(folder: str, shards: int) -> Iterator[None]:
    """Shows how many shards are filtered, wherever that is done; keeps the time of all starts."""
    stop = threading.Event()
    before, started = sinks.read_json(f"{folder}/{_ELAPSED}") or 0.0, time.monotonic()
    filesystem, path = fsspec.url_to_fs(folder)

    def note() -> int:
        sinks.write_json(f"{folder}/{_ELAPSED}", before + time.monotonic() - started)
        return len(filesystem.glob(f"{path}/{passes.TALLIES}/*.pass1.json"))

    def watch() -> None:
        with tqdm.tqdm(
            total=shards, desc="shards", unit="shard", disable=not sys.stderr.isatty()
        ) as bar:
            while not stop.wait(_POLL_SECONDS):
                filesystem.invalidate_cache()
                bar.update(note() - bar.n)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
        note()


# What a worker raises comes back as a RuntimeError with its name and sentence in the text.
_RAISED = re.compile(r"InputError: (.*?)(?: \[while running.*)?$", re.MULTILINE)


@contextlib.contextmanager
def _one_sentence(output: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if isinstance(error, InputError):
            sentence = re.sub(r" \[while running [^\]]*\]", "", str(error))
            raise InputError(sentence) from error
        if re.match(r"KeyboardInterrupt( \[while running|$)", str(error)):
            raise KeyboardInterrupt from error  # Beam makes a RuntimeError of it
        if raised := _RAISED.search(str(error)):
            raise InputError(raised[1]) from error
        full = [os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT)]
        if any(words in str(error) for words in full):
            raise InputError(
                f"the disk of {output} is full: make room and start again, finished shards are kept"
            ) from error
        raise
