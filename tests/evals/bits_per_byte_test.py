import json
import math
import pathlib
import shutil
import tempfile

import jax
import numpy as np
from absl.testing import absltest, parameterized

from data.errors import InputError
from evals import bits_per_byte
from model.sharding import make_mesh
from model.transformer import hidden_states, logits
from serve.load import load
from tests.serve import small_run


def setUpModule():
    global FOLDER, RUN, MESH, TRAINED
    FOLDER = tempfile.TemporaryDirectory()
    place = pathlib.Path(FOLDER.name)
    (place / "short.txt").write_text("The cat saw Zoë: 日本語 😀.", encoding="utf-8")
    (place / "empty.txt").write_text(" \n")
    shutil.copy(small_run.folder() / "held_out.txt", place)
    RUN = small_run.folder() / "run"
    MESH = make_mesh(8, 1, 1)
    TRAINED = load(RUN, mesh=MESH)


def tearDownModule():
    FOLDER.cleanup()


def path(name: str) -> pathlib.Path:
    return pathlib.Path(FOLDER.name) / name


def with_documents(separate: bool):
    config = TRAINED.config.copy_and_resolve_references()
    config.train.separate_documents = separate
    return TRAINED._replace(config=config)


class HeldOutTest(parameterized.TestCase):
    def test_equals_what_training_recorded(self):
        recorded = json.loads((RUN / "report.json").read_text())
        with jax.set_mesh(MESH):
            figures = bits_per_byte.held_out(TRAINED, MESH, RUN)
        self.assertEqual(set(figures), {"val_loss", "bits_per_byte"})
        for name, value in figures.items():
            self.assertEqual(recorded[f"base/{name}"], value)


class OfTextTest(parameterized.TestCase):
    def of(self, name: str, separate: bool = False) -> dict[str, float]:
        with jax.set_mesh(MESH):
            return bits_per_byte.of_text(with_documents(separate), MESH, str(path(name)))

    @parameterized.parameters(False, True)
    def test_of_the_held_out_text_it_is_the_held_out_figure(self, separate):
        with jax.set_mesh(MESH):
            expected = bits_per_byte.held_out(with_documents(separate), MESH, RUN)
        self.assertEqual(self.of("held_out.txt", separate), expected)

    def test_equals_log_probabilities_summed_one_by_one(self):
        text = path("short.txt").read_text(encoding="utf-8")
        tokenizer = TRAINED.tokenizer
        ids = [tokenizer.end_of_text, *tokenizer.encode(text).tolist(), tokenizer.end_of_text]
        self.assertLess(len(ids), TRAINED.config.train.context)
        nats = 0.0
        hidden = hidden_states(TRAINED.params, TRAINED.architecture, np.array([ids[:-1]]))
        scores = np.asarray(logits(TRAINED.params, hidden), np.float64)[0]
        for row, target in zip(scores, ids[1:], strict=True):
            nats += math.log(np.exp(row - row.max()).sum()) + row.max() - row[target]
        figures = self.of("short.txt")
        self.assertAlmostEqual(figures["val_loss"], nats / (len(ids) - 1), places=5)
        self.assertAlmostEqual(
            figures["bits_per_byte"], nats / math.log(2) / len(text.encode()), places=5
        )

    def test_several_sources(self):
        both = f"{path('short.txt')},{path('held_out.txt')}"
        with jax.set_mesh(MESH):
            figures = bits_per_byte.of_text(TRAINED, MESH, both)
        size = {name: path(name).stat().st_size for name in ("short.txt", "held_out.txt")}
        parts = {name: self.of(name)["bits_per_byte"] for name in size}
        mean = sum(parts[name] * size[name] for name in size) / sum(size.values())
        # The sizes of the files count the blank lines between documents too.
        self.assertAlmostEqual(figures["bits_per_byte"], mean, delta=0.01)

    def test_what_cannot_be_measured(self):
        with self.assertRaisesRegex(InputError, "there is no text in .*empty.txt"):
            self.of("empty.txt")
        with self.assertRaisesRegex(InputError, "no file matches the source .*none.txt"):
            self.of("none.txt")
        with self.assertRaisesRegex(InputError, "all of .*short.txt is read"):
            self.of("short.txt@2")


if __name__ == "__main__":
    absltest.main()
