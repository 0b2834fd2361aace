import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from model.sharding import batch_sharding, make_mesh
from train.gradients import gradients

ROWS, WIDTH = 16, 5


def squared_error(params, batch):
    """Weighted, with a second metric that no gradient flows from."""
    error = batch["x"] @ params["w"] - batch["y"]
    wrong = (jnp.abs(error) > 1).astype(jnp.float32)
    return {
        "loss": (jnp.sum(batch["mask"] * error**2), jnp.sum(batch["mask"])),
        "wrong": (jnp.sum(wrong), jnp.asarray(1.0 * len(error))),
    }


def example():
    random = np.random.default_rng(0)
    batch = {
        "x": random.standard_normal((ROWS, WIDTH)),
        "y": random.standard_normal(ROWS),
        # Microbatches of four rows count 0 to 4 targets: a mean of means would be far off.
        "mask": np.repeat([0.0, 1.0, 1.0, 1.0], 4) * (np.arange(ROWS) % 4 <= np.arange(ROWS) // 4),
    }
    params = {"w": random.standard_normal(WIDTH)}
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), (params, batch))


def expected(params, batch):
    """In float64, from the derivative on paper: sum of 2 m (x·w - y) x over sum of m."""
    params, batch = jax.tree.map(lambda x: np.asarray(x, np.float64), (params, batch))
    error = batch["x"] @ params["w"] - batch["y"]
    count = batch["mask"].sum()
    gradient = 2 * (batch["mask"] * error) @ batch["x"] / count
    loss = (np.sum(batch["mask"] * error**2), count)
    return gradient, {"loss": loss, "wrong": (np.sum(np.abs(error) > 1), ROWS)}


class GradientsTest(parameterized.TestCase):
    def check(self, gradient, metrics):
        slope, totals = expected(*example())
        np.testing.assert_allclose(gradient["w"], slope, rtol=1e-5)
        self.assertEqual(set(metrics), set(totals))
        for name, (total, count) in totals.items():
            np.testing.assert_allclose(metrics[name][0], total, rtol=1e-5)
            self.assertEqual(float(metrics[name][1]), count)

    @parameterized.parameters(1, 2, 4, 16)
    def test_uneven_counts_are_weighed_right_whatever_the_microbatches(self, accumulate):
        params, batch = example()
        self.check(*gradients(squared_error, params, batch, accumulate))

    @parameterized.product(mesh=((8, 1, 1), (1, 8, 1), (2, 2, 2)), accumulate=(1, 2))
    def test_on_meshes(self, mesh, accumulate):
        mesh = make_mesh(*mesh)
        params, batch = example()
        batch = jax.device_put(batch, batch_sharding(mesh))
        step = jax.jit(gradients, static_argnums=(0, 3))
        with jax.set_mesh(mesh):
            self.check(*step(squared_error, params, batch, accumulate))

    @parameterized.parameters(1, 4)
    def test_goes_through_prepare(self, accumulate):
        params, batch = example()
        halves = {"left": params["w"][:2] / 3, "right": params["w"][2:] / 3}
        gradient, metrics = gradients(
            squared_error,
            halves,
            batch,
            accumulate,
            prepare=lambda p: {"w": 3 * jnp.concatenate([p["left"], p["right"]])},
        )
        self.check({"w": jnp.concatenate([gradient["left"], gradient["right"]]) / 3}, metrics)

    def test_prepare_runs_once(self):
        runs = []
        params, batch = example()
        gradients(
            squared_error,
            params,
            batch,
            4,
            prepare=lambda p: jax.debug.callback(runs.append, 1) or p,
        )
        jax.effects_barrier()
        self.assertLen(runs, 1)

    def test_a_span_of_microbatches(self):
        params, batch = example()
        # Row b is in microbatch b % 4: those of microbatches 1 and 2 alone.
        number = np.arange(ROWS) % 4
        inside = (number >= 1) & (number < 3)
        wanted = gradients(squared_error, params, batch | {"mask": batch["mask"] * inside})
        span = (np.int32(1), np.int32(3))
        found = jax.jit(
            lambda params, batch, span: gradients(squared_error, params, batch, 4, span=span)
        )(params, batch, span)
        np.testing.assert_allclose(found[0]["w"], wanted[0]["w"], rtol=1e-5)
        self.assertEqual(float(found[1]["loss"][1]), float(wanted[1]["loss"][1]))

    def test_no_targets_give_a_gradient_of_zero(self):
        params, batch = example()
        gradient, metrics = gradients(
            squared_error, params, batch | {"mask": jnp.zeros(ROWS)}, accumulate=2
        )
        np.testing.assert_array_equal(gradient["w"], 0)
        self.assertEqual(float(metrics["loss"][1]), 0)


if __name__ == "__main__":
    absltest.main()
