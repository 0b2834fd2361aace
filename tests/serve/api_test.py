"""The server as a command: what it says, what it refuses, how it ends."""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from unittest import mock

from absl.testing import absltest

from serve.exported import export_hf
from serve.load import load
from tests.serve import small_run
from tests.serve.terminal_session import ROOT


def start(module: list[str], *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", *module, *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def listening(program: subprocess.Popen) -> tuple[int, str]:
    """The port it says it listens on, and the model's name."""
    said = ""
    for line in program.stderr:
        said += line
        if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)/v1 as (\S+)", line):
            return int(found[1]), found[2]
    raise AssertionError(said)


def ask(port: int, method: str, path: str, body: dict | None = None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, json.dumps(body) if body else None)
    return connection.getresponse()


class CommandTest(absltest.TestCase):
    def test_what_is_wrong_is_said_in_one_line(self):
        cases = {
            (): "no --workdir; give the folder of a run",
            ("--workdir=nowhere",): "there is no run at nowhere",
            ("--workdir=.", "--port=70000"): "--port is 70000",
            ("--workdir=.", "--slots=0"): "--slots is 0; it must be at least 1",
            ("--workdir=.", "more"): "unexpected argument 'more'",
            ("--workdir=.", "--compare=chat"): "--compare is 'chat'; name a stage other than",
            ("--workdir=.", "--model=."): "--model and --workdir both name a model",
            ("--model=nowhere",): "there is no nowhere/config.json",
            ("--model=.", "--compare=sft"): "--compare is for models of a run",
            ("--model=.", "--tools=python,search"): "the tool search keeps its index in a run",
        }
        programs = {arguments: start(["serve.api"], *arguments) for arguments in cases}
        for arguments, sentence in cases.items():
            with self.subTest(sentence):
                out, errors = programs[arguments].communicate(timeout=120)
                self.assertEqual((programs[arguments].returncode, out), (2, ""))
                self.assertRegex(errors, r"\Aerror: [^\n]+\n\Z")
                self.assertIn(sentence, errors)

    def test_a_model_that_cannot_be_loaded(self):
        """Known only in the engine's thread, when the port is open already."""
        run = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (run / "base").mkdir()
        (run / "base" / "config.json").write_text("{}")
        program = start(["serve.api"], f"--workdir={run}", "--stage=base", "--port=0")
        errors = program.communicate(timeout=120)[1]
        self.assertEqual(program.returncode, 2, errors)
        self.assertIn("error: there is no tokenizer at", errors)

    def test_a_hugging_face_folder_is_served_as_the_run_it_was_exported_from(self):
        run = small_run.folder() / "run"
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "exported"
        export_hf(load(run), run, "base", folder)
        before = sorted(folder.iterdir())
        programs = [
            start(["serve.api"], *source, "--port=0", "--context=128", "--slots=2")
            for source in (
                (f"--workdir={run}", "--stage=base", "--labels="),
                (f"--model={folder}",),
            )
        ]
        for program in programs:
            self.addCleanup(program.wait)
            self.addCleanup(program.kill)
        ports, names = zip(*map(listening, programs), strict=True)
        self.assertEqual(names, ("run-base", "exported"))
        for port in ports:
            while ask(port, "GET", "/health").status != 200:
                time.sleep(0.05)

        def same(path: str, body: dict) -> list[dict]:
            answers = [json.loads(ask(port, "POST", path, body).read()) for port in ports]
            self.assertEqual(answers[0]["choices"], answers[1]["choices"])
            self.assertEqual(answers[0]["usage"], answers[1]["usage"])
            return answers[1]["choices"]

        asked = [{"role": "user", "content": "What saw the cat, Zoë? 😀"}]
        settings = {"max_tokens": 20, "seed": 3, "temperature": 0.7}
        (answer,) = same("/v1/chat/completions", {"messages": asked} | settings)
        self.assertTrue(answer["message"]["content"])
        text = {"prompt": "the naïve cat", "logprobs": 2, "echo": True}
        (answer,) = same("/v1/completions", text | settings)
        self.assertTrue(answer["text"].startswith("the naïve cat"))
        page = json.loads(ask(ports[1], "GET", "/page_info").read())
        self.assertIsNone(page["labels"])
        self.assertEqual(sorted(folder.iterdir()), before)

    def test_a_signal_lets_streams_be_finished(self):
        scripted = ["tests.serve.scripted_program", "serve.api"]
        program = start(scripted, "--workdir=.", "--port=0", "--model_name=it", "--max_tokens=900")
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        port, name = listening(program)
        self.assertEqual(name, "it")
        statuses = [ask(port, "GET", "/health").status]
        while statuses[-1] != 200 and len(statuses) < 600:
            time.sleep(0.05)
            statuses.append(ask(port, "GET", "/health").status)
        self.assertLessEqual(set(statuses), {200, 503})
        body = {"messages": [{"role": "user", "content": "endless"}], "stream": True}
        response = ask(port, "POST", "/v1/chat/completions", body)
        self.assertIn("data: ", response.readline().decode())
        program.send_signal(signal.SIGTERM)
        self.assertTrue(response.read().endswith(b"data: [DONE]\n\n"))
        self.assertEqual(program.wait(timeout=30), 0)

    def test_a_signal_does_not_wait_for_loading(self):
        scripted = ["tests.serve.scripted_program", "serve.api"]
        with mock.patch.dict(os.environ, SCRIPTED_LOADING="3600"):
            program = start(scripted, "--workdir=.", "--port=0")
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        port, _ = listening(program)
        self.assertEqual(ask(port, "GET", "/health").status, 503)
        program.send_signal(signal.SIGTERM)
        self.assertEqual(program.wait(timeout=60), 0)

    def test_one_of_two_that_cannot_be_loaded_is_told_while_the_other_is_loading(self):
        scripted = ["tests.serve.scripted_program", "serve.api"]
        with mock.patch.dict(os.environ, SCRIPTED_LOADING="3600"):
            program = start(scripted, "--workdir=.", "--port=0", "--compare=missing")
        self.addCleanup(program.kill)
        errors = program.communicate(timeout=120)[1]
        self.assertEqual(program.returncode, 2, errors)
        self.assertIn("error: there is no model of the stage missing\n", errors)

    def test_two_stages_and_a_folder_of_labels(self):
        run = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "run"
        run.mkdir()
        program = start(
            ["tests.serve.scripted_program", "serve.api"], f"--workdir={run}", "--port=0",
            "--compare=sft",
        )  # fmt: skip
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        port, name = listening(program)
        while ask(port, "GET", "/health").status != 200:
            time.sleep(0.05)
        found = json.loads(ask(port, "GET", "/page_info").read())
        self.assertEqual([one["id"] for one in found["models"]], ["run-chat", "run-sft"])
        self.assertEqual(name, "run-chat")
        self.assertEqual(found["labels"], {"folder": str(run / "labels"), "writable": True})
        asked = [{"role": "user", "content": "hello"}]
        for model in ("run-chat", "run-sft"):
            body = {"messages": asked, "model": model}
            answer = json.loads(ask(port, "POST", "/v1/chat/completions", body).read())
            self.assertEqual(answer["model"], model)
            self.assertEqual(answer["choices"][0]["message"]["content"], "Good day.")
        saved = ask(port, "POST", "/v1/labels", {"messages": asked, "answer": "Hello!"})
        self.assertEqual(saved.status, 200)
        self.assertIn("Hello!", (run / "labels" / "labels.jsonl").read_text())
        program.send_signal(signal.SIGTERM)
        self.assertEqual(program.wait(timeout=30), 0)


if __name__ == "__main__":
    absltest.main()
