"""What a compiled program sends between chips, read off its text.

The text is XLA's for one chip of a TPU slice, optimised and scheduled. A collective stands there
once, however often the loops around it run, so its count is the product of their trip counts. Two
things hide: a reduce-scatter is an all-reduce inside a fusion that calls
"all-reduce-scatter", and a collective that overlaps with matrix products is cut into several
pieces, which share its channel number.
"""

import collections
import dataclasses
import math
import re

_BITS = {"pred": 8, "bf16": 16}
_SHAPE = re.compile(r"\b(pred|bf16|[suf]\d+)(?:e\d\w*)?\[([\d,]*)\]")
_HEADER = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
_KINDS = ("all-gather", "all-reduce", "reduce-scatter", "all-to-all", "collective-permute")
_COLLECTIVE = re.compile(rf"= (.+?) ({'|'.join(_KINDS)})(-start)?\(")
_CALLED = re.compile(r"\b(?:calls|to_apply|body|condition)=%?([\w.\-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_WHILE = re.compile(r" while\(.*condition=%?([\w.\-]+), body=%?([\w.\-]+)")


@dataclasses.dataclass(frozen=True)
class Collective:
    """One collective of one step.

    `size` is in bytes: of the gathered array for an all-gather, of the array before it is
    scattered for a reduce-scatter, of what a chip holds for the others. It runs `count` times,
    each time among `group` chips.
    """

    kind: str
    size: int
    group: int
    count: int

    @property
    def sent(self) -> float:
        """Bytes that a chip sends in one step, by the ring algorithms that are optimal for it."""
        share = {"all-reduce": 2.0, "collective-permute": 1.0}.get(self.kind, 1.0)
        if self.kind != "collective-permute":
            share *= (self.group - 1) / self.group
        return share * self.size * self.count


def collectives(program: str) -> list[Collective]:
    """The collectives of a program, as `jax.stages.Compiled.as_text()` gives it; alike ones are
    added up, and the largest come first."""
    computations = _computations(program)
    counts = _run_counts(computations)
    found: dict[str, Collective] = {}
    for name, lines in computations.items():
        for number, line in enumerate(lines):
            match = _COLLECTIVE.search(line)
            if match is None or not counts[name]:
                continue
            shape, kind, start = match.groups()
            group = _group(line)
            size = _bytes(shape, largest=start is not None)
            if kind == "reduce-scatter":
                size *= group  # its shape is that of a chip's part
            if kind == "all-reduce" and "all-reduce-scatter" in name:
                kind = "reduce-scatter"
            channel = re.search(r"channel_id=(\d+)", line)
            key = f"{kind} {channel[1]}" if channel else f"{name} {number}"
            if key not in found or found[key].count < counts[name]:
                found[key] = Collective(kind, size, group, counts[name])
    alike: collections.Counter[tuple[str, int, int]] = collections.Counter()
    for one in found.values():
        alike[one.kind, one.size, one.group] += one.count
    return sorted(
        (Collective(*key, count) for key, count in alike.items() if key[2] > 1),
        key=lambda one: -one.sent,
    )


def _computations(program: str) -> dict[str, list[str]]:
    """Name -> instructions. The entry's name is ""."""
    computations: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in program.splitlines():
        if (header := _HEADER.match(line)) is not None:
            entry, name = header.groups()
            lines = computations.setdefault("" if entry else name, [])
        elif line.startswith("  "):
            lines.append(line)
    return computations


def _run_counts(computations: dict[str, list[str]]) -> dict[str, int]:
    """How often each computation runs in one run of the entry."""
    calls: dict[str, list[tuple[str, int]]] = {name: [] for name in computations}
    for name, lines in computations.items():
        for line in lines:
            loop = _WHILE.search(line)
            trips = _trips(line, computations.get(loop[1], [])) if loop else 1
            called = _CALLED.findall(line)
            for branches in _BRANCHES.findall(line):
                called += [branch.strip().lstrip("%") for branch in branches.split(",")]
            calls[name] += [(callee, trips) for callee in called if callee in computations]

    counts = dict.fromkeys(computations, 0)

    def run(name: str, times: int) -> None:
        counts[name] += times
        for callee, trips in calls[name]:
            run(callee, times * trips)

    run("", 1)
    return counts


def _trips(loop: str, condition: list[str]) -> int:
    """How often a loop runs: XLA's own word, or the one constant its counter is compared with
    (loops that lax.scan and XLA make count up from 0). 1 where it cannot be told."""
    known = re.search(r'known_trip_count":\{"n":"(\d+)"', loop)
    if known is not None:
        return int(known[1])
    limits = [
        int(n) for line in condition for n in re.findall(r"[su]32\[\].* constant\((\d+)\)", line)
    ]
    return limits[0] if len(limits) == 1 else 1


def _group(line: str) -> int:
    """Number of chips that take part together; that send, for a permutation."""
    if (mesh := re.search(r"replica_groups=mesh\[([^\]]*)\] \{([^}]*)\}", line)) is not None:
        sizes = dict(re.findall(r"'([^']+)'=(\d+)", mesh[1]))
        return math.prod(int(sizes[axis]) for axis in re.findall(r"'([^']+)'", mesh[2]))
    if (iota := re.search(r"replica_groups=\[\d+,(\d+)\]<=", line)) is not None:
        return int(iota[1])
    if (listed := re.search(r"replica_groups=\{\{([\d,]*)\}", line)) is not None:
        return listed[1].count(",") + 1
    return line.partition("source_target_pairs=")[2].partition("}}")[0].count("{") - 1


def _bytes(shape: str, largest: bool) -> int:
    """Bytes of an array or of all arrays of a tuple; of the largest for an operation that has only
    started, whose tuple holds what goes in, what comes out and what it waits on."""
    sizes = [
        math.prod(int(n) for n in dims.split(",") if n) * (_BITS.get(kind) or int(kind[1:])) // 8
        for kind, dims in _SHAPE.findall(shape)
    ]
    return max(sizes) if largest else sum(sizes)
