"""GGUF files against their own library's reader, and against transformers, which can load them."""

import json
import pathlib
import tempfile
import unittest

import gguf
import numpy as np
from absl.testing import absltest, parameterized

from data.encoding import Tokenizer
from data.errors import InputError
from data.tokenizer import train_characters
from model.transformer import hidden_states, logits
from serve import gguf_file, hugging_face
from serve.exported import export_gguf
from tests.serve import small_families

try:
    import torch
    import transformers
except ImportError:
    torch = None


class GgufTest(parameterized.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.output = self.folder / "model.gguf"

    def export(self, name, dtype="float32", stage="chat", pattern="qwen2", **sizes):
        self.trained = small_families.make(self.folder / "run", name, pattern, **sizes)
        export_gguf(self.trained, self.folder / "run", stage, self.output, dtype)
        return gguf.GGUFReader(self.output)

    @parameterized.parameters("qwen3", "qwen3_untied", "llama3", "gpt2")
    @unittest.skipIf(torch is None, "PyTorch or transformers is not installed")
    def test_transformers_reads_the_same_model(self, name):
        # What it takes no notice of is at its own defaults: a Qwen3's head_dim, a GPT-2's context
        # and MLP, a Llama's stretched frequencies.
        unread = {
            "qwen3": {"head_dim": 128},
            "qwen3_untied": {"head_dim": 128},
            "llama3": {"rope_scaling": None},
            "gpt2": {"context": 1024, "mlp_width": 256},
        }
        self.export(name, **unread[name])
        model = transformers.AutoModelForCausalLM.from_pretrained(
            self.folder, gguf_file=self.output.name
        )
        vocab_size = self.trained.tokenizer.vocab_size
        tokens = np.random.default_rng(0).integers(0, vocab_size, (2, 100))
        theirs = model.eval()(torch.tensor(tokens)).logits.detach().numpy()
        params, config = self.trained.params, self.trained.architecture
        ours = logits(params, hidden_states(params, config, tokens))[..., :vocab_size]
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)

    # Root mean square errors as fractions of the weights': 8 and 11 bits of mantissa; published
    # figures of the block formats.
    @parameterized.parameters(
        ("float32", 0, 0), ("float16", 0, 3e-4), ("bfloat16", 1e-4, 3e-3),
        ("q8_0", 2e-3, 1e-2), ("q4_0", 5e-2, 0.12),
    )  # fmt: skip
    def test_weights_in_every_format(self, dtype, least, most):
        reader = self.export("qwen3", dtype)
        found = {tensor.name: tensor for tensor in reader.tensors}
        self.assertLen(found, 2 + 2 * 11)
        tensors = {
            tensor.name: tensor for tensor in hugging_face.tensors(self.trained.architecture)
        }
        for theirs, ours in (
            ("blk.1.attn_q", "model.layers.1.self_attn.q_proj"),
            ("blk.0.ffn_down", "model.layers.0.mlp.down_proj"),
        ):
            expected = hugging_face.value(self.trained.params, tensors[f"{ours}.weight"])
            tensor = found[f"{theirs}.weight"]
            self.assertEqual(tensor.tensor_type, gguf_file.FILE_TYPES[dtype][1])
            values = gguf.dequantize(tensor.data, tensor.tensor_type)
            error = np.sqrt(np.mean((values - expected) ** 2) / np.mean(expected**2))
            self.assertBetween(error, least, most)
        self.assertEqual(found["blk.0.attn_q_norm.weight"].tensor_type.name, "F32")
        embedding = found["token_embd.weight"]
        self.assertEqual(embedding.tensor_type.name == "Q8_0", dtype[0] == "q")
        self.assertEqual(
            embedding.shape.tolist(), [64, self.trained.tokenizer.vocab_size]
        )  # no row without a token

    def test_blocks_hold_what_the_format_says(self):
        """Q8_0 by hand: the largest of 32 is 127, every other rounded in its units."""
        reader = self.export("qwen3", "q8_0")
        tensors = {
            tensor.name: tensor for tensor in hugging_face.tensors(self.trained.architecture)
        }
        up = hugging_face.value(self.trained.params, tensors["model.layers.0.mlp.up_proj.weight"])
        (found,) = (t.data for t in reader.tensors if t.name == "blk.0.ffn_up.weight")
        block = up[5, 32:64]
        stored = found.reshape(96, 2, 34)[5, 1]
        scale = np.abs(block).max() / 127
        self.assertEqual(stored[:2].view(np.float16)[0], np.float16(scale))
        np.testing.assert_array_equal(stored[2:].view(np.int8), np.round(block / scale))

    def test_rows_that_no_block_fits_are_in_float16_and_that_is_said(self):
        with self.assertLogs(level="WARNING") as logs:
            reader = self.export("qwen3", "q4_0", mlp_width=80)
        self.assertIn("2 tensors are in float16", logs.output[0])
        types = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
        self.assertEqual(types["blk.0.ffn_down.weight"], "F16")
        self.assertEqual(types["blk.0.ffn_up.weight"], "Q4_0")

    @parameterized.parameters("qwen2", "llama-bpe", "gpt-2")
    def test_the_tokenizer(self, pattern):
        reader = self.export("qwen3", pattern=pattern)
        field = {name: field.contents() for name, field in reader.fields.items()}
        self.assertEqual(field["tokenizer.ggml.pre"], pattern)
        tokenizer = self.trained.tokenizer
        names = field["tokenizer.ggml.tokens"]
        self.assertLen(names, tokenizer.vocab_size)
        for name, number in tokenizer.special.items():
            self.assertEqual(names[number], name)
            self.assertEqual(field["tokenizer.ggml.token_type"][number], gguf.TokenType.CONTROL)
        described = json.loads((self.folder / "run/tokenizer/tokenizer.json").read_text())
        merges = [" ".join(pair) for pair in described["model"]["merges"]]
        self.assertEqual(field["tokenizer.ggml.merges"], merges)
        self.assertEqual(field["tokenizer.ggml.eos_token_id"], tokenizer.special["<|im_end|>"])
        self.assertFalse(field["tokenizer.ggml.add_bos_token"])
        self.assertIn("<|im_start|>", field["tokenizer.chat_template"])

    def test_llama_3_s_stretched_frequencies(self):
        """Wavelengths are 6.3, 14.. tokens with heads of 32: those below 16 are kept, those above
        64 stretched by 8."""
        reader = self.export("llama3")
        (factors,) = (t.data for t in reader.tensors if t.name == "rope_freqs.weight")
        wavelengths = 2 * np.pi * 500_000.0 ** (np.arange(16) / 16)
        np.testing.assert_array_equal(factors[wavelengths < 16], 1.0)
        np.testing.assert_allclose(factors[wavelengths > 64], 8.0, rtol=1e-6)
        between = factors[(wavelengths > 16) & (wavelengths < 64)]
        self.assertTrue(np.all((between > 1) & (between < 8)))

    def test_what_llama_cpp_cannot_run_is_refused(self):
        with self.assertRaisesRegex(InputError, "does not stretch the rotary positions of a Qwen3"):
            self.export("qwen3", rope_scaling=small_families.SCALING)
        path = self.folder / "tokenizer.json"
        path.write_text(train_characters(["abc"]).to_str())
        with self.assertRaisesRegex(InputError, "no tokenizer that llama.cpp knows"):
            gguf_file.vocabulary(Tokenizer.load(path), path)
        self.assertFalse(self.output.exists())


if __name__ == "__main__":
    absltest.main()
