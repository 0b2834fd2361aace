"""The arena: who answers, how orderings are kept, and the program as it is run."""

import collections
import contextlib
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
from typing import ClassVar

from absl.testing import absltest

from data import preferences
from data.errors import InputError
from data.world.draw import Draw
from data.world.jokes import grammar, judge
from evals import contenders
from evals.contenders import Sampling
from evals.matches import judge_all, key_of, read_matches, world_prompts
from evals.ratings import Match, ratings
from serve.labels import Labels, typed_prompt
from tests.rl import toy

ROOT = pathlib.Path(__file__).resolve().parents[2]


def good_joke(prompt: str) -> str:
    draw = Draw(prompt)
    found = [grammar.candidate(draw, prompt) for _ in range(30)]
    return max(found, key=lambda answer: judge.gold(prompt, answer))


# What the models of the server say to the last message.
REPLIES = {
    "good": good_joke,
    "bad": lambda text: "ha ha",
    "same": lambda text: " ha ha\n",
    "null": lambda text: None,
    "endless": lambda text: "x" * (2 << 20),
    "long": lambda text: "x" * 30_000,
}


class _Handler(http.server.BaseHTTPRequestHandler):
    seen: ClassVar[list[dict]] = []

    def do_GET(self):
        self._say({"data": [{"id": "good"}]} if self.path == "/v1/models" else None)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append(asked)
        model, last = asked["model"], asked["messages"][-1]["content"]
        if model == "strange":
            self._say([1])
        elif model == "text":
            self._send(200, b"<html>")
        elif model in REPLIES:
            self._say({"choices": [{"message": {"content": REPLIES[model](last)}}]})
        else:
            self._send(404, b"no such\nmodel")

    def _say(self, value):
        self._send(404 if value is None else 200, json.dumps(value).encode())

    def _send(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        # Who has read enough goes away.
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class _WithServer(absltest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        cls.addClassCleanup(thread.join)
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        cls.address = f"http://127.0.0.1:{server.server_port}"

    def setUp(self):
        super().setUp()
        _Handler.seen = []
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))


class ContendersTest(_WithServer):
    def test_a_server_answers(self):
        prompts = world_prompts(5, 0)
        for address in (self.address, f"{self.address}/v1/", f"{self.address}#good"):
            found = contenders.server(address).answer(prompts, Sampling(0.5, 40, 3))
            self.assertEqual(found, [good_joke(p["messages"][0]["content"]) for p in prompts])
        expected = {"model": "good", "temperature": 0.5, "max_tokens": 40, "seed": 3}
        for asked in _Handler.seen:
            self.assertEqual({key: asked[key] for key in expected}, expected)
        self.assertEqual(
            contenders.server(f"{self.address}#null").answer(prompts[:1], Sampling()), [""]
        )

    def test_a_server_that_says_something_else(self):
        prompts = [typed_prompt("Hello.")]
        (long,) = contenders.server(f"{self.address}#long").answer(prompts, Sampling())
        self.assertLen(long, 20_000)
        for model, sentence in (
            ("endless", "more than 1048576 bytes"),
            ("strange", "is no chat completion"),
            ("text", "is no JSON"),
            ("other", r"refuses with status 404 \(no such model\)"),
        ):
            with self.assertRaisesRegex(InputError, sentence):
                contenders.server(f"{self.address}#{model}").answer(prompts, Sampling())
        with self.assertRaisesRegex(InputError, "cannot be asked .* is the server running"):
            contenders.server("http://127.0.0.1:9").answer(prompts, Sampling())
        for address in (
            *("file:///etc/passwd", "localhost:8000", "http://", "http://[::1"),
            *("http://localhost:abc", "http://exa mple.com"),
        ):
            with self.assertRaisesRegex(InputError, "is no server"):
                contenders.server(address)

    def test_a_checkpoint_answers(self):
        run = toy.make_run(self.folder / "run")
        prompts = [typed_prompt("the cat"), typed_prompt("the mat")]
        here = contenders.checkpoint(run, "chat")
        found = here.answer(prompts, Sampling(1.0, 6, 0))
        self.assertLen(found, 2)
        there = contenders.checkpoint("nowhere", f"{run}/chat")
        self.assertEqual(there.answer(prompts, Sampling(1.0, 6, 0)), found)
        self.assertNotEqual(here.answer(prompts, Sampling(1.0, 6, 1)), found)
        with self.assertRaisesRegex(InputError, "'other' of .* has not been trained"):
            contenders.checkpoint(run, "other")


class MatchesTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.path = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "matches.jsonl"

    def judged(self, prompts, answers, names, replies) -> list:
        """What the judge was asked, if it answers so; the matches are in the file."""
        asked, left = [], iter(replies)

        def order(prompt, texts, place):
            asked.append((prompt["messages"][0]["content"], texts))
            return next(left)

        with contextlib.closing(Labels(self.path)) as labels:
            judge_all(prompts, answers, names, order, labels, "person")
        return asked

    def rankings(self) -> list:
        return [match.ranking for match in read_matches(self.path, "person")]

    def test_orderings_are_of_players(self):
        prompts = [typed_prompt(text) for text in "pqr"]
        # Of the first, two say the same; of the second, all do; the third is ranked in full.
        answers = [("x", "y", "x"), ("z", "z", "z"), ("x", "y", "z")]
        asked = self.judged(prompts, answers, "abc", [[[1], [0]], [[2], [0, 1]]])
        self.assertEqual(asked, [("p", ["x", "y"]), ("r", ["x", "y", "z"])])
        self.assertEqual(self.rankings(), [[[1], [0, 2]], [[0, 1, 2]], [[2], [0, 1]]])
        matches = read_matches(self.path, "person")
        self.assertEqual(matches[0], Match(key_of(prompts[0]), ("a", "b", "c"), [[1], [0, 2]]))
        # A reward model can learn from the file.
        dropped: collections.Counter = collections.Counter()
        found = list(preferences.of_split(str(self.path), self.path.parent, "train", 0.0, dropped))
        self.assertLen(found, 3 - dropped.total())
        self.assertNotEmpty(found)

    def test_taking_back_skipping_and_ending(self):
        prompts = [typed_prompt(text) for text in "pqrst"]
        answers = [("x", "y"), ("x", "y"), ("z", "z"), ("x", "y"), ("x", "y")]
        first, second = [[0], [1]], [[1], [0]]
        # p, q, r (even), back to q, back to p, both again, r, s skipped, back to s, skipped; ended.
        replies = ["u", first, first, "u", "u", second, second, "s", "u", "s", "q"]
        asked = self.judged(prompts, answers, "ab", replies)
        self.assertEqual("".join(text for text, _ in asked), "ppqsqpqstst")
        self.assertEqual(self.rankings(), [second, second, [[0, 1]]])

    def test_a_file_of_something_else_is_refused(self):
        prompt = {"messages": [{"role": "user", "content": "p"}], "answers": ["x", "y"]}
        good = prompt | {"ranking": [[0], [1]], "contenders": ["a", "b"], "judge": "gold"}
        for line in (
            prompt | {"ranking": [[0], [1]]},
            good | {"ranking": [[0]]},
            good | {"ranking": [[0], [0]]},
            good | {"ranking": 3},
            good | {"contenders": ["a", 2]},
        ):
            self.path.write_text(f"{json.dumps(good)}\n{json.dumps(line)}\n")
            with self.assertRaisesRegex(InputError, "line 2 of .* is no match"):
                read_matches(self.path, "gold")
        with self.assertRaisesRegex(InputError, "line 1 of .* is of the judge 'gold'"):
            read_matches(self.path, "person")

    def test_the_worlds_prompts_are_different_and_held_out(self):
        prompts = world_prompts(200, 1)
        texts = {prompt["messages"][0]["content"] for prompt in prompts}
        self.assertLen(texts, 200)
        for text in texts:
            self.assertTrue(grammar.wanted(text).subject.is_held_out, text)
        self.assertEqual(prompts[:50], world_prompts(50, 1))
        self.assertNotEqual(prompts[:50], world_prompts(50, 2))
        with self.assertRaisesRegex(InputError, "little more than [0-9]+ different prompts"):
            world_prompts(100_000, 0)

    def test_scores_are_places(self):
        self.assertEqual(judge.by_score([0.5, 2.0, 0.5, -1.0]), [[1], [0, 2], [3]])


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "evals.arena", *arguments]


class ProgramTest(_WithServer):
    def start(self, *arguments: str) -> subprocess.Popen:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command(*arguments), cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )

    def test_the_judge_of_the_world(self):
        output = self.folder / "gold.jsonl"
        servers = ",".join(f"{self.address}#{model}" for model in ("bad", "good", "same"))
        program = self.start(f"--servers={servers}", f"--output={output}", "--count=6")
        out, errors = program.communicate(timeout=120)
        self.assertEqual(program.returncode, 0, errors)
        lines = out.splitlines()
        self.assertLen(lines, 3)
        self.assertRegex(lines[0], r"#good +\d+  \[ *\d+, +\d+\]  better 12, even 0, worse 0$")
        self.assertRegex(lines[1], r"#(bad|same) +\d+  \[ *\d+, +\d+\]  better 0, even 6, worse 6$")
        expected = ratings(read_matches(output, "gold"))
        for line in lines:
            name, value = line.split()[:2]
            self.assertAlmostEqual(float(value), expected[name], delta=0.51)

    def test_a_person_judges_and_goes_on_later(self):
        prompts, output = self.folder / "prompts.txt", self.folder / "person.jsonl"
        prompts.write_text("tell me a joke about a cow.\ntell me a joke about a dog.\n")
        good, bad = f"{self.address}#good", f"{self.address}#bad"
        arguments = (
            f"--servers={good},{bad}",
            "--judge=person",
            f"--prompts={prompts}",
            f"--output={output}",
        )
        program = self.start(*arguments)
        out, errors = program.communicate("1>1\n1>2\n", timeout=120)
        self.assertEqual(program.returncode, 0, errors)
        self.assertIn("error: name each answer from 1 to 2 once", errors)
        self.assertIn("1 matches added", errors)
        self.assertIn("--- prompt (1 of 2)\nuser: tell me a joke about a cow.\n--- answer 1", out)
        # Without names while it is judged; whose answer was the first, the file tells.
        self.assertNotIn(self.address, out[: out.rindex("--- answer 2")])
        shown = out.partition("--- answer 1\n")[2].partition("\n--- answer 2")[0]
        (line,) = map(json.loads, output.read_text().splitlines())
        self.assertEqual(line["contenders"], [good, bad])
        self.assertEqual(line["answers"][line["ranking"][0][0]], shown)
        program = self.start(*arguments)
        out, errors = program.communicate("1=2\n", timeout=120)
        self.assertIn("2 prompts, of which 1 are not judged yet", errors)
        self.assertIn("about a dog.", out)
        self.assertNotIn("about a cow.", out)
        self.assertEqual(read_matches(output, "person")[1].ranking, [[0, 1]])
        # Without players, what has been judged is rated.
        program = self.start("--judge=person", f"--output={output}")
        rated, errors = program.communicate(timeout=120)
        self.assertEqual((program.returncode, errors), (0, ""))
        self.assertEqual(rated.splitlines(), out.splitlines()[-2:])

    def test_what_is_wrong_is_said_in_one_line(self):
        (self.folder / "run").mkdir()
        cases = {
            ("--stages=chat",): "fewer than two players",
            ("--stages=a,a,b",): "a is named twice",
            ("--stages=a,b",): "no --workdir",
            ("--servers=http://a,http://b",): "no --workdir",
            (f"--workdir={self.folder}/run", "--stages=a,b"): "'a' of",
        }
        programs = {arguments: self.start(*arguments) for arguments in cases}
        for arguments, sentence in cases.items():
            out, errors = programs[arguments].communicate(timeout=120)
            self.assertEqual((programs[arguments].returncode, out), (2, ""), errors)
            self.assertRegex(errors, r"\Aerror: [^\n]+\n\Z")
            self.assertIn(sentence, errors)


if __name__ == "__main__":
    absltest.main()
