"""Exported GGUF files in llama.cpp itself, where its Python package is installed."""

import importlib.util
import pathlib
import tempfile
import unittest

import numpy as np
from absl.testing import absltest, parameterized

from benchmarks.llama_cpp_model import LlamaCpp, ours
from data.conversations import TEMPLATE
from serve.exported import export_gguf
from tests.serve import small_families


@unittest.skipIf(importlib.util.find_spec("llama_cpp") is None, "llama-cpp-python is not installed")
class LlamaCppTest(parameterized.TestCase):
    def load(self, name: str, pattern: str = "qwen2") -> LlamaCpp:
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.trained = small_families.make(folder, name, pattern)
        export_gguf(self.trained, folder, "chat", folder / "model.gguf")
        return LlamaCpp(folder / "model.gguf", self.trained.architecture.context)

    @parameterized.parameters(*small_families.FAMILIES)
    def test_greedy_text_is_the_same(self, name):
        llama = self.load(name)
        vocab_size = self.trained.tokenizer.vocab_size
        random = np.random.default_rng(0)
        prompts = [random.integers(0, vocab_size, size) for size in (1, 30, 100)]
        expected = ours(self.trained, prompts, 64)
        self.assertGreater(len(set(expected[0])), 5)  # more than the same token again and again
        self.assertEqual([llama.write(prompt, 64) for prompt in prompts], expected)

    @parameterized.parameters("qwen2", "llama-bpe", "gpt-2")
    def test_text_is_cut_into_the_same_tokens(self, pattern):
        llama, tokenizer = self.load("qwen3", pattern), self.trained.tokenizer
        for text in (small_families.TEXT, " 12345  x\n\n y’s don't\t", "<|im_end|>"):
            self.assertEqual(llama.encode(text), tokenizer.encode(text).tolist())
        turns = "<|im_start|>user\nthe cat<|im_end|>\n"
        self.assertEqual(llama.encode(turns, True), tokenizer.encode(turns, True).tolist())

    def test_the_chat_template_is_there(self):
        llama = self.load("qwen3")
        self.assertEqual(
            llama.metadata["tokenizer.chat_template"], TEMPLATE.read_text(encoding="utf-8")
        )


if __name__ == "__main__":
    absltest.main()
