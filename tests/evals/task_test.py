"""Items of files, and which examples stand before them."""

import io
import json
import pathlib
import tarfile
import tempfile

from absl.testing import absltest, parameterized

from data.errors import InputError
from evals import layouts, records
from evals import task as tasks
from evals.task import CHOICE, Choice, Task

TASK = Task("birds", CHOICE, "birds.jsonl", layouts.question, chance=0.5)


def bird(number: int, group: str = "") -> Choice:
    context = f"Question: Bird {number}?\nAnswer:"
    return Choice(str(number), group, ((context, " yes"), (context, " no")), number % 2)


class ExamplesTest(parameterized.TestCase):
    def test_never_the_item_asked_nor_one_with_its_prompt(self):
        birds = [bird(number) for number in range(6)]
        pool = tasks.grouped([*birds, birds[2]._replace(id="twin", gold=1)])
        for seed in range(50):
            for item in birds:
                found = tasks.examples("birds", item, pool, 4, seed)
                self.assertLen({one.id for one in found}, 4)
                self.assertNotIn(item.options, [one.options for one in found])

    def test_depend_on_the_item_and_the_seed_alone(self):
        birds = [bird(number) for number in range(400)]
        pool = tasks.grouped(birds)
        found = {item.id: tasks.examples("birds", item, pool, 3, 0) for item in birds}
        again = {item.id: tasks.examples("birds", item, pool, 3, 0) for item in reversed(birds)}
        self.assertEqual(found, again)
        self.assertNotEqual(found["0"], found["1"])
        self.assertGreater(len({one.id for several in found.values() for one in several}), 350)
        self.assertNotEqual(found["0"], tasks.examples("birds", birds[0], pool, 3, 1))
        self.assertNotEqual(found["0"], tasks.examples("other", birds[0], pool, 3, 0))

    def test_of_the_same_group_and_all_of_a_small_one(self):
        pool = tasks.grouped([bird(number, "ab"[number % 2]) for number in range(8)])
        found = tasks.examples("birds", bird(100, "b"), pool, 5, 0)
        self.assertEqual([one.id for one in found], ["1", "3", "5", "7"])
        self.assertEqual(tasks.examples("birds", bird(100, "c"), pool, 5, 0), [])

    def test_how_they_are_shown(self):
        text = tasks.before([bird(0), bird(1)])
        self.assertEqual(
            text, "Question: Bird 0?\nAnswer: yes\n\nQuestion: Bird 1?\nAnswer: no\n\n"
        )


class FileTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, *rows) -> None:
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (self.folder / "birds.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def test_items(self):
        row = {"query": "Question: Bird?\n", "choices": ["yes", " no "], "gold": 1}
        self.write(row, row, row)
        first, *others = tasks.items(TASK, self.folder, limit=2)
        context = "Question: Bird?\nAnswer:"
        self.assertEqual(first, Choice("0", "", ((context, " yes"), (context, " no")), 1))
        self.assertLen(others, 1)

    def test_a_limit_takes_as_many_of_every_group(self):
        task = Task(
            "grouped",
            CHOICE,
            "birds.jsonl",
            lambda row, id: bird(row["n"], row["group"]),
        )
        self.write(*({"n": n, "group": "aabbb"[n]} for n in range(5)))
        found = [item.id for item in tasks.items(task, self.folder)]
        self.assertEqual(found, ["0", "2", "1", "3", "4"])
        self.assertLen(tasks.items(task, self.folder, limit=3), 3)

    @parameterized.named_parameters(
        ("no_options", {"query": "?"}, "record 1 of .*birds.jsonl is no item of birds"),
        ("gold", {"query": "?", "choices": ["a"], "gold": 1}, "option is number 1 of 1"),
        ("gold_is_text", {"query": "?", "choices": ["a"], "gold": "0"}, "record 1 of"),
        ("number", {"query": "?", "choices": [3], "gold": 0}, "record 1 of"),
        ("list", [1], "is damaged"),
        ("no_json", "{", "is damaged"),
    )
    def test_what_is_wrong_is_said(self, row, sentence):
        self.write({"query": "?", "choices": ["a", "b"], "gold": 0}, row)
        with self.assertRaisesRegex(InputError, sentence):
            tasks.items(TASK, self.folder)

    def test_a_file_that_is_not_there(self):
        with self.assertRaisesRegex(InputError, r"birds wants the file birds.jsonl \(or .*\.gz\)"):
            tasks.items(TASK, self.folder)

    def archive(self, **texts: bytes) -> pathlib.Path:
        path = self.folder / "some.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name, data in texts.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return path

    def test_members(self):
        names = {"set/dev/b.csv": b"2", "set/dev/a.csv": b"1", "set/test/a.csv": b"3", "x.txt": b""}
        path = self.archive(**names, **{"../dev/c.csv": b"4"})
        found = list(records.members(path, ".csv", below="dev"))
        self.assertEqual(
            found, [("../dev/c.csv", "4"), ("set/dev/a.csv", "1"), ("set/dev/b.csv", "2")]
        )
        self.assertEqual([one.name for one in self.folder.iterdir()], ["some.tar.gz"])

    def test_archives_that_cannot_be_read(self):
        path = self.archive(**{"a.csv": b"\xff"})
        with self.assertRaisesRegex(InputError, "not UTF-8"):
            list(records.members(path, ".csv"))
        path.write_bytes(path.read_bytes()[:60])
        with self.assertRaisesRegex(InputError, "cannot be read"):
            list(records.members(path, ".csv"))
        path.write_bytes(b"no archive")
        with self.assertRaisesRegex(InputError, "cannot be read"):
            list(records.members(path, ".csv"))


if __name__ == "__main__":
    absltest.main()
