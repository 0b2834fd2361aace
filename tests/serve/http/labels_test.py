"""Labels and votes over HTTP, and the programs that read them."""

import collections
import contextlib
import json
import os
import pathlib
import tempfile
import threading
import unittest

from absl.testing import absltest

from data import preferences
from evals.matches import read_matches
from serve.http.label_folder import LabelFolder
from serve.labels import Labels
from tests.serve.http.live import Slow, live

ASKED = [{"role": "user", "content": "Who are you?"}]
RANKED = {"messages": ASKED, "answers": ["A cat.", "Primer.", "I am Primer."]}
RANKED["ranking"] = [[1, 2], [0]]
VOTE = {
    "messages": ASKED, "answers": ["A cat.", "Primer."], "ranking": [[1], [0]],
    "contenders": ["run-base", "run-chat"],
}  # fmt: skip


def setUpModule():
    global SERVER, FOLDER
    FOLDER = pathlib.Path(unittest.enterModuleContext(tempfile.TemporaryDirectory())) / "labels"
    SERVER = unittest.enterModuleContext(live(lambda: Slow({}), labels=FOLDER))


def lines(name):
    path = FOLDER / name
    return list(map(json.loads, path.read_text().splitlines())) if path.exists() else []


class LabelsTest(absltest.TestCase):
    def setUp(self):
        for name in ("labels.jsonl", "votes.jsonl"):
            (FOLDER / name).unlink(missing_ok=True)

    def test_an_ideal_answer(self):
        status, saved = SERVER.post("/v1/labels", {"messages": ASKED, "answer": " I am Zoë.\n"})
        self.assertEqual((status, saved["lines"]), (200, 1))
        self.assertEqual(saved["file"], str(FOLDER / "labels.jsonl"))
        reply = {"role": "assistant", "content": "I am Zoë."}
        self.assertEqual(lines("labels.jsonl"), [{"messages": [*ASKED, reply]}])

    def test_a_ranking_is_read_as_one(self):
        self.assertEqual(SERVER.post("/v1/labels", RANKED)[0], 200)
        dropped = collections.Counter()
        found = list(preferences.rankings(str(FOLDER / "labels.jsonl"), dropped))
        self.assertEqual((found, dropped), ([RANKED], {}))

    def test_a_vote_is_a_match_of_the_arena(self):
        self.assertEqual(SERVER.post("/v1/labels", VOTE)[0], 200)
        (match,) = read_matches(FOLDER / "votes.jsonl", "person")
        self.assertEqual((match.players, match.ranking), (("run-base", "run-chat"), [[1], [0]]))

    def test_lines_of_both_programs_stand_together(self):
        SERVER.post("/v1/labels", RANKED)
        with contextlib.closing(Labels(FOLDER / "labels.jsonl")) as labels:
            labels.append(RANKED)
            status, answer = SERVER.post("/v1/labels", RANKED)
            self.assertEqual((status, answer["error"]["code"]), (403, "not_written"))
            self.assertIn("another program is writing", answer["error"]["message"])
        self.assertEqual(SERVER.post("/v1/labels", RANKED)[1]["lines"], 3)

    def test_many_at_once_are_all_kept(self):
        threads = [
            threading.Thread(target=SERVER.post, args=("/v1/labels", RANKED)) for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(lines("labels.jsonl"), [RANKED] * 12)

    def test_what_is_refused_leaves_nothing(self):
        said = {"role": "assistant", "content": "Yes."}
        for body, param in (
            ({"answer": "a"}, "messages"),
            ({"messages": [*ASKED, said], "answer": "a"}, "messages"),
            ({"messages": ASKED, "answer": "  "}, "answer"),
            ({"messages": ASKED, "answer": 5}, "answer"),
            ({"messages": ASKED}, "answers"),
            (RANKED | {"answers": ["a"]}, "answers"),
            (RANKED | {"answers": ["a", 5]}, "answers"),
            (RANKED | {"ranking": [[0], [1]]}, "ranking"),
            (RANKED | {"ranking": [[0, 1, 2], []]}, "ranking"),
            (RANKED | {"ranking": [[0, 1, True]]}, "ranking"),
            (RANKED | {"ranking": [[0], [1], [1]]}, "ranking"),
            (RANKED | {"ranking": {"0": 1}}, "ranking"),
            (VOTE | {"contenders": ["a"]}, "contenders"),
            (VOTE | {"contenders": ["a", "a"]}, "contenders"),
        ):
            with self.subTest(body):
                status, answer = SERVER.post("/v1/labels", body)
                self.assertEqual((status, answer["error"]["param"]), (400, param))
        self.assertEqual(lines("labels.jsonl") + lines("votes.jsonl"), [])

    def test_a_file_of_something_else_stays_as_it_is(self):
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / "labels.jsonl").write_text('{"something": "else"}\n')
        status, answer = SERVER.post("/v1/labels", RANKED)
        self.assertEqual((status, answer["error"]["code"]), (403, "not_written"))
        self.assertEqual(lines("labels.jsonl"), [{"something": "else"}])


class FolderTest(absltest.TestCase):
    def test_where_nothing_can_be_written(self):
        place = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (place / "file").write_text("")
        self.assertFalse(LabelFolder(place / "file").writable())
        self.assertFalse(LabelFolder(place / "file" / "below").writable())
        self.assertTrue(LabelFolder(place / "new" / "below").writable())
        self.assertEqual(os.listdir(place), ["file"])


if __name__ == "__main__":
    absltest.main()
