"""model/attention.py against softmax attention written out in numpy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from model import attention as attention_module
from model.attention import attention, cached_attention, check_backend
from model.sharding import make_mesh


def reference(query, key, value, visible):
    """One query, one head at a time, in float64. visible: [B, T, S] bool."""
    query, key, value = (np.asarray(x, np.float64) for x in (query, key, value))
    B, H, T, head_dim = query.shape
    share = H // key.shape[1]
    out = np.zeros_like(query)
    for b, h, t in np.ndindex(B, H, T):
        seen = np.flatnonzero(visible[b, t])
        scores = key[b, h // share, seen] @ query[b, h, t] / np.sqrt(head_dim)
        weights = np.exp(scores - scores.max())
        out[b, h, t] = weights @ value[b, h // share, seen] / weights.sum()
    return out


def random_inputs(B, H, K, T, S, head_dim, seed=0):
    random = np.random.default_rng(seed)
    shapes = ((B, H, T, head_dim), (B, K, S, head_dim), (B, K, S, head_dim))
    return [jnp.asarray(random.standard_normal(shape), jnp.float32) for shape in shapes]


class XlaTest(parameterized.TestCase):
    @parameterized.parameters((4, 4), (6, 2), (4, 1))
    def test_causal(self, H, K):
        inputs = random_inputs(2, H, K, 9, 9, 8)
        visible = np.broadcast_to(np.tril(np.ones((9, 9), bool)), (2, 9, 9))
        np.testing.assert_allclose(attention(*inputs), reference(*inputs, visible), atol=1e-5)

    def test_segments(self):
        inputs = random_inputs(2, 4, 2, 10, 10, 8)
        segments = np.array([[0] * 3 + [1] * 5 + [2] * 2, [4] * 9 + [2]])
        visible = np.tril(segments[:, :, None] == segments[:, None, :])
        got = attention(*inputs, segment_ids=jnp.asarray(segments))
        np.testing.assert_allclose(got, reference(*inputs, visible), atol=1e-5)

    def test_large_scores_do_not_overflow(self):
        query, key, value = random_inputs(1, 2, 2, 5, 5, 8)
        visible = np.tril(np.ones((1, 5, 5), bool))
        got = attention(query * 1e4, key, value)
        np.testing.assert_allclose(got, reference(query * 1e4, key, value, visible), atol=1e-5)

    def test_scores_are_float32_whatever_the_inputs(self):
        query, key, value = (x.astype(jnp.bfloat16) for x in random_inputs(2, 4, 2, 64, 64, 16))
        inputs = [32 * query, key, value]
        got = attention(*inputs)
        self.assertEqual(got.dtype, jnp.bfloat16)
        visible = np.broadcast_to(np.tril(np.ones((64, 64), bool)), (2, 64, 64))
        # Weights and outputs are rounded to 8 bits; scores of 8 bits would put it 0.3 off.
        np.testing.assert_allclose(
            np.asarray(got, np.float64), reference(*inputs, visible), atol=0.02
        )


def value_and_gradients(function, inputs):
    """Outputs, and the gradients of their inner product with a random direction."""
    out, pullback = jax.vjp(function, *inputs)
    direction = np.random.default_rng(1).standard_normal(out.shape)
    return out, pullback(jnp.asarray(direction, out.dtype))


class BlockedTest(parameterized.TestCase):
    """Its own backward pass against the reference's, which autodiff derives."""

    # One short block; one whole and one of a single query; eight of more than 128.
    @parameterized.parameters((9, 2), (129, 1), (129, 2), (129, 4), (1030, 2))
    def test_values_and_gradients_equal_the_reference_s(self, T, K):
        self.compare(random_inputs(2, 4, K, T, T, 8), None)

    @parameterized.parameters((9, 2), (129, 4), (300, 1))
    def test_segments(self, T, K):
        segments = np.stack([np.arange(T) // 7, np.arange(T) > T // 3])
        self.compare(random_inputs(2, 4, K, T, T, 8), jnp.asarray(segments))

    def compare(self, inputs, segment_ids):
        got, expected = (
            jax.jit(value_and_gradients, static_argnums=0)(
                functools.partial(attention, segment_ids=segment_ids, backend=backend), inputs
            )
            for backend in ("blocked", "xla")
        )
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), got, expected)

    def test_large_scores_do_not_overflow(self):
        query, key, value = random_inputs(1, 2, 2, 140, 140, 8)
        inputs = (query * 1e4, key, value)
        blocked = functools.partial(attention, backend="blocked")
        got, gradients = value_and_gradients(blocked, inputs)
        np.testing.assert_allclose(got, attention(*inputs), atol=1e-5)
        self.assertTrue(all(bool(jnp.isfinite(x).all()) for x in gradients))

    def test_bfloat16_is_as_exact_as_the_reference_s(self):
        inputs = random_inputs(2, 4, 2, 200, 200, 16)
        exact = value_and_gradients(attention, inputs)
        short = [x.astype(jnp.bfloat16) for x in inputs]
        got = value_and_gradients(functools.partial(attention, backend="blocked"), short)
        reference_s = value_and_gradients(attention, short)

        def error(a, b):
            return float(jnp.abs(a.astype(jnp.float32) - b).max())

        for mine, theirs, true in zip(
            *map(jax.tree.leaves, (got, reference_s, exact)), strict=True
        ):
            self.assertEqual(mine.dtype, jnp.bfloat16)
            self.assertLess(error(mine, true), 1.5 * error(theirs, true))

    @parameterized.parameters((8, 1, 1), (2, 2, 2), (1, 2, 4))
    def test_on_a_mesh(self, *sizes):
        inputs = random_inputs(8, 4, 2, 130, 130, 8)
        blocked = functools.partial(attention, backend="blocked")
        expected = value_and_gradients(attention, inputs)
        with jax.set_mesh(make_mesh(*sizes)):
            got = jax.jit(lambda *inputs: value_and_gradients(blocked, inputs))(*inputs)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), got, expected)


class SplashTest(parameterized.TestCase):
    """The Pallas kernel, interpreted, against the reference backend."""

    splash = staticmethod(functools.partial(attention_module._splash, interpret=True))

    def setUp(self):
        super().setUp()
        self.inputs = random_inputs(2, 4, 2, 128, 128, 16)
        self.segments = jnp.asarray(np.array([[0] * 50 + [1] * 78, [3] * 127 + [0]]), jnp.int32)

    @parameterized.parameters(False, True)
    def test_values_and_gradients_equal_the_reference_s(self, packed):
        segments = self.segments if packed else None
        got = jax.jit(value_and_gradients, static_argnums=0)(
            lambda *qkv: self.splash(*qkv, segments), self.inputs
        )
        expected = value_and_gradients(
            lambda *qkv: attention(*qkv, segment_ids=segments), self.inputs
        )
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), got, expected)

    @parameterized.parameters(False, True)
    def test_rows_that_are_no_multiple_of_128(self, packed):
        inputs = [x[:, :, :96] for x in self.inputs]
        # Those filled up belong to segment 0, as the last token of the second row does.
        segments = self.segments[:, -96:] if packed else None
        got = jax.jit(value_and_gradients, static_argnums=0)(
            lambda *qkv: self.splash(*qkv, segments), inputs
        )
        expected = value_and_gradients(lambda *qkv: attention(*qkv, segment_ids=segments), inputs)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), got, expected)

    @parameterized.parameters((2, 2, 2), (1, 2, 4))
    def test_on_a_mesh(self, *sizes):
        # With four tensor devices the two key-value heads do not divide and are copied.
        expected = attention(*self.inputs, segment_ids=self.segments)
        with jax.set_mesh(make_mesh(*sizes)):
            got = jax.jit(self.splash)(*self.inputs, self.segments)
        np.testing.assert_allclose(got, expected, atol=2e-5)
        self.assertLen(got.sharding.device_set, 8)


class CachedTest(parameterized.TestCase):
    @parameterized.parameters(((12,),), ((4, 8),), ((4, 4, 3, 1),))
    def test_seen_up_to_each_query_s_position(self, sizes):
        query, key, value = inputs = random_inputs(3, 4, 2, 2, 12, 8)
        ends = np.cumsum(sizes)[:-1]
        for positions in (
            [[0, 1], [2, 3], [1, 2]],
            [[0, 1], [4, 5], [2, 3]],
            [[0, 1], [4, 5], [10, 11]],
        ):
            visible = np.arange(12) <= np.array(positions)[:, :, None]
            # What later slots hold must not matter, however large.
            later = ~visible.any(1)[:, None, :, None]
            keys, values = (jnp.split(jnp.where(later, 1e9, x), ends, axis=2) for x in (key, value))
            got = cached_attention(query, keys, values, jnp.array(positions))
            np.testing.assert_allclose(got, reference(*inputs, visible), atol=1e-5)

    def test_reads_no_block_for_rows_past_the_end(self):
        query, key, value = random_inputs(2, 2, 2, 1, 8, 8)
        # Weights of zero do not hide what is no number: it would show if it were read.
        keys, values = ([x[:, :, :4], jnp.full_like(x[:, :, 4:], jnp.nan)] for x in (key, value))
        got = cached_attention(query, keys, values, jnp.array([[3], [8]]))
        self.assertTrue(np.isfinite(got).all())
        got = cached_attention(query, keys, values, jnp.array([[3], [7]]))
        self.assertFalse(np.isfinite(got).all())


class RefusalTest(parameterized.TestCase):
    def test_cudnn_refuses_segments_and_float32(self):
        inputs = random_inputs(1, 2, 2, 8, 8, 16)
        with self.assertRaisesRegex(ValueError, "'cudnn' attends across documents"):
            attention(*inputs, segment_ids=jnp.zeros((1, 8), jnp.int32), backend="cudnn")
        with self.assertRaisesRegex(ValueError, "16 bits, not float32; set model.dtype"):
            attention(*inputs, backend="cudnn")

    def test_unknown_backend(self):
        with self.assertRaisesRegex(ValueError, "'flash' is none of 'xla', 'blocked'"):
            attention(*random_inputs(1, 2, 2, 8, 8, 16), backend="flash")

    @parameterized.parameters(
        ("splash", "float32", "cpu", "runs on TPU; the devices here are CPU"),
        ("cudnn", "bfloat16", "cpu", "runs on GPU; the devices here are CPU"),
        ("cudnn", "float32", "gpu", "set model.dtype='bfloat16'"),
    )
    def test_check_backend_refuses(self, backend, dtype, platform, sentence):
        with self.assertRaisesRegex(ValueError, sentence):
            check_backend(backend, dtype, platform)

    def test_check_backend_refuses_packed_rows(self):
        with self.assertRaisesRegex(ValueError, "cannot keep .* apart: leave it at 'auto'"):
            check_backend("cudnn", "bfloat16", "gpu", packed=True)

    def test_check_backend_accepts(self):
        check_backend("xla", "float32", "cpu")
        check_backend("splash", "float32", "tpu")
        check_backend("cudnn", "bfloat16", "gpu")


if __name__ == "__main__":
    absltest.main()
