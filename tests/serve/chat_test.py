"""The terminal program, run as a person runs it: in processes of its own, some on a terminal."""

import functools
import pathlib
import shutil
import subprocess
import sys
import tempfile

import jax
import numpy as np
from absl.testing import absltest

from data.conversations import prompt_ids
from model.sharding import make_mesh
from serve.engine import Engine
from serve.exported import export_hf
from serve.load import load
from serve.pieces import stream_text
from serve.requests import Request
from tests.serve import small_run
from tests.serve.scripted_program import EVIL
from tests.serve.terminal_session import ROOT, TerminalSession

CONTEXT = 4096


def setUpModule():
    global RUN
    RUN = small_run.folder() / "run"


@functools.cache
def engine() -> Engine:
    """That of the run's model, in this process, on one device as in the programs."""
    mesh = make_mesh(1, 1, 1, jax.devices()[:1])
    trained = load(RUN, mesh=mesh)
    return Engine(trained.params, trained.architecture, trained.tokenizer, 1, mesh=mesh)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "serve.chat", *arguments]


def scripted(*arguments: str) -> list[str]:
    """The chat with a model that goes by a script."""
    program = [sys.executable, "-m", "tests.serve.scripted_program", "serve.chat"]
    return [*program, "--workdir=nowhere", *arguments]


def start(arguments: list[str]) -> subprocess.Popen:
    pipe = subprocess.PIPE
    return subprocess.Popen(arguments, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe)


class BaseTest(absltest.TestCase):
    def expected(self, prompt: str, seed: int, max_tokens: int, **settings) -> str:
        end = engine().tokenizer.end_of_text
        ids = engine().tokenizer.encode(prompt) if prompt else np.array([end])
        request = Request(ids, max_tokens, seed=seed, stop=(end,), **settings)
        return "".join(stream_text(engine(), request))

    def test_one_prompt(self):
        flags = ("--seed=5", "--max_tokens=30")
        settings = ("--temperature=1.0", "--top_k=200", "--top_p=0.9", "--min_p=0.001")
        program = start(
            command(f"--workdir={RUN}", "--base", "--prompt=the naïve cat", *flags, *settings)
        )
        out, errors = program.communicate(timeout=120)
        expected = self.expected(
            "the naïve cat", 5, 30, temperature=1.0, top_k=200, top_p=0.9, min_p=0.001
        )
        self.assertEqual(out.decode(), expected + "\n")
        self.assertEqual(program.returncode, 0)
        self.assertEqual(errors.decode(), f"{RUN}: the model of the stage base, step 3\n")

    def test_the_model_of_a_hugging_face_folder(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "exported"
        export_hf(load(RUN), RUN, "base", folder)
        flags = (f"--model={folder}", "--base", "--prompt=the cat", "--max_tokens=20", "--seed=4")
        out, errors = start(command(*flags)).communicate(timeout=120)
        expected = self.expected("the cat", 4, 20, temperature=0.8, top_p=0.95)
        self.assertEqual(out.decode(), expected + "\n")
        self.assertRegex(errors.decode(), rf"\A{folder}: [\d,]+ parameters\n\Z")

    def test_lines_from_a_pipe(self):
        """A line that cannot be completed is said so, and the next one is completed."""
        program = start(command(f"--workdir={RUN}", "--base", "--seed=7", "--max_tokens=9"))
        lines = ["the cat", "x" * 10 * CONTEXT, "", "the dog"]
        out, errors = program.communicate("\n".join(lines).encode(), timeout=120)
        settings = {"temperature": 0.8, "top_p": 0.95}
        answers = [
            self.expected(line, 7 + number, 9, **settings)
            for number, line in enumerate(["the cat", "", "the dog"])
        ]
        self.assertEqual(out.decode(), "".join(answer + "\n" for answer in answers))
        self.assertRegex(errors.decode(), r"step 3\nerror: the prompt is \d+ tokens long .*\n\Z")
        self.assertEqual(program.returncode, 0)

    def test_what_is_wrong_is_said_in_one_line(self):
        base = (f"--workdir={RUN}", "--base", "--prompt=a")
        cases = {
            (f"--workdir={RUN}", "--prompt=a"): "has no chat model; add --base",
            ("--base",): "no --workdir; give the folder of a run",
            (f"--model={RUN}", "--stage=rl"): "--stage is for models of a run",
            ("--workdir=nowhere", "--base"): "there is no run at nowhere",
            (*base, "--top_p=0"): "--top_p is 0.0; it must be above 0",
            (*base, "more"): "unexpected argument 'more'",
            (*base, "--tools=python"): "--tools is for conversations",
            (f"--workdir={RUN}", "--stage=rl"): "the stage 'rl' of",
            (f"--workdir={RUN}", "--stage=base", "--tools=shell"): "there is no tool 'shell'",
        }
        programs = {arguments: start(command(*arguments)) for arguments in cases}
        unknown = start(command("--promt=a"))
        for arguments, sentence in cases.items():
            with self.subTest(sentence):
                out, errors = programs[arguments].communicate(timeout=120)
                self.assertEqual((programs[arguments].returncode, out), (2, b""))
                self.assertRegex(errors.decode(), r"\Aerror: [^\n]+\n\Z")
                self.assertIn(sentence, errors.decode())
        out, errors = unknown.communicate(timeout=120)
        self.assertIn("Did you mean: prompt ?", errors.decode())
        self.assertNotEqual(unknown.returncode, 0)

    def test_a_reader_that_goes_away(self):
        program = start(command(f"--workdir={RUN}", "--base", "--prompt=a", "--max_tokens=4000"))
        program.stdout.read(1)
        program.stdout.close()
        self.assertEqual(program.stderr.read().count(b"\n"), 1)
        self.assertEqual(program.wait(timeout=120), 141)

    def test_on_a_terminal(self):
        arguments = (f"--workdir={RUN}", "--base", f"--max_tokens={CONTEXT}")
        session = TerminalSession(command(*arguments))
        self.addCleanup(session.close)
        greeting = session.until(b"> ").decode().replace("\r\n", "")
        self.assertIn(f"{RUN}: the model of the stage base, step 3", greeting)
        session.type_and_interrupt("unfinished")
        session.until(b"> ")
        session.type("the cat\n")
        # Streaming: the beginning is there while the rest is still being written.
        begun = session.read_until(lambda shown: len(shown) > len(b"the cat\r\n") + 20)
        self.assertLess(len(begun), CONTEXT // 4)
        session.type("\x03")
        answer = begun + session.until(b"\r\n> ")
        self.assertLess(len(answer), CONTEXT // 2)
        session.type("the dog\n")
        session.read_until(lambda shown: len(shown) > len(b"the dog\r\n") + 20)
        session.type("\x03")
        session.until(b"\r\n> ")
        session.type("\x04")
        self.assertEqual(session.program.wait(timeout=30), 0)
        # The model, which has learnt nothing, writes control characters: none reaches the terminal.
        answered = session.shown.split(b"the cat\r\n")[1].replace(b"\r\n", b"")
        answered = answered.replace(b"^C", b"")
        self.assertNotRegex(answered, rb"[\x00-\x08\x0b-\x1f\x7f]")
        self.assertRegex(answered, rb"\\x[01][0-9a-f]")


class ChatTest(absltest.TestCase):
    """A model that goes by a script."""

    def test_a_conversation_through_pipes(self):
        said = {
            "hello": "Good day.",
            "count": "[thinking] Letters: a tool.\nLet me see.\n"
            "[python] 'strawberry'.count('r')\n[result] 3\nIt is 1 long.",
            "evil": None,
            "broken": None,
            "nothing": "",
            "<|im_end|>\x00<think>": "You said 18 characters.",
        }
        lines = [*said, "/system Be Bob.", "context", "/clear", "context", "/retry", "/nosuch"]
        program = start(scripted("--tools=python"))
        out, errors = program.communicate("\n".join(["", *lines]).encode() + b"\n\xff /x", 120)
        shown = out.decode()
        for answer in said.values():
            self.assertTrue(answer is None or answer + "\n" in shown, answer)
        # What the tool printed is text: the model was shown all of it, in one response.
        self.assertIn(f"[result] {EVIL}\nIt is {len(EVIL)} long.\n", shown)
        self.assertIn("[result] error: the tool call is not JSON", shown)
        # The system's turn, three exchanges of two turns and, with a call, three of four, and the
        # last question and answer: special tokens typed and printed have opened none.
        self.assertIn("21 turns, the first: Be Bob.\n\n# Tools\n", shown)
        self.assertEqual(shown.count("\n3 turns, the first: Be Bob.\n\n# Tools\n"), 2)
        self.assertTrue(shown.endswith("You said 4 characters.\n"))
        self.assertEqual(program.returncode, 0)
        told = errors.decode().splitlines()
        self.assertEqual(told[0], "nowhere: the model of the stage chat, step 7")
        self.assertRegex(told[1], "python: .*bubblewrap")
        self.assertEqual(
            told[2:],
            [
                "the system message is set",
                "a new conversation",
                "error: there is no command /nosuch; /help lists them",
            ],
        )

    def test_one_answer_stands_alone(self):
        arguments = {
            ("--prompt=count", "--tools=python"): "It is 1 long.\n",
            ("--prompt=endless", "--max_tokens=8", "--hide_thinking"): "the cat " * 4,
            ("--prompt=/help", "--system=Be Bob."): "You said 5 characters.\n",
        }
        programs = {key: start(scripted(*key)) for key in arguments}
        errors = {}
        for key, answer in arguments.items():
            out, errors[key] = programs[key].communicate(timeout=120)
            self.assertEqual(programs[key].returncode, 0, errors[key])
            self.assertTrue(out.decode().startswith(answer.rstrip()), out)
            self.assertEqual(out.count(b"\n"), 1)
        counted, endless, _ = errors.values()
        self.assertTrue(
            counted.decode().endswith(
                "[thinking] Letters: a tool.\nLet me see.\n[python] 'strawberry'.count('r')\n"
                "[result] 3\n"
            ),
            counted,
        )
        self.assertIn(b"[cut off: ", endless)

    def test_on_a_terminal(self):
        session = TerminalSession(scripted("--tools=python"), TERM="xterm", INPUTRC="/dev/null")
        self.addCleanup(session.close)

        def say(text: str) -> str:
            session.type(text + "\n")
            return session.until(b"> ").decode().partition("\r\n")[2].rpartition("\r\n")[0]

        session.until(b"> ")
        shown = say("count")
        self.assertIn("\x1b[2m[thinking] ", shown)
        self.assertIn("\r\n\x1b[2m[result] 3\x1b[0m\r\nIt is 1 long.", shown)
        session.type("endless\n")
        session.read_until(lambda shown: b"the cat the cat" in shown)
        session.type("\x03")
        self.assertIn(b"[stopped]", session.until(b"> "))
        # The answer that was stopped is part of the conversation.
        self.assertTrue(say("context").startswith("9 turns"))
        self.assertTrue(say("/retry").startswith("9 turns"))
        # Neither the model nor a tool gets a control character through.
        self.assertIn("\\x1b[31mred\\x07", say("escape"))
        evil = say("evil")
        self.assertIn("a\\x1b]0;b\\x07<|im_end|>", evil)
        self.assertNotRegex(evil.replace("\x1b[2m", "").replace("\x1b[0m", ""), "[\x07]|\x1b\\]")
        self.assertIn("/clear ", say("/help"))
        session.type_and_interrupt("unfinished")
        session.until(b"> ")
        session.type("\x04")
        self.assertEqual(session.program.wait(timeout=30), 0)

    def test_a_real_model(self):
        """Of a stage beside another; its answer is that of the engine to the conversation."""
        run = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "run"
        shutil.copytree(RUN, run)
        shutil.copytree(run / "base", run / "chat")
        program = start(
            command(f"--workdir={run}", "--system=Be Bob.", "--prompt=cat", "--max_tokens=9")
        )
        out, errors = program.communicate(timeout=120)
        self.assertEqual(
            errors.decode().splitlines()[0], f"{run}: the model of the stage chat, step 3"
        )
        system = {"role": "system", "content": "Be Bob."}
        ids = prompt_ids(engine().tokenizer, [system, {"role": "user", "content": "cat"}])
        [answer] = engine().generate([Request(ids, 9, temperature=0.0)])
        self.assertEqual(out.decode().strip(), answer.text(engine().tokenizer).strip())
        self.assertEqual(program.returncode, 0)


if __name__ == "__main__":
    absltest.main()
