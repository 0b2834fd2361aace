import dataclasses
import functools
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from model import transformer
from model.config import FAMILIES, from_mapping
from model.transformer import (
    empty_cache,
    hidden_states,
    hidden_states_cached,
    logits,
    unstacked,
)
from tests.model.random_parameters import random_parameters

SIZES = {
    "layers": 2,
    "width": 24,
    "heads": 4,
    "kv_heads": 2,
    "head_dim": 8,
    "mlp_width": 40,
    "vocab_size": 50,
    "context": 32,
}
B, T = 2, 12


def config_of(family="qwen3", **changes):
    return from_mapping(SIZES | {"family": family} | changes)


def random_tokens(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).integers(0, 50, shape), jnp.int32)


forward = jax.jit(hidden_states, static_argnames="config")
forward_cached = jax.jit(hidden_states_cached, static_argnames="config")


@functools.partial(jax.jit, static_argnames="config")
def value_and_gradient(params, config, tokens):
    """Of a sum in which every hidden number has a weight of its own."""
    weights = jnp.cos(jnp.arange(tokens.size * config.width)).reshape(*tokens.shape, -1)
    return jax.value_and_grad(
        lambda params: jnp.sum(weights * hidden_states(params, config, tokens))
    )(params)


def assert_trees_close(got, expected, atol):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=atol), got, expected)


class WholeRowsTest(parameterized.TestCase):
    @parameterized.parameters(*FAMILIES)
    def test_causality(self, family):
        config = config_of(family)
        params, tokens = random_parameters(config), random_tokens(B, T)
        before = forward(params, config, tokens)
        for t in (1, 7, T - 1):
            after = forward(params, config, tokens.at[:, t].set((tokens[:, t] + 1) % 50))
            np.testing.assert_array_equal(after[:, :t], before[:, :t])
            # The changed token, and every one after it, sees the change.
            self.assertTrue((jnp.abs(after[:, t:] - before[:, t:]).max(-1) > 1e-4).all())

    def test_scan_equals_unrolled(self):
        config = config_of("gpt2", kv_heads=4, head_dim=6)
        params, tokens = random_parameters(config), random_tokens(B, T)
        scanned = dataclasses.replace(config, scan=True)
        assert_trees_close(
            value_and_gradient(params, scanned, tokens),
            value_and_gradient(params, config, tokens),
            atol=1e-4,
        )

    def test_remat_changes_what_is_computed_twice_and_nothing_else(self):
        config = config_of()
        params, tokens = random_parameters(config), random_tokens(B, T)
        results, flops = [], []
        for remat in ("none", "dots", "full"):
            variant = dataclasses.replace(config, remat=remat)
            results.append(value_and_gradient(params, variant, tokens))
            flops.append(value_and_gradient.lower(params, variant, tokens).cost_analysis()["flops"])
        for other in results[1:]:
            assert_trees_close(other, results[0], atol=1e-4)
        none, dots, full = flops
        # "dots" keeps the products with weights and makes the scores again; "full" everything, so
        # that three passes' worth of work become four, less the unembedding, which is not here.
        self.assertBetween(dots / none, 1.01, 1.2)
        self.assertBetween(full / none, 1.25, 1.34)

    def test_bfloat16_stays_near_float32(self):
        config = config_of()
        params, tokens = random_parameters(config), random_tokens(B, T)
        half = dataclasses.replace(config, dtype="bfloat16")
        got, expected = forward(params, half, tokens), forward(params, config, tokens)
        self.assertEqual(got.dtype, jnp.bfloat16)
        error = jnp.abs(got.astype(jnp.float32) - expected)
        self.assertLess(float(error.mean()), 0.02)
        self.assertGreater(float(error.mean()), 1e-4)  # it did compute in 16 bits
        _, gradient = jax.eval_shape(lambda p: value_and_gradient(p, half, tokens), params)
        self.assertEqual({leaf.dtype for leaf in jax.tree.leaves(gradient)}, {jnp.dtype("float32")})

    def test_logits_are_float32_products_with_the_unembedding(self):
        config = config_of(tied=False)
        params, hidden = random_parameters(config), jnp.ones((B, 3, 24), jnp.bfloat16)
        got = logits(params, hidden)
        self.assertEqual(got.dtype, jnp.float32)
        rounded = params["unembedding"].astype(jnp.bfloat16).astype(jnp.float32)
        np.testing.assert_allclose(
            got, jnp.broadcast_to(rounded.sum(-1), (B, 3, 50)), rtol=1e-5, atol=1e-5
        )


class PositionsTest(absltest.TestCase):
    def test_rotary_positions_are_relative(self):
        config = config_of()
        params, tokens = random_parameters(config), random_tokens(B, T)
        positions = jnp.broadcast_to(jnp.arange(T), (B, T))
        plain = forward(params, config, tokens)
        np.testing.assert_allclose(
            forward(params, config, tokens, positions=positions + 9), plain, atol=1e-4
        )
        stretched = forward(params, config, tokens, positions=2 * positions)
        self.assertGreater(float(jnp.abs(stretched - plain).max()), 0.1)

    def test_learned_positions_are_looked_up(self):
        config = config_of("gpt2")
        params, tokens = random_parameters(config), random_tokens(B, T)
        positions = jnp.broadcast_to(jnp.arange(T), (B, T)) + 9
        rolled = params | {"positions": jnp.roll(params["positions"], -9, axis=0)}
        np.testing.assert_allclose(
            forward(params, config, tokens, positions=positions),
            forward(rolled, config, tokens),
            atol=1e-5,
        )


class PackedDocumentsTest(parameterized.TestCase):
    @parameterized.parameters("qwen3", "gpt2")
    def test_each_is_as_if_alone(self, family):
        config = config_of(family)
        params = random_parameters(config)
        lengths = np.array([5, 1, 6])
        # Alone: a row each, followed by what a causal model does not look at.
        rows = random_tokens(3, 6)
        row, place = np.nonzero(np.arange(6) < lengths[:, None])  # of every packed token
        packed = {"positions": jnp.asarray(place)[None], "segment_ids": jnp.asarray(row)[None]}
        weights = jnp.cos(jnp.arange(12 * 24)).reshape(12, 24)

        def together(params):
            hidden = hidden_states(params, config, rows[row, place][None], **packed)[0]
            return jnp.sum(weights * hidden), hidden

        def alone(params):
            hidden = hidden_states(params, config, rows)[row, place]
            return jnp.sum(weights * hidden), hidden

        (_, got), got_gradient = jax.jit(jax.value_and_grad(together, has_aux=True))(params)
        (_, expected), gradient = jax.jit(jax.value_and_grad(alone, has_aux=True))(params)
        np.testing.assert_allclose(got, expected, atol=1e-5)
        assert_trees_close(got_gradient, gradient, atol=1e-4)


class CacheTest(parameterized.TestCase):
    @parameterized.parameters(("qwen3", True), ("llama3", False), ("gpt2", False))
    def test_pieces_of_any_length_at_ragged_positions_equal_whole_rows(self, family, scan):
        config = config_of(family, scan=scan)
        params, tokens = random_parameters(config), random_tokens(3, T)
        expected = forward(params, config, tokens)
        with mock.patch.object(transformer, "_SMALLEST_BLOCK", 4):
            cache = empty_cache(config, 3, 14)
        blocks = [block.shape for block in (cache if scan else cache[1])["key"]]
        layers = (2,) if scan else ()
        self.assertEqual(blocks, [(*layers, 3, 2, size, 8) for size in (4, 2, 2, 4, 2)])
        seen = np.zeros((3, T), bool)
        # Row by row: where each of three pieces of four tokens begins. Rows overlap themselves,
        # which writes the same keys and values again.
        for starts in ([0, 0, 0], [4, 2, 1], [8, 6, 4]):
            positions = jnp.array(starts)[:, None] + jnp.arange(4)
            rows = jnp.arange(3)[:, None]
            hidden, cache = forward_cached(
                params, config, tokens[rows, positions], positions, cache
            )
            np.testing.assert_allclose(hidden, expected[rows, positions], atol=2e-5)
            seen[rows, positions] = True
        self.assertEqual(seen.sum(1).tolist(), [12, 10, 8])

    def test_slots_past_the_end_are_dropped(self):
        config = config_of()
        params, tokens = random_parameters(config), random_tokens(1, 6)
        positions = jnp.arange(6)[None]
        _, short = forward_cached(params, config, tokens, positions, empty_cache(config, 1, 4))
        _, long = forward_cached(params, config, tokens, positions, empty_cache(config, 1, 6))
        # The first layer's keys and values depend on the token alone.
        for name in ("key", "value"):
            short_block, long_block = (cache[0][name][0] for cache in (short, long))
            np.testing.assert_array_equal(short_block, long_block[:, :, :4])

    def test_is_of_the_compute_dtype(self):
        cache = empty_cache(config_of(dtype="bfloat16"), 1, 4)
        self.assertEqual({leaf.dtype for leaf in jax.tree.leaves(cache)}, {jnp.dtype("bfloat16")})


class UnstackedTest(parameterized.TestCase):
    def test_gives_the_layers_and_stacks_their_gradients(self):
        config = config_of(layers=3)
        params = random_parameters(config)
        layers = unstacked(params, config)["layers"]
        self.assertLen(layers, 3)
        for i, layer in enumerate(layers):
            expected = jax.tree.map(lambda x, i=i: x[i], params["layers"])
            jax.tree.map(np.testing.assert_array_equal, layer, expected)

        def weighted(params):
            layers = unstacked(params, config)["layers"]
            return sum(
                (i + 1) * layer["mlp"]["up"]["weight"].sum() for i, layer in enumerate(layers)
            )

        gradient = jax.grad(weighted)(params)["layers"]
        shape = params["layers"]["mlp"]["up"]["weight"].shape
        expected = np.broadcast_to(np.array([1.0, 2.0, 3.0])[:, None, None], shape)
        np.testing.assert_array_equal(gradient["mlp"]["up"]["weight"], expected)
        np.testing.assert_array_equal(gradient["mlp"]["down"]["weight"], 0)

    @parameterized.parameters(False, True)
    def test_every_function_takes_either_form(self, scan):
        config = config_of(scan=scan)
        params, tokens = random_parameters(config), random_tokens(B, T)
        once = unstacked(params, config)
        self.assertIs(unstacked(once, config), once)
        positions = jnp.broadcast_to(jnp.arange(T), (B, T))
        cache = empty_cache(config, B, T)
        np.testing.assert_allclose(
            forward(once, config, tokens), forward(params, config, tokens), atol=1e-5
        )
        np.testing.assert_allclose(
            forward_cached(once, config, tokens, positions, cache)[0],
            forward_cached(params, config, tokens, positions, cache)[0],
            atol=1e-5,
        )


if __name__ == "__main__":
    absltest.main()
