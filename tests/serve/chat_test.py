"""The terminal program, run as a person runs it: in processes of its own, one on a terminal."""

import os
import pathlib
import pty
import select
import subprocess
import sys
import time

import jax
from absl.testing import absltest

from model.sampling import sampling
from model.sharding import make_mesh
from serve.complete import completion, prompt_ids, text_pieces
from serve.load import load
from tests.serve import small_run

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONTEXT = 4096
# Makes standard input the terminal of the program named after it, so that it gets the Ctrl-C typed
# there.
OWN_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def setUpModule():
    global RUN
    RUN = small_run.folder() / "run"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "serve.chat", *arguments]


def start(*arguments: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        command(*arguments),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


class ChatTest(absltest.TestCase):
    def expected(self, prompt: str, seed: int, max_tokens: int, **settings) -> str:
        trained = load(RUN, mesh=make_mesh(1, 1, 1, jax.devices()[:1]))
        ids = prompt_ids(trained, prompt)
        tokens = completion(trained, ids, sampling(1, **settings), seed, max_tokens)
        return "".join(text_pieces(tokens, trained.tokenizer))

    def test_one_prompt(self):
        program = start(
            f"--workdir={RUN}",
            "--base",
            "--prompt=the naïve cat",
            "--seed=5",
            "--max_tokens=30",
            "--temperature=1.0",
            "--top_k=200",
            "--top_p=0.9",
            "--min_p=0.001",
        )
        out, errors = program.communicate(timeout=120)
        expected = self.expected(
            "the naïve cat", 5, 30, temperature=1.0, top_k=200, top_p=0.9, min_p=0.001
        )
        self.assertEqual(out.decode(), expected + "\n")
        self.assertEqual((program.returncode, errors.decode()), (0, ""))

    def test_lines_from_a_pipe(self):
        """A line that cannot be completed is said so, and the next one is completed."""
        program = start(f"--workdir={RUN}", "--base", "--seed=7", "--max_tokens=9")
        lines = ["the cat", "x" * 10 * CONTEXT, "", "the dog"]
        out, errors = program.communicate("\n".join(lines).encode(), timeout=120)
        settings = {"temperature": 0.8, "top_p": 0.95}
        answers = [
            self.expected(line, 7 + number, 9, **settings)
            for number, line in enumerate(["the cat", "", "the dog"])
        ]
        self.assertEqual(out.decode(), "".join(answer + "\n" for answer in answers))
        self.assertRegex(errors.decode(), r"\Aerror: the prompt is \d+ tokens long .*\n\Z")
        self.assertEqual(program.returncode, 0)

    def test_what_is_wrong_is_said_in_one_line(self):
        base = (f"--workdir={RUN}", "--base", "--prompt=a")
        cases = {
            (f"--workdir={RUN}", "--prompt=a"): "has no chat model; add --base",
            ("--base",): "no --workdir; give the folder of a run",
            ("--workdir=nowhere", "--base"): "there is no run at nowhere",
            (*base, "--top_p=0"): "--top_p is 0.0; it must be above 0",
            (*base, "more"): "unexpected argument 'more'",
        }
        programs = {arguments: start(*arguments) for arguments in cases}
        unknown = start("--promt=a")
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
        program = start(f"--workdir={RUN}", "--base", "--prompt=a", "--max_tokens=4000")
        program.stdout.read(1)
        program.stdout.close()
        self.assertEqual(program.stderr.read(), b"")
        self.assertEqual(program.wait(timeout=120), 141)


class TerminalTest(absltest.TestCase):
    def setUp(self):
        self.terminal, other = pty.openpty()
        self.addCleanup(os.close, self.terminal)
        self.program = subprocess.Popen(
            [
                *(sys.executable, "-c", OWN_TERMINAL),
                *command(f"--workdir={RUN}", "--base", f"--max_tokens={CONTEXT}"),
            ],
            cwd=ROOT,
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            env=os.environ | {"TERM": "dumb"},
        )
        os.close(other)
        self.addCleanup(self.program.kill)
        self.shown = b""

    def read_until(self, enough, seconds: float = 120) -> bytes:
        """What the terminal shows from the last call on, until `enough` of it says so."""
        shown, end = b"", time.monotonic() + seconds
        while not enough(shown):
            ready, _, _ = select.select([self.terminal], [], [], 1)
            self.assertLess(time.monotonic(), end, f"still waiting after {shown[-500:]!r}")
            if ready:
                shown += os.read(self.terminal, 1 << 16)
        self.shown += shown
        return shown

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def test_a_session(self):
        greeting = self.read_until(lambda shown: shown.endswith(b"> "))
        self.assertIn(f"{RUN}, base model of step 3.", greeting.decode().replace("\r\n", ""))
        self.type("unfinished\x03")
        self.read_until(lambda shown: shown.endswith(b"> "))
        self.type("the cat\n")
        # Streaming: the beginning is there while the rest is still being written.
        begun = self.read_until(lambda shown: len(shown) > len(b"the cat\r\n") + 20)
        self.assertLess(len(begun), CONTEXT // 4)
        self.type("\x03")
        answer = begun + self.read_until(lambda shown: shown.endswith(b"\r\n> "))
        self.assertLess(len(answer), CONTEXT // 2)
        self.type("the dog\n")
        self.read_until(lambda shown: len(shown) > len(b"the dog\r\n") + 20)
        self.type("\x03")
        self.read_until(lambda shown: shown.endswith(b"\r\n> "))
        self.type("\x04")
        self.assertEqual(self.program.wait(timeout=30), 0)
        # The model, which has learnt nothing, writes control characters: none reaches the terminal.
        answered = self.shown.split(b"the cat\r\n")[1].replace(b"\r\n", b"").replace(b"^C", b"")
        self.assertNotRegex(answered, rb"[\x00-\x08\x0b-\x1f\x7f]")
        self.assertRegex(answered, rb"\\x[01][0-9a-f]")


if __name__ == "__main__":
    absltest.main()
