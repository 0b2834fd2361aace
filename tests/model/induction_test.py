import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from model import induction
from model.config import ModelConfig, from_mapping
from model.parameters import initialise, parameters
from model.sharding import make_mesh, shardings
from model.transformer import hidden_states, logits

SMALL = ModelConfig(
    vocab_size=2048,
    layers=4,
    width=192,
    heads=2,
    kv_heads=2,
    head_dim=64,
    mlp_width=64,
    context=256,
)


def _untrained(config: ModelConfig) -> dict:
    return initialise(jax.random.key(0), parameters(config))


def _copied(params: dict, config: ModelConfig, length: int) -> float:
    """Share of the tokens of a random sequence, said again, that are the likeliest."""
    said = np.random.default_rng(0).integers(0, config.vocab_size, (8, length))
    tokens = jnp.asarray(np.concatenate([said, said], 1))
    scores = logits(params, hidden_states(params, config, tokens[:, :-1]))
    # The first of them has nothing before it that tells that all is said again.
    return float(jnp.mean(scores.argmax(-1)[:, length:] == tokens[:, length + 1 :]))


class InductionTest(parameterized.TestCase):
    @parameterized.parameters(
        {},
        {"kv_heads": 1},
        {"scan": True},
        {"layers": 8},
        {"head_dim": 128, "width": 384},
        {"rope_theta": 1e6},
    )
    def test_an_untrained_model_copies(self, **fields):
        config = dataclasses.replace(SMALL, **fields)
        params = _untrained(config)
        self.assertLess(_copied(params, config, 40), 0.05)
        params = induction.with_induction_heads(params, config)
        self.assertGreater(_copied(params, config, 40), 0.4)
        self.assertGreater(_copied(params, config, 120), 0.4)

    def test_all_else_is_left_as_it_was(self):
        before = _untrained(SMALL)
        after = induction.with_induction_heads(before, SMALL)
        changed = jax.tree.map(lambda x, y: np.argwhere(np.asarray(x != y)), before, after)
        self.assertLen(set(changed["embedding"][:, 1]), 1)
        attention = changed["layers"]["attention"]
        for name in ("query", "key", "value"):
            layers, _, outputs = attention[name]["weight"].T
            self.assertEqual(set(layers), {1, 2, 3})
            self.assertLess(outputs.max(), SMALL.head_dim)
        layers, inputs, _ = attention["output"]["weight"].T
        self.assertEqual(set(layers), {1, 2, 3})
        self.assertLess(inputs.max(), SMALL.head_dim)
        for name in ("query_norm", "key_norm"):
            self.assertEqual(set(attention[name]["scale"][:, 0]), {1, 2, 3})
        for leaf in jax.tree.leaves([changed["layers"]["mlp"], changed["norm"], attention["norm"]]):
            self.assertEmpty(leaf)

    def test_is_the_same_sharded(self):
        declarations = parameters(SMALL)
        places = shardings(declarations, make_mesh(1, 2, 2, jax.devices()[:4]))

        def start() -> dict:
            params = initialise(jax.random.key(0), declarations)
            return induction.with_induction_heads(params, SMALL)

        sharded = jax.jit(start, out_shardings=places)()
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), sharded, start())

    @parameterized.parameters(
        ({"family": "llama3", "depth": 3}, "model.family 'qwen3'"),
        ({"family": "gpt2", "depth": 3}, "model.family 'qwen3'"),
        ({"depth": 1}, "two layers"),
        ({"depth": 2, "head_dim": 64}, "a smaller model.head_dim"),
    )
    def test_says_where_they_cannot_be(self, sizes, message):
        config = from_mapping(sizes | {"context": 64, "vocab_size": 96})
        with self.assertRaisesRegex(ValueError, message):
            induction.check(config)


if __name__ == "__main__":
    absltest.main()
