"""A trained model as a Hugging Face folder or a GGUF file, whole or not there at all.

The embedding of a model is larger than its tokenizer, so that it divides over devices. A Hugging
Face folder keeps the rows that no token has, as those of Qwen do, since a model imported again
should be the model that was exported; generation_config.json forbids them. A GGUF file leaves them
out: it names a token for every row, and is not trained further.
"""

import json
import os
import pathlib
import shutil

from data import conversations
from data.encoding import Tokenizer
from data.errors import InputError
from data.run_folder import cleared_partial, figures_of, replace_folder, sync_folder
from serve import gguf_file, hugging_face, hugging_face_config, safetensors_folder
from serve.load import Trained
from serve.model_card import model_card
from train import pretrain

# Most bytes of one file of weights, as in the folders of others.
SHARD_BYTES = 5_000_000_000


def export_hf(
    trained: Trained,
    workdir: str | os.PathLike,
    stage: str,
    output: str | os.PathLike,
    dtype: str = "float32",
    shard_bytes: int = SHARD_BYTES,
) -> None:
    """Writes the folder `output`, which is whole or not there.

    Args:
        workdir: the run's folder, for its tokenizer.json and its figures.
        dtype: a key of safetensors_folder.DTYPES.
        shard_bytes: most bytes of one file of weights.

    Raises:
        InputError: the folder holds something, the model is of none of the three families, or a
            weight is not finite in `dtype`.
    """
    output, config = pathlib.Path(output), trained.architecture
    check_free(output, True)
    tensors = hugging_face.tensors(config)
    ids = {
        "bos_token_id": None,
        "eos_token_id": end_ids(trained.tokenizer, stage)[0],
        "pad_token_id": trained.tokenizer.end_of_text,
    }
    documents = {
        "config.json": hugging_face_config.described(config, dtype, ids),
        "generation_config.json": _generation_config(trained, stage),
        "tokenizer_config.json": _tokenizer_config(trained, stage),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = cleared_partial(output)
    try:
        partial.mkdir()
        for name, document in documents.items():
            text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
            (partial / name).write_text(text, encoding="utf-8")
        if conversations.has_chat_template(trained.tokenizer):
            # Once more: newer programs look here, older ones in tokenizer_config.json.
            shutil.copyfile(conversations.TEMPLATE, partial / "chat_template.jinja")
        shutil.copyfile(
            pathlib.Path(workdir) / "tokenizer" / "tokenizer.json", partial / "tokenizer.json"
        )
        card = model_card(trained, stage, figures_of(workdir))
        (partial / "README.md").write_text(card, encoding="utf-8")
        safetensors_folder.write(
            partial,
            [tensor.name for tensor in tensors],
            [tensor.shape for tensor in tensors],
            lambda number: hugging_face.value(trained.params, tensors[number]),
            dtype,
            shard_bytes,
        )
        replace_folder(partial, output)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def export_gguf(
    trained: Trained,
    workdir: str | os.PathLike,
    stage: str,
    output: str | os.PathLike,
    dtype: str = "float32",
) -> None:
    """Writes the file `output`, which is whole or not there.

    Args:
        workdir: the run's folder, for its tokenizer.json.
        dtype: a key of gguf_file.FILE_TYPES.

    Raises:
        InputError: the file exists, or llama.cpp cannot run the model or its tokenizer.
    """
    output = pathlib.Path(output)
    check_free(output, False)
    tokenizer_file = pathlib.Path(workdir) / "tokenizer" / "tokenizer.json"
    vocabulary = gguf_file.vocabulary(trained.tokenizer, tokenizer_file)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f"{output.name}.partial")
    try:
        gguf_file.write(
            partial,
            f"{trained.config.name} {stage}",
            trained.params,
            trained.architecture,
            vocabulary,
            end_ids(trained.tokenizer, stage)[0],
            trained.tokenizer.end_of_text,
            chat_template(trained.tokenizer),
            dtype,
        )
        os.replace(partial, output)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(output.parent)


def end_ids(tokenizer: Tokenizer, stage: str) -> list[int]:
    """The tokens that end what a model writes, the one it writes itself first: a base model ends
    documents, the others turns."""
    turn = tokenizer.special.get(conversations.END)
    both = [tokenizer.end_of_text] + ([] if turn is None else [turn])
    return both if stage == pretrain.NAME else both[::-1]


def chat_template(tokenizer: Tokenizer) -> str | None:
    """The template, where the tokenizer has its tokens."""
    if not conversations.has_chat_template(tokenizer):
        return None
    return conversations.TEMPLATE.read_text(encoding="utf-8")


def _generation_config(trained: Trained, stage: str) -> dict:
    tokenizer = trained.tokenizer
    result = {
        "eos_token_id": end_ids(tokenizer, stage),
        "pad_token_id": tokenizer.end_of_text,
        "do_sample": False,
    }
    if unused := list(range(tokenizer.vocab_size, trained.architecture.vocab_size)):
        result["suppress_tokens"] = unused
    return result


def _tokenizer_config(trained: Trained, stage: str) -> dict:
    tokenizer = trained.tokenizer
    names = {number: name for name, number in tokenizer.special.items()}
    result = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": trained.architecture.context,
        "clean_up_tokenization_spaces": False,
        "bos_token": None,
        "eos_token": names[end_ids(tokenizer, stage)[0]],
        "pad_token": names[tokenizer.end_of_text],
    }
    template = chat_template(tokenizer)
    return result if template is None else result | {"chat_template": template}


def check_free(output: pathlib.Path, folder: bool) -> None:
    """Refuses a place that is taken; an empty folder is free for a folder.

    Raises:
        InputError: something is there.
    """
    if folder and output.is_dir() and not any(output.iterdir()):
        return
    if output.exists():
        raise InputError(
            f"{output} exists already: give another --output, or move away what is there"
        )
