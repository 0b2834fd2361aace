"""The loop and its checkpoints, on a plan small enough to know every number of it."""

import dataclasses
import json
import os
import pathlib
import re
import signal
import tempfile
from unittest import mock

import jax
import numpy as np
from absl.testing import absltest
from jax import numpy as jnp
from jax.experimental import multihost_utils
from ml_collections import ConfigDict

from data.errors import InputError
from model.parameters import Param
from model.sharding import make_mesh
from train import loop, state, watch
from train.checkpoints import Checkpoints, read_newest
from train.optimizer import optimizer

DECLARATIONS = {
    "layers": {"w": Param((2, 4, 8), ("layers", "embed", "mlp"), jax.nn.initializers.normal(1.0))}
}
TRAIN = ConfigDict(
    {
        "steps": 12,
        "optimizer": "adamw",
        "learning_rate": 0.1,
        "muon_learning_rate": 0.1,
        "weight_decay": 0.0,
        "beta1": 0.9,
        "beta2": 0.99,
        "clip": 1.0,
        "warmup": 0.1,
        "decay": 0.2,
        "final_rate": 0.0,
    }
)
CONFIG = ConfigDict(
    {
        "checkpoint": {"folder": "", "steps": 3, "keep": 2},
        "watch": {"log_steps": 2, "eval_steps": 6},
    }
)


def plan(mesh, on_batch=lambda number: None, poison=None):
    """Least squares on batches made from their number; batch `poison` holds a NaN."""
    update = optimizer(TRAIN, DECLARATIONS)
    layout = state.layout(DECLARATIONS, update, True, mesh)
    places = jax.tree.map(lambda leaf: leaf.sharding, layout)

    def step(current, batch):
        def loss(params):
            w = params["layers"]["w"]
            return jnp.sum((batch["x"] @ w[0] - batch["x"] @ w[1] - 1.0) ** 2)

        value, gradient = jax.value_and_grad(loss)(current.params)
        changes, opt = update.update(gradient, current.optimizer, current.params)
        params = jax.tree.map(jnp.add, current.params, changes)
        average = jax.tree.map(lambda a, p: 0.9 * a + 0.1 * p, current.average, params)
        metrics = {"loss": (value, jnp.asarray(float(batch["x"].shape[0])))}
        return state.State(current.step + 1, params, opt, average), metrics

    def batches(start):
        number = start
        while True:
            on_batch(number)
            rng = np.random.default_rng(number)
            x = rng.normal(size=(8, 4)).astype(np.float32)
            if number == poison:
                x[0, 0] = np.nan
            yield {"x": x}
            number += 1

    return loop.Plan(
        name="base",
        layout=layout,
        initial=jax.jit(
            lambda: state.initial(jax.random.key(0), DECLARATIONS, update, True),
            out_shardings=places,
        ),
        step=jax.jit(step, out_shardings=(places, None), donate_argnums=0),
        batches=batches,
        evaluate=lambda current, final: {"val_loss": float(jnp.sum(current.best["layers"]["w"]))},
        sample=lambda current: f"a sample of step {int(current.step)}",
        steps=TRAIN.steps,
        tokens=8,
        flops=1.0,
        peak=1.0,
    )


def bits(tree):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


class LoopTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.mesh = make_mesh(1, 1, 1, jax.devices()[:1])
        self.enter_context(jax.set_mesh(self.mesh))

    def folder(self) -> pathlib.Path:
        return pathlib.Path(self.enter_context(tempfile.TemporaryDirectory())) / "base"

    def train(self, folder, **kwargs):
        return loop.run(plan(self.mesh, **kwargs), folder, self.mesh, CONFIG)

    def test_stopped_and_resumed_equals_unbroken(self):
        whole, _ = self.train(self.folder())
        for moment in (0, 2, 3, 4, 7, 11):
            with self.subTest(moment=moment):
                folder = self.folder()

                def stop(number, moment=moment):
                    if number == moment:
                        os.kill(os.getpid(), signal.SIGTERM)

                with self.assertRaises(loop.Stopped):
                    self.train(folder, on_batch=stop)
                resumed, figures = self.train(folder)
                self.assertEqual(bits(resumed), bits(whole))
                self.assertEqual(int(resumed.step), TRAIN.steps)
                self.assertIn("val_loss", figures)
                steps = [line["step"] for line in watch.records(folder / "metrics.jsonl")]
                self.assertEqual(steps, sorted(steps))
                self.assertEqual(len(steps), len(set(steps)) + 2)  # 6 and 12 also evaluate

    def test_evaluates_first_once_however_often_it_is_started(self):
        folder = self.folder()

        def stop(number):
            if number == 4 and not (folder / "seals" / "5.json").exists():
                os.kill(os.getpid(), signal.SIGTERM)

        rolled = dataclasses.replace(
            plan(self.mesh, on_batch=stop), evaluate_first=True, tokens=0, sample=None
        )
        with self.assertRaises(loop.Stopped):
            loop.run(rolled, folder, self.mesh, CONFIG)
        _, figures = loop.run(rolled, folder, self.mesh, CONFIG)
        self.assertEqual(set(figures), {"val_loss", "seconds", "flops"})
        lines = watch.records(folder / "metrics.jsonl")
        self.assertEqual([x["step"] for x in lines if "val_loss" in x], [0, 6, 12])
        self.assertFalse((folder / "samples.txt").exists())

    def test_carried_arrays_go_on_and_figures_may_be_missing_in_a_step(self):
        made = plan(self.mesh)
        update = optimizer(TRAIN, DECLARATIONS)
        layout = state.layout(DECLARATIONS, update, True, self.mesh, {"rate": jnp.zeros(2)})

        def step(current, batch):
            rate = np.asarray(current.carried["rate"])
            following, metrics = made.step(current.replace(carried=None), batch)
            number = int(following.step)
            metrics = metrics if number % 2 else {"other": (3.0, 0.5)}
            return following.replace(carried={"rate": jnp.asarray(rate + number)}), metrics

        def initial():
            return made.initial().replace(carried={"rate": jnp.zeros(2)})

        folder = self.folder()
        rolled = dataclasses.replace(made, layout=layout, initial=initial, step=step, steps=4)
        loop.run(rolled, folder, self.mesh, CONFIG)
        lines = [x for x in watch.records(folder / "metrics.jsonl") if "other" in x]
        self.assertEqual([set(x) >= {"loss", "other"} for x in lines], [True, True])
        self.assertEqual([x["other"] for x in lines], [6.0, 6.0])
        again, _ = loop.run(dataclasses.replace(rolled, steps=6), folder, self.mesh, CONFIG)
        np.testing.assert_array_equal(again.carried["rate"], [21.0, 21.0])

    def test_is_over_before_all_steps_however_often_it_is_started(self):
        made = plan(self.mesh)
        update = optimizer(TRAIN, DECLARATIONS)
        layout = state.layout(DECLARATIONS, update, True, self.mesh, {"seen": jnp.zeros(())})

        def step(current, batch):
            following, metrics = made.step(current.replace(carried=None), batch)
            return following.replace(carried=current.carried), metrics

        def follow(current, figures):
            self.assertIn("val_loss", figures)
            return current.replace(carried={"seen": current.carried["seen"] + 1})

        rolled = dataclasses.replace(
            made,
            layout=layout,
            initial=lambda: made.initial().replace(carried={"seen": jnp.zeros(())}),
            step=step,
            steps=24,
            evaluate_first=True,
            follow=follow,
            is_over=lambda current: float(current.carried["seen"]) >= 3,
        )
        folder = self.folder()
        ended = [loop.run(rolled, folder, self.mesh, CONFIG) for _ in range(2)]
        # Evaluated at 0, 6 and 12; the second start finds that it is over.
        for last, figures in ended:
            self.assertEqual(int(last.step), 12)
            self.assertEqual(float(last.carried["seen"]), 3.0)
            self.assertIn("val_loss", figures)
        self.assertEqual(bits(ended[0][0]), bits(ended[1][0]))
        lines = watch.records(folder / "metrics.jsonl")
        self.assertEqual([x["step"] for x in lines if "val_loss" in x], [0, 6, 12])

    def test_a_signal_while_the_last_evaluation_runs_is_heard(self):
        folder = self.folder()

        def evaluate(current, final):
            if final:
                os.kill(os.getpid(), signal.SIGTERM)
            return {"val_loss": 1.0}

        stopping = dataclasses.replace(plan(self.mesh), evaluate=evaluate)
        with self.assertRaises(loop.Stopped):
            loop.run(stopping, folder, self.mesh, CONFIG)
        resumed, _ = self.train(folder)
        self.assertEqual(int(resumed.step), TRAIN.steps)

    def test_samples_of_steps_that_are_taken_again_stand_there_once(self):
        folder = self.folder()

        def stop(number):
            if number == 7:
                os.kill(os.getpid(), signal.SIGTERM)

        with self.assertRaises(loop.Stopped):
            self.train(folder, on_batch=stop)
        with (folder / "samples.txt").open("a") as file:  # killed before it was saved
            file.write("=== step 12\nof before\n")
        self.train(folder)
        samples = (folder / "samples.txt").read_text()
        self.assertEqual(re.findall("=== step (.*)", samples), ["6", "12"])
        self.assertNotIn("of before", samples)

    def test_signals_get_their_old_handlers_back(self):
        before = signal.getsignal(signal.SIGINT)
        self.train(self.folder())
        self.assertIs(signal.getsignal(signal.SIGINT), before)

    def test_non_finite_loss_names_step_batch_and_checkpoint(self):
        folder = self.folder()
        with self.assertRaisesRegex(
            loop.Diverged, r"step 9: .*number 8.*last good checkpoint is that of step 6"
        ):
            self.train(folder, poison=8)
        batch = np.load(folder / "diverged-batch-8.npz")
        self.assertTrue(np.isnan(batch["x"]).any())
        with Checkpoints(str(folder), keep=2) as saves:
            self.assertEqual(saves.newest_intact(), 6)

    def test_points_that_hosts_agree_on_go_on_from_stage_to_stage(self):
        reached = mock.Mock(return_value=False)
        with (
            mock.patch.object(jax, "process_count", return_value=2),
            mock.patch.object(multihost_utils, "reached_preemption_sync_point", reached),
        ):
            for stage in (loop._Stop(), loop._Stop()):
                self.assertEqual([stage.reached(), stage.reached()], [0, 0])
        first, *others = [call.args[0] for call in reached.call_args_list]
        self.assertEqual(others, [first + 1, first + 2, first + 3])

    def test_every_step_of_metrics_is_finite_json(self):
        folder = self.folder()
        self.train(folder)
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual([line["step"] for line in lines if "loss" in line], [2, 4, 6, 8, 10, 12])
        self.assertIn("a sample of step 6", (folder / "samples.txt").read_text())


class CheckpointsTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
        self.mesh = make_mesh(1, 1, 1, jax.devices()[:1])
        self.layout = state.layout(DECLARATIONS, optimizer(TRAIN, DECLARATIONS), False, self.mesh)

    def state(self, seed):
        update = optimizer(TRAIN, DECLARATIONS)
        return state.initial(jax.random.key(seed), DECLARATIONS, update, False)

    def save(self, *steps):
        with Checkpoints(str(self.folder), keep=3) as saves:
            for step in steps:
                saves.save(step, self.state(step), {"batches": step})

    def restore(self, layout=None):
        with Checkpoints(str(self.folder), keep=3) as saves:
            return saves.restore(layout or self.layout)

    def largest_file(self, step) -> pathlib.Path:
        files = [p for p in (self.folder / "checkpoints" / str(step)).rglob("*") if p.is_file()]
        return max(files, key=lambda p: p.stat().st_size)

    def test_nothing_saved_restores_nothing(self):
        self.assertIsNone(self.restore())

    def test_restores_the_newest_bit_for_bit(self):
        self.save(1, 2)
        restored, record = self.restore()
        self.assertEqual(bits(restored), bits(self.state(2)))
        self.assertEqual(record, {"batches": 2})

    def test_the_last_good_one_is_told_and_nothing_changed(self):
        self.save(1, 2)
        self.largest_file(2).write_bytes(b"")
        with Checkpoints(str(self.folder), keep=3) as saves:
            self.assertEqual(saves.last_good(), 1)
        self.assertTrue((self.folder / "checkpoints" / "2").exists())

    def test_any_flipped_byte_is_found_and_the_one_before_used(self):
        for place in (0, 0.5, 0.99):
            with self.subTest(place=place):
                self.save(1, 2)
                path = self.largest_file(2)
                content = bytearray(path.read_bytes())
                content[int(place * len(content))] ^= 1
                path.write_bytes(content)
                with self.assertLogs(level="WARNING") as logs:
                    restored, _ = self.restore()
                self.assertIn("checkpoint of step 2 is damaged", logs.output[0])
                self.assertIn("going on from step 1", logs.output[0])
                self.assertEqual(bits(restored), bits(self.state(1)))
                self.tearDown()
                self.setUp()

    def test_a_missing_file_is_named(self):
        self.save(1, 2)
        path = self.largest_file(2)
        path.unlink()
        with self.assertLogs(level="WARNING") as logs:
            restored, _ = self.restore()
        self.assertIn(f"{path.name} is missing", logs.output[0])
        self.assertEqual(bits(restored), bits(self.state(1)))

    def test_without_a_seal_it_was_never_finished(self):
        self.save(1, 2)
        (self.folder / "seals" / "2.json").unlink()
        restored, _ = self.restore()
        self.assertEqual(bits(restored), bits(self.state(1)))
        left = [path.name for path in (self.folder / "checkpoints").iterdir()]
        self.assertEqual(left, ["1"])  # it takes no room either

    def test_a_seal_that_cannot_be_read(self):
        for content in ("", "[1, 2", "7"):
            with self.subTest(content=content):
                self.save(1, 2)
                (self.folder / "seals" / "2.json").write_text(content)
                like = {"params": self.layout.params}
                with self.assertLogs(level="WARNING"):
                    self.assertEqual(read_newest(str(self.folder), like)[0], 1)
                with self.assertLogs(level="WARNING") as logs:
                    restored, _ = self.restore()
                self.assertIn("its seal cannot be read", logs.output[0])
                self.assertEqual(bits(restored), bits(self.state(1)))

    def test_the_one_before_stays_until_the_newest_is_sealed(self):
        with Checkpoints(str(self.folder), keep=1) as saves:
            for step in (1, 2):
                saves.save(step, self.state(step), {"batches": step})
        (self.folder / "seals" / "2.json").unlink()  # killed between the two
        restored, _ = self.restore()
        self.assertEqual(bits(restored), bits(self.state(1)))

    def test_a_file_in_the_folders_place(self):
        (self.folder / "seals").touch()
        with self.assertRaisesRegex(InputError, "there is a file in its place"):
            self.restore()

    def test_all_damaged_is_an_error_and_not_a_fresh_start(self):
        self.save(1)
        self.largest_file(1).write_bytes(b"")
        with self.assertRaisesRegex(InputError, "every checkpoint .* is damaged"):
            self.restore()

    def test_saving_again_after_damage(self):
        self.save(1, 2)
        self.largest_file(2).unlink()
        with self.assertLogs(level="WARNING"):
            self.restore()
        self.save(2)
        restored, _ = self.restore()
        self.assertEqual(bits(restored), bits(self.state(2)))

    def test_keeps_the_newest(self):
        self.save(1, 2, 3, 4, 5)
        self.assertEqual(
            sorted(p.name for p in (self.folder / "checkpoints").iterdir()), ["3", "4", "5"]
        )
        self.assertEqual(
            sorted(p.name for p in (self.folder / "seals").iterdir()),
            ["3.json", "4.json", "5.json"],
        )

    def test_another_mesh_restores_it(self):
        if jax.device_count() < 8:
            self.skipTest("needs 8 simulated devices")
        self.save(3)
        mesh = make_mesh(2, 2, 2)
        layout = state.layout(DECLARATIONS, optimizer(TRAIN, DECLARATIONS), False, mesh)
        restored, _ = self.restore(layout)
        self.assertEqual(bits(restored), bits(self.state(3)))
        w = restored.params["layers"]["w"]
        self.assertEqual(w.addressable_shards[0].data.shape, (2, 2, 4))


if __name__ == "__main__":
    absltest.main()
