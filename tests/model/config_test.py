import dataclasses

from absl.testing import absltest, parameterized

from model.config import FAMILIES, ModelConfig, RopeScaling, from_mapping

SIZES = {"depth": 4, "context": 64, "vocab_size": 100}


class FromMappingTest(parameterized.TestCase):
    def test_depth_sets_the_sizes(self):
        config = from_mapping({"depth": 12, "context": 1024, "vocab_size": 50257, "family": "gpt2"})
        sizes = (config.layers, config.width, config.heads, config.head_dim, config.mlp_width)
        self.assertEqual(sizes, (12, 768, 12, 64, 3072))  # GPT-2 small
        swiglu = from_mapping({"depth": 12, "context": 1024, "vocab_size": 50257})
        self.assertEqual(swiglu.mlp_width, 2048)
        # 8/3 · 256 = 682.7, rounded up to a multiple of 64.
        self.assertEqual(from_mapping(SIZES).mlp_width, 704)

    def test_what_is_given_wins_over_depth_and_family(self):
        config = from_mapping(
            SIZES | {"width": 96, "heads": 3, "kv_heads": 1, "family": "llama3", "norm_eps": 0.5}
        )
        self.assertEqual((config.layers, config.width), (4, 96))
        self.assertEqual((config.heads, config.kv_heads, config.norm_eps), (3, 1, 0.5))

    def test_none_means_not_given(self):
        self.assertEqual(
            from_mapping(SIZES | {"width": None, "tied": None, "rope_scaling": None}),
            from_mapping(SIZES),
        )

    def test_narrow_models_have_one_head(self):
        config = from_mapping({"layers": 1, "width": 32, "context": 8, "vocab_size": 10})
        self.assertEqual((config.heads, config.head_dim), (1, 32))

    def test_families(self):
        qwen3, llama3, gpt2 = (from_mapping(SIZES | {"family": name}) for name in FAMILIES)
        self.assertEqual((qwen3.norm, qwen3.qk_norm, qwen3.biases), ("rms", True, False))
        self.assertEqual((llama3.qk_norm, llama3.tied, llama3.rope_theta), (False, False, 5e5))
        self.assertEqual((gpt2.norm, gpt2.mlp, gpt2.position), ("layer", "gelu", "learned"))
        self.assertTrue(gpt2.biases and gpt2.tied)

    def test_rope_scaling_from_a_mapping(self):
        scaling = {
            "factor": 8.0,
            "low_frequency_factor": 1.0,
            "high_frequency_factor": 4.0,
            "original_context": 8192,
        }
        config = from_mapping(SIZES | {"rope_scaling": scaling})
        self.assertEqual(config.rope_scaling, RopeScaling(8.0, 1.0, 4.0, 8192))

    @parameterized.parameters(
        ({"family": "bert"}, "model.family is 'bert'; it must be one of"),
        ({"widht": 64}, r"model has no fields \['widht'\]; it has"),
        ({"depth": None}, r"model needs \['layers', 'width'\], or model.depth"),
        ({"context": None}, r"model needs \['context'\]"),
        ({"heads": 4, "kv_heads": 3}, r"heads \(4\) must be a multiple of model.kv_heads \(3\)"),
        ({"head_dim": 7}, "model.head_dim is 7; rotary positions need an even one"),
        ({"mlp_width": 0}, "model.mlp_width is 0; it must be at least 1"),
        ({"layers": -1}, "model.layers is -1; it must be at least 1"),
        ({"norm": "batch"}, r"model.norm is 'batch'; it must be one of \('rms', 'layer'\)"),
        ({"mlp": "moe"}, "model.mlp is 'moe'"),
        ({"position": "alibi"}, "model.position is 'alibi'"),
        ({"dtype": "int8"}, "model.dtype is 'int8'"),
        ({"attention": "flash"}, "model.attention is 'flash'"),
        ({"remat": "some"}, "model.remat is 'some'"),
    )
    def test_refuses(self, changes, sentence):
        with self.assertRaisesRegex(ValueError, sentence):
            from_mapping(SIZES | changes)

    def test_learned_positions_allow_odd_heads(self):
        self.assertEqual(from_mapping(SIZES | {"family": "gpt2", "head_dim": 7}).head_dim, 7)

    def test_is_hashable_and_frozen(self):
        first, second = from_mapping(SIZES), from_mapping(SIZES)
        self.assertEqual(hash(first), hash(second))
        with self.assertRaises(dataclasses.FrozenInstanceError):
            first.width = 3
        self.assertIsInstance(first, ModelConfig)


if __name__ == "__main__":
    absltest.main()
