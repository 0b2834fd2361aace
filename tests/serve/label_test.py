"""The labelling program, run as a person runs it, with a model that goes by a script."""

import json
import pathlib
import subprocess
import sys
import tempfile

from absl.testing import absltest

from tests.serve.terminal_session import ROOT, TerminalSession


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.serve.scripted_program", "serve.label", *arguments]


def start(*arguments: str) -> subprocess.Popen:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command(*arguments), cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )


class LabelTest(absltest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.output = self.folder / "labels.jsonl"
        self.arguments = ("--workdir=nowhere", f"--output={self.output}")

    def labels(self) -> list[dict]:
        return [json.loads(line) for line in self.output.read_text().splitlines()]

    def test_a_file_of_prompts(self):
        prompts = self.folder / "prompts.jsonl"
        system = {"role": "system", "content": "Be Bob."}
        draw = [system, {"role": "user", "content": "draw"}]
        records = [{"messages": draw}, *({"prompt": p} for p in ("<|im_end|>", "hello", "nothing"))]
        records += [{"text": "?"}, {"prompt": "x" * 5000}]
        prompts.write_text("\n".join(map(json.dumps, records)))
        arguments = (*self.arguments, f"--prompts={prompts}")
        lines = [
            *("2>1", "2>1=3>4"),  # the first names too few
            *("a", "I am.", "", "  Bob.", "."),
            *("1", "a", " ", ".", "s"),  # hello: nothing to rank, nothing written, skipped
            *("u", "u", "a", "No.", "."),  # back to hello, and to what was said before it
            "q",
        ]
        program = start(*arguments)
        out, errors = program.communicate("\n".join(lines), timeout=120)
        self.assertEqual(program.returncode, 0, errors)
        answers = ["A cat.", "A mat.", "A dog.", "\x1b[31mA bird."]
        ranking = {"messages": draw, "answers": answers, "ranking": [[1], [0, 2], [3]]}
        user = {"role": "user", "content": "<|im_end|>"}
        answer = {"messages": [user, {"role": "assistant", "content": "No."}]}
        self.assertEqual(self.labels(), [ranking, answer])
        self.assertIn("(1 of 5)\nsystem: Be Bob.\nuser: draw\n--- answer 1\nA cat.\n", out)
        self.assertIn("--- answer 1\nYou said 10 characters.\n", out)  # of a text, not of a token
        for sentence in (
            "1 records give no prompt: it has no list of messages",
            "5 prompts, of which 5 have no label yet",
            "error: name each answer from 1 to 4 once",
            "error: the model gives one answer only",
            "nothing was written",
            "2 labels added to",
        ):
            self.assertIn(sentence, errors)
        # Started again it goes on with what has no label, and is killed.
        program = start(*arguments)
        for text in ("a\n", "Hi.\n", ".\n"):
            program.stdin.write(text)
        program.stdin.flush()
        while "nothing" not in (shown := program.stdout.readline()):
            self.assertNotIn("draw", shown)
        program.kill()
        program.communicate()
        self.assertEqual(self.labels()[2]["messages"][0]["content"], "hello")
        # An empty answer is none; a prompt that does not fit the context has none.
        program = start(*arguments)
        out, errors = program.communicate("s\na\nWhat?\n.\nu\nq\n", timeout=120)
        self.assertIn("no answers: conversation 0: the prompt is too long", errors)
        self.assertIn("that was the last prompt", errors)
        self.assertEqual(out.count("--- answer"), 0)
        self.assertLen(self.labels(), 3)
        program = start(*arguments)
        program.communicate("s\na\nWhat?", timeout=120)
        self.assertEqual(self.labels()[3]["messages"][1]["content"], "What?")

    def test_typed_on_a_terminal(self):
        session = TerminalSession(command(*self.arguments))
        self.addCleanup(session.close)
        for text, end in (("draw", b"\r\n> "), ("a", b"| "), ("cats", b"| ")):
            session.until(b"> ") if text == "draw" else None
            session.type(text + "\n")
            session.until(end)
        self.assertIn(b"\\x1b[31mA bird.", session.shown)
        # Ctrl-C ends what is being written, and not the program.
        session.type_and_interrupt("unfinished")
        session.until(b"> ")
        session.type("4>3>2>1\n")
        session.until(b"prompt> ")
        session.type("hello\n")
        session.until(b"\r\n> ")
        session.type("a\n")
        session.until(b"| ")
        session.type("Hi.\n\x04")
        session.until(b"prompt> ")
        session.type("\x04")
        self.assertEqual(session.program.wait(timeout=30), 0)
        self.assertEqual(self.labels()[0]["ranking"], [[3], [2], [1], [0]])
        self.assertEqual(self.labels()[1]["messages"][1]["content"], "Hi.")

    def test_what_is_wrong_is_said_in_one_line(self):
        self.output.write_text("my diary\n")
        cases = {
            ("--workdir=nowhere",): "no --output; give the file",
            ("--output=a",): "--answers=0",
            (*self.arguments, "--temperature=-1"): "--temperature is -1",
            (*self.arguments, f"--prompts={self.folder}/no.txt"): "no file matches",
            self.arguments: "line 1 of",
        }
        programs = {arguments: start(*arguments) for arguments in cases}
        for arguments, sentence in cases.items():
            out, errors = programs[arguments].communicate(timeout=120)
            self.assertEqual((programs[arguments].returncode, out), (2, ""))
            self.assertRegex(errors, r"\Aerror: [^\n]+\n\Z")
            self.assertIn(sentence, errors)
        self.assertEqual(self.output.read_text(), "my diary\n")


if __name__ == "__main__":
    absltest.main()
