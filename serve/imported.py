"""A Hugging Face folder as a model to use, or as a stage of a run.

Nothing in the folder is executed, and all of it is looked at before anything is written.
"""

import contextlib
import dataclasses
import pathlib
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from data import conversations
from data.encoding import Tokenizer
from data.errors import InputError
from data.json_object import read_object
from data.run_folder import mark_done, write_atomically
from data.tokenizer import existing, special_token
from model.attention import fastest_backend
from model.config import ModelConfig, from_mapping
from serve import hugging_face, hugging_face_config
from serve.safetensors_folder import Reader
from train.checkpoints import Checkpoints
from train.scaling import padded_vocab_size, resolve, with_model

# A config.json is a few kilobytes, a large tokenizer.json a few tens of megabytes.
_MOST_BYTES = {"config.json": 1 << 20, "tokenizer.json": 1 << 28}


def import_hf(
    model: str, workdir: str, stage: str, config: ConfigDict, add_control_tokens: bool = False
) -> ModelConfig:
    """Makes the folder `model` the stage `stage` of the run in `workdir`.

    Holds the parameters once, in float32, and one tensor of the folder at a time.

    Args:
        config: of the run, unresolved.
        add_control_tokens: gives the tokenizer those of the chat template that it lacks, and the
            embedding rows for them: each is the mean of all rows, as likely as a token is on
            average.

    Returns:
        The architecture.

    Raises:
        InputError: the run has the stage already, or another tokenizer; the folder is not whole, or
            of an architecture or with settings that are not computed here.
    """
    source, folder = pathlib.Path(model), pathlib.Path(workdir) / stage
    if not stage or stage != pathlib.PurePath(stage).name:
        raise InputError(f"--stage is {stage!r}; it is the name of a folder of the run")
    if folder.exists():
        raise InputError(f"{folder} exists already: give another --workdir, or move it away")
    sizes = read_sizes(model)
    described = _tokenizer_json(source / "tokenizer.json", add_control_tokens)
    tokenizer = Tokenizer.of_json(described.encode("utf-8"), source / "tokenizer.json")
    rows = sizes["vocab_size"]
    if add_control_tokens:
        sizes["vocab_size"] = max(rows, padded_vocab_size(tokenizer.vocab_size))
    config, architecture = _resolved(config, sizes, tokenizer)
    params = _read(source, dataclasses.replace(architecture, vocab_size=rows))
    if architecture.vocab_size > rows:
        for name in {"embedding", "unembedding"} & set(params):
            params[name] = _with_mean_rows(params[name], architecture.vocab_size)
    _take_tokenizer(described, pathlib.Path(workdir) / "tokenizer", tokenizer)
    checkpoints = config.checkpoint.folder or str(folder.absolute())
    with Checkpoints(checkpoints, config.checkpoint.keep) as saves:
        saves.save(0, {"params": params}, {"batches": 0, "seconds": 0.0, "imported": str(source)})
    write_atomically(folder / "config.json", config.to_json_best_effort(indent=2) + "\n")
    mark_done(folder, {"imported": str(source)})
    return architecture


def read_sizes(model: str) -> dict[str, Any]:
    """The `config.model` of a folder.

    Raises:
        InputError: there is no such folder, or its architecture is not computed here.
    """
    path = pathlib.Path(model) / "config.json"
    return hugging_face_config.architecture(_object(path), str(path))


def read_hf(model: str) -> tuple[dict[str, Any], ModelConfig, Tokenizer]:
    """The model of a folder: its parameters on the host in float32, and what they are of.

    Raises:
        InputError: as `import_hf`.
    """
    source, sizes = pathlib.Path(model), read_sizes(model)
    described = _tokenizer_json(source / "tokenizer.json", add_control_tokens=False)
    tokenizer = Tokenizer.of_json(described.encode("utf-8"), source / "tokenizer.json")
    if sizes["vocab_size"] < tokenizer.vocab_size:
        raise InputError(
            f"{source / 'config.json'} has vocab_size {sizes['vocab_size']}, but the tokenizer "
            f"beside it {tokenizer.vocab_size} tokens: they are not of one model"
        )
    backend = fastest_backend(jax.default_backend(), "float32", packed=False)
    architecture = dataclasses.replace(from_mapping(sizes), attention=backend)
    return _read(source, architecture), architecture, tokenizer


def _read(source: pathlib.Path, architecture: ModelConfig) -> dict[str, Any]:
    with contextlib.ExitStack() as closing:
        reader = Reader(source, closing)
        if architecture.layers > len(reader.names):
            raise InputError(
                f"{source} has {len(reader.names)} tensors, fewer than the {architecture.layers} "
                "layers that its config.json names: they are not of one model"
            )
        names = hugging_face.names_to_read(architecture, reader.names, str(source))
        for tensor, name in names.items():
            reader.check(name, tensor.shape)
        params = hugging_face.empty(architecture)  # of sizes that the files have
        for tensor, name in tqdm(names.items(), desc="reading", unit="tensor", disable=None):
            array = reader.read(name)
            if not np.isfinite(array.astype(np.float32)).all():
                raise InputError(f"{source} has {name} with numbers that are not finite")
            hugging_face.fill(params, tensor, array)
    return params


def _with_mean_rows(matrix: np.ndarray, rows: int) -> np.ndarray:
    mean = np.broadcast_to(matrix.mean(axis=0), (rows - len(matrix), matrix.shape[1]))
    return np.concatenate([matrix, mean])


def _resolved(
    config: ConfigDict, sizes: dict, tokenizer: Tokenizer
) -> tuple[ConfigDict, ModelConfig]:
    config = with_model(config, sizes)
    config.train.average = 0.0
    if config.train.context is not None:
        config.train.context = min(config.train.context, sizes["context"])
    return resolve(config.lock(), tokenizer.vocab_size)


def _tokenizer_json(path: pathlib.Path, add_control_tokens: bool) -> str:
    """The text of a tokenizer.json."""
    _check_size(path)
    if not add_control_tokens:
        return path.read_bytes().decode("utf-8", "replace")
    library = existing(str(path))
    present = library.get_vocab(with_added_tokens=True)
    library.add_special_tokens(
        [special_token(name) for name in conversations.CONTROL if name not in present]
    )
    return library.to_str()


def _take_tokenizer(described: str, folder: pathlib.Path, tokenizer: Tokenizer) -> None:
    """Writes the tokenizer.json; a run that has one must have the same."""
    target = folder / "tokenizer.json"
    if target.exists():
        if target.read_bytes() != described.encode("utf-8"):
            raise InputError(
                f"{folder} holds another tokenizer than the model's, by which the run's data are "
                "encoded: give another --workdir"
            )
        return
    write_atomically(target, described)
    mark_done(folder, {"vocab_size": tokenizer.vocab_size})


def _object(path: pathlib.Path) -> dict:
    _check_size(path)
    return read_object(path)


def _check_size(path: pathlib.Path) -> None:
    if not path.is_file():
        raise InputError(f"there is no {path}: --model is a folder as transformers saves it")
    if path.stat().st_size > _MOST_BYTES[path.name]:
        raise InputError(
            f"{path} is larger than {_MOST_BYTES[path.name]:,} bytes: it is no model's"
        )
