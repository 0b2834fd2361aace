"""A model as one file that llama.cpp runs: weights, tokenizer and chat template in GGUF.

The weights go by their Hugging Face names through the name tables of the `gguf` package, whose
quantisation is also the reference of the formats:

    Q8_0  blocks of 32 with one float16 scale: 8.5 bits a weight
    Q4_0  likewise of 4 bits: 4.5 bits a weight; the matrices of embedding and logits are in Q8_0,
          since they cost more there than they save

Norms, biases and learned positions are in float32 in every file. Llama's rotary pairs lie next to
each other there and half a head apart here, so that rows of query and key change places; those of
the other families lie as here.
"""

import dataclasses
import json
import math
import os
import pathlib
from typing import Any, NamedTuple

import gguf
import numpy as np
from absl import logging
from gguf import GGMLQuantizationType, LlamaFileType, TokenType

from data.encoding import Tokenizer, pattern_name
from data.errors import InputError
from model.config import ModelConfig
from model.layers import rotary_frequencies
from serve import hugging_face
from serve.hugging_face import Tensor

FILE_TYPES = {
    "float32": (LlamaFileType.ALL_F32, GGMLQuantizationType.F32),
    "float16": (LlamaFileType.MOSTLY_F16, GGMLQuantizationType.F16),
    "bfloat16": (LlamaFileType.MOSTLY_BF16, GGMLQuantizationType.BF16),
    "q8_0": (LlamaFileType.MOSTLY_Q8_0, GGMLQuantizationType.Q8_0),
    "q4_0": (LlamaFileType.MOSTLY_Q4_0, GGMLQuantizationType.Q4_0),
}
_ARCHITECTURES = {
    "qwen3": gguf.MODEL_ARCH.QWEN3,
    "llama3": gguf.MODEL_ARCH.LLAMA,
    "gpt2": gguf.MODEL_ARCH.GPT2,
}
_EMBEDDINGS = (("embedding",), ("unembedding",))
_FLOAT32 = GGMLQuantizationType.F32


class Vocabulary(NamedTuple):
    """A tokenizer as GGUF holds it: for every id its text and type, and the merges in order.
    `pattern` is llama.cpp's name of the expression that cuts words."""

    tokens: list[str]
    types: list[TokenType]
    merges: list[str]
    pattern: str


def vocabulary(tokenizer: Tokenizer, path: pathlib.Path) -> Vocabulary:
    """What GGUF needs of the tokenizer.json at `path`.

    Raises:
        InputError: llama.cpp would cut text into other tokens.
    """
    described = json.loads(path.read_text(encoding="utf-8"))
    model = described["model"]
    pattern = pattern_name(described)
    # llama.cpp takes a word that is a token whole before it merges anything, under the name
    # llama-bpe. A tokenizer that tiktoken can stand for gives the same either way.
    same = tokenizer.engine == "tiktoken" or pattern != "llama-bpe" or model.get("ignore_merges")
    if model["type"] != "BPE" or pattern is None or not same:
        raise InputError(
            f"{path} is no tokenizer that llama.cpp knows (byte-level BPE on words cut as by "
            "qwen2, llama-bpe or gpt-2): export with --format=hf"
        )
    size = tokenizer.vocab_size
    tokens = [f"[PAD{number}]" for number in range(size)]
    types = [TokenType.UNUSED] * size
    for name, number in model["vocab"].items():
        tokens[number], types[number] = name, TokenType.NORMAL
    for added in described["added_tokens"]:
        tokens[added["id"]] = added["content"]
        types[added["id"]] = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    return Vocabulary(tokens, types, merges, pattern)


def write(
    path: str | os.PathLike,
    name: str,
    params: dict[str, Any],
    config: ModelConfig,
    vocabulary: Vocabulary,
    end: int,
    padding: int,
    template: str | None,
    dtype: str,
) -> None:
    """Writes one file; of the weights, one is made ready at a time.

    Args:
        name: of the model, for people.
        vocabulary: rows of the embedding beyond its tokens are left out.
        end: the token that ends what the model writes. padding: one that is never written.
        template: of conversations; None: there is none.
        dtype: a key of FILE_TYPES.

    Raises:
        InputError: the model is of no family that llama.cpp runs.
    """
    family = hugging_face.family(config)
    if family == "qwen3" and config.rope_scaling is not None:
        raise InputError(
            "llama.cpp does not stretch the rotary positions of a Qwen3: export with --format=hf"
        )
    file_type, wanted = FILE_TYPES[dtype]
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[_ARCHITECTURES[family]])
    try:
        writer.add_name(name)
        writer.add_file_type(file_type)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        _add_sizes(writer, config, family)
        _add_tokenizer(writer, vocabulary, end, padding, template)
        rows = len(vocabulary.tokens)
        names = gguf.get_tensor_name_map(_ARCHITECTURES[family], config.layers)
        tensors = hugging_face.tensors(config)
        types = [_type(tensor, wanted) for tensor in tensors]
        odd = types.count(GGMLQuantizationType.F16)
        if odd and wanted is not GGMLQuantizationType.F16:
            logging.warning("%d tensors are in float16: their rows are not multiples of 32", odd)
        for tensor, kind in zip(tensors, types, strict=True):
            theirs = names.get_name(tensor.name, try_suffixes=(".weight", ".bias"))
            shape = _shape(tensor, rows)
            block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
            size = math.prod(shape) // block * block_bytes
            writer.add_tensor_info(theirs, shape, np.dtype(np.float32), size, kind)
        factors = _frequency_factors(config)
        if factors is not None:
            writer.add_tensor_info(
                "rope_freqs.weight", factors.shape, factors.dtype, factors.nbytes, _FLOAT32
            )
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor, kind in zip(tensors, types, strict=True):
            value = _value(params, config, tensor, family, rows)
            writer.write_tensor_data(gguf.quantize(value, kind))
        if factors is not None:
            writer.write_tensor_data(factors)
        writer.flush()
        for file in writer.fout:
            os.fsync(file.fileno())
    finally:
        writer.close()


def _add_sizes(writer: gguf.GGUFWriter, config: ModelConfig, family: str) -> None:
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.mlp_width)
    writer.add_head_count(config.heads)
    if family == "gpt2":
        writer.add_layer_norm_eps(config.norm_eps)
        return
    writer.add_head_count_kv(config.kv_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)


def _add_tokenizer(
    writer: gguf.GGUFWriter, vocabulary: Vocabulary, end: int, padding: int, template: str | None
) -> None:
    writer.add_vocab_size(len(vocabulary.tokens))
    writer.add_tokenizer_model("gpt2")  # byte-level BPE, of any family
    writer.add_tokenizer_pre(vocabulary.pattern)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(padding)  # absent, it would be token 11
    writer.add_add_bos_token(False)
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(padding)
    if template is not None:
        writer.add_chat_template(template)


def _type(tensor: Tensor, wanted: GGMLQuantizationType) -> GGMLQuantizationType:
    if len(tensor.shape) == 1 or tensor.ours[0] == ("positions",):
        return _FLOAT32
    if wanted is GGMLQuantizationType.Q4_0 and tensor.ours[0] in _EMBEDDINGS:
        wanted = GGMLQuantizationType.Q8_0
    block, _ = gguf.GGML_QUANT_SIZES[wanted]
    return GGMLQuantizationType.F16 if _row(tensor) % block else wanted


def _row(tensor: Tensor) -> int:
    """Length of a row in GGUF, which is what a matrix takes in."""
    return tensor.shape[0] if _conv1d(tensor) else tensor.shape[-1]


def _conv1d(tensor: Tensor) -> bool:
    """Whether a matrix is [in, out] in Hugging Face's folder; it is [out, in] in every GGUF."""
    return tensor.ours[0][-1] == "weight" and not tensor.transposed


def _shape(tensor: Tensor, rows: int) -> tuple[int, ...]:
    if tensor.ours[0] in _EMBEDDINGS:
        return rows, tensor.shape[1]
    return tensor.shape[::-1] if _conv1d(tensor) else tensor.shape


def _value(
    params: dict[str, Any], config: ModelConfig, tensor: Tensor, family: str, rows: int
) -> np.ndarray:
    value = hugging_face.value(params, tensor)
    if tensor.ours[0] in _EMBEDDINGS:
        value = value[:rows]
    elif _conv1d(tensor):
        value = value.T
    elif family == "llama3" and tensor.ours[0][-2] in ("query", "key"):
        pairs = value.reshape(-1, 2, config.head_dim // 2, config.width)
        value = pairs.swapaxes(1, 2).reshape(value.shape)
    return np.ascontiguousarray(value)


def _frequency_factors(config: ModelConfig) -> np.ndarray | None:
    """By what llama.cpp divides each rotary frequency, [head_dim / 2]; None: by nothing."""
    if config.rope_scaling is None:
        return None
    plain = rotary_frequencies(dataclasses.replace(config, rope_scaling=None))
    return np.asarray(plain / rotary_frequencies(config), np.float32)
