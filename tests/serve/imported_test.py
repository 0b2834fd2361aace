"""What is refused, and what a run can do with a model that it did not train."""

import json
import pathlib
import shutil
import tempfile

import jax
import numpy as np
import safetensors.numpy
from absl.testing import absltest, parameterized

from configs.defaults import get_config
from data.conversations import CONTROL, prompt_ids
from data.errors import InputError
from model.quantize import quantized
from serve.engine import Engine
from serve.exported import export_hf
from serve.imported import import_hf
from serve.load import load, load_hf
from serve.requests import Request
from serve.safetensors_folder import INDEX, ONE_FILE
from tests.serve import small_families


class ImportTest(parameterized.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.model, self.workdir = self.folder / "model", self.folder / "imported"

    def export(self, name: str) -> None:
        self.trained = small_families.make(self.folder / "run", name)
        export_hf(self.trained, self.folder / "run", "base", self.model)

    def take(self, stage: str = "base") -> None:
        import_hf(str(self.model), str(self.workdir), stage, get_config())

    def change(self, **settings) -> None:
        path = self.model / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | settings))

    def rewrite(self, change) -> None:
        tensors = dict(safetensors.numpy.load_file(self.model / ONE_FILE))
        change(tensors)
        safetensors.numpy.save_file(tensors, self.model / ONE_FILE)

    def test_it_writes_as_the_model_that_was_exported(self):
        self.export("llama3")
        self.take("chat")
        found = load(self.workdir, "chat")
        request = Request(np.arange(20), 12, temperature=0.0)
        written = [
            Engine(model.params, model.architecture, model.tokenizer, 1).generate([request])[0]
            for model in (self.trained, found)
        ]
        self.assertEqual(written[0].tokens, written[1].tokens)
        self.assertEqual(found.step, 0)

    def test_read_without_a_run_it_is_the_same_model(self):
        for name in ("qwen3", "gpt2"):
            with self.subTest(name):
                self.export(name)
                self.take()
                found, kept = load_hf(str(self.model)), load(self.workdir)
                self.assertEqual(found.architecture, kept.architecture)
                self.assertEqual(found.tokenizer.special, kept.tokenizer.special)
                jax.tree.map(np.testing.assert_array_equal, found.params, kept.params)
                rows = found.params["embedding"]
                self.assertEqual(rows.sharding, kept.params["embedding"].sharding)
                exact, small = kept.params, load_hf(str(self.model), weights="int8").params
                jax.tree.map(np.testing.assert_array_equal, small, quantized(exact))
            for folder in (self.model, self.workdir, self.folder / "run"):
                shutil.rmtree(folder)

    def test_openai_s_names_and_old_buffers_are_understood(self):
        """GPT-2 as it was first published: no prefix, masks among the tensors, no tied head."""
        self.export("gpt2")

        def change(tensors):
            for name in list(tensors):
                tensors[name.removeprefix("transformer.")] = tensors.pop(name)
            tensors["h.0.attn.bias"] = np.ones((1, 1, 4, 4), np.uint8)

        self.rewrite(change)
        self.take()
        found = load(self.workdir)
        jax.tree.map(np.testing.assert_array_equal, found.params, self.trained.params)

    @parameterized.parameters(
        ("qwen3", {"model_type": "mistral"}, "architecture 'mistral'; those .* qwen3, llama, gpt2"),
        ("qwen3", {"use_sliding_window": True}, "use_sliding_window True, which is not supported"),
        ("qwen3", {"layer_types": ["sliding_attention"]}, "layer_types with 'sliding_attention'"),
        ("qwen3", {"attention_bias": True}, "attention_bias True"),
        ("qwen3", {"hidden_act": "gelu"}, "hidden_act 'gelu'"),
        ("qwen3", {"quantization_config": {"bits": 4}}, "quantization_config {'bits': 4}"),
        ("qwen3", {"rope_parameters": {"rope_type": "yarn"}}, "rope_type 'yarn'; supported are"),
        ("qwen3", {"hidden_size": "64"}, "hidden_size '64', which is no size"),
        ("qwen3", {"num_hidden_layers": 10**12}, "num_hidden_layers 1000000000000"),
        ("qwen3", {"num_key_value_heads": 3}, "must be a multiple of model.kv_heads"),
        ("qwen3", {"hidden_size": 128}, r"embed_tokens.weight of shape \[384, 64\], where .* 128"),
        ("qwen3", {"num_hidden_layers": 3}, "no tensor model.layers.2.* not whole"),
        ("qwen3", {"num_hidden_layers": 1}, "has the tensor model.layers.1.* has no place"),
        ("qwen3", {"vocab_size": 64}, "vocab_size is 64, but the tokenizer has"),
        ("llama3", {"mlp_bias": True}, "mlp_bias True"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        ("gpt2", {"activation_function": "relu"}, "activation_function 'relu'"),
    )
    def test_what_is_not_computed_here_is_refused_by_name(self, name, settings, sentence):
        self.export(name)
        self.change(**settings)
        with self.assertRaisesRegex(InputError, sentence):
            self.take()
        self.assertFalse(self.workdir.exists())
        with self.assertRaises(InputError):
            load_hf(str(self.model))

    def test_damaged_and_foreign_files(self):
        self.export("qwen3")
        weights = (self.model / ONE_FILE).read_bytes()

        def refused(sentence: str) -> None:
            with self.subTest(sentence), self.assertRaisesRegex(InputError, sentence):
                self.take()

        (self.model / ONE_FILE).write_bytes(weights[:-100])
        refused("cannot be read as safetensors")
        (self.model / ONE_FILE).write_bytes(weights)
        self.rewrite(lambda tensors: tensors["model.norm.weight"].__setitem__(0, np.nan))
        refused("model.norm.weight with numbers that are not finite")
        self.rewrite(lambda tensors: tensors.update({"model.norm.weight": np.ones(64, np.int32)}))
        refused("model.norm.weight in I32; weights are read in F64")
        described = (self.model / "config.json").read_text()
        for name, sentence in (
            ("num_hidden_layers", "fewer than the 2000000000 layers"),
            ("hidden_size", "2000000000"),
        ):
            huge = json.loads(described) | {name: 2_000_000_000}
            (self.model / "config.json").write_text(json.dumps(huge))
            refused(sentence)
        (self.model / "config.json").write_text(described)
        tokens = (self.model / "tokenizer.json").read_text()
        (self.model / "tokenizer.json").write_text("")
        refused(f"{self.model}/tokenizer.json is not a tokenizer.json")
        numbered = json.loads(tokens)
        numbered["added_tokens"][0]["id"] = 4_000_000_000
        (self.model / "tokenizer.json").write_text(json.dumps(numbered))
        refused("numbers up to 4000000000")
        (self.model / "tokenizer.json").write_text(tokens)
        (self.model / INDEX).write_text(json.dumps({"weight_map": {"x": "../secret"}}))
        refused("names files that are not in its folder")
        (self.model / INDEX).write_text("[")
        refused("is no index of safetensors")
        (self.model / INDEX).unlink()
        (self.model / ONE_FILE).unlink()
        refused("no model.safetensors: weights in other formats are not read")
        (self.model / "config.json").write_text("[1]")
        refused("config.json is no JSON object")
        (self.model / "config.json").write_text(" " * (1 << 21))
        refused("larger than 1,048,576 bytes")
        (self.model / "config.json").unlink()
        refused("there is no .*config.json")
        self.assertFalse(self.workdir.exists())

    def test_control_tokens_for_a_tokenizer_that_has_none(self):
        self.export("gpt2")
        path = self.model / "tokenizer.json"
        described = json.loads(path.read_text())
        end = described["added_tokens"][0]
        self.assertEqual(end["content"], "<|endoftext|>")
        path.write_text(json.dumps(described | {"added_tokens": [end]}))
        rows = end["id"] + 1
        name = "transformer.wte.weight"
        self.change(vocab_size=rows)
        self.rewrite(lambda tensors: tensors.update({name: tensors[name][:rows]}))
        import_hf(str(self.model), str(self.workdir), "base", get_config(), True)
        found = load(self.workdir)
        self.assertEqual(found.tokenizer.vocab_size, rows + len(CONTROL))
        self.assertEqual(found.architecture.vocab_size, -(-(rows + len(CONTROL)) // 64) * 64)
        ids = prompt_ids(found.tokenizer, [{"role": "user", "content": "the cat"}])
        self.assertEqual(ids[0], rows)
        embedding, old = found.params["embedding"], self.trained.params["embedding"][:rows]
        np.testing.assert_array_equal(embedding[:rows], old)
        np.testing.assert_allclose(embedding[rows + 3], old.mean(axis=0), atol=1e-6)

    def test_a_run_keeps_the_stage_and_the_tokenizer_that_it_has(self):
        self.export("qwen3")
        self.take()
        with self.assertRaisesRegex(InputError, "base exists already: give another"):
            self.take()
        (self.workdir / "tokenizer/tokenizer.json").write_text("{}")
        with self.assertRaisesRegex(InputError, "holds another tokenizer"):
            self.take("chat")
        self.assertFalse((self.workdir / "chat").exists())
        with self.assertRaisesRegex(InputError, "it is the name of a folder of the run"):
            self.take("../base")


if __name__ == "__main__":
    absltest.main()
