import gzip
import json
import pathlib
import pickle
import random
import tempfile

import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from data.web import classifier
from data.web.classifier import Classifier
from data.web.decisions import Drop

TEACHING = "theorem proof lesson energy cell history explains measure water example because".split()
SELLING = "buy cheap offer click deal sale shipping price discount order now".split()
BOTH = "the of and a to in is it for on with as was at by from".split()


def labelled(count: int, seed: int) -> list[tuple[str, float]]:
    """Texts whose score, 0 to 5, is how much of them teaches."""
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        score = draw.randrange(6)
        words = [
            draw.choice(
                BOTH if draw.random() < 0.5 else TEACHING if draw.random() < score / 5 else SELLING
            )
            for _ in range(120)
        ]
        found.append((" ".join(words), float(score)))
    return found


SMALL = Classifier(buckets=1 << 14, held_out=0.2)


class ClassifierTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
        self.labels = str(self.folder / "labels.jsonl")

    def write(self, records) -> None:
        lines = [json.dumps({"text": text, "score": score}) for text, score in records]
        pathlib.Path(self.labels).write_text("\n".join(lines) + "\n\n")

    def test_learns_what_it_has_not_seen(self):
        self.write(labelled(800, seed=0))
        figures = classifier.train(self.labels, SMALL, str(self.folder / "model"))
        self.assertBetween(figures["documents"], 120, 200)
        self.assertGreater(figures["r2"], 0.8)
        self.assertLess(figures["rmse"], 0.5 * figures["rmse_of_mean"])
        self.assertGreater(figures["f1"], 0.8)
        model = classifier.load(str(self.folder / "model"))
        for text, score in labelled(50, seed=1):
            self.assertAlmostEqual(classifier.score(text, model), score, delta=2)
        description = json.loads((self.folder / "model" / "classifier.json").read_text())
        self.assertEqual(description["held_out"], figures)

    def test_is_ridge_regression(self):
        """The normal equations, solved densely."""
        options = Classifier(buckets=64, penalty=0.5)
        records = labelled(40, seed=2)
        model = classifier.fit(*zip(*records, strict=True), options)
        matrix = np.zeros((40, 64))
        for row, (text, _) in enumerate(records):
            indices, values = classifier.features(text, 2, 64, 2000)
            self.assertAlmostEqual(float(values @ values), 1, places=5)
            matrix[row, indices] = values
        target = np.array([score for _, score in records])
        self.assertAlmostEqual(model.bias, target.mean())
        expected = np.linalg.solve(
            matrix.T @ matrix + 0.5 * np.eye(64), matrix.T @ (target - target.mean())
        )
        np.testing.assert_allclose(model.weights, expected, atol=1e-3)

    def test_drops_below_the_threshold(self):
        model = classifier.Model(np.zeros(16, np.float32), 2.4, 2, 100)
        self.assertEqual(
            classifier.check("text", model, SMALL), Drop("classifier", "low_score", 2.4)
        )
        self.assertEqual(classifier.check("text", model, Classifier(threshold=2.4)), 2.4)

    def test_is_the_same_each_time(self):
        self.write(labelled(100, seed=3))
        for name in ("one", "other"):
            classifier.train(self.labels, SMALL, str(self.folder / name))
        for file in ("classifier.json", "weights.npz"):
            self.assertEqual(
                (self.folder / "one" / file).read_bytes(),
                (self.folder / "other" / file).read_bytes(),
            )
        model = classifier.load(str(self.folder / "one"))
        again = pickle.loads(pickle.dumps(model))
        self.assertEqual(classifier.score("a lesson", model), classifier.score("a lesson", again))

    def test_metrics(self):
        found, true = np.array([3.0, 3.5, 1.0, 2.0]), np.array([4.0, 2.5, 3.0, 0.0])
        figures = classifier.metrics(found, true, threshold=3, mean=2.0)
        # Passed: two, one of them rightly; wanted: two.
        self.assertEqual((figures["precision"], figures["recall"], figures["f1"]), (0.5, 0.5, 0.5))
        self.assertAlmostEqual(figures["rmse"], ((1 + 1 + 4 + 4) / 4) ** 0.5)
        self.assertAlmostEqual(figures["r2"], 1 - 10 / (4 + 0.25 + 1 + 4))

    def test_packed_labels(self):
        self.write(labelled(60, seed=4))
        data = pathlib.Path(self.labels).read_bytes()
        packed = self.folder / "labels.jsonl.gz"
        packed.write_bytes(gzip.compress(data))
        one = classifier.train(self.labels, SMALL, str(self.folder / "one"))
        self.assertEqual(classifier.train(str(packed), SMALL, str(self.folder / "other")), one)
        packed.write_bytes(gzip.compress(data)[:-20])
        with self.assertRaisesRegex(InputError, "labels.jsonl.gz cannot be read"):
            classifier.train(str(packed), SMALL, str(self.folder / "other"))

    @parameterized.parameters(
        ("{", "line 2 is not a record"),
        ('{"text": "a"}', "line 2 is not a record"),
        ('{"text": "a", "score": "high"}', "line 2 is not a record"),
        ('{"text": 1, "score": 1}', "line 2: text must be a string"),
        ('{"text": "a", "score": NaN}', "line 2: .* finite"),
        ("", "1 documents to learn from and 0 to hold out"),
    )
    def test_wrong_labels(self, line, message):
        pathlib.Path(self.labels).write_text('{"text": "a b", "score": 1}\n' + line)
        with self.assertRaisesRegex(InputError, message):
            classifier.train(self.labels, SMALL, str(self.folder / "model"))
        with self.assertRaisesRegex(InputError, "holds no quality classifier"):
            classifier.load(str(self.folder / "model"))

    @settings(deadline=None)
    @given(st.text())
    def test_any_text_has_a_score(self, text):
        model = classifier.Model(np.ones(16, np.float32), 0.0, 3, 10)
        self.assertTrue(np.isfinite(classifier.score(text, model)))


if __name__ == "__main__":
    absltest.main()
