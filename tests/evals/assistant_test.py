"""What the assistant is measured on: the stage that the config names, and no other."""

import pathlib
import tempfile
from unittest import mock

from absl.testing import absltest

from configs.defaults import get_config
from data.errors import InputError
from data.run_folder import figures_of, mark_done
from evals import assistant
from serve.tools.tool import Tool
from train import watch


class AssistantTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.workdir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.config = get_config()
        self.config.assistant.stage = "rl"
        self.closed = []

    def measured(self, answered) -> None:
        names = ("python", "search")
        tools = [
            mock.Mock(Tool, close=lambda name=name: self.closed.append(name)) for name in names
        ]
        for name, tool in zip(names, tools, strict=True):
            tool.name = name
        with (
            mock.patch.object(assistant, "resolve", lambda *_: tools),
            mock.patch.object(assistant, "load", lambda workdir, stage: stage),
            mock.patch.object(assistant.answers, "engine_of", lambda stage: stage),
            mock.patch.object(assistant.tellings, "of_run", lambda *_: None),
            mock.patch.object(assistant.chat, "questions", lambda config, told, kind: [kind]),
            mock.patch.object(assistant, "_answered", answered),
            mock.patch.object(assistant, "_verdict", lambda *_: True),
            mock.patch.object(assistant.answers, "readable", lambda *_: {}),
        ):
            assistant.run(self.config, str(self.workdir))

    def test_the_stage_that_is_named_is_asked(self):
        mark_done(self.workdir / "rl", {"seconds": 3.0})
        asked = set()

        def answered(engine, questions, tools):
            asked.add(engine)
            return [(questions[0], mock.Mock(text=""))]

        self.measured(answered)
        self.assertEqual(asked, {"rl"})
        self.assertEqual(figures_of(self.workdir)["chat/seconds"], 3.0)
        self.assertIn("chat/known_asked", figures_of(self.workdir))
        self.assertNotIn("chat/unknown_declined_before", figures_of(self.workdir))
        self.assertNotEmpty(watch.records(self.workdir / "assistant" / "answers.jsonl"))
        self.assertCountEqual(self.closed, ["python", "search"])

    def test_a_stage_that_is_not_there_is_refused(self):
        with self.assertRaisesRegex(InputError, "no finished stage 'rl', which config.assistant"):
            self.measured(None)

    def test_tools_are_closed_whatever_happens(self):
        mark_done(self.workdir / "rl", {"seconds": 3.0})
        with self.assertRaises(ZeroDivisionError):
            self.measured(lambda *_: 1 / 0)
        self.assertCountEqual(self.closed, ["python", "search"])


if __name__ == "__main__":
    absltest.main()
