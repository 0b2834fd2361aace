import jax.numpy as jnp
import numpy as np
from absl.testing import absltest

from rl import sequences

SEGMENTS = jnp.asarray([[1, 1, 2, 2, 2, 0], [1, 2, 3, 4, 5, 6]])


class SequencesTest(absltest.TestCase):
    def test_sums_stand_on_every_token(self):
        x = jnp.asarray([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
        np.testing.assert_array_equal(
            sequences.sequence_sum(x, SEGMENTS), [[3, 3, 12, 12, 12, 6], [1, 2, 3, 4, 5, 6]]
        )

    def test_last_written(self):
        mask = jnp.asarray([[1, 0, 0, 1, 0, 1], [1, 0, 0, 0, 1, 0]])
        found = sequences.last_written(mask, SEGMENTS)
        np.testing.assert_array_equal(found, [[1, 0, 0, 1, 0, 0], [1, 0, 0, 0, 1, 0]])
        self.assertEqual(float(sequences.sequence_count(mask, SEGMENTS)), 4)

    def test_an_answer_of_tools_alone_has_no_last_token(self):
        mask = jnp.zeros(SEGMENTS.shape)
        self.assertFalse(sequences.last_written(mask, SEGMENTS).any())
        self.assertEqual(float(sequences.sequence_count(mask, SEGMENTS)), 0)


if __name__ == "__main__":
    absltest.main()
