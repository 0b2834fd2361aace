"""The tools: short programs a second, how late a hostile one ends, and the search index.

    python -m benchmarks.tools [--seconds=2] [--megabytes=4]

The Python tool, as the machine allows it, without bubblewrap, and without and with other threads,
against the same programs in a CPython process each (`python -I -S -c`), which isolates nothing but
is what a script would do first. Rounds take turns; medians.
"""

import concurrent.futures
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from unittest import mock

from absl import app, flags

from configs.defaults import get_config
from data.errors import one_line_errors
from serve.tools import search
from serve.tools.python import Limits, Sandbox

_SECONDS = flags.DEFINE_float("seconds", 2.0, "Of each measurement, in all its rounds.")
_MEGABYTES = flags.DEFINE_float("megabytes", 4.0, "Of the world that is indexed.")

ROUNDS = 5
PROGRAMS = (
    "'strawberry'.count('r')",
    "1234 * 5678",
    "sum(n * n for n in [3, 4, 5])",
    "x = 17\ny = 4\nprint(x // y, x % y)",
    "import math\nmath.sqrt(2)",
    "[word[::-1] for word in 'the cat sat'.split()]",
)
HOSTILE = (
    "while True: pass",
    "import math\nmath.gcd(2**(10**7), 3**(6 * 10**6))",
    "a = [0]\nfor i in range(30): a = [a, a]\na",
    "[0] * 10**10",
    "def f(n): return n if n < 2 else f(n - 1) + f(n - 2)\nf(60)",
)
QUERIES = ("capital of France", "atomic number of iron", "who invented the telephone", "kangaroo")


def rate(
    run: Callable[[str], object], seconds: float, texts: tuple[str, ...], threads: int
) -> float:
    """Texts a second that `threads` threads get through, each one after another."""
    end = time.perf_counter() + seconds

    def work(number: int) -> int:
        count = number
        while time.perf_counter() < end:
            run(texts[count % len(texts)])
            count += 1
        return count - number

    started = time.perf_counter()
    if threads == 1:
        done = work(0)
    else:
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            done = sum(pool.map(work, range(threads)))
    return done / (time.perf_counter() - started)


def in_a_process(code: str) -> None:
    subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, check=True)


def programs_a_second() -> None:
    sandbox = Sandbox(Limits())
    with mock.patch.object(shutil, "which", return_value=None):
        plain = Sandbox(Limits())
    contenders = {
        f"python tool, {sandbox.isolation.partition(';')[0]}": (sandbox.run, 1),
        "python tool, without bubblewrap": (plain.run, 1),
        "python tool, four threads": (sandbox.run, 4),
        "a CPython process each": (in_a_process, 1),
    }
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for run, _ in contenders.values():
        run(PROGRAMS[0])
    for _ in range(ROUNDS):
        for name, (run, threads) in contenders.items():
            rates[name].append(rate(run, _SECONDS.value / ROUNDS, PROGRAMS, threads))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    peer = medians["a CPython process each"]
    for name, value in medians.items():
        print(f"{name:45} {value:9.0f} programs/s, {value / peer:6.1f} times a process each")
    sandbox.close()
    plain.close()


def how_late() -> None:
    limits = Limits(seconds=0.5)
    sandbox = Sandbox(limits)
    for code in HOSTILE:
        started = time.perf_counter()
        result = sandbox.run(code)
        late = time.perf_counter() - started - limits.seconds
        shown = code.replace("\n", "; ")[:45]
        print(f"{shown:45} {late:+9.3f} s of the limit: {result[:45]}")
    sandbox.close()


def search_index() -> None:
    config = get_config()
    config.world.megabytes = _MEGABYTES.value
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        place = search.corpus_index(pathlib.Path(folder), config)
        seconds = time.perf_counter() - started
        size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        tool = search.search_tool(place)
        queries = rate(lambda query: tool.run({"query": query}), _SECONDS.value, QUERIES, 1)
    print(
        f"search index of {_MEGABYTES.value:g} MB of the world: {seconds:.1f} s, world included; "
        f"{size / 1e6:.1f} MB; {queries:.0f} queries/s"
    )


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unknown argument {argv[1]}")
    with one_line_errors():
        programs_a_second()
        how_late()
        search_index()


if __name__ == "__main__":
    app.run(main)
