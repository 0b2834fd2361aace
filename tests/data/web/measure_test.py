import json
import pathlib
import tempfile

from absl.testing import absltest

from data.web import layout, measure, passes, sinks


def copy(original: str, similarity: float) -> dict:
    return {"copy_of": original, "similarity": similarity}


class MeasureTest(absltest.TestCase):
    def test_steps_are_judged_on_the_pages_that_reached_them(self):
        labels = {
            "spam": {"drop": ["urls", "language"]},  # gone before language is asked
            "missed": {"drop": ["urls"]},
            "german": {"drop": ["language"]},
            "french": {"drop": ["language"]},
            "thin": {"drop": ["quality"]},
            "good": {"may": ["urls", "quality"]},
            "thick": {"may": ["quality"]},
            "fine": {},
            "broken": {"drop": ["urls", "language"]},
        }
        dropped = {
            "spam": "urls",
            "german": "language",
            "good": "language",
            "french": "gopher_quality",
            "thin": "c4",
            "thick": "gopher_quality",
            "broken": "extraction",
        }
        self.assertEqual(
            measure.measure(labels, dropped),
            {
                "web/urls_precision": 1.0,
                "web/urls_recall": 1 / 3,
                "web/language_precision": 1 / 2,
                "web/language_recall": 1 / 2,
                "web/quality_precision": 2 / 3,
                "web/quality_recall": 1.0,
            },
        )

    def test_copies(self):
        labels = {
            "a": {},
            "a1": copy("a", 1.0),
            "a2": copy("a", 1.0),
            "b": {},
            "b1": copy("b", 0.9),
            "c": {},
            "c1": copy("c", 0.9),
            "d": {},
            "d1": copy("d", 0.3),
            "e": {},
            "e1": copy("e", 0.7),
            "f": {},
            "f1": copy("f", 0.9),
            "g": {},
            "g1": copy("g", 0.95) | {"may": ["exact_duplicates"]},
            "h": {},
            "h1": copy("h", 1.0),
            "i": {},
            "i1": copy("i", 0.2),
            "j": {},
            "j1": copy("j", 0.2),
            "k": {"may": ["near_duplicates"]},
        }
        dropped = {
            "a": "exact_duplicates",  # whichever of the three stays
            "a2": "exact_duplicates",
            "b": "near_duplicates",
            "d1": "near_duplicates",  # wrong
            "e1": "near_duplicates",  # either is right
            "f1": "extraction",  # never got there
            "g": "exact_duplicates",  # the copy may go, so may the original
            "h1": "near_duplicates",  # late, not wrong
            "i1": "extraction",  # never got there
            "k": "near_duplicates",
        }
        self.assertEqual(
            measure.measure(labels, dropped),
            {
                "web/exact_duplicates_precision": 1.0,
                "web/exact_duplicates_recall": 2 / 3,
                "web/near_duplicates_precision": 4 / 5,
                "web/near_duplicates_recall": 1 / 2,
                "web/loose_copies_removed": 1 / 2,
            },
        )

    def test_personal_data(self):
        labels = {
            "a": {"pii": ["ann@x.example", "8.8.8.8"], "not_pii": ["1.2.3", "10.0.0.1"]},
            "gone": {"pii": ["bob@x.example"]},
        }
        texts = [("a", "write to email@example.com, at 8.8.8.8, version 1.2.3"), ("b", "")]
        self.assertEqual(
            measure.measure_pii(labels, texts),
            {"web/pii_precision": 1 / 2, "web/pii_recall": 1 / 2},
        )

    def test_nothing_planted_gives_no_figure(self):
        self.assertEqual(measure.measure({"a": {}}, {}), {})
        self.assertEqual(measure.measure_pii({}, []), {})

    def test_of_files(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        labels = [{"url": "a", "drop": ["urls"]}, {"url": "b", "pii": ["x@y.example"]}]
        (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, labels)))
        with sinks.table(f"{folder}/{layout.DROPPED}/0.parquet", passes.LEDGER) as ledger:
            ledger.add({"url": "a", "step": "urls"})
        for format_, suffix in sinks.SUFFIXES.items():
            path = f"{folder}/{layout.DOCUMENTS}/0{suffix}"
            with sinks.table(path, passes.DOCUMENT, format_) as documents:
                documents.add({"url": "b", "text": "clean"})
            self.assertEqual(
                measure.measure_output(f"{folder}/labels.jsonl", str(folder)),
                {
                    "web/urls_precision": 1.0,
                    "web/urls_recall": 1.0,
                    "web/pii_precision": 1.0,
                    "web/pii_recall": 1.0,
                },
            )
            pathlib.Path(path).unlink()


if __name__ == "__main__":
    absltest.main()
