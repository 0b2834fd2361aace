"""The same run on any mesh, with any number of microbatches, in one process or two."""

import functools
import json
import math
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from absl.testing import absltest, parameterized

from configs import defaults
from model.config import from_mapping
from model.parameters import parameters
from model.sharding import make_mesh
from train import loop, state
from train.optimizer import optimizer
from train.step import make_step

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEPS, ROWS, CONTEXT = 10, 32, 16
# Two key-value heads do not divide over four tensor devices.
ARCHITECTURE = from_mapping(
    {
        "layers": 2,
        "width": 32,
        "heads": 4,
        "kv_heads": 2,
        "head_dim": 8,
        "mlp_width": 64,
        "vocab_size": 64,
        "context": CONTEXT,
        "loss_chunk": 8,
    }
)


def batches() -> Iterator[loop.Batch]:
    """Noisy counting, of which there is something to learn, with unevenly masked targets."""
    draw = np.random.default_rng(0)
    for _ in range(STEPS):
        jumps = draw.integers(1, 4, (ROWS, CONTEXT + 1))
        tokens = (draw.integers(0, 64, (ROWS, 1)) + np.cumsum(jumps, axis=1)) % 64
        lengths = draw.integers(1, CONTEXT + 1, (ROWS, 1))
        yield {
            "inputs": tokens[:, :-1].astype(np.int32),
            "targets": tokens[:, 1:].astype(np.int32),
            "mask": (np.arange(CONTEXT) < lengths).astype(np.float32),
        }


@functools.cache
def train(name: str, sizes: tuple[int, int, int], accumulate: int) -> tuple[list[float], Any]:
    """The loss before each step, and the last state."""
    mesh = make_mesh(*sizes, jax.devices()[: math.prod(sizes)])
    declarations = parameters(ARCHITECTURE)
    config = defaults.get_config().train
    config.update(optimizer=name, steps=STEPS, learning_rate=0.01, weight_decay=0.1)
    update = optimizer(config, declarations)
    layout = state.layout(declarations, update, True, mesh)
    places = jax.tree.map(lambda leaf: leaf.sharding, layout)
    with jax.set_mesh(mesh):
        current = jax.jit(
            lambda: state.initial(jax.random.key(0), declarations, update, True),
            out_shardings=places,
        )()
        step = jax.jit(
            make_step(ARCHITECTURE, update, accumulate, average=0.9),
            out_shardings=(places, None),
            donate_argnums=0,
        )
        losses = []
        for batch in batches():
            current, metrics = step(current, loop.to_devices(batch, mesh))
            total, count = metrics["loss"]
            losses.append(float(total) / float(count))
    return losses, current


class MeshTest(parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Halves the time of compilation, which is all the time there is. Partitioning stays.
        jax.config.update("jax_disable_most_optimizations", True)
        cls.addClassCleanup(jax.config.update, "jax_disable_most_optimizations", False)

    @parameterized.parameters(
        ("muon", (1, 1, 1), 4),
        ("muon", (8, 1, 1), 2),
        ("muon", (1, 8, 1), 1),
        ("muon", (2, 2, 2), 4),
        ("muon", (1, 2, 4), 1),
        ("adamw", (1, 1, 1), 2),
        ("adamw", (8, 1, 1), 1),
        ("adamw", (1, 8, 1), 4),
        ("adamw", (2, 2, 2), 2),
        ("adamw", (1, 2, 4), 1),
    )
    def test_same_losses_as_on_one_device(self, name, sizes, accumulate):
        expected, reference = train(name, (1, 1, 1), 1)
        losses, last = train(name, sizes, accumulate)
        self.assertGreater(expected[0] - expected[-1], 0.5)  # it does learn
        np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-5)
        self.assertEqual(int(last.step), STEPS)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-3),
            jax.device_get(last.params),
            jax.device_get(reference.params),
        )

    @parameterized.parameters("muon", "adamw")
    def test_parameters_and_optimizer_state_are_split(self, name):
        fsdp, tensor = 2, 4
        _, last = train(name, (1, fsdp, tensor), 1)

        def local(x: jax.Array) -> tuple[int, ...]:
            self.assertLen(x.sharding.device_set, 8)
            return x.addressable_shards[0].data.shape

        layers = last.params["layers"]
        self.assertEqual(local(last.params["embedding"]), (64 // tensor, 32 // fsdp))
        self.assertEqual(
            local(layers["attention"]["query"]["weight"]), (2, 32 // fsdp, 32 // tensor)
        )
        self.assertEqual(
            local(layers["attention"]["output"]["weight"]), (2, 32 // tensor, 32 // fsdp)
        )
        self.assertEqual(local(layers["mlp"]["up"]["weight"]), (2, 32 // fsdp, 64 // tensor))
        self.assertEqual(local(layers["mlp"]["down"]["weight"]), (2, 64 // tensor, 32 // fsdp))
        # Per device: an eighth of every matrix, in the moments and the average as well.
        for tree in (last.params, last.optimizer, last.average):
            leaves = [x for x in jax.tree.leaves(tree) if x.ndim >= 2 and x.size >= 1024]
            self.assertNotEmpty(leaves)
            for x in leaves:
                self.assertEqual(math.prod(local(x)), x.size // 8)

    def test_batches_are_split_over_data_and_fsdp(self):
        mesh = make_mesh(2, 2, 2)
        batch = loop.to_devices(next(batches()), mesh)
        self.assertEqual(batch["inputs"].addressable_shards[0].data.shape, (ROWS // 4, CONTEXT))


class TwoProcessesTest(absltest.TestCase):
    """`python -m train.main --distributed`: two processes of four devices against one of eight."""

    def test_same_losses_as_one_process(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.text = folder / "text.txt"
        draw = random.Random(0)
        words = "a few words that come again and again in one order or another".split()
        lines = (" ".join(draw.choices(words, k=12)) + ".\n\n" for _ in range(400))
        self.text.write_text("".join(lines))

        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        pair = [
            self.start(
                folder / "two",
                "--config.mesh.cpu_devices=4",
                "--distributed",
                f"--coordinator_address=localhost:{port}",
                "--num_processes=2",
                f"--process_id={i}",
            )
            for i in range(2)
        ]
        self.finish(*pair)
        self.finish(self.start(folder / "one", "--config.mesh.cpu_devices=8"))
        two, one = (self.losses(folder / name) for name in ("two", "one"))
        self.assertLen(one, STEPS)
        np.testing.assert_allclose(two, one, rtol=0, atol=1e-5)
        two, one = (
            json.loads((folder / name / "report.json").read_text()) for name in ("two", "one")
        )
        for figure in ("base/val_loss", "base/bits_per_byte"):
            self.assertAlmostEqual(two[figure], one[figure], delta=1e-5)

    def start(self, workdir: pathlib.Path, *flags: str) -> subprocess.Popen:
        command = [
            *(sys.executable, "-m", "train.main", "--config=configs/defaults.py"),
            f"--workdir={workdir}",
            f"--config.data.source={self.text}",
            "--config.data.document_bytes=200",
            "--config.data.validation_fraction=0.1",
            "--config.tokenizer.vocab_size=300",
            "--config.model.depth=1",
            "--config.model.width=32",
            "--config.model.context=32",
            "--config.mesh.data=2",
            "--config.mesh.fsdp=2",
            "--config.mesh.tensor=2",
            "--config.train.batch=8",
            "--config.train.accumulate=2",
            f"--config.train.steps={STEPS}",
            "--config.watch.log_steps=1",
            f"--config.watch.eval_steps={STEPS}",
            "--config.watch.sample_tokens=2",
            # As many as the data and fsdp devices, over which they would be split if left to it.
            "--config.watch.prompts=('a','few','words','that')",
            *flags,
        ]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"JAX_PLATFORMS": "cpu"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.addCleanup(process.kill)
        return process

    def finish(self, *processes: subprocess.Popen) -> None:
        for process in processes:
            output, _ = process.communicate(timeout=300)
            self.assertEqual(process.returncode, 0, output)

    def losses(self, workdir: pathlib.Path) -> list[float]:
        lines = (workdir / "base" / "metrics.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        return [record["loss"] for record in records if "loss" in record]


if __name__ == "__main__":
    absltest.main()
