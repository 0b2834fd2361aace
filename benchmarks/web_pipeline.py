"""Pages per second of the web pipeline against datatrove's, and how its cost grows.

    python -m benchmarks.web_pipeline --input='crawl/*.warc.gz' \\
        [--datatrove-python=DIR/bin/python --language-model=lid.176.ftz] [--rounds=3] [--copies=16]

Both sides take the same WARC files, copied under other URLs into one file, through the same chain:
URL filter with the same lists of words, trafilatura, language, Gopher repetition and quality, C4,
FineWeb, MinHash of 112 hashes, personal data, compressed files; one worker. They take turns, and
medians are compared, of CPU seconds: the machine may have other guests. Starting an interpreter is
not counted, loading of libraries on the way, lists and models is: give enough copies. They are in
one file because datatrove loads its extractor anew for each, which files of a real crawl, a
thousand times as long, do not show. What is remembered from one page to the next is words, not
pages: that copies are copies saves 0.3 ms a page.

Extraction is trafilatura's `fast` mode here, with resiliparse for short texts; for datatrove it is
FineWeb's setting, the thorough mode with precision favoured, and with --same-extraction the fast
one.

datatrove needs an environment of its own, with trafilatura, fasttext-numpy2-wheel, spacy,
warcio, faust-cchardet, python-magic, pyahocorasick, tldextract, fasteners, tokenizers, orjson and
xxhash < 4; it would download the language model, which is not counted, so it is named here.

Then the cost of every step here, and time and peak memory from 1 to 8 times the input.
"""

import argparse
import collections
import glob
import gzip
import io
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

SCALES = (1, 2, 4, 8)


def main() -> None:
    options = _options()
    if options.side:
        print(json.dumps(SIDES[options.side](options)))
        return
    with tempfile.TemporaryDirectory() as folder:
        crawl = _copied(options.input, pathlib.Path(folder) / "crawl", options.copies, files=1)
        if options.datatrove_python:
            _compare(options, crawl, folder)
        _steps(_run(options, "primer", crawl, folder))
        _growth(options, folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--input", required=True, help="a glob of WARC files")
    parser.add_argument("--copies", type=int, default=16, help="of the input in a file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--datatrove-python", help="leave out: no comparison")
    parser.add_argument("--language-model", help="lid.176.ftz, for datatrove")
    parser.add_argument("--same-extraction", action="store_true")
    parser.add_argument("--output", help=argparse.SUPPRESS)
    parser.add_argument("--side", choices=tuple(SIDES), help=argparse.SUPPRESS)
    return parser.parse_args()


def _copied(pattern: str, folder: pathlib.Path, copies: int, files: int) -> str:
    """Files of copies of WARC files, in which every URL has the copy's number in front of its host.

    Texts are the same in all copies: what the search for duplicates must do grows with the copies.
    """
    folder.mkdir()
    paths = sorted(glob.glob(pattern))
    if not paths:
        sys.exit(f"error: no file matches {pattern}: check --input")
    for number in range(files):
        with open(folder / f"{number:03d}.warc.gz", "wb") as file:
            for copy in range(copies):
                for path in paths:
                    file.write(_renamed(path, f"//copy{number * copies + copy}."))
    return str(folder)


def _renamed(path: str, prefix: str) -> bytes:
    from data.web import warc

    packed = io.BytesIO()
    with open(path, "rb") as file:
        for record in warc.records(file, 1 << 30):
            if record.kind != "response":
                continue
            header = (
                "WARC/1.0\r\nWARC-Type: response\r\n"
                f"WARC-Target-URI: {record.url.replace('//', prefix, 1)}\r\n"
                f"WARC-Date: {record.date}\r\nWARC-Record-ID: <urn:uuid:{packed.tell()}>\r\n"
                "WARC-Identified-Payload-Type: text/html\r\n"
                "Content-Type: application/http; msgtype=response\r\n"
                f"Content-Length: {len(record.block)}\r\n\r\n"
            )
            packed.write(gzip.compress(header.encode() + record.block + b"\r\n\r\n"))
    return packed.getvalue()


def _run(options: argparse.Namespace, side: str, crawl: str, folder: str) -> dict:
    """One run of one side in a process of its own."""
    python = options.datatrove_python if side == "datatrove" else sys.executable
    output = pathlib.Path(folder) / "output"
    shutil.rmtree(output, ignore_errors=True)
    command = [python, __file__, f"--side={side}", f"--input={crawl}", f"--output={output}"]
    if options.language_model:
        command.append(f"--language-model={os.path.abspath(options.language_model)}")
    if options.same_extraction:
        command.append("--same-extraction")
    root = str(pathlib.Path(__file__).resolve().parents[1])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: the side {side} failed:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _compare(options: argparse.Namespace, crawl: str, folder: str) -> None:
    rates = collections.defaultdict(list)
    for _ in range(options.rounds):
        for side in ("primer", "datatrove"):
            figures = _run(options, side, crawl, folder)
            rates[side].append(figures["pages"] / figures["cpu_seconds"])
            print(
                f"{side:10} {figures['pages']} pages, {figures['kept']} kept, "
                f"{figures['cpu_seconds']:.1f} s CPU, {figures['seconds']:.1f} s, "
                f"{figures['peak_mb']:.0f} MB",
                flush=True,
            )
    medians = {side: statistics.median(of_side) for side, of_side in rates.items()}
    for side, median in medians.items():
        print(f"{side:10} {median:.1f} pages per CPU second")
    print(f"ratio      {medians['primer'] / medians['datatrove']:.2f}")


def _steps(figures: dict) -> None:
    total = sum(figures["step_seconds"].values())
    print(f"\nCPU by step, {figures['cpu_seconds'] - total:.1f} s in Beam and files besides")
    for step, seconds in sorted(figures["step_seconds"].items(), key=lambda item: -item[1]):
        print(f"  {step:20} {seconds:8.2f} s {seconds / total:7.1%}")


def _growth(options: argparse.Namespace, folder: str) -> None:
    print("\ninput     pages   CPU s   CPU ms a page   peak MB")
    first = None
    for scale in SCALES:
        crawl = pathlib.Path(folder) / f"crawl{scale}"
        _copied(options.input, crawl, options.copies, files=scale)
        figures = _run(options, "primer", str(crawl), folder)
        shutil.rmtree(crawl)
        first = first or figures
        print(
            f"{scale:4}× {figures['pages']:9} {figures['cpu_seconds']:7.1f} "
            f"{1000 * figures['cpu_seconds'] / figures['pages']:15.1f} {figures['peak_mb']:9.0f}",
            flush=True,
        )
    growth = figures["peak_mb"] / first["peak_mb"]
    print(f"peak memory at {SCALES[-1]}× over 1×: {growth:.2f}")


# --- the two sides, each in a process of its own ------------------------------------------------


def _primer(options: argparse.Namespace) -> dict:
    from data.web import funnel, pipeline, settings, sinks

    clock = _Clock()
    folder, account = pipeline.build(options.input, options.output, settings.Settings())
    pipeline.publish(folder, options.output, account)
    figures = clock.figures()
    seconds = sinks.read_json(f"{options.output}/{funnel.TIMINGS}")
    counts = {"pages": account["pages_in"], "kept": account["pages_kept"]}
    return figures | counts | {"step_seconds": seconds}


def _datatrove(options: argparse.Namespace) -> dict:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import minhash
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
        LanguageFilter,
        URLFilter,
    )
    from datatrove.pipeline.formatters import PIIFormatter
    from datatrove.pipeline.readers import ParquetReader, WarcReader
    from datatrove.pipeline.writers import ParquetWriter
    from datatrove.utils import lid
    from datatrove.utils.logging import logger

    logger.remove()
    lid.cached_asset_path_or_download = lambda *_, **__: options.language_model
    extraction = {"timeout": 60, "deduplicate": False}
    if options.same_extraction:
        extraction |= {"favour_precision": False, "fast": True}
    root = pathlib.Path(options.output)
    filtered, shards = str(root / "filtered"), len(os.listdir(options.input))
    signatures, buckets, removed = (str(root / name) for name in ("sigs", "buckets", "remove"))
    config = minhash.MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
    clock = _Clock()
    first = [
        WarcReader(options.input, glob_pattern="*.warc.gz"),
        # Its own blocklist would be read anew by every task, 20 seconds each: not counted.
        URLFilter(use_integrated_lists=False, **_url_words()),
        Trafilatura(**extraction),
        LanguageFilter(languages=["en"], language_threshold=0.65),
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
        ParquetWriter(filtered),
    ]
    stages = [
        (first, shards),
        (
            [ParquetReader(filtered), minhash.MinhashDedupSignature(signatures, config=config)],
            shards,
        ),
        ([minhash.MinhashDedupBuckets(signatures, buckets, config=config)], config.num_buckets),
        ([minhash.MinhashDedupCluster(buckets, removed, config=config)], 1),
        (
            [
                ParquetReader(filtered),
                minhash.MinhashDedupFilter(input_folder=removed),
                PIIFormatter(),
                ParquetWriter(str(root / "documents")),
            ],
            shards,
        ),
    ]
    for number, (stage, tasks) in enumerate(stages):
        # One worker runs its tasks in this process, one after the other.
        LocalPipelineExecutor(
            pipeline=stage, tasks=tasks, workers=1, logging_dir=str(root / "logs" / str(number))
        ).run()
    figures = clock.figures()
    import pyarrow.parquet

    kept = sum(
        pyarrow.parquet.ParquetFile(path).metadata.num_rows
        for path in (root / "documents").rglob("*.parquet")
    )
    return figures | {"pages": _responses(options.input), "kept": kept}


def _url_words() -> dict[str, set[str]]:
    lists = pathlib.Path(__file__).resolve().parents[1] / "data" / "web" / "lists"
    arguments = {
        "banned_words": "banned_words",
        "soft_banned_words": "soft_words",
        "banned_subwords": "banned_substrings",
    }
    return {
        argument: {
            line.strip()
            for line in (lists / f"{name}.txt").read_text(encoding="utf-8").splitlines()
            if line.strip() and not line.startswith("#")
        }
        for argument, name in arguments.items()
    }


def _responses(folder: str) -> int:
    return sum(
        gzip.decompress(path.read_bytes()).count(b"WARC-Type: response\r\n")
        for path in pathlib.Path(folder).iterdir()
    )


class _Clock:
    """Wall and CPU time since it was made, and the peak memory, children included."""

    def __init__(self):
        self._wall, self._cpu = time.monotonic(), self._used()

    @staticmethod
    def _used() -> float:
        return sum(
            resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )

    def figures(self) -> dict:
        peak = max(
            resource.getrusage(who).ru_maxrss
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        return {
            "seconds": time.monotonic() - self._wall,
            "cpu_seconds": self._used() - self._cpu,
            "peak_mb": peak / 1024 / (1024 if sys.platform == "darwin" else 1),
        }


SIDES = {"primer": _primer, "datatrove": _datatrove}

if __name__ == "__main__":
    main()
