"""How often the text of a run tells each fact of the world."""

import collections
import json
import os
import pathlib
from collections.abc import Iterator

from ml_collections import ConfigDict

from data import sources
from data.errors import InputError
from data.web import layout, sinks
from data.world import documents, plan


def of_run(config: ConfigDict, workdir: str | os.PathLike) -> dict[str, int]:
    """Fact id -> documents of the run's text that tell it; facts that none tells are missing.

    The text is the world itself (config.data.source "world") or the pages that the web pipeline
    kept of the world's own crawl ("web"). Counted from the documents' plans, without writing them.

    Raises:
        InputError: the run's text is not the world's, or its crawl is not there any more.
    """
    words = {source.spec for source in sources.parse(config.data.source)}
    if not words <= {"world", "web", *sources.PRACTICE} or (config.web.input and "web" in words):
        raise InputError(
            f"config.data.source is {config.data.source!r}: which of the world's facts it tells "
            f"is only known of the sources world, {', '.join(sources.PRACTICE)} and web (of the "
            "world's own crawl)"
        )
    counts: collections.Counter[str] = collections.Counter()
    if "world" in words:
        counts.update(documents.tellings(config.world.seed, config.world.megabytes))
    if "web" in words:
        for name in _documents_kept(pathlib.Path(workdir)):
            _, seed, index = name.split("/")
            counts.update(plan.plan(int(seed), int(index)).facts())
    return {fact: number for fact, number in counts.items() if number}


def _documents_kept(workdir: pathlib.Path) -> Iterator[str]:
    """The ids of the world's documents on the pages kept, once for each page."""
    told = {}
    labels = workdir / layout.CRAWL / layout.LABELS
    if not labels.is_file():
        raise InputError(
            f"{labels} says which of the world's facts the run's pages tell, and is not there: "
            "copy it from where the run was made, or run data.world.web"
        )
    with open(labels, encoding="utf-8") as file:
        for line in file:
            label = json.loads(line)
            told[label["url"]] = label["documents"]
    for row in sinks.folder_rows(f"{workdir / layout.OUTPUT}/{layout.DOCUMENTS}", ["url"]):
        yield from told.get(row["url"], ())
