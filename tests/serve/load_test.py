import json
import pathlib
import shutil
import tempfile
from unittest import mock

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl.testing import absltest
from ml_collections import ConfigDict

from data.errors import InputError
from model.parameters import parameters
from model.sharding import make_mesh
from serve.load import context_length, load, read_config
from tests.serve import small_run
from train import state
from train.checkpoints import Checkpoints
from train.optimizer import optimizer


def saved_state(run: pathlib.Path) -> state.State:
    """All of the newest checkpoint, read as training reads it."""
    trained = load(run)
    declarations = parameters(trained.architecture)
    update = optimizer(trained.config.train, declarations)
    layout = state.layout(declarations, update, True, make_mesh(1, 1, -1))
    with Checkpoints(str(run / "base"), 2) as checkpoints:
        return checkpoints.restore(layout)[0]


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


class ContextTest(absltest.TestCase):
    def test_of_imported_models_no_more_is_taken_than_is_asked_for(self):
        for context, asked, imported, expected in (
            (40_960, None, True, 4096),
            (512, None, True, 512),
            (40_960, 40_960, True, 40_960),
            (40_960, None, False, None),
            (512, 100, False, 100),
        ):
            trained = mock.Mock(architecture=mock.Mock(context=context))
            self.assertEqual(context_length(trained, asked, imported), expected)
            with self.assertRaisesRegex(InputError, "--context is 40961, but the model's is"):
                context_length(trained, 40_961, imported)


class LoadTest(absltest.TestCase):
    def setUp(self):
        self.run_folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "run"
        shutil.copytree(small_run.folder() / "run", self.run_folder)

    def damage(self, step: int) -> None:
        """Flips a bit in the largest file of a checkpoint."""
        files = (self.run_folder / "base/checkpoints" / str(step)).rglob("*")
        path = max((path for path in files if path.is_file()), key=lambda p: p.stat().st_size)
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        path.write_bytes(damaged)

    def test_the_moving_average_is_what_is_loaded(self):
        trained, saved = load(self.run_folder), saved_state(self.run_folder)
        self.assertEqual(trained.step, 3)
        jax.tree.map(np.testing.assert_array_equal, trained.params, saved.average)
        with self.assertRaises(AssertionError):
            jax.tree.map(np.testing.assert_array_equal, trained.params, saved.params)

    def test_without_a_moving_average_the_parameters_are_loaded(self):
        saved = saved_state(self.run_folder)
        path = self.run_folder / "base" / "config.json"
        config = json.loads(path.read_text())
        config["train"]["average"] = 0.0
        path.write_text(json.dumps(config))
        jax.tree.map(np.testing.assert_array_equal, load(self.run_folder).params, saved.params)

    def test_config_and_tokenizer_are_the_run_s(self):
        trained = load(self.run_folder)
        self.assertIsInstance(trained.config, ConfigDict)
        self.assertEqual(trained.config.train.steps, 3)
        self.assertEqual(trained.architecture.width, 64)
        self.assertEqual(trained.architecture.vocab_size, 320)
        self.assertEqual(trained.tokenizer.vocab_size, 300)

    def test_only_reads(self):
        self.damage(3)
        (self.run_folder / "base/checkpoints/4.orbax-checkpoint-tmp-1").mkdir()
        before = contents(self.run_folder)
        load(self.run_folder)
        self.assertEqual(contents(self.run_folder), before)

    def test_a_damaged_checkpoint_is_passed_over(self):
        self.damage(3)
        with self.assertLogs(level="WARNING") as logs:
            trained = load(self.run_folder)
        self.assertEqual(trained.step, 2)
        self.assertIn("step 3 is damaged", logs.output[0])
        self.damage(2)
        with self.assertRaisesRegex(InputError, "every checkpoint .* is damaged .*step 3.*step 2"):
            load(self.run_folder)

    def test_a_checkpoint_without_a_seal_is_not_used(self):
        (self.run_folder / "base/seals/3.json").unlink()
        self.assertEqual(load(self.run_folder).step, 2)

    def test_a_checkpoint_deleted_while_it_is_read(self):
        """The training beside may delete one, having saved newer ones."""
        base = self.run_folder / "base"
        restored = []

        def restore(self, path, *args, **kwargs):
            restored.append(path.parent.name)
            if path.parent.name == "3":
                shutil.copytree(base / "checkpoints/3", base / "checkpoints/5")
                shutil.copy(base / "seals/3.json", base / "seals/5.json")
                shutil.rmtree(base / "checkpoints/3")
            return real(self, path, *args, **kwargs)

        real = ocp.Checkpointer.restore
        with mock.patch.object(ocp.Checkpointer, "restore", restore):
            self.assertEqual(load(self.run_folder).step, 5)
        self.assertEqual(restored, ["3", "5"])

    def test_what_is_missing_is_said_in_one_sentence(self):
        with self.assertRaisesRegex(InputError, "there is no run at .*nowhere"):
            read_config(self.run_folder / "nowhere")
        with self.assertRaisesRegex(
            InputError, r"stage 'chat' .* not been trained \(trained: base"
        ):
            load(self.run_folder, "chat")
        shutil.rmtree(self.run_folder / "base/checkpoints")
        with self.assertRaisesRegex(InputError, "stage 'base' .* has no checkpoint yet"):
            load(self.run_folder)
        (self.run_folder / "tokenizer/tokenizer.json").unlink()
        with self.assertRaisesRegex(InputError, "there is no tokenizer at"):
            load(self.run_folder)


if __name__ == "__main__":
    absltest.main()
