"""Text to token ids and back, from a tokenizer.json.

Encoding goes through the fastest way that gives the ids of the `tokenizers` library: a table for
character tokenizers; tiktoken where that is provably the same; the library itself for the rest.
"""

import concurrent.futures
import dataclasses
import functools
import json
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import tiktoken
import tokenizers

from data.errors import InputError

END_OF_TEXT = "<|endoftext|>"
# What other families call it.
_ENDS_OF_TEXT = (END_OF_TEXT, "<|end_of_text|>", "</s>", "<eos>", "<|eos|>")
# Numbers of tokens that no token has.
_MOST_GAPS = 1 << 16

# Published constants: GPT-2 (openai/gpt-2, encoder.py), Llama 3 and Qwen 2 (their tokenizer.json).
# llama.cpp knows them by these names. Digits: in groups of any length, of up to three, one by one.
PATTERNS = {
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "llama-bpe": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "gpt-2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Tokenizer:
    """A tokenizer.json in use. Safe to share between threads.

    Attributes:
        vocab_size: number of ids, special tokens included: every id is below it.
        end_of_text: id of the token that ends a document.
        special: id of every special token by its name.
        tokens: the bytes each id stands for; for special tokens, those of the name.
        engine: what encodes: "tiktoken", "tokenizers" or "characters".
    """

    vocab_size: int
    end_of_text: int
    special: dict[str, int]
    tokens: tuple[bytes, ...] = dataclasses.field(repr=False)
    engine: str
    _encode: Callable[[str], np.ndarray] = dataclasses.field(repr=False)
    _decode: Callable[[Sequence[int]], str] | None = dataclasses.field(repr=False)

    @classmethod
    def load(cls, path: str | os.PathLike, engine: str | None = None) -> "Tokenizer":
        """Reads a tokenizer.json, or the one in a folder.

        Args:
            engine: the way to encode; None takes the fastest that is exact.

        Raises:
            InputError: the file is missing or is no tokenizer, has no end-of-text token, or cannot
                be encoded by the engine asked for.
        """
        path = pathlib.Path(path)
        path = path / "tokenizer.json" if path.is_dir() else path
        try:
            described = path.read_bytes()
        except FileNotFoundError as error:
            raise InputError(
                f"there is no tokenizer at {path}: run the stage data.tokenizer first"
            ) from error
        except OSError as error:
            raise _unreadable(path, error) from error
        return cls.of_json(described, path, engine)

    @classmethod
    def of_json(
        cls, content: bytes, path: str | os.PathLike, engine: str | None = None
    ) -> "Tokenizer":
        """As `load`, from the content of a tokenizer.json; `path` is where it stems from."""
        try:
            described = json.loads(content.decode("utf-8"))
            library = _without_special_tokens(described)
        except Exception as error:  # the library raises plain Exceptions
            raise _unreadable(path, error) from error

        special = {
            token["content"]: token["id"]
            for token in described["added_tokens"]
            if not _is_text(token)
        }
        end = next((special[name] for name in _ENDS_OF_TEXT if name in special), None)
        if end is None:
            raise InputError(f"{path} has no end-of-text token: add {END_OF_TEXT} to it")
        tokens = _token_bytes(described, library)
        choices = {
            "characters": lambda: _character_encoder(described),
            "tiktoken": lambda: _tiktoken_encoder(described, library, tokens),
            "tokenizers": lambda: functools.partial(_library_ids, library),
        }
        for name in [engine] if engine else list(choices):
            encode = choices[name]()
            if encode:
                break
        else:
            raise InputError(f"{path} cannot be encoded by {engine} with the same ids")
        exact = _is_byte_level(described) or described["model"]["type"] == "WordLevel"
        return cls(
            vocab_size=len(tokens),
            end_of_text=end,
            special=special,
            tokens=tokens,
            engine=name,
            _encode=encode,
            _decode=None if exact else functools.partial(_library_text, library),
        )

    def encode(self, text: str, special: bool = False) -> np.ndarray:
        """Ids of a text, [T] uint32.

        Names of special tokens in the text are ordinary text, so that no document or user can write
        one, unless `special` is set. Lone surrogates count as U+FFFD.
        """
        text = well_formed(text)
        if not special:
            return self._encode(text)
        parts = [
            np.asarray([self.special[part]], np.uint32)
            if part in self.special
            else self._encode(part)
            for part in self._special_names.split(text)
            if part
        ]
        return np.concatenate(parts) if parts else np.zeros(0, np.uint32)

    @functools.cached_property
    def _special_names(self) -> re.Pattern:
        names = sorted(self.special, key=len, reverse=True)
        return re.compile("(" + "|".join(map(re.escape, names)) + ")")

    def encode_batch(self, texts: Sequence[str], threads: int | None = None) -> list[np.ndarray]:
        """`encode` of each text, in `threads` threads (None: one for each core)."""
        threads = min(threads or os.cpu_count() or 1, len(texts))
        if threads < 2:
            return [self.encode(text) for text in texts]
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            return list(pool.map(self.encode, texts, chunksize=1))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`; special tokens by name, bytes that are not UTF-8 as U+FFFD.

        Raises:
            IndexError: an id is outside the vocabulary.
        """
        ids = [int(number) for number in ids]
        if any(number < 0 or number >= self.vocab_size for number in ids):
            raise IndexError(f"ids are below {self.vocab_size}: {ids}")
        if self._decode:
            return self._decode(ids)
        return b"".join(self.tokens[number] for number in ids).decode("utf-8", "replace")

    def token_bytes(self, token: int) -> bytes:
        """What one id stands for; a token may be part of a character."""
        return self.tokens[token]


def _unreadable(path: str | os.PathLike, error: Exception) -> InputError:
    return InputError(f"{path} is not a tokenizer.json that can be read ({error})")


def well_formed(text: str) -> str:
    """The text, each lone surrogate in it replaced by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def byte_alphabet() -> dict[str, int]:
    """GPT-2's printable character for each byte, as a table from character to byte.

    Printable Latin-1 bytes stand for themselves; the others are counted from U+0100.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(byte): byte for byte in printable}
    others = (byte for byte in range(256) if byte not in set(printable))
    table.update({chr(0x100 + number): byte for number, byte in enumerate(others)})
    return table


def _is_text(token: dict) -> bool:
    # GPT-NeoX and its kin keep runs of spaces as added tokens: those are no control tokens.
    return not token["special"] and not token["content"].strip()


def _without_special_tokens(described: dict) -> tokenizers.Tokenizer:
    """The library's tokenizer, to which special tokens are ordinary text."""
    kept = [token for token in described["added_tokens"] if _is_text(token)]
    plain = described | {"added_tokens": kept, "truncation": None, "padding": None}
    plain["post_processor"] = None
    return tokenizers.Tokenizer.from_str(json.dumps(plain))


def _library_ids(library: tokenizers.Tokenizer, text: str) -> np.ndarray:
    # Of a batch, unlike of one text, the library lets other threads run meanwhile.
    [encoding] = library.encode_batch_fast([text], add_special_tokens=False)
    return np.asarray(encoding.ids, np.uint32)


def _library_text(library: tokenizers.Tokenizer, ids: Sequence[int]) -> str:
    return library.decode(ids, skip_special_tokens=False)


def _steps(described: dict, part: str) -> list[dict]:
    """The pre-tokenizers or decoders in order, sequences unrolled."""
    step = described.get(part)
    if step is None:
        return []
    inner = step.get("pretokenizers") or step.get("decoders")
    return inner if step["type"] == "Sequence" else [step]


def _is_byte_level(described: dict) -> bool:
    return any(step["type"] == "ByteLevel" for step in _steps(described, "decoder"))


def _token_bytes(described: dict, library: tokenizers.Tokenizer) -> tuple[bytes, ...]:
    vocabulary = dict(library.get_vocab())
    added = {token["content"]: token["id"] for token in described["added_tokens"]}
    size = 1 + max([*vocabulary.values(), *added.values()])
    # Rows of an embedding stand for all numbers up to the highest.
    if size > 2 * (len(vocabulary) + len(added)) + _MOST_GAPS:
        raise InputError(
            f"the tokenizer has {len(vocabulary)} tokens and numbers up to {size - 1}: damaged"
        )
    tokens = [b""] * size
    alphabet = byte_alphabet() if _is_byte_level(described) else None
    for name, number in vocabulary.items():
        if name in added:
            continue
        if alphabet:
            tokens[number] = bytes(alphabet[letter] for letter in name if letter in alphabet)
        elif re.fullmatch(r"<0x[0-9A-F]{2}>", name):  # SentencePiece's byte fallback
            tokens[number] = bytes([int(name[3:5], 16)])
        else:
            tokens[number] = name.replace("\u2581", " ").encode("utf-8")
    for name, number in added.items():
        tokens[number] = name.encode("utf-8")
    return tuple(tokens)


def _character_encoder(described: dict) -> Callable[[str], np.ndarray] | None:
    """A table from code points to ids; None if this is no character tokenizer."""
    model = described["model"]
    steps = _steps(described, "pre_tokenizer")
    every_character = (
        len(steps) == 1
        and steps[0]["type"] == "Split"
        and steps[0]["pattern"] == {"Regex": r"[\s\S]"}
        and steps[0]["behavior"] == "Isolated"
    )
    if model["type"] != "WordLevel" or not every_character or described["normalizer"]:
        return None
    table = np.full(0x110000, model["vocab"][model["unk_token"]], np.uint32)
    for name, number in model["vocab"].items():
        if len(name) == 1:
            table[ord(name)] = number
    return lambda text: table[np.frombuffer(text.encode("utf-32-le"), "<u4")]


def _tiktoken_encoder(
    described: dict, library: tokenizers.Tokenizer, tokens: tuple[bytes, ...]
) -> Callable[[str], np.ndarray] | None:
    """tiktoken with the same merges; None where its ids could differ from the library's.

    tiktoken merges the adjacent pair whose joined bytes have the lowest id; the library merges the
    pair that comes first in its list. The two agree if
      - each merge makes a new token, of a higher id than the merges before it, of tokens that are
        bytes or were made before; and
      - every token's own bytes encode to that token.
    For suppose they first part where tiktoken joins (x, y) into token t, whose merge in the list
    is another pair. Nothing has been merged across the ends of t, and all merges before t's are
    done, so that encoding t's bytes alone would have come to x, y too, and stop there: but it
    gives t.
    The words to merge in must be the same as well, so only known regular expressions are taken.
    """
    model = described["model"]
    name = pattern_name(described)
    plain = (
        model["type"] == "BPE"
        and not described["normalizer"]
        and name is not None
        and not any(_is_text(token) for token in described["added_tokens"])
        and not any(
            model.get(option)
            for option in (
                "dropout",
                "unk_token",
                "continuing_subword_prefix",
                "end_of_word_suffix",
                "byte_fallback",
                # Words that are tokens are then never merged, and the check below says nothing.
                "ignore_merges",
            )
        )
    )
    if not plain:
        return None
    added = {token["content"] for token in described["added_tokens"]}
    ids = {name: number for name, number in model["vocab"].items() if name not in added}
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
    known = set(byte_alphabet())
    last = -1
    for left, right in pairs:
        number = ids.get(left + right, -1)
        if left not in known or right not in known or left + right in known or number <= last:
            return None
        known.add(left + right)
        last = number
    if known != set(ids):
        return None
    words = library.model
    if any([piece.id for piece in words.tokenize(name)] != [ids[name]] for name in ids):
        return None
    encoding = tiktoken.Encoding(
        name="primer",
        pat_str=PATTERNS[name],
        mergeable_ranks={tokens[number]: number for number in ids.values()},
        special_tokens={},
    )

    def encode(text: str) -> np.ndarray:
        try:
            return encoding.encode_to_numpy(text, allowed_special=set(), disallowed_special=())
        except ValueError:
            # Its regular expressions give up on a run of a million spaces; the library's do not.
            return _library_ids(library, text)

    return encode


def pattern_name(described: dict) -> str | None:
    """The name in PATTERNS of the expression that cuts the words of a tokenizer.json, if it is one
    of them followed by bytes."""
    steps = _steps(described, "pre_tokenizer")
    if not steps or steps[-1]["type"] != "ByteLevel" or steps[-1]["add_prefix_space"]:
        return None
    if len(steps) == 1:
        return "gpt-2" if steps[0]["use_regex"] else None
    split = steps[0]
    isolated = (
        len(steps) == 2
        and split["type"] == "Split"
        and split["behavior"] == "Isolated"
        and not split["invert"]
        and not steps[1]["use_regex"]
    )
    pattern = split.get("pattern", {}).get("Regex")
    return next((name for name, known in PATTERNS.items() if isolated and known == pattern), None)
