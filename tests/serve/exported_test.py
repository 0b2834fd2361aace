"""Exported folders against the library that they are made for, and imported again."""

import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
from typing import Any
from unittest import mock

import jax
import numpy as np
from absl.testing import absltest, parameterized

from configs.defaults import get_config
from data.conversations import prompt_ids
from data.errors import InputError
from model.transformer import hidden_states, logits
from serve import safetensors_folder
from serve.exported import export_gguf, export_hf
from serve.imported import import_hf
from serve.load import load
from tests.serve import small_families

try:
    import torch
    import transformers
except ImportError:
    torch = None

ROOT = pathlib.Path(__file__).resolve().parents[2]
MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What saw the cat, Zoë? 😀"},
    {
        "role": "assistant",
        "content": "",
        "reasoning_content": "I look it up.",
        "tool_calls": [
            {"type": "function", "function": {"name": "search", "arguments": {"query": "cat"}}}
        ],
    },
    {"role": "tool", "name": "search", "content": "the cat saw 日本語"},
]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "search",
            "description": "Looks for passages.",
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
        },
    }
]


def assert_identical(test: absltest.TestCase, one: Any, other: Any) -> None:
    test.assertEqual(jax.tree.structure(one), jax.tree.structure(other))
    for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        test.assertEqual(np.asarray(x).tobytes(), np.asarray(y).tobytes())


def command(module: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )


class ExportTest(parameterized.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.run_folder, self.output = self.folder / "run", self.folder / "out"

    def exported(self, name: str, stage: str = "chat", **options: Any) -> Any:
        trained = small_families.make(self.run_folder, name)
        export_hf(trained, self.run_folder, stage, self.output, **options)
        return trained

    @parameterized.parameters(*small_families.FAMILIES)
    @unittest.skipIf(torch is None, "PyTorch or transformers is not installed")
    def test_loads_in_transformers(self, name):
        trained = self.exported(name)
        model, info = transformers.AutoModelForCausalLM.from_pretrained(
            self.output, output_loading_info=True
        )
        for kind, names in info.items():
            self.assertFalse(names, kind)
        self.assertEqual(model.dtype, torch.float32)
        tokens = np.random.default_rng(0).integers(0, 384, (2, 100))
        theirs = model.eval()(torch.tensor(tokens)).logits.detach().numpy()
        config = trained.architecture
        ours = logits(trained.params, hidden_states(trained.params, config, tokens))
        self.assertGreater(theirs.std(), 1.0)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
        ends = [trained.tokenizer.special[name] for name in ("<|im_end|>", "<|endoftext|>")]
        self.assertEqual(model.generation_config.eos_token_id, ends)
        # Of ids that no token has, the library writes none, as our engine.
        written = model.generate(torch.tensor(tokens[:, :5]), max_new_tokens=40)
        self.assertLess(int(written[:, 5:].max()), trained.tokenizer.vocab_size)

    @unittest.skipIf(torch is None, "PyTorch or transformers is not installed")
    def test_the_tokenizer_gives_the_same_tokens_and_chats(self):
        tokenizer = self.exported("qwen3").tokenizer
        theirs = transformers.AutoTokenizer.from_pretrained(self.output)
        for text in (small_families.TEXT, " leading,  two\n\n\tspaces 12345 ’quoted’", "\x00é"):
            self.assertEqual(theirs(text)["input_ids"], tokenizer.encode(text).tolist())
            self.assertEqual(theirs.decode(theirs(text)["input_ids"]), text)
        text = theirs.apply_chat_template(
            MESSAGES, tools=TOOLS, tokenize=False, add_generation_prompt=True
        )
        ids = prompt_ids(tokenizer, MESSAGES, TOOLS)
        self.assertEqual(text, tokenizer.decode(ids))
        self.assertEqual(theirs(text)["input_ids"], ids.tolist())
        self.assertEqual((theirs.eos_token, theirs.pad_token), ("<|im_end|>", "<|endoftext|>"))
        self.assertEqual(theirs.model_max_length, 256)

    def test_a_base_model_ends_documents(self):
        self.exported("qwen3", "base")
        described = json.loads((self.output / "tokenizer_config.json").read_text())
        self.assertEqual(described["eos_token"], "<|endoftext|>")

    @parameterized.product(name=tuple(small_families.FAMILIES), shard_bytes=(5_000_000_000, 50_000))
    def test_imported_again_it_is_the_same_to_the_last_bit(self, name, shard_bytes):
        trained = self.exported(name, shard_bytes=shard_bytes)
        import_hf(str(self.output), str(self.folder / "again"), "base", get_config())
        again = load(self.folder / "again")
        # How attention is computed is for the machine to choose.
        again_here = dataclasses.replace(again.architecture, attention="xla")
        self.assertEqual(again_here, trained.architecture)
        assert_identical(self, trained.params, again.params)
        self.assertEqual(
            (self.folder / "again/tokenizer/tokenizer.json").read_bytes(),
            (self.run_folder / "tokenizer/tokenizer.json").read_bytes(),
        )

    def test_large_models_are_cut_into_files(self):
        trained = self.exported("qwen3", shard_bytes=50_000)
        files = sorted(self.output.glob("*.safetensors"))
        index = json.loads((self.output / safetensors_folder.INDEX).read_text())
        self.assertEqual([file.name for file in files], sorted(set(index["weight_map"].values())))
        self.assertRegex(files[0].name, rf"^model-00001-of-{len(files):05d}\.safetensors$")
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(trained.params))
        self.assertEqual(index["metadata"]["total_size"], size)
        # The embedding, 98,304 bytes, is alone in a file; the others hold at most 50,000.
        headers = 2_000
        self.assertBetween(files[0].stat().st_size, 98_304, 98_304 + headers)
        for file in files[1:]:
            self.assertLess(file.stat().st_size, 50_000 + headers)

    @unittest.skipIf(torch is None, "PyTorch or transformers is not installed")
    def test_shards_and_bfloat16_load_in_transformers(self):
        trained = self.exported("qwen3", dtype="bfloat16", shard_bytes=50_000)
        model = transformers.AutoModelForCausalLM.from_pretrained(self.output)
        self.assertEqual(model.dtype, torch.bfloat16)
        np.testing.assert_array_equal(
            model.get_input_embeddings().weight.detach().float().numpy(),
            trained.params["embedding"].astype("bfloat16").astype("float32"),
        )

    def test_the_model_card_has_the_figures(self):
        self.exported("llama3")
        card = (self.output / "README.md").read_text()
        self.assertIn("| chat/val_loss | 1.25 |", card)
        self.assertIn("Llama 3, 2 layers of width 64", card)
        self.assertIn("Licence", card)

    def test_a_folder_that_holds_something_is_left_alone(self):
        self.output.mkdir()
        (self.output / "thesis.txt").write_text("mine")
        with self.assertRaisesRegex(InputError, "out exists already: give another --output"):
            self.exported("qwen3")
        self.assertEqual([path.name for path in self.output.iterdir()], ["thesis.txt"])
        shutil.rmtree(self.run_folder)
        (self.output / "thesis.txt").unlink()
        self.exported("qwen3")  # an empty folder is free

    def test_what_fails_leaves_nothing(self):
        """A weight that float16 cannot hold is met when files have been written already."""
        trained = small_families.make(self.run_folder, "qwen3")
        trained.params["norm"]["scale"] = trained.params["norm"]["scale"].at[3].set(1e5)
        with (
            np.errstate(over="ignore"),
            self.assertRaisesRegex(InputError, "model.norm.weight has numbers that are not finite"),
        ):
            export_hf(trained, self.run_folder, "chat", self.output, "float16")
        with (
            mock.patch("gguf.GGUFWriter.write_tensor_data", side_effect=KeyboardInterrupt),
            self.assertRaises(KeyboardInterrupt),
        ):
            export_gguf(trained, self.run_folder, "chat", self.output)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["run"])

    def test_what_a_killed_export_left_is_removed(self):
        left = self.output.with_name(f"{self.output.name}.partial")
        left.mkdir()
        (left / "model-00001-of-00002.safetensors").write_bytes(b"half")
        self.exported("qwen3")
        self.assertEqual(set(self.folder.iterdir()), {self.run_folder, self.output})
        self.assertEmpty(list(self.output.glob("model-*")))

    def test_a_model_of_no_family_is_refused(self):
        trained = small_families.make(self.run_folder, "qwen3", mlp="relu2")
        for write in (export_hf, export_gguf):
            with self.assertRaisesRegex(InputError, "mlp relu2, .* is none of the Qwen3, Llama 3"):
                write(trained, self.run_folder, "chat", self.output)

    def test_the_commands(self):
        """Run as a person runs them: there, back again, and what cannot be meant."""
        self.exported("qwen3")
        run, again = self.folder / "again", self.folder / "exported"
        done = command("serve.import_hf", f"--model={self.output}", f"--workdir={run}")
        self.assertEqual((done.returncode, done.stdout.count("\n")), (0, 1), done.stderr)
        there = (f"--workdir={run}", "--stage=base", f"--output={again}")
        done = command("serve.export", *there)
        self.assertEqual((done.returncode, done.stdout.count("\n")), (0, 1), done.stderr)
        self.assertEqual(
            (again / "model.safetensors").read_bytes(),
            (self.output / "model.safetensors").read_bytes(),
        )
        for module, arguments, sentence in (
            ("serve.export", there, "exists already: give another --output"),
            ("serve.export", there[:2], "no --output; give one"),
            ("serve.export", (*there, "--dtype=q8_0"), "--dtype is q8_0; with --format=hf it is"),
            ("serve.import_hf", (), "no --model; give one"),
        ):
            with self.subTest(sentence):
                done = command(module, *arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertRegex(done.stderr, r"\Aerror: [^\n]+\n\Z")
                self.assertIn(sentence, done.stderr)


if __name__ == "__main__":
    absltest.main()
