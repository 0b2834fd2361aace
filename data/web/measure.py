"""The filters against what was planted: precision and recall of every step.

A made crawl says what is wrong with each of its pages, one JSON object a line in labels.jsonl:

    {"url": "http://a.example/1", "drop": ["language"], "may": ["quality"]}
    {"url": "http://b.example/2", "copy_of": "http://c.example/3", "similarity": 0.9}
    {"url": "http://d.example/4", "pii": ["ann@mail.example"], "not_pii": ["1.2.3"]}

Keys but "url" may be missing. "drop" names the steps, by the names of `STEPS`, each of which must
drop the page if it gets there; "may" those that would not be wrong to, whichever step it is.
"similarity" is the Jaccard similarity of a copy's shingles with its original's, 1 where the texts
are the same. "pii" are strings that must not be left in the page's text, "not_pii" strings that
must, if they were in it.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from data.web import layout, sinks

# The names that are published -> the steps of the ledger.
STEPS = {
    "urls": ("urls",),
    "language": ("language",),
    "quality": ("gopher_repetition", "gopher_quality", "c4", "fineweb", "classifier"),
    "exact_duplicates": ("exact_duplicates",),
    "near_duplicates": ("near_duplicates",),
}
# Steps as pages meet them, with those that are not judged.
_ORDER = ("read", "urls", "extraction", *tuple(STEPS)[1:], "pii")
# From here up a copy ought to be found; below, one that is removed was removed wrongly. Between
# them either is right.
FOUND_FROM = 0.85
WRONG_BELOW = 0.5
LOOSE_COPIES = "web/loose_copies_removed"

Labels = Mapping[str, Mapping[str, Any]]


def measure(labels: Labels, dropped: Mapping[str, str]) -> dict[str, float]:
    """Precision and recall of the steps that drop pages, under "web/STEP_precision" and "_recall".

    And, as `LOOSE_COPIES`, the share that is removed of copies with a similarity below WRONG_BELOW.

    A step is judged on the pages that reached it. A figure that nothing can be said about, for
    want of pages, is left out.

    Args:
        labels: by URL.
        dropped: URL -> the step of the ledger, of every page dropped.
    """
    published = {step: name for name, steps in STEPS.items() for step in steps}
    met = {url: published.get(step, step) for url, step in dropped.items()}
    figures = {}
    for name in ("urls", "language", "quality"):
        reached = [url for url in labels if _reaches(met.get(url), name)]
        planted = {url for url in reached if name in labels[url].get("drop", ())}
        found = {url for url, step in met.items() if step == name}
        allowed = {url for url in found if name in labels.get(url, {}).get("may", ())}
        right = len(found & (planted | allowed))
        figures |= _figures(name, right, len(found), len(planted & found), planted)
    for name in ("exact_duplicates", "near_duplicates"):
        figures |= _duplicates(name, labels, met)
    return figures | _loose_copies(labels, met)


def _reaches(step: str | None, name: str) -> bool:
    """Whether a page dropped by `step` (None: kept) was seen by the step `name`."""
    return step is None or _ORDER.index(step) >= _ORDER.index(name)


def _duplicates(name: str, labels: Labels, met: Mapping[str, str]) -> dict[str, float]:
    """A pair counts as found when either of its pages is gone: which one stays is not judged."""
    to_find, justified = [], set()
    for url, label in labels.items():
        original = label.get("copy_of")
        if original is None:
            continue
        pair = (url, original)
        similarity = label["similarity"]
        is_exact = similarity == 1.0
        if is_exact if name == "exact_duplicates" else similarity >= WRONG_BELOW:
            justified.update(pair)
        wanted = is_exact == (name == "exact_duplicates") and similarity >= FOUND_FROM
        if wanted and all(_reaches(met.get(page), name) for page in pair):
            to_find.append(pair)
    removed = {url for url, step in met.items() if step == name}
    # It may be the copy or its original that goes.
    for url, label in labels.items():
        if name in label.get("may", ()):
            justified.update((url, label.get("copy_of") or url))
    found = sum(not removed.isdisjoint(pair) for pair in to_find)
    return _figures(name, len(removed & justified), len(removed), found, to_find)


def _loose_copies(labels: Labels, met: Mapping[str, str]) -> dict[str, float]:
    """The share that is removed of the copies which are too unlike their originals to be."""
    name = "near_duplicates"
    loose = [
        url
        for url, label in labels.items()
        if label.get("copy_of") and label["similarity"] < WRONG_BELOW
        if _reaches(met.get(url), name)
    ]
    removed = sum(met.get(url) == name for url in loose)
    return {LOOSE_COPIES: removed / len(loose)} if loose else {}


def _figures(
    name: str, right: int, removed: int, found: int, planted: Iterable[Any]
) -> dict[str, float]:
    figures = {}
    if removed:
        figures[f"web/{name}_precision"] = right / removed
    if number := len(list(planted)):
        figures[f"web/{name}_recall"] = found / number
    return figures


def measure_pii(labels: Labels, texts: Iterable[tuple[str, str]]) -> dict[str, float]:
    """The same for personal data, from (URL, text) of the documents that were kept."""
    gone = {"pii": 0, "not_pii": 0}
    planted = 0
    for url, text in texts:
        label = labels.get(url, {})
        planted += len(label.get("pii", ()))
        for kind in gone:
            gone[kind] += sum(string not in text for string in label.get(kind, ()))
    return _figures("pii", gone["pii"], sum(gone.values()), gone["pii"], range(planted))


def measure_output(labels_path: str, folder: str) -> dict[str, float]:
    """Both, of a crawl's labels and the folder that the pipeline wrote."""
    with open(labels_path, encoding="utf-8") as file:
        labels = {label["url"]: label for line in file if (label := json.loads(line))}
    drops = sinks.folder_rows(f"{folder}/{layout.DROPPED}", ["url", "step"])
    figures = measure(labels, {row["url"]: row["step"] for row in drops})
    documents = sinks.folder_rows(f"{folder}/{layout.DOCUMENTS}", ["url", "text"])
    return figures | measure_pii(labels, ((row["url"], row["text"]) for row in documents))
