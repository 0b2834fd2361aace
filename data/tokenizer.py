"""The stage that makes tokenizer.json: byte-level BPE or characters, trained, or one that exists.

tokenizer.json is the format of the `tokenizers` library, read by every serving engine. The regular
expressions that cut text into words before BPE are the published ones of three model families,
since llama.cpp knows these by name; another would be trained and then fail on export.
"""

import itertools
import json
import pathlib
from collections.abc import Iterable, Iterator

import tokenizers
from absl import logging
from ml_collections import ConfigDict
from tokenizers import decoders, models, pre_tokenizers, trainers

from data import chat_sources, sources
from data.encoding import END_OF_TEXT, PATTERNS, Tokenizer
from data.errors import InputError
from data.run_folder import is_done, mark_done, record, write_atomically

# Named here once so that no later stage has to widen a trained model's embedding: turns, reasoning,
# tool use, and places for other media. They come after the ordinary tokens, as in GPT-2 and Qwen.
SPECIAL = (
    END_OF_TEXT,
    "<|im_start|>",
    "<|im_end|>",
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<|image|>",
    "<|audio|>",
)
UNKNOWN = "<|unknown|>"
SMALLEST_BPE = 256 + len(SPECIAL)
# What other programs read, by its suffix.
_OTHERS = {".model": "a model of SentencePiece", ".tiktoken": "a table of tiktoken's"}
# GPT-2's own files and the names the transformers library gives them.
_VOCABULARY_AND_MERGES = (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))


def run(config: ConfigDict, workdir: str) -> None:
    """Writes `workdir`/tokenizer/tokenizer.json as `config.tokenizer` says.

    Trained on the training split alone, on the first `sample_bytes` of text, shared among several
    sources by weight; BPE also on `chat_bytes` of the conversations of config.sft.sources. The same
    text gives the same file, byte for byte.

    Raises:
        InputError: no text, a vocabulary too small, an unknown kind or pattern, or a file to take
            that is none.
    """
    folder = pathlib.Path(workdir) / "tokenizer"
    if is_done(folder):
        return
    options = config.tokenizer
    if options.path:
        trained = existing(options.path)
    elif options.kind == "bpe":
        texts = itertools.chain(_sample(config, workdir), _chat_sample(config, workdir))
        trained = train_bpe(texts, options.vocab_size, options.pattern)
    elif options.kind == "characters":
        trained = train_characters(_sample(config, workdir))
    else:
        raise InputError(f'config.tokenizer.kind is "{options.kind}": it is "bpe" or "characters"')
    write_atomically(folder / "tokenizer.json", trained.to_str(pretty=True) + "\n")
    tokenizer = Tokenizer.load(folder)
    if not options.path and options.kind == "bpe" and tokenizer.vocab_size < options.vocab_size:
        logging.warning(
            "the text gives %d tokens, not the %d of config.tokenizer.vocab_size",
            tokenizer.vocab_size,
            options.vocab_size,
        )
    record(workdir, {"tokenizer/vocab_size": tokenizer.vocab_size})
    mark_done(folder, {"vocab_size": tokenizer.vocab_size})


def _sample(config: ConfigDict, workdir: str) -> Iterator[str]:
    """Texts of the training split, each source's share of `sample_bytes` from its beginning."""
    parts = sources.parse(config.data.source)
    total = sum(part.weight or 1.0 for part in parts)
    seen = 0
    for part in parts:
        left = config.tokenizer.sample_bytes * (part.weight or 1.0) / total
        for _, text in sources.training_documents(config, part, workdir=workdir):
            seen += 1
            yield text
            left -= len(text.encode("utf-8"))
            if left <= 0:
                break
    if not seen:
        raise InputError(
            f"the source {config.data.source} has no text to train a tokenizer on: "
            f"{sources.ALTERNATIVES}"
        )


def _chat_sample(config: ConfigDict, workdir: str) -> Iterator[str]:
    """Text of conversations: without it, the JSON of tools and their calls takes twice the tokens,
    since documents have little of it."""
    if config.tokenizer.chat_bytes:
        yield from chat_sources.training_texts(config, workdir, config.tokenizer.chat_bytes)


def train_bpe(texts: Iterable[str], vocab_size: int, pattern: str) -> tokenizers.Tokenizer:
    """Byte-level BPE (Sennrich et al. 2016, on bytes as in GPT-2) of `vocab_size` tokens.

    Ids: 256 bytes, then merges in order, then the special tokens. Fewer merges where no pair
    occurs twice any more.

    Raises:
        InputError: the vocabulary cannot hold the bytes and the special tokens, or the pattern is
            unknown.
    """
    if vocab_size < SMALLEST_BPE:
        raise InputError(
            f"config.tokenizer.vocab_size is {vocab_size}: byte-level BPE needs at least "
            f"{SMALLEST_BPE}, 256 bytes and {len(SPECIAL)} special tokens"
        )
    if pattern not in PATTERNS:
        known = ", ".join(PATTERNS)
        raise InputError(f'config.tokenizer.pattern is "{pattern}": it is one of {known}')
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(PATTERNS[pattern]), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(SPECIAL),
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([special_token(name) for name in SPECIAL])
    return tokenizer


def train_characters(texts: Iterable[str]) -> tokenizers.Tokenizer:
    """A token for every character of `texts`, by code point, then unknown and end of text."""
    characters: set[str] = set()
    for text in texts:
        characters.update(text)
    names = [*sorted(characters), UNKNOWN, END_OF_TEXT]
    vocabulary = {name: number for number, name in enumerate(names)}
    tokenizer = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([special_token(UNKNOWN), special_token(END_OF_TEXT)])
    return tokenizer


def special_token(name: str) -> tokenizers.AddedToken:
    return tokenizers.AddedToken(name, special=True, normalized=False)


def existing(path: str) -> tokenizers.Tokenizer:
    """A tokenizer that exists: tokenizer.json, or GPT-2's vocabulary with its merges beside it.

    Args:
        path: a file or the folder that holds it.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    path = pathlib.Path(path).expanduser()
    if path.suffix in _OTHERS:
        raise InputError(
            f"config.tokenizer.path: {path} is {_OTHERS[path.suffix]}, which is not read: give the "
            "tokenizer.json of the same model"
        )
    folder = path if path.is_dir() else path.parent
    try:
        if path.is_dir() and (path / "tokenizer.json").exists():
            return tokenizers.Tokenizer.from_file(str(path / "tokenizer.json"))
        for vocabulary, merges in _VOCABULARY_AND_MERGES:
            pair = folder / vocabulary, folder / merges
            if path in (folder, *pair) and all(file.exists() for file in pair):
                return _gpt2(*pair)
        if path.is_file():
            return tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exceptions
        raise InputError(
            f"config.tokenizer.path: no tokenizer can be read from {path} ({error})"
        ) from error
    raise InputError(
        f"config.tokenizer.path: {path} is no tokenizer.json, nor a folder with one or with "
        "vocab.json and merges.txt"
    )


def _gpt2(vocabulary: pathlib.Path, merges: pathlib.Path) -> tokenizers.Tokenizer:
    ids = json.loads(vocabulary.read_text(encoding="utf-8"))
    lines = merges.read_text(encoding="utf-8").splitlines()
    pairs = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    tokenizer = tokenizers.Tokenizer(models.BPE(ids, pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(PATTERNS["gpt-2"]), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    if END_OF_TEXT in ids:
        tokenizer.add_special_tokens([special_token(END_OF_TEXT)])
    return tokenizer
