"""The same model in llama.cpp, for what compares with it."""

import os
from collections.abc import Sequence

import numpy as np

from serve.engine import Engine
from serve.load import Trained
from serve.requests import Request


def ours(trained: Trained, prompts: Sequence[np.ndarray], tokens: int) -> list[list[int]]:
    """What the engine writes after each prompt: so many tokens, whatever they are."""
    engine = Engine(trained.params, trained.architecture, trained.tokenizer, slots=1)
    requests = [Request(prompt, tokens, temperature=0.0) for prompt in prompts]
    return [engine.generate([request])[0].tokens for request in requests]


class LlamaCpp:
    """A GGUF file in llama.cpp, with keys and values in float32 like ours."""

    def __init__(self, path: str | os.PathLike, context: int) -> None:
        import llama_cpp

        self._llama = llama_cpp.Llama(
            str(path),
            n_ctx=context,
            n_threads=os.cpu_count(),
            n_threads_batch=os.cpu_count(),
            type_k=llama_cpp.GGML_TYPE_F32,
            type_v=llama_cpp.GGML_TYPE_F32,
            flash_attn=False,
            verbose=False,
        )

    def write(self, prompt: np.ndarray, tokens: int) -> list[int]:
        """The most likely token, so many times."""
        written = self._llama.generate(prompt.tolist(), top_k=1, temp=0.0)
        return [next(written) for _ in range(tokens)]

    @property
    def metadata(self) -> dict[str, str]:
        return self._llama.metadata

    def encode(self, text: str, special: bool = False) -> list[int]:
        return self._llama.tokenize(text.encode("utf-8"), add_bos=False, special=special)
