import jax
import numpy as np
from absl.testing import absltest, parameterized

from configs import defaults
from model.config import from_mapping
from model.parameters import parameters
from model.sharding import make_mesh, shardings
from train import state
from train.optimizer import optimizer

DECLARATIONS = parameters(
    from_mapping({"layers": 2, "width": 32, "context": 8, "vocab_size": 64, "tied": False})
)


def make(name, clip=1.0):
    config = defaults.get_config().train
    config.update(optimizer=name, steps=10, learning_rate=0.01, clip=clip)
    return optimizer(config, DECLARATIONS)


class LayoutTest(parameterized.TestCase):
    @parameterized.product(name=("adamw", "muon"), average=(False, True), clip=(0.0, 1.0))
    def test_what_belongs_to_a_parameter_lies_where_it_lies(self, name, average, clip):
        mesh = make_mesh(2, 2, 2)
        layout = state.layout(DECLARATIONS, make(name, clip), average, mesh)
        places = shardings(DECLARATIONS, mesh)
        self.assertEqual(jax.tree.map(lambda leaf: leaf.sharding, layout.params), places)
        if average:
            self.assertEqual(jax.tree.map(lambda leaf: leaf.sharding, layout.average), places)
        else:
            self.assertIsNone(layout.average)
        self.assertTrue(layout.step.sharding.is_fully_replicated)

        wanted = {jax.tree_util.keystr(path): place for path, place in _leaves(places)}
        found: dict[str, int] = dict.fromkeys(wanted, 0)
        for path, leaf in _leaves(layout.optimizer):
            owners = [p for p in wanted if jax.tree_util.keystr(path).endswith(p)]
            if not owners:  # counts of steps, Newton-Schulz coefficients
                self.assertTrue(leaf.sharding.is_fully_replicated)
                continue
            # The longest match: "['norm']['scale']" also ends the layers' norms.
            owner = max(owners, key=len)
            self.assertEqual(leaf.sharding, wanted[owner], owner)
            found[owner] += 1
        for owner, moments in found.items():
            muon = name == "muon" and "layers" in owner and "weight" in owner
            self.assertEqual(moments, 1 if muon else 2, owner)

    @parameterized.parameters("adamw", "muon")
    def test_initial_state_is_made_there_and_is_the_same_everywhere(self, name):
        update = make(name)

        def build(mesh):
            layout = state.layout(DECLARATIONS, update, True, mesh)
            places = jax.tree.map(lambda leaf: leaf.sharding, layout)
            made = jax.jit(
                lambda: state.initial(jax.random.key(0), DECLARATIONS, update, True),
                out_shardings=places,
            )()
            jax.tree.map(
                lambda leaf, place: self.assertTrue(
                    leaf.sharding.is_equivalent_to(place, leaf.ndim)
                ),
                made,
                places,
            )
            return made

        one = build(make_mesh(1, 1, 1, jax.devices()[:1]))
        split = build(make_mesh(1, 2, 4))
        jax.tree.map(np.testing.assert_array_equal, one, split)
        self.assertIs(split.best, split.average)
        jax.tree.map(np.testing.assert_array_equal, split.average, split.params)


def _leaves(tree):
    return jax.tree_util.tree_flatten_with_path(tree)[0]


if __name__ == "__main__":
    absltest.main()
