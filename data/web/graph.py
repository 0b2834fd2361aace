"""The pipeline as Beam has it: from shards to the sum of their tallies.

    shards ─ filter ─┬─ signatures ─ group ─ pairs ─ clusters ─┐
                     └────────────────────────── join by shard ─ finish ─ sum

Portable transforms only; no step depends on being in one process with another.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam

from data.web import clusters, funnel, lookups, pages, passes, sinks, steps
from data.web.settings import DUPLICATES, Settings

SUM = f"{passes.TALLIES}/sum.json"
# Seconds before a shard that could not be read is tried again: the web asks for patience.
_PAUSES = (5.0, 60.0)


class FilterShard(beam.DoFn):
    """Shard -> the same shard, once it is filtered into its file."""

    def __init__(self, settings: Settings, folder: str):
        self._settings, self._folder = settings, folder

    def setup(self) -> None:
        # Lists and models are opened once a worker, not once a page.
        self._chain = lookups.chain(self._settings, self._folder)

    def teardown(self) -> None:
        self._chain.close()

    def process(self, shard: pages.Shard) -> Iterator[pages.Shard]:
        # What was read before is read anew: a shard is filtered whole or not at all.
        for pause in (*_PAUSES, None):
            try:
                passes.filter_shard(shard, self._chain, self._folder)
                break
            except pages.Unreadable:
                if pause is None:
                    raise
                time.sleep(pause)
        yield shard


class FinishShard(beam.DoFn):
    """(shard number, what was found of it) -> the shard's tally, as JSON."""

    def __init__(self, settings: Settings, folder: str):
        self._settings, self._folder = settings, folder

    def setup(self) -> None:
        self._chain = steps.Chain(self._settings)  # only what edits kept text is used

    def process(self, found: tuple[int, Mapping[str, Iterable[Any]]]) -> Iterator[str]:
        number, groups = found
        # A page that is an exact copy and a near one counts as exact, the earlier step.
        removed: dict[int, tuple[str, int]] = {}
        for step in DUPLICATES:
            for id_, kept in groups[step]:
                removed.setdefault(id_, (step, kept))
        tally = passes.finish_shard(number, removed, self._chain, self._folder)
        yield json.dumps(tally)


class Signatures(beam.DoFn):
    """Filtered shard -> (key, value) of its documents, an output a kind of key."""

    def __init__(self, folder: str):
        self._folder = folder

    def process(self, shard: pages.Shard) -> Iterator[Any]:
        for kind, key, value in passes.signatures(shard, self._folder):
            yield beam.pvalue.TaggedOutput(kind, (key, value))


def build(
    pipeline: beam.Pipeline, found: list[pages.Shard], settings: Settings, folder: str
) -> None:
    """Everything from shards to the sum of their tallies, which is written to `folder`."""
    filtered = (
        pipeline
        | "shards" >> beam.Create(found)
        | "spread" >> beam.Reshuffle()
        | "filter" >> beam.ParDo(FilterShard(settings, folder))
    )
    signatures = filtered | "signatures" >> beam.ParDo(Signatures(folder)).with_outputs(
        passes.TEXT, passes.BAND, passes.SKETCH
    )
    exact = (
        signatures[passes.TEXT]
        | "same text" >> beam.GroupByKey()
        | "exact copies" >> beam.FlatMap(_exact_copies)
    )
    near = (
        signatures[passes.BAND]
        | "same band" >> beam.GroupByKey()
        | "candidates" >> beam.FlatMap(_candidates)
        | "each pair once" >> beam.Distinct()
        | "similar" >> SimilarPairs(signatures[passes.SKETCH], settings.near_similarity)
        # All to one worker: a cluster may span any number of shards.
        | "one place" >> beam.Map(lambda pair: (0, pair))
        | "together" >> beam.GroupByKey()
        | "clusters" >> beam.FlatMap(lambda group: clusters.copies(group[1]))
    )
    of_shards = {"shard": filtered | "numbers" >> beam.Map(lambda shard: (shard.number, None))}
    for step, copies in zip(DUPLICATES, (exact, near), strict=True):
        of_shards[step] = copies | f"{step} by shard" >> beam.Map(
            lambda copy: (copy[0] >> pages.PAGE_BITS, copy)
        )
    _ = (
        of_shards
        | "join" >> beam.CoGroupByKey()
        | "finish" >> beam.ParDo(FinishShard(settings, folder))
        | "sum" >> beam.CombineGlobally(_sum)
        | "write the sum" >> beam.Map(_write_sum, folder)
    )


class SimilarPairs(beam.PTransform):
    """Pairs of ids -> those whose sketches say that their similarity is `least` or more.

    At similarity 0.5 one pair in nine shares a band; such pages are no copies of each other. Each
    sketch goes to its id's pairs, first as the left one, then as the right one, and is shuffled
    twice in all.
    """

    def __init__(self, sketches: beam.PCollection, least: float):
        super().__init__()
        self._sketches, self._least = sketches, least

    def expand(self, pairs: beam.PCollection) -> beam.PCollection:
        if self._least <= 0:
            return pairs
        lefts = {"sketch": self._sketches, "pairs": pairs}
        rights = {
            "sketch": self._sketches,
            "pairs": lefts | "left" >> beam.CoGroupByKey() | beam.FlatMap(_with_left_sketch),
        }
        return (
            rights
            | "right" >> beam.CoGroupByKey()
            | "compare" >> beam.FlatMap(_similar, self._least)
        )


def _with_left_sketch(
    found: tuple[int, Mapping[str, Iterable[Any]]],
) -> Iterator[tuple[int, tuple[int, bytes]]]:
    left, groups = found
    sketch = next(iter(groups["sketch"]))
    for right in groups["pairs"]:
        yield right, (left, sketch)


def _similar(
    found: tuple[int, Mapping[str, Iterable[Any]]], least: float
) -> Iterator[tuple[int, int]]:
    right, groups = found
    sketch = next(iter(groups["sketch"]))
    for left, other in groups["pairs"]:
        if steps.sketched_similarity(sketch, other) >= least:
            yield left, right


def _exact_copies(group: tuple[bytes, Iterable[int]]) -> Iterator[tuple[int, int]]:
    """(id, kept id) of all but the first of the pages with one text."""
    ids = sorted(group[1])
    for id_ in ids[1:]:
        yield id_, ids[0]


def _candidates(group: tuple[bytes, Iterable[int]]) -> Iterator[tuple[int, int]]:
    """Pairs that connect the pages of one band: the first with every other, and neighbours.

    Not all pairs, of which a band of a million pages has too many. Neighbours are there for the
    case that the first is in the band by chance and will not be found similar.
    """
    ids = sorted(group[1])
    for place, id_ in enumerate(ids[1:]):
        yield ids[0], id_
        if place:
            yield ids[place], id_


def _sum(tallies: Iterable[str]) -> str:
    return json.dumps(funnel.merged([json.loads(tally) for tally in tallies]))


def _write_sum(total: str, folder: str) -> None:
    sinks.write_json(f"{folder}/{SUM}", json.loads(total))
