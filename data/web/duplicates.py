"""Exact copies by a hash of the text, near copies by MinHash (Broder 1997) in bands.

Two documents whose sets of 5-grams have Jaccard similarity s share at least one of B bands of R
hashes with probability 1 - (1 - s^R)^B: 0.977 at 0.8 for 16 bands of 7, 0.998 at 0.85, 0.117 at
0.5. FineWeb takes what shares a band for copies, and has 14 bands of 8 (arXiv 2406.17557, section
3.4): 0.924, 0.988 and 0.053. Here the whole signatures of such pairs are compared as well, so that
bands may let more through: of the same 112 hashes more copies are found, and fewer others removed.
"""

import dataclasses
import functools
import re
import unicodedata

import numpy as np
import xxhash

from data.web.ngrams import ngram_hashes, word_hashes
from data.web.words import MAX_RUN


@dataclasses.dataclass(frozen=True)
class MinHash:
    """Near copies. FineWeb's hashes, 112 of shingles of 5 words, in other bands: see above."""

    # Words a shingle has.
    ngram: int = 5
    bands: int = 16
    hashes_per_band: int = 7
    # Of the hash functions: documents are compared only under the same.
    seed: int = 1


_PRIME = np.uint64((1 << 61) - 1)
# Shingles hashed at a time: all temporary arrays together stay in a core's cache.
_BLOCK = 256

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# Words of bounded length: their hashes are kept with them.
_WORD = re.compile(rf"[^\W_]{{1,{MAX_RUN}}}")
_ASCII_WORD = re.compile(rf"[a-z0-9]{{1,{MAX_RUN}}}")
# Of the scripts that have no spaces between words every character is a word: Thai, Lao, Myanmar,
# Khmer, kana, Han.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
    r"\uf900-\ufaff\U00020000-\U0003ffff]"
)


def exact_key(text: str) -> bytes:
    """16 bytes, equal for texts that differ in white space and Unicode composition alone."""
    normal = " ".join(unicodedata.normalize("NFC", text).split())
    return xxhash.xxh3_128_digest(normal.encode("utf-8", "replace"))


def normalized_words(text: str) -> list[str]:
    """Words in lower case, without punctuation and diacritics, every number the word "0"."""
    text = _NUMBER.sub("0", text.lower())
    if text.isascii():
        return _ASCII_WORD.findall(text)
    return _WORD.findall(_UNSPACED.sub(r" \g<0> ", text.translate(_PLAIN)))


class _Plain(dict):
    """Code point -> what it becomes, computed when it is first met, for `str.translate`."""

    def __missing__(self, code: int) -> str:
        parts = unicodedata.normalize("NFD", chr(code))
        plain = "".join(part for part in parts if unicodedata.category(part) != "Mn")
        self[code] = plain
        return plain


_PLAIN = _Plain()


def signature(text: str, settings: MinHash) -> np.ndarray:
    """The smallest value of each hash function (a·h + b) mod 2^61 - 1 over a text's shingles.

    Equal entries of two signatures estimate the Jaccard similarity of their sets of shingles. A
    text with fewer words than a shingle is one shingle; a text without words has the signature of
    the empty shingle.

    Returns:
        uint64 [bands · hashes_per_band].
    """
    hashes = word_hashes(normalized_words(text))
    if len(hashes) < settings.ngram:
        padding = np.zeros(settings.ngram - len(hashes), np.uint64)
        hashes = np.concatenate([hashes, padding])
    shingles = np.unique(ngram_hashes(hashes, settings.ngram))  # [S]
    a, b = _functions(settings.bands * settings.hashes_per_band, settings.seed)
    lowest = np.full(len(a), np.iinfo(np.uint64).max, np.uint64)
    for start in range(0, len(shingles), _BLOCK):
        values = _hashed(shingles[start : start + _BLOCK], a, b)  # [112, _BLOCK]
        np.minimum(lowest, values.min(axis=1), out=lowest)
    return lowest


@functools.lru_cache(maxsize=8)
def _functions(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.Generator(np.random.PCG64(seed))
    prime = int(_PRIME)
    return (
        random.integers(1, prime, count, np.uint64),
        random.integers(0, prime, count, np.uint64),
    )


def _hashed(shingles: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(a·h + b) mod 2^61 - 1 without overflow: uint64 [H] and [S] -> [H, S].

    The product has up to 122 bits. It is put together from halves of 32 bits, where 2^61 ≡ 1 turns
    every shift by 61 into an addition.
    """
    h = _reduced(shingles)
    low, high = h & np.uint64(0xFFFFFFFF), h >> np.uint64(32)  # 32 and 29 bits
    a_low, a_high = (a & np.uint64(0xFFFFFFFF))[:, None], (a >> np.uint64(32))[:, None]
    # a·h = high·2^64 + middle·2^32 + low, of 58, 62 and 64 bits; 2^64 ≡ 8.
    total = a_low * low
    total = (total & _PRIME) + (total >> np.uint64(61))
    middle = a_high * low
    middle += a_low * high
    total += middle >> np.uint64(29)
    middle &= np.uint64((1 << 29) - 1)
    middle <<= np.uint64(32)
    total += middle
    top = a_high * high
    top <<= np.uint64(3)
    total += top
    total += b[:, None]  # four terms below 2^61 and one of 34 bits: no more than 64 bits
    return _reduced(total)


def _reduced(values: np.ndarray) -> np.ndarray:
    """Any uint64 mod 2^61 - 1."""
    values = (values & _PRIME) + (values >> np.uint64(61))
    return np.where(values >= _PRIME, values - _PRIME, values)


def bands(signature: np.ndarray, settings: MinHash) -> list[bytes]:
    """One key of 16 bytes a band: documents that share a key are near copies.

    The band's number is in its key, so that keys of different bands never meet.
    """
    rows = np.ascontiguousarray(signature.reshape(settings.bands, -1), dtype="<u8")
    return [xxhash.xxh3_128_digest(row.tobytes(), seed=number) for number, row in enumerate(rows)]


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """The Jaccard similarity of two documents as their signatures estimate it."""
    return float(np.mean(one == other))
