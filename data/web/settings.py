"""Every setting of the web pipeline, in one place: `config.web`, and --web.KEY on the command line.

The settings of a filter, their values and where those were published stand with the filter.
"""

import dataclasses
from typing import Any

from ml_collections import ConfigDict

from data.errors import InputError
from data.web import c4, classifier, fineweb, gopher, language, sinks, urls
from data.web.c4 import C4
from data.web.classifier import Classifier
from data.web.duplicates import MinHash
from data.web.extract import Extraction
from data.web.fineweb import FineWeb
from data.web.gopher import Quality, Repetition
from data.web.language import Language
from data.web.pii import Pii
from data.web.urls import Urls

# The steps that have no module to name them.
READ = "read"
EXACT, NEAR = DUPLICATES = ("exact_duplicates", "near_duplicates")
PII = "pii"


SKIPPABLE = (
    urls.STEP,
    language.STEP,
    gopher.REPETITION,
    gopher.QUALITY,
    c4.STEP,
    fineweb.STEP,
    classifier.STEP,
    *DUPLICATES,
    PII,
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Every setting of the pipeline; a step's own are described where the step is."""

    # Of the documents: "parquet", or "jsonl" packed with gzip.
    format: str = "parquet"
    # The field of JSONL and Parquet input that holds the text.
    text_key: str = "text"
    # Longest page taken, in bytes, before and after its content encoding is undone. Common Crawl
    # cuts pages at 5 MiB.
    max_page_bytes: int = 5 << 20
    # Steps left out, by name.
    skip: tuple[str, ...] = ()
    urls: Urls = dataclasses.field(default_factory=Urls)
    extraction: Extraction = dataclasses.field(default_factory=Extraction)
    language: Language = dataclasses.field(default_factory=Language)
    repetition: Repetition = dataclasses.field(default_factory=Repetition)
    gopher: Quality = dataclasses.field(default_factory=Quality)
    c4: C4 = dataclasses.field(default_factory=C4)
    fineweb: FineWeb = dataclasses.field(default_factory=FineWeb)
    # JSONL of {"text", "score"} to train the quality classifier from, where classifier.folder names
    # none. Both "": no classifier.
    classifier_labels: str = ""
    classifier: Classifier = dataclasses.field(default_factory=Classifier)
    minhash: MinHash = dataclasses.field(default_factory=MinHash)
    # Pages that share a band are near copies if the similarity that their signatures tell is no
    # less. Of pairs with similarity 0.8 this and the bands find 0.973, with 0.7 0.446, with 0.6
    # 0.013; FineWeb, with its bands and no second look, 0.924, 0.565 and 0.211. 0: no second look.
    near_similarity: float = 0.7
    pii: Pii = dataclasses.field(default_factory=Pii)


def defaults() -> ConfigDict:
    """All settings with their defaults, by name."""
    return ConfigDict(dataclasses.asdict(Settings()))


def from_config(web: ConfigDict) -> Settings:
    """The settings of a config's section; keys that are none are passed over.

    Raises:
        InputError: a value is out of range.
    """
    chosen = _filled(Settings, web)
    if chosen.format not in sinks.SUFFIXES:
        known = " or ".join(sinks.SUFFIXES)
        raise InputError(f"web.format is {chosen.format!r}: give {known}")
    if chosen.max_page_bytes < 1:
        raise InputError("web.max_page_bytes must be at least 1")
    unknown = set(chosen.skip) - set(SKIPPABLE)
    if unknown:
        raise InputError(
            f"web.skip names {', '.join(sorted(unknown))}: the steps are {', '.join(SKIPPABLE)}"
        )
    return chosen


def _filled(kind: type, values: ConfigDict) -> Any:
    filled = {}
    for field in dataclasses.fields(kind):
        value = values[field.name]
        if dataclasses.is_dataclass(field.type):
            value = _filled(field.type, value)
        elif isinstance(value, list):
            value = tuple(value)
        filled[field.name] = value
    return kind(**filled)
