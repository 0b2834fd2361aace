"""A learned score of quality, in the manner of FineWeb-Edu (arXiv 2406.17557, section 4).

There, a linear regression on the embedding of a text learns the scores that a language model has
given to 460,000 pages, and pages go whose score, rounded, is less than 3 of 5. Here the regression
stands on the words and word pairs of the text, hashed (Weinberger et al. 2009): it needs no other
model, learns from some hundred documents on and reads thousands of them a second.
"""

import dataclasses
import functools
import gzip
import io
import json
import pathlib
from collections.abc import Iterable, Iterator

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import xxhash

from data import run_folder
from data.errors import InputError
from data.web.decisions import Drop
from data.web.duplicates import normalized_words
from data.web.ngrams import ngram_hashes, word_hashes


@dataclasses.dataclass(frozen=True)
class Classifier:
    """How the score is learned and used."""

    # A folder that `train` has written. "": documents are not scored.
    folder: str = ""
    # Documents that score less are dropped. FineWeb-Edu wants 3, of scores from 0 to 5, rounded to
    # whole numbers: 2.5. Held against 3 itself, a regression drops every second page whose true
    # score is 3.
    threshold: float = 2.5
    # Longest runs of words that are features, and how many numbers they are hashed into.
    ngram: int = 2
    buckets: int = 1 << 18
    # Words of a document that are read, from its beginning.
    max_words: int = 2000
    # Ridge: what the sum of squares of the weights costs, beside the sum of squares of the errors.
    penalty: float = 1.0
    # Of the labelled documents, those that are held out, by hash of their text.
    held_out: float = 0.1
    # At most so many labelled documents are read; 200,000 of 500 words take some 2 GB.
    max_documents: int = 200_000


STEP = "classifier"

_WEIGHTS = "weights.npz"
_DESCRIPTION = "classifier.json"


@dataclasses.dataclass(frozen=True)
class Model:
    """A score as a function: `weights` float32 [buckets], `bias`, `ngram` and `max_words`."""

    weights: np.ndarray
    bias: float
    ngram: int
    max_words: int


def features(text: str, ngram: int, buckets: int, max_words: int) -> tuple[np.ndarray, np.ndarray]:
    """(indices int64 [F], values float32 [F]): 1 + log(count) of each n-gram, of unit length."""
    hashes = word_hashes(normalized_words(text)[:max_words])
    grams = [ngram_hashes(hashes, n) for n in range(1, ngram + 1)]
    indices, counts = np.unique(np.concatenate(grams) % np.uint64(buckets), return_counts=True)
    values = 1 + np.log(counts)
    norm = np.sqrt(np.sum(values * values))
    return indices.astype(np.int64), (values / max(norm, 1e-9)).astype(np.float32)


def score(text: str, model: Model) -> float:
    """The score of a text, on the scale of the labels."""
    indices, values = features(text, model.ngram, len(model.weights), model.max_words)
    return float(values @ model.weights[indices]) + model.bias


def check(text: str, model: Model, settings: Classifier) -> float | Drop:
    """The score of a document that passes; or why it does not."""
    found = score(text, model)
    return found if found >= settings.threshold else Drop(STEP, "low_score", found)


def fit(texts: Iterable[str], scores: Iterable[float], settings: Classifier) -> Model:
    """Ridge regression: the least Σ(x·w + bias - score)² + penalty·|w|².

    The bias is the mean score and has no penalty.
    """
    rows = [_row(text, settings) for text in texts]
    target = np.fromiter(scores, np.float64, len(rows))
    matrix = _matrix(rows, settings.buckets)
    bias = float(target.mean())
    solved = scipy.sparse.linalg.lsmr(
        matrix, target - bias, damp=np.sqrt(settings.penalty), atol=1e-6, btol=1e-6, maxiter=500
    )
    return Model(solved[0].astype(np.float32), bias, settings.ngram, settings.max_words)


def _row(text: str, settings: Classifier) -> tuple[np.ndarray, np.ndarray]:
    return features(text, settings.ngram, settings.buckets, settings.max_words)


def _matrix(rows: list[tuple[np.ndarray, np.ndarray]], buckets: int) -> scipy.sparse.csr_matrix:
    """float32 [rows, buckets]."""
    ends = np.cumsum([0] + [len(indices) for indices, _ in rows])
    indices = np.concatenate([indices for indices, _ in rows])
    values = np.concatenate([values for _, values in rows])
    return scipy.sparse.csr_matrix((values, indices, ends), shape=(len(rows), buckets))


def train(labels: str, settings: Classifier, folder: str) -> dict[str, float]:
    """Learns from the JSON lines {"text": ..., "score": ...} of the file `labels`; gzip or not.

    Writes the model to `folder`: its weights as .npz, and what it is and how well it does as
    classifier.json.

    Returns:
        Of the documents held out: their number, the root of the mean squared error and that of
        always saying the mean, R², and precision, recall and F1 of "score at least the threshold".

    Raises:
        InputError: the file cannot be read, a line of it is no such record, or there are too few.
    """
    chosen: tuple[list, list] = ([], [])
    held: tuple[list, list] = ([], [])
    for text, value in _labelled(labels, settings.max_documents):
        # By text, so that a document and its copy are on the same side.
        draw = xxhash.xxh3_64_intdigest(text.encode("utf-8", "replace")) / 2**64
        texts, scores = held if draw < settings.held_out else chosen
        texts.append(text)
        scores.append(value)
    if len(chosen[0]) < 2 or not held[0]:
        raise InputError(
            f"{labels} has {len(chosen[0])} documents to learn from and {len(held[0])} to hold "
            "out: give more, at least some dozens"
        )
    model = fit(*chosen, settings)
    found = np.array([score(text, model) for text in held[0]])
    figures = metrics(found, np.array(held[1]), settings.threshold, mean=model.bias)
    _save(model, figures, settings, folder)
    return figures


def metrics(found: np.ndarray, true: np.ndarray, threshold: float, mean: float) -> dict[str, float]:
    """How well scores agree with the true ones, both float [N]."""
    wanted, passed = true >= threshold, found >= threshold
    both = int(np.sum(wanted & passed))
    precision = both / max(1, int(passed.sum()))
    recall = both / max(1, int(wanted.sum()))
    error = float(np.mean((found - true) ** 2))
    spread = float(np.mean((true - mean) ** 2))
    return {
        "documents": len(true),
        "rmse": error**0.5,
        "rmse_of_mean": spread**0.5,
        "r2": 1 - error / spread if spread else 0.0,
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(1e-9, precision + recall),
    }


def _labelled(path: str, most: int) -> Iterator[tuple[str, float]]:
    try:
        opened = (
            gzip.open(path, "rt", encoding="utf-8")
            if path.endswith(".gz")
            else open(path, encoding="utf-8")
        )
        with opened as file:
            for number, line in enumerate(file, 1):
                if number > most:
                    return
                if line.strip():
                    yield _record(line, f"{path}, line {number}")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"the labels {path} cannot be read ({error})") from error


def _record(line: str, where: str) -> tuple[str, float]:
    try:
        record = json.loads(line)
        text, value = record["text"], float(record["score"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'{where} is not a record like {{"text": "...", "score": 3}} ({error!r})'
        ) from error
    if not isinstance(text, str) or not np.isfinite(value):
        raise InputError(f"{where}: text must be a string and score a finite number")
    return text, value


def _save(model: Model, figures: dict[str, float], settings: Classifier, folder: str) -> None:
    root = pathlib.Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    np.savez_compressed(packed, weights=model.weights)
    partial = root / f"{_WEIGHTS}.partial"
    partial.write_bytes(packed.getvalue())
    partial.replace(root / _WEIGHTS)
    # Written last: where it stands, the weights are whole.
    description = {
        "bias": model.bias,
        "ngram": model.ngram,
        "max_words": model.max_words,
        "threshold": settings.threshold,
        "penalty": settings.penalty,
        "held_out": figures,
    }
    text = json.dumps(description, indent=2, sort_keys=True) + "\n"
    run_folder.write_atomically(root / _DESCRIPTION, text)


@functools.lru_cache(maxsize=2)
def load(folder: str) -> Model:
    """The model that `train` has written; read once a process.

    Raises:
        InputError: there is none.
    """
    root = pathlib.Path(folder)
    try:
        description = json.loads((root / _DESCRIPTION).read_text(encoding="utf-8"))
        with np.load(root / _WEIGHTS) as packed:
            weights = packed["weights"]
        return Model(weights, description["bias"], description["ngram"], description["max_words"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{folder} holds no quality classifier ({error}): web.classifier.folder must name a "
            "folder that one was trained into"
        ) from error
