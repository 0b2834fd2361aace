"""The tasks themselves: each reads its file as it was published."""

import os
import pathlib

from absl.testing import absltest, parameterized

from evals import task as reading
from evals.task import CHOICE, EXACT_MATCH, SCORED, Choice
from evals.tasks import bbh, gsm8k, hellaswag, mbpp, mmlu, tasks

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("PRIMER_SHARED_DATA", ROOT.parent / "shared" / "data"))

# As many items as each set is published with, in this layout.
ITEMS = {
    "arc_easy": 2376,
    "arc_challenge": 1172,
    "piqa": 1838,
    "winogrande": 1267,
    "winograd_wsc": 273,
    "lambada_openai": 5153,
    "boolq": 3270,
    "copa": 100,
    "openbook_qa": 500,
    "commonsense_qa": 1221,
    "siqa": 1954,
    "mmlu": 14042,
    "gsm8k_train": 7473,
    "svamp": 300,
    "mbpp": 500,
    "bbh": 6511,
    "triviaqa": 3000,
    "jeopardy_all": 2117,
}


class TasksTest(parameterized.TestCase):
    def test_they_are_sound(self):
        self.assertContainsSubset([*ITEMS, "gsm8k", "hellaswag"], tasks())
        for task in tasks().values():
            with self.subTest(task.name):
                self.assertBetween(task.chance, 0, 0.62)
                self.assertEqual(task.kind == CHOICE, task.chance > 0)
                self.assertEqual(task.kind == EXACT_MATCH, task.answer_of is not None)

    @parameterized.parameters(*ITEMS)
    def test_of_the_published_file(self, name):
        task = tasks()[name]
        if not (SHARED / f"{task.file}.gz").is_file() and not (SHARED / task.file).is_file():
            self.skipTest(f"{task.file} is absent from ../shared/data")
        items = reading.items(task, SHARED)
        self.assertLen(items, ITEMS[name])
        self.assertLen({item.id for item in items}, len(items))
        pool = reading.pool(task, SHARED, task.shots)
        for item in items[:: len(items) // 20]:
            found = reading.examples(name, item, pool, task.shots, 0)
            self.assertLen(found, task.shots)
            if task.kind in SCORED:
                for context, continuation in item.options:
                    self.assertFalse(context[-1].isspace())
                    self.assertRegex(continuation, r"\A \S")
        if task.kind == EXACT_MATCH:
            wrong = [item.id for item in items if task.answer_of(item.worked) not in item.accept]
            # One answer of TriviaQA as it is in the file, "(a", is an article and nothing else.
            self.assertEqual(wrong, ["2102"] if name == "triviaqa" else [])
        if task.kind == CHOICE:
            guessed = sum(1 / len(item.options) for item in items) / len(items)
            # Of BoolQ the answer that is right more often.
            self.assertAlmostEqual(task.chance, 0.62 if name == "boolq" else guessed)


class RowsTest(absltest.TestCase):
    def test_hellaswag(self):
        row = {"activity_label": "Cutting grass", "ctx_a": "A man [header] mows.", "ctx_b": "he"}
        row |= {"endings": ["stops [title] Rest", "runs  off"], "label": "1"}
        found = hellaswag.item(row, "0")
        context = "Cutting grass: A man mows. He"
        self.assertEqual(found.options, ((context, " stops. Rest"), (context, " runs off")))
        self.assertEqual(found.gold, 1)

    def test_mmlu(self):
        row = {"subject": "logic", "number": 3, "row": ["What? ", "a", "b", "c, d", "e", "C"]}
        found = mmlu.item(row, "7")
        context = "What?\nA. a\nB. b\nC. c, d\nD. e\nAnswer:"
        options = tuple((context, f" {letter}") for letter in "ABCD")
        self.assertEqual(found, Choice("logic/3", "logic", options, 2))
        (task,) = mmlu.TASKS
        self.assertEqual(
            reading.before([found], task.heading("formal_logic")),
            "The following are multiple choice questions (with answers) about formal logic.\n\n"
            f"{context} C\n\n",
        )

    def test_gsm8k(self):
        answer = "Half is 48/2 = <<48/2=24>>24.\n#### 1,024"
        found = gsm8k.item({"question": "How many?", "answer": answer}, "0")
        self.assertEqual(found.accept, ("1024",))
        self.assertEqual(found.worked, " Half is 48/2 = 24.\n#### 1,024")
        with self.assertRaisesRegex(ValueError, "does not end in ####"):
            gsm8k.item({"question": "How many?", "answer": "5"}, "0")

    def test_mbpp_and_bbh(self):
        row = {"text": "Add.", "code": "def f():\r\n  pass\r\n", "task_id": 11}
        row |= {"test_list": ["assert f() is None"], "test_setup_code": "import math"}
        found = mbpp.item(row, "0")
        self.assertEqual((found.id, found.worked), ("11", "def f():\n  pass\n[DONE]"))
        self.assertEqual(found.accept, ("import math\nassert f() is None",))
        row = {"task": "navigate", "number": 2, "input": "Turn left.", "target": "No"}
        self.assertEqual(
            bbh.item(row, "0")[:4], ("navigate/2", "navigate", "Q: Turn left.\nA:", " No")
        )


if __name__ == "__main__":
    absltest.main()
