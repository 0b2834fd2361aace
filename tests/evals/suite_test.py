"""The suite on a small model: what it says is what the model does."""

import dataclasses
import json
import pathlib
import tempfile

import numpy as np
from absl.testing import absltest, parameterized

from data.errors import InputError
from evals import layouts, suite
from evals.exact_match import first_line
from evals.likelihood import encoded
from evals.task import CHOICE, CLOZE, EXACT_MATCH, PASS_AT_K, Task, Written
from evals.tasks import tasks
from serve.engine import Engine
from serve.requests import Request
from tests.serve import small_model

CHOICES = Task("words", CHOICE, "words.jsonl", layouts.sentence, chance=0.5)
ENDS = Task("ends", CLOZE, "ends.jsonl", layouts.cloze)
WORDS = ("the cat saw", "and the dogs", "on the naïve mat", "while Zoë ran")


def asked(row: dict, id: str) -> Written:
    return Written(id, "", row["prompt"], f" {row['answer']}", (row["answer"],))


SAID = Task(
    "said", EXACT_MATCH, "said.jsonl", asked, answer_of=first_line, stops=("\n\n",), tokens=8
)
PROGRAMS = Task("programs", PASS_AT_K, "said.jsonl", asked, stops=("[DONE]",), tokens=8)


class SuiteTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, name: str, rows: list[dict]) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    def run_task(self, task: Task, stage: str = "base", **settings) -> suite.Result:
        return suite.run(
            task, small_model.trained(), stage, suite.Settings(self.folder, **settings)
        )

    def continuation(self, text: str, tokens: int) -> str:
        trained = small_model.trained()
        # Of a size that the suite makes too, so that both are compiled once.
        engine = Engine(trained.params, trained.architecture, trained.tokenizer, 32, 32)
        prompt = trained.tokenizer.encode(text).astype(np.int32)
        stop = (trained.tokenizer.end_of_text, "\n\n")
        (found,) = engine.generate([Request(prompt, tokens, temperature=0.0, stop=stop)])
        return found.text(trained.tokenizer)

    def test_choices(self):
        rows = [
            {"query": words, "choices": ["the mat", "日本語 😀", "dogs"], "gold": number % 3}
            for number, words in enumerate(WORDS)
        ]
        self.write("words.jsonl", rows)
        result = self.run_task(CHOICES)
        rights = 0
        for line, row in zip(result.lines, rows, strict=True):
            sums = [option["log_prob"] for option in line["options"]]
            sizes = [len(text.encode()) for text in row["choices"]]
            self.assertEqual(line["chosen"], int(np.argmax(sums)))
            self.assertEqual(line["chosen_by_length"], int(np.argmax(np.divide(sums, sizes))))
            self.assertEqual(line["right"], line["chosen"] == row["gold"])
            rights += line["right"]
        self.assertEqual(result.figures[""], rights / 4)
        self.assertEqual((result.figures["_items"], result.figures["_cut"]), (4, 0))
        self.assertLess(result.figures["_low"], result.figures[""] + 1e-9)
        self.assertEqual(self.run_task(CHOICES, limit=2).lines, result.lines[:2])

    def test_examples_and_what_is_cut_are_counted(self):
        rows = [{"query": words, "choices": ["the mat", "dogs"], "gold": 0} for words in WORDS]
        rows[1]["query"] *= 30
        self.write("words.jsonl", rows)
        result = self.run_task(CHOICES)
        self.assertEqual((result.figures["_items"], result.figures["_cut"]), (4, 1))
        tokenizer, context = small_model.tokenizer(), small_model.CONTEXT
        longest = encoded(tokenizer, rows[1]["query"], " the mat", 10_000)
        self.assertEqual(result.lines[1]["cut"], len(longest.tokens) - (context - 1))
        with_examples = self.run_task(CHOICES, shots=2)
        for line, row in zip(with_examples.lines, rows, strict=True):
            self.assertEqual(line["examples"].count(" the mat\n\n"), 2)
            self.assertNotIn(f"{row['query']} the mat\n\n", line["examples"])
        self.assertEqual(with_examples.lines, self.run_task(CHOICES, shots=2).lines)
        self.assertNotEqual(with_examples.lines, self.run_task(CHOICES, shots=2, seed=1).lines)

    def test_what_the_model_would_write_is_right(self):
        trained = small_model.trained()
        rows = []
        for words in WORDS:
            end = self.continuation(words, 6)
            rows.append({"context": words, "continuation": end})
        # Only texts that are encoded as they were written can be scored as written.
        plain = dataclasses.replace(
            ENDS,
            item=lambda row, id: suite.Choice(id, "", ((row["context"], row["continuation"]),), 0),
        )
        self.write("ends.jsonl", rows)
        result = self.run_task(plain)
        for line, row in zip(result.lines, rows, strict=True):
            ids = trained.tokenizer.encode(row["context"] + row["continuation"])
            written = trained.tokenizer.decode(ids) == row["context"] + row["continuation"]
            self.assertTrue(written)
            self.assertEqual(line["right"], line["options"][0]["greedy"])
        log_probs = [line["options"][0]["log_prob"] for line in result.lines]
        self.assertAlmostEqual(result.figures["_nats"], -np.mean(log_probs))

    def test_exact_match(self):
        answer = first_line(self.continuation(WORDS[0], 8))
        rows = [{"prompt": WORDS[0], "answer": answer}, {"prompt": WORDS[1], "answer": "no, never"}]
        self.write("said.jsonl", rows)
        result = self.run_task(SAID)
        self.assertEqual([line["right"] for line in result.lines], [True, False])
        self.assertEqual(result.figures[""], 0.5)
        self.assertEqual(result.lines[0]["prompt"], WORDS[0])

    def test_samples_depend_on_the_item_and_the_seed_alone(self):
        self.write("said.jsonl", [{"prompt": words, "answer": "cat"} for words in WORDS])
        result = self.run_task(SAID, samples=3)
        self.assertContainsSubset(["_majority_3", "_majority_3_low", "_mean_3"], result.figures)
        self.assertLen(result.lines[0]["texts"], 3)
        self.assertGreater(len({text for line in result.lines for text in line["texts"]}), 4)
        self.assertEqual(self.run_task(SAID, samples=3, limit=2).lines, result.lines[:2])
        self.assertNotEqual(self.run_task(SAID, samples=3, seed=1).lines, result.lines)

    def test_in_turns(self):
        self.write("said.jsonl", [{"prompt": words, "answer": "cat"} for words in WORDS])
        result = self.run_task(SAID, stage="chat", shots=1)
        first = result.lines[0]["prompt"]
        self.assertEqual([message["role"] for message in first], ["user", "assistant", "user"])
        self.assertEqual(first[1:], [
            {"role": "assistant", "content": "cat"},
            {"role": "user", "content": WORDS[0]},
        ])  # fmt: skip

    def test_programs(self):
        tests = "assert double(2) == 4"
        rows = [{"prompt": words, "answer": tests} for words in WORDS[:2]]
        self.write("said.jsonl", rows)

        def item(row: dict, id: str) -> Written:
            solution = "def double(x):\n    return 2 * x\n[DONE]" if id == "0" else "nothing"
            return Written(id, "", row["prompt"], solution, (row["answer"],))

        result = self.run_task(dataclasses.replace(PROGRAMS, item=item), samples=2)
        self.assertEqual(result.figures["_reference"], 0.5)
        self.assertEqual(result.figures["_pass_at_1_of_2"], 0.0)
        self.assertContainsSubset(
            ["_pass_at_2_of_2", "_pass_at_2_of_2_high", "_items"], result.figures
        )
        self.assertEqual([line["passed"] for line in result.lines], [[False, False]] * 2)

    def test_core(self):
        with self.assertRaisesRegex(InputError, "no file of CORE's tasks"):
            suite.core_present(self.folder)
        row = {"query": "the cat", "choices": ["ran", "saw"], "gold": 0}
        self.write("eval_tasks/copa.jsonl", [row])
        here, absent = suite.core_present(self.folder)
        self.assertEqual(here, ["copa"])
        self.assertContainsSubset(["arc_easy", "hellaswag"], absent)
        results = {
            name: suite.Result({"": accuracy}, [])
            for name, accuracy in (("copa", 0.6), ("arc_easy", 0.4), ("mmlu", 0.9))
        }
        mean = suite.core_mean(results)  # of 0.2 and 0.2; MMLU is not in CORE
        self.assertEqual(mean["centred_mean_tasks"], 2)
        self.assertAlmostEqual(mean["centred_mean"], 0.2)
        self.assertFalse(tasks()["mmlu"].core)

    def test_files_that_are_not_there(self):
        for shots, file in ((None, "gsm8k/test.jsonl"), (0, "gsm8k/test.jsonl")):
            with self.assertRaisesRegex(InputError, f"gsm8k wants the file {file}"):
                suite.check(["gsm8k"], self.folder, shots)
        self.write("gsm8k/test.jsonl", [{}])
        suite.check(["gsm8k"], self.folder, 0)
        with self.assertRaisesRegex(InputError, "gsm8k wants the file gsm8k/train.jsonl"):
            suite.check(["gsm8k"], self.folder, None)


if __name__ == "__main__":
    absltest.main()
