"""The world as a web: a crawl in WARC files, with labels that say what is wrong with each page.

world-00000.warc.gz ...   the pages
labels.jsonl              one `page.Label` a line, in the order of the pages
quality.jsonl             {"text", "score"}: what a quality classifier learns from
blocklists/adult/domains  lists of hosts and URLs, in UT1's layout
"""

import json
import os
import pathlib
import sys
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import tqdm
from ml_collections import ConfigDict

from data import run_folder
from data.web import layout
from data.world.web import blocklists, crawl, examples, warc
from data.world.web.page import Label, Page

PAGES_A_FILE = 2000

pages = crawl.pages


def run(config: ConfigDict, workdir: str) -> None:
    """The stage: writes the crawl of `config.world` into `workdir`/web_crawl."""
    final = pathlib.Path(workdir) / layout.CRAWL
    if run_folder.is_done(final):
        return
    partial = run_folder.cleared_partial(final)
    kinds = write(partial, config.world.seed, config.world.megabytes)
    run_folder.mark_done(partial, dict(kinds))
    run_folder.replace_folder(partial, final)


def write(folder: str | os.PathLike, seed: int, megabytes: float) -> Counter[str]:
    """Writes a crawl and all that belongs to it into a new folder.

    Returns:
        How many pages of each kind there are.

    Raises:
        FileExistsError: the folder exists.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    labels: list[Label] = []
    with open(folder / layout.LABELS, "w", encoding="utf-8") as file:
        for number, part in enumerate(_parts(_shown(seed, megabytes))):
            name = f"world-{number:05d}.warc.gz"
            with open(folder / name, "wb") as archive:
                _write_archive(archive, name, part)
            file.writelines(crawl.line(page.label) for page in part)
            labels += [page.label for page in part]
    with open(folder / layout.SCORED, "w", encoding="utf-8") as file:
        scored = examples.examples(seed, examples.count(megabytes))
        file.writelines(json.dumps(example) + "\n" for example in scored)
    blocklists.write(str(folder / layout.BLOCKLISTS), seed, labels)
    return Counter(label.kind for label in labels)


def _write_archive(archive: BinaryIO, name: str, part: list[Page]) -> None:
    archive.write(warc.info(name, part[0].date))
    for page in part:
        archive.writelines(warc.records(page))


def _parts(found: Iterator[Page]) -> Iterator[list[Page]]:
    part: list[Page] = []
    for page in found:
        part.append(page)
        if len(part) == PAGES_A_FILE:
            yield part
            part = []
    if part:
        yield part


def _shown(seed: int, megabytes: float) -> Iterator[Page]:
    """The pages, with a bar of the good text that there is so far."""
    with tqdm.tqdm(
        total=round(megabytes, 2), desc="crawl", unit="MB", disable=not sys.stderr.isatty()
    ) as bar:
        for page in crawl.pages(seed, megabytes):
            if page.label.kind == "good":
                bar.update(round(len(page.text.encode()) / 1e6, 6))
            yield page
