import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from model.config import ModelConfig, from_mapping
from model.parameters import (
    Param,
    count,
    flops_per_token,
    initialise,
    parameters,
    shapes,
    unembedding,
)
from model.sharding import make_mesh, shardings

SIZES = {"depth": 2, "context": 64, "vocab_size": 96}

# Published sizes: openai-community/gpt2, meta-llama/Llama-3.1-8B, Qwen/Qwen3-0.6B.
GPT2 = {"family": "gpt2", "depth": 12, "vocab_size": 50_257, "context": 1024}
LLAMA3_8B = {
    "family": "llama3",
    "layers": 32,
    "width": 4096,
    "heads": 32,
    "kv_heads": 8,
    "head_dim": 128,
    "mlp_width": 14_336,
    "vocab_size": 128_256,
    "context": 8192,
}
QWEN3_06B = {
    "family": "qwen3",
    "layers": 28,
    "width": 1024,
    "heads": 16,
    "kv_heads": 8,
    "head_dim": 128,
    "mlp_width": 3072,
    "vocab_size": 151_936,
    "context": 40_960,
}


class CountTest(parameterized.TestCase):
    @parameterized.parameters(
        (GPT2, 124_439_808), (LLAMA3_8B, 8_030_261_248), (QWEN3_06B, 596_049_920)
    )
    def test_published_models(self, sizes, published):
        self.assertEqual(count(from_mapping(sizes)), published)

    @parameterized.product(family=("qwen3", "llama3", "gpt2"), tied=(True, False))
    def test_is_the_size_of_the_values(self, family, tied):
        config = from_mapping(SIZES | {"family": family, "tied": tied})
        declarations = parameters(config)
        values = jax.eval_shape(lambda: initialise(jax.random.key(0), declarations))
        self.assertEqual(count(config), sum(leaf.size for leaf in jax.tree.leaves(values)))
        self.assertEqual(values, shapes(declarations))

    def test_flops_by_hand(self):
        config = ModelConfig(
            vocab_size=10,
            layers=3,
            width=4,
            heads=2,
            kv_heads=1,
            head_dim=6,
            mlp_width=5,
            context=8,
        )
        # query 4·12, key and value 4·6 each, output 12·4; up, gate, down 4·5 each.
        layer = 48 + 24 + 24 + 48 + 3 * 20
        matrices = 3 * layer + 10 * 4
        # Scores and weighted values: 2 products of 2·T·head_dim FLOPs a head, times 3 for backward.
        attention = 3 * 2 * (2 * 2 * 7 * 6) * 3
        self.assertEqual(flops_per_token(config, 7), 6 * matrices + attention)
        untied = dataclasses.replace(config, tied=False)
        self.assertEqual(flops_per_token(untied, 7), flops_per_token(config, 7))
        without = flops_per_token(config, 7, unembeds=False)
        self.assertEqual(without, 6 * 3 * layer + attention)
        # GPT-2's learned positions are added, not multiplied; its biases likewise.
        gpt2 = dataclasses.replace(config, position="learned", biases=True, mlp="gelu")
        self.assertEqual(flops_per_token(gpt2, 7), 6 * (matrices - 3 * 20) + attention)


class InitialiseTest(absltest.TestCase):
    def test_distributions(self):
        params = initialise(jax.random.key(0), parameters(from_mapping(SIZES | {"tied": False})))
        attention, mlp = params["layers"]["attention"], params["layers"]["mlp"]
        for zeros in (attention["output"], mlp["down"]):
            np.testing.assert_array_equal(zeros["weight"], 0)
        for weight in (attention["query"], attention["key"], attention["value"], mlp["up"]):
            self.assertAlmostEqual(float(weight["weight"].std()), 128**-0.5, delta=0.002)
        np.testing.assert_array_equal(attention["query_norm"]["scale"], 1)
        for embedding in (params["embedding"], params["unembedding"]):
            self.assertAlmostEqual(float(embedding.std()), 0.02, delta=0.001)
            self.assertAlmostEqual(float(embedding.mean()), 0, delta=0.001)

    def test_no_two_parameters_and_no_two_layers_are_equal(self):
        params = initialise(jax.random.key(0), parameters(from_mapping(SIZES | {"tied": False})))
        attention = params["layers"]["attention"]
        self.assertFalse(np.array_equal(attention["key"]["weight"], attention["value"]["weight"]))
        self.assertFalse(np.array_equal(params["embedding"], params["unembedding"]))
        self.assertFalse(np.array_equal(*attention["query"]["weight"]))

    def test_a_parameter_s_values_do_not_depend_on_the_others(self):
        key = jax.random.key(3)
        plain = initialise(key, parameters(from_mapping(SIZES)))
        more = initialise(key, parameters(from_mapping(SIZES | {"tied": False, "biases": True})))
        for name in ("query", "key", "value"):
            np.testing.assert_array_equal(
                plain["layers"]["attention"][name]["weight"],
                more["layers"]["attention"][name]["weight"],
            )
        np.testing.assert_array_equal(plain["embedding"], more["embedding"])

    def test_sharded_initial_values_have_the_same_bits(self):
        declarations = parameters(from_mapping(SIZES))
        key = jax.random.key(7)
        one = jax.jit(lambda: initialise(key, declarations))()
        for sizes in ((1, 8, 1), (2, 2, 2)):
            places = shardings(declarations, make_mesh(*sizes))
            split = jax.jit(lambda: initialise(key, declarations), out_shardings=places)()
            jax.tree.map(np.testing.assert_array_equal, one, split)
            query = split["layers"]["attention"]["query"]["weight"]
            self.assertEqual(
                math.prod(query.addressable_shards[0].data.shape),
                query.size // (sizes[1] * sizes[2]),
            )

    def test_unembedding(self):
        params = {"embedding": jnp.zeros((2, 3))}
        self.assertIs(unembedding(params), params["embedding"])
        params["unembedding"] = jnp.ones((2, 3))
        self.assertIs(unembedding(params), params["unembedding"])

    def test_declarations_are_float32(self):
        for param in jax.tree.leaves(parameters(from_mapping(SIZES | {"dtype": "bfloat16"}))):
            self.assertIsInstance(param, Param)
            self.assertEqual(param.dtype, jnp.float32)


if __name__ == "__main__":
    absltest.main()
