import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from launch.collectives import collectives
from model.losses import token_log_probs
from model.sharding import make_mesh


def example(B, T, D, V, seed=0):
    random = np.random.default_rng(seed)
    hidden = jnp.asarray(random.standard_normal((B, T, D)), jnp.float32)
    matrix = jnp.asarray(random.standard_normal((V, D)), jnp.float32)
    return hidden, matrix, jnp.asarray(random.integers(0, V, (B, T)), jnp.int32)


def reference(hidden, matrix, targets):
    log_probs = jax.nn.log_softmax(hidden @ matrix.T)
    return jnp.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0]


class TokenLogProbsTest(parameterized.TestCase):
    def test_by_hand(self):
        # Logits (0, log 3): probabilities 1/4 and 3/4.
        hidden = jnp.ones((1, 2, 1))
        matrix = jnp.log(jnp.array([[1.0], [3.0]]))
        got = token_log_probs(hidden, matrix, jnp.array([[0, 1]]))
        np.testing.assert_allclose(got, np.log([[0.25, 0.75]]), rtol=1e-6)

    @parameterized.parameters(0, 1, 4, 5, 13, 100)
    def test_values_and_gradients_whatever_the_chunk(self, chunk):
        hidden, matrix, targets = example(3, 13, 8, 29)
        weights = jnp.asarray(np.random.default_rng(1).random((3, 13)), jnp.float32)

        def weighted(function):
            def total(hidden, matrix):
                scores = function(hidden, matrix)
                return jnp.sum(weights * scores), scores

            return jax.jit(jax.value_and_grad(total, argnums=(0, 1), has_aux=True))(hidden, matrix)

        (_, scores), gradients = weighted(lambda h, m: token_log_probs(h, m, targets, chunk))
        (_, expected), expected_gradients = weighted(lambda h, m: reference(h, m, targets))
        self.assertEqual(scores.shape, (3, 13))
        np.testing.assert_allclose(scores, expected, atol=1e-5)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), gradients, expected_gradients
        )

    @parameterized.parameters(0, 5)
    def test_in_16_bits_close_to_float32(self, chunk):
        inputs = example(3, 13, 8, 29)
        rounded = [x.astype(jnp.bfloat16) for x in inputs[:2]]

        def total(function, hidden, matrix):
            return jax.value_and_grad(lambda h, m: function(h, m).sum(), argnums=(0, 1))(
                hidden, matrix
            )

        value, gradients = total(lambda h, m: token_log_probs(h, m, inputs[2], chunk), *rounded)
        exact = [x.astype(jnp.float32) for x in rounded]
        expected, expected_gradients = total(lambda h, m: reference(h, m, inputs[2]), *exact)
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        for got, wanted in zip(gradients, expected_gradients, strict=True):
            self.assertEqual(got.dtype, jnp.bfloat16)
            error = np.linalg.norm(np.asarray(got, np.float32) - wanted)
            self.assertLess(error / np.linalg.norm(wanted), 0.02)

    @parameterized.product(
        share=(0.0, 0.01, 0.3, 1.0), chunk=(0, 16), dtype=("float32", "bfloat16")
    )
    def test_those_wanted_are_the_same_and_the_others_nothing(self, share, chunk, dtype):
        """200 positions, in blocks of 64."""
        hidden, matrix, targets = example(4, 50, 8, 29)
        hidden, matrix = hidden.astype(dtype), matrix.astype(dtype)
        random = np.random.default_rng(2)
        wanted = jnp.asarray(random.random((4, 50)) < share, jnp.float32)
        weights = jnp.asarray(random.standard_normal((4, 50)), jnp.float32)

        def weighted(*wanted_or_not):
            def total(hidden, matrix):
                scores = token_log_probs(hidden, matrix, targets, chunk, *wanted_or_not)
                return jnp.sum(weights * wanted * scores), scores

            return jax.jit(jax.value_and_grad(total, argnums=(0, 1), has_aux=True))(hidden, matrix)

        (_, scores), gradients = weighted(wanted)
        (_, expected), expected_gradients = weighted()
        np.testing.assert_allclose(scores, expected * wanted, atol=1e-5)
        tolerance = 1e-5 if dtype == "float32" else 0.02
        for got, known in zip(gradients, expected_gradients, strict=True):
            self.assertEqual(got.dtype, dtype)
            got, known = np.asarray(got, np.float32), np.asarray(known, np.float32)
            error = np.linalg.norm(got - known)
            self.assertLessEqual(error, tolerance * max(np.linalg.norm(known), 1e-6))

    def test_only_blocks_with_one_that_is_wanted_are_computed(self):
        """What would overflow elsewhere is not met."""
        hidden, matrix, targets = example(4, 64, 8, 29)
        wanted = jnp.zeros((4, 64)).at[2, 5].set(1)
        hidden = jnp.where(wanted[..., None] > 0, hidden, jnp.nan).at[0].set(0.0)
        scores = token_log_probs(hidden, matrix, targets, wanted=wanted)
        self.assertTrue(np.isfinite(scores).all())
        self.assertEqual(np.count_nonzero(scores), 1)

    def test_devices_that_want_different_numbers(self):
        mesh = make_mesh(2, 2, 2)
        hidden, matrix, targets = example(8, 64, 16, 32)
        wanted = jnp.asarray(np.arange(8)[:, None] * 8 > np.arange(64), jnp.float32)

        def slopes(hidden, matrix, targets, wanted):
            def total(h, m):
                return (token_log_probs(h, m, targets, 0, wanted) * wanted).sum()

            return jax.value_and_grad(total, argnums=(0, 1))(hidden, matrix)

        expected = slopes(hidden, matrix, targets, wanted)
        rows = NamedSharding(mesh, P(("data", "fsdp")))
        places = (rows, NamedSharding(mesh, P("tensor", "fsdp")), rows, rows)
        with jax.set_mesh(mesh):
            arrays = jax.device_put((hidden, matrix, targets, wanted), places)
            got = jax.jit(slopes)(*arrays)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), got, expected
        )

    def test_large_logits_do_not_overflow(self):
        hidden, matrix, targets = example(2, 6, 8, 11)
        scores, gradient = jax.value_and_grad(
            lambda h: token_log_probs(h, matrix, targets, 4).sum()
        )(hidden * 1e4)
        self.assertTrue(np.isfinite(scores))
        self.assertTrue(np.isfinite(gradient).all())

    @parameterized.parameters(0, 4)
    def test_bfloat16_activations_give_float32_scores(self, chunk):
        hidden, matrix, targets = example(2, 8, 16, 31)
        got = token_log_probs(hidden.astype(jnp.bfloat16), matrix, targets, chunk)
        self.assertEqual(got.dtype, jnp.float32)
        rounded = [x.astype(jnp.bfloat16).astype(jnp.float32) for x in (hidden, matrix)]
        # Inputs are rounded; the sum and the softmax are not.
        np.testing.assert_allclose(got, reference(*rounded, targets), atol=1e-4)

    def test_chunks_bound_the_memory(self):
        hidden, matrix, targets = example(2, 64, 16, 8192)

        def temporary_bytes(chunk):
            def loss(hidden, matrix):
                return token_log_probs(hidden, matrix, targets, chunk).sum()

            compiled = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(hidden, matrix).compile()
            return compiled.memory_analysis().temp_size_in_bytes

        logits = 4 * 2 * 64 * 8192
        self.assertGreaterEqual(temporary_bytes(0), logits)
        # A chunk is an eighth of the logits, and the matrix and its gradient an eighth each.
        self.assertLess(temporary_bytes(8), logits * 0.75)

    def test_devices_gather_the_matrix_once_whatever_the_chunks(self):
        mesh = make_mesh(1, 8, 1)
        hidden, matrix, targets = example(8, 64, 16, 32)
        rows, columns = NamedSharding(mesh, P("fsdp")), NamedSharding(mesh, P(None, "fsdp"))
        slope = jax.jit(
            jax.grad(lambda m, h, t: token_log_probs(h, m, t, 8).sum()),
            in_shardings=(columns, rows, rows),
            out_shardings=columns,
        )
        with jax.set_mesh(mesh):
            text = slope.lower(matrix, hidden, targets).compile().as_text()
        of_matrix = [one for one in collectives(text) if one.size >= matrix.nbytes]
        self.assertNotEmpty(of_matrix)
        for one in of_matrix:
            self.assertEqual(one.count, 1, one)


if __name__ == "__main__":
    absltest.main()
