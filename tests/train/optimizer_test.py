import dataclasses

import jax
import numpy as np
from absl.testing import absltest, parameterized

from configs import defaults
from model.config import from_mapping
from model.parameters import parameters
from model.sharding import make_mesh, shardings
from tests.model.random_parameters import random_parameters
from train.optimizer import optimizer, schedule

ARCHITECTURE = from_mapping(
    {"layers": 2, "width": 16, "mlp_width": 48, "context": 8, "vocab_size": 32, "biases": True}
)


def settings(**changes):
    config = defaults.get_config().train
    constant = {"steps": 100, "warmup": 0.0, "decay": 0.0}
    rates = {"learning_rate": 0.01, "muon_learning_rate": 0.02}
    config.update(constant | rates | changes)
    return config


def first_update(gradient, params, **changes):
    update = optimizer(settings(**changes), parameters(ARCHITECTURE))
    return jax.jit(lambda g, p: update.update(g, update.init(p), p)[0])(gradient, params)


def by_path(tree):
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def is_layer_matrix(name):
    return name.startswith("layers/") and name.endswith("/weight")


def is_matrix(name):
    return is_layer_matrix(name) or name == "embedding"


class ScheduleTest(parameterized.TestCase):
    @parameterized.parameters(
        (0, 0.2), (1, 0.4), (9, 2.0), (10, 2.0), (50, 2.0), (80, 2.0), (81, 1.91), (90, 1.1),
        (99, 0.29),
    )  # fmt: skip
    def test_by_hand(self, step, expected):
        # Ten steps up, seventy at 2, twenty down towards 0.2.
        rate = schedule(settings(warmup=0.1, decay=0.2, final_rate=0.1), 2.0)
        self.assertAlmostEqual(float(rate(step)), expected, places=5)

    def test_without_warm_up_and_decay_is_constant(self):
        rate = schedule(settings(), 2.0)
        self.assertEqual([float(rate(step)) for step in (0, 1, 50, 99)], [2.0] * 4)

    def test_decay_has_what_warm_up_leaves(self):
        # Ten steps up, ninety down towards 0.
        rate = schedule(settings(warmup=0.1, decay=0.95, final_rate=0.0), 2.0)
        found = [float(rate(step)) for step in (9, 10, 55, 99)]
        np.testing.assert_allclose(found, [2.0, 2.0, 1.0, 2.0 / 90], rtol=1e-5)

    @parameterized.parameters(1, 2, 3, 10)
    def test_every_step_of_a_short_run_counts(self, steps):
        rate = schedule(settings(steps=steps, warmup=0.02, decay=0.4), 1.0)
        rates = [float(rate(step)) for step in range(steps)]
        self.assertGreater(min(rates), 0)
        self.assertEqual(max(rates), 1.0)


class AdamWTest(absltest.TestCase):
    def test_first_update_by_hand(self):
        params = random_parameters(ARCHITECTURE)
        gradient = random_parameters(ARCHITECTURE, seed=1)
        update = first_update(gradient, params, optimizer="adamw", clip=0.0, weight_decay=0.5)
        gradient, params = by_path(gradient), by_path(params)
        for name, change in by_path(update).items():
            # Both moments are corrected for starting at zero: the first step is the sign.
            g = np.asarray(gradient[name], np.float64)
            decayed = 0.5 * params[name] if is_matrix(name) else 0.0
            expected = -0.01 * (g / (np.abs(g) + 1e-8) + decayed)
            np.testing.assert_allclose(change, expected, atol=1e-6, err_msg=name)

    def test_clips_by_the_global_norm(self):
        # After one step Adam's moments tell the gradient that it saw.
        params = random_parameters(ARCHITECTURE)
        gradient = random_parameters(ARCHITECTURE, seed=1)
        norm = np.sqrt(
            sum(np.sum(np.square(g, dtype=np.float64)) for g in by_path(gradient).values())
        )
        for clip, factor in ((2.0, 2.0 / norm), (1e6, 1.0), (0.0, 1.0)):
            update = optimizer(settings(optimizer="adamw", clip=clip), parameters(ARCHITECTURE))
            _, state = jax.jit(update.update)(gradient, update.init(params), params)
            moments = {
                path.split("mu/")[1]: leaf for path, leaf in by_path(state).items() if "mu/" in path
            }
            self.assertEqual(set(moments), set(by_path(gradient)))
            for name, g in by_path(gradient).items():
                np.testing.assert_allclose(moments[name], 0.1 * factor * g, rtol=1e-4, atol=1e-7)


class MuonTest(absltest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.params = random_parameters(ARCHITECTURE)
        cls.gradient = random_parameters(ARCHITECTURE, seed=1)
        # The second layer's query matrix gets no gradient.
        query = cls.gradient["layers"]["attention"]["query"]
        query["weight"] = query["weight"].at[1].set(0)
        cls.update = by_path(
            first_update(cls.gradient, cls.params, optimizer="muon", weight_decay=0.0)
        )

    def test_matrices_of_layers_get_orthogonal_updates(self):
        seen = 0
        for name, change in self.update.items():
            if not is_layer_matrix(name):
                continue
            for layer, matrix in enumerate(np.asarray(change)):
                if "query" in name and layer == 1:
                    np.testing.assert_array_equal(matrix, 0)  # layers do not mix
                    continue
                fan_in, fan_out = matrix.shape
                values = np.linalg.svd(matrix / (0.02 * max(1, fan_out / fan_in) ** 0.5))[1]
                # Five Newton-Schulz steps with Muon's coefficients end between 0.68 and 1.13,
                # unless a singular value is next to nothing before.
                self.assertGreater(np.median(values), 0.68, name)
                self.assertLess(values.max(), 1.2, name)
                seen += 1
        self.assertEqual(seen, 2 * 7 - 1)

    def test_they_point_along_the_gradient(self):
        for name, g in by_path(self.gradient).items():
            if is_layer_matrix(name):
                u, _, vt = np.linalg.svd(g[0], full_matrices=False)
                cosine = -np.sum(self.update[name][0] * (u @ vt)) / (
                    np.linalg.norm(self.update[name][0]) * np.linalg.norm(u @ vt)
                )
                self.assertGreater(cosine, 0.95, name)

    def test_everything_else_gets_adam_s(self):
        for name, change in self.update.items():
            sizes = np.abs(change)
            if is_layer_matrix(name):
                self.assertGreater(sizes.std(), 0.1 * sizes.mean(), name)
            else:  # Adam's first step has one size
                np.testing.assert_allclose(sizes, sizes.max(), rtol=0.01, err_msg=name)
                g = by_path(self.gradient)[name]
                np.testing.assert_array_equal(np.sign(change), -np.sign(g), err_msg=name)

    def test_decays_matrices_of_layers(self):
        decayed = by_path(
            first_update(self.gradient, self.params, optimizer="muon", weight_decay=0.5)
        )
        for name, p in by_path(self.params).items():
            expected = -0.02 * 0.5 * p if is_layer_matrix(name) else 0
            np.testing.assert_allclose(decayed[name] - self.update[name], expected, atol=1e-6)

    def test_devices_share_the_work_and_agree(self):
        architecture = dataclasses.replace(ARCHITECTURE, layers=8)
        declarations = parameters(architecture)
        update = optimizer(settings(optimizer="muon"), declarations)
        params = random_parameters(architecture)
        gradient = random_parameters(architecture, seed=1)
        results, flops = [], []
        for mesh in (make_mesh(1, 1, 1, jax.devices()[:1]), make_mesh(8, 1, 1), make_mesh(2, 2, 2)):
            places = shardings(declarations, mesh)
            with jax.set_mesh(mesh):
                step = jax.jit(
                    lambda g, p: update.update(g, update.init(p), p)[0], out_shardings=places
                )
                compiled = step.lower(
                    jax.device_put(gradient, places), jax.device_put(params, places)
                ).compile()
                results.append(compiled(*jax.device_put((gradient, params), (places, places))))
                flops.append(compiled.cost_analysis()["flops"])  # of one device
        for other in results[1:]:
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-5), results[0], other
            )
        for shared in flops[1:]:
            self.assertLess(shared, flops[0] / 4)


if __name__ == "__main__":
    absltest.main()
