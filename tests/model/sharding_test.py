import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized
from jax.sharding import AbstractMesh, AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from model.config import from_mapping
from model.parameters import Param, parameters
from model.sharding import (
    AXES,
    RULES,
    batch_sharding,
    constrain,
    make_mesh,
    partition_spec,
    shardings,
)


def abstract(*sizes):
    return AbstractMesh(sizes, AXES, axis_types=(AxisType.Auto,) * 3)


class PartitionSpecTest(parameterized.TestCase):
    @parameterized.parameters(
        (("batch", None), (8, 3), P(("data", "fsdp"), None)),
        (("vocab", "embed"), (8, 4), P("tensor", "fsdp")),
        (("layers", "embed", "heads"), (2, 4, 8), P(None, "fsdp", "tensor")),
        (("layers", "mlp", "embed"), (2, 8, 4), P(None, "tensor", "fsdp")),
        (("kv_heads",), (4,), P("tensor")),
        # Dimensions that do not divide stay whole.
        (("batch", None), (6, 3), P(None, None)),
        (("kv_heads",), (2,), P(None)),
        (("vocab", "embed"), (9, 4), P(None, "fsdp")),
    )
    def test_on_2_2_4(self, axes, shape, expected):
        self.assertEqual(partition_spec(axes, shape, abstract(2, 2, 4)), expected)

    def test_axes_of_size_one_split_nothing(self):
        mesh = abstract(1, 1, 8)
        self.assertEqual(partition_spec(("batch", "embed"), (8, 8), mesh), P(None, None))

    def test_rank_must_match(self):
        with self.assertRaises(ValueError):
            partition_spec(("batch",), (8, 8), abstract(2, 2, 2))


class MakeMeshTest(parameterized.TestCase):
    @parameterized.parameters(
        ((-1, 1, 1), (8, 1, 1)), ((2, -1, 2), (2, 2, 2)), ((1, 2, 4), (1, 2, 4))
    )
    def test_sizes(self, asked, got):
        mesh = make_mesh(*asked)
        self.assertEqual(tuple(mesh.shape.items()), tuple(zip(AXES, got, strict=True)))
        self.assertEqual(set(mesh.axis_types), {AxisType.Auto})
        self.assertEqual(set(mesh.devices.flat), set(jax.devices()))

    def test_of_given_devices(self):
        mesh = make_mesh(1, 1, 1, jax.devices()[3:4])
        self.assertEqual(mesh.devices.item(), jax.devices()[3])

    @parameterized.parameters(
        (3, 1, 1, r"mesh \(data=3, fsdp=1, tensor=1\) does not fit the 8 devices"),
        (3, -1, 1, "does not fit the 8 devices"),
        (16, -1, 1, "does not fit the 8 devices"),
        (-1, -1, 1, "at most one is -1"),
        (0, 1, 1, "sizes are at least 1"),
        (-2, 1, 1, "sizes are at least 1"),
        (-1, 0, 1, "sizes are at least 1"),
    )
    def test_refuses(self, data, fsdp, tensor, sentence):
        with self.assertRaisesRegex(ValueError, sentence):
            make_mesh(data, fsdp, tensor)


class ConstrainTest(absltest.TestCase):
    def test_without_a_mesh_is_the_identity(self):
        x = jnp.ones((8, 8))
        self.assertIs(constrain(x, "batch", "embed"), x)

    def test_pins_the_layout(self):
        mesh = make_mesh(2, 2, 2)
        with jax.set_mesh(mesh):
            y = jax.jit(lambda x: constrain(2 * x, "batch", "heads"))(jnp.ones((8, 8)))
        expected = NamedSharding(mesh, P(("data", "fsdp"), "tensor"))
        self.assertTrue(y.sharding.is_equivalent_to(expected, 2), y.sharding)
        self.assertEqual(y.addressable_shards[0].data.shape, (2, 4))

    def test_leaves_axes_handled_by_hand_alone(self):
        mesh = make_mesh(2, 2, 2)

        def local(x):  # [2, 8]: this device's rows
            return constrain(x, "batch", "heads").sum(0, keepdims=True)

        with jax.set_mesh(mesh):
            y = jax.jit(
                jax.shard_map(
                    local,
                    in_specs=P(("data", "fsdp")),
                    out_specs=P(("data", "fsdp")),
                    axis_names={"data", "fsdp"},
                )
            )(jnp.arange(64.0).reshape(8, 8))
        np.testing.assert_allclose(y, np.arange(64.0).reshape(4, 2, 8).sum(1))


class DeclaredAxesTest(parameterized.TestCase):
    @parameterized.product(family=("qwen3", "llama3", "gpt2"), tied=(True, False))
    def test_every_parameter_has_known_axes_that_fit_any_mesh(self, family, tied):
        sizes = {"depth": 2, "context": 64, "vocab_size": 100, "family": family, "tied": tied}
        declarations = parameters(from_mapping(sizes))
        for param in jax.tree.leaves(declarations):
            self.assertIsInstance(param, Param)
            self.assertLen(param.axes, len(param.shape))
            self.assertLessEqual(set(param.axes), set(RULES))
        placed = shardings(declarations, make_mesh(1, 2, 4))
        self.assertEqual(jax.tree.structure(placed), jax.tree.structure(declarations))
        # Every matrix of the layers is split over both axes.
        for name in ("query", "key", "value", "output"):
            spec = placed["layers"]["attention"][name]["weight"].spec
            self.assertCountEqual(spec, [None, "fsdp", "tensor"])

    def test_batches(self):
        mesh = make_mesh(2, 2, 2)
        x = jax.device_put(jnp.zeros((8, 3)), batch_sharding(mesh))
        self.assertEqual(x.addressable_shards[0].data.shape, (2, 3))


if __name__ == "__main__":
    absltest.main()
