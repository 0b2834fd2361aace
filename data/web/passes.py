"""The two passes over a shard: pages to filtered documents, filtered documents to the output.

Between them stands the search for duplicates, which needs all shards. However many pages a shard
has, they cost no memory: they are read, filtered and written one by one. Every file depends on the
shard and the settings alone; the last one written, a tally, says that the others are whole, so that
a run that was stopped goes on with the shards that have none.
"""

import collections
import heapq
import operator
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow

from data.web import funnel, layout, pages, sinks, steps
from data.web.decisions import Drop
from data.web.settings import READ

FILTERED = "filtered"
TALLIES = "tallies"

TEXT, BAND, SKETCH = "text", "band", "sketch"
_SIGNATURE = ["id", "text_hash", "bands", "sketch"]
# Characters of a page's text that an example shows.
_EXCERPT = 400

DOCUMENT = pyarrow.schema(
    [
        pyarrow.field("id", pyarrow.int64()),
        pyarrow.field("url", pyarrow.string()),
        pyarrow.field("date", pyarrow.string()),
        pyarrow.field("language", pyarrow.string()),
        pyarrow.field("language_score", pyarrow.float32()),
        pyarrow.field("quality_score", pyarrow.float32()),
        pyarrow.field("text", pyarrow.large_string()),
    ]
)
# What the search for duplicates needs besides: a key of the text, one of every band, and a byte of
# every hash of the signature.
FILTERED_DOCUMENT = pyarrow.schema(
    [
        *DOCUMENT,
        pyarrow.field("text_hash", pyarrow.binary()),
        pyarrow.field("bands", pyarrow.list_(pyarrow.binary())),
        pyarrow.field("sketch", pyarrow.binary()),
    ]
)
LEDGER = pyarrow.schema(
    [
        pyarrow.field("id", pyarrow.int64()),
        pyarrow.field("url", pyarrow.string()),
        pyarrow.field("step", pyarrow.string()),
        pyarrow.field("reason", pyarrow.string()),
        pyarrow.field("figure", pyarrow.float64()),
        # Of a copy: the page that it is a copy of.
        pyarrow.field("kept_id", pyarrow.int64()),
    ]
)


def filter_shard(shard: pages.Shard, chain: steps.Chain, folder: str) -> None:
    """The first pass: every step that looks at one page alone."""
    done = _tally_path(folder, shard.number, 1)
    if sinks.read_json(done) is not None:
        return
    tally = funnel.Tally()
    problems: collections.Counter = collections.Counter()
    settings = chain.settings
    found = pages.read(shard, settings.max_page_bytes, settings.text_key, problems)
    with (
        sinks.table(_filtered(folder, shard.number), FILTERED_DOCUMENT) as kept,
        sinks.table(_filtered_drops(folder, shard.number), LEDGER) as dropped,
    ):
        while (page := steps.timed(tally, READ, next, found, None)) is not None:
            document = steps.Document.of(page)
            drop = chain.filter(document, tally)
            if drop is None:
                kept.add({name: getattr(document, name) for name in FILTERED_DOCUMENT.names})
            else:
                dropped.add(_count_drop(tally, page.id, page.url, drop, document.text or ""))
    tally.counts.update(problems)
    sinks.write_json(done, tally.to_dict())


def finish_shard(
    number: int,
    removed: Mapping[int, tuple[str, int]],
    chain: steps.Chain,
    folder: str,
) -> dict[str, Any]:
    """The second pass: without the copies, through the steps that come after.

    Args:
        number: a shard that has been filtered.
        removed: of this shard's pages, id -> the step that found it to be a copy, the id kept.

    Returns:
        The tally of both passes.
    """
    done = _tally_path(folder, number, 2)
    if (finished := sinks.read_json(done)) is not None:
        return finished
    tally = funnel.Tally()
    format_ = chain.settings.format
    name = f"{number:05d}{sinks.SUFFIXES[format_]}"
    with (
        sinks.table(f"{folder}/{layout.DOCUMENTS}/{name}", DOCUMENT, format_) as kept,
        sinks.table(f"{folder}/{layout.DROPPED}/{number:05d}.parquet", LEDGER) as dropped,
    ):
        copies = _without_copies(folder, number, removed, tally, kept, chain)
        earlier = sinks.rows(_filtered_drops(folder, number))
        for row in heapq.merge(earlier, copies, key=operator.itemgetter("id")):
            dropped.add(row)
    whole = funnel.merged([sinks.read_json(_tally_path(folder, number, 1)), tally.to_dict()])
    sinks.write_json(done, whole)
    return whole


def _without_copies(
    folder: str,
    number: int,
    removed: Mapping[int, tuple[str, int]],
    tally: funnel.Tally,
    kept: sinks.Table,
    chain: steps.Chain,
) -> Iterator[dict[str, Any]]:
    """Writes what is kept of a filtered shard; yields the ledger's rows of what is not."""
    for row in sinks.rows(_filtered(folder, number), columns=DOCUMENT.names):
        step, kept_id = removed.get(row["id"], ("", 0))
        size = len(row["text"].encode())
        for passed in chain.duplicates:
            if passed == step:
                drop = Drop(step, "copy")
                ledger = _count_drop(tally, row["id"], row["url"], drop, row["text"])
                yield ledger | {"kept_id": kept_id}
                break
            tally.left(passed, size, is_text=True)
        else:
            row["text"] = chain.edit(row["text"], tally)
            tally.example(funnel.KEPT, _example(row["id"], row["url"], row["text"]))
            kept.add(row)


def signatures(shard: pages.Shard, folder: str) -> Iterator[tuple[str, bytes | int, Any]]:
    """What is shuffled of a filtered shard's documents: (kind, key, value), of three kinds.

    TEXT: a key of the text, the document's id. BAND: a key of a band, the id. Both keys hold the
    dump, so that only pages of one dump meet: as in FineWeb (arXiv 2406.17557, section 3.4), which
    found that copies removed across dumps cost quality. SKETCH: the id, the signature's low bytes.
    """
    dump = shard.dump.encode()
    for row in sinks.rows(_filtered(folder, shard.number), _SIGNATURE):
        if row["text_hash"]:
            yield TEXT, row["text_hash"] + dump, row["id"]
        if row["sketch"]:
            yield SKETCH, row["id"], row["sketch"]
        for band in row["bands"]:
            yield BAND, band + dump, row["id"]


def _count_drop(tally: funnel.Tally, id_: int, url: str, drop: Drop, text: str) -> dict[str, Any]:
    """Counts a drop; returns its row of the ledger."""
    tally.dropped(drop.step, drop.reason)
    example = _example(id_, url, text) | {"reason": drop.reason, "figure": drop.figure}
    tally.example(drop.step, example)
    return {"id": id_, "url": url, "step": drop.step, "reason": drop.reason, "figure": drop.figure}


def _example(id_: int, url: str, text: str) -> dict[str, Any]:
    return {"id": id_, "url": url, "text": text[:_EXCERPT]}


def _filtered(folder: str, number: int) -> str:
    return f"{folder}/{FILTERED}/{number:05d}.parquet"


def _filtered_drops(folder: str, number: int) -> str:
    return f"{folder}/{FILTERED}/{number:05d}.dropped.parquet"


def _tally_path(folder: str, number: int, which: int) -> str:
    return f"{folder}/{TALLIES}/{number:05d}.pass{which}.json"
