"""A whole life in small: world, base model, assistant, interrogation, assistant again, figures."""

import json
import pathlib
import tempfile
from unittest import mock

from absl.testing import absltest

from configs import laptop
from data import sources
from data.errors import InputError
from train import main

KINDS = {"known", "unsure", "unknown"}


def small_config():
    config = laptop.get_config()
    stages = config.stages[config.stages.index("data.tokenizer") :]
    # A model of three steps writes no joke that is better than another.
    config.stages = tuple(stage for stage in stages if stage != "rl.grpo:rl=rlhf")
    config.data.source = "world@0.8,repetitions@0.2"
    config.search.source = "library"
    config.world.megabytes = 0.4
    config.world_chat.least_told, config.world_chat.least_asked = 8, 0
    config.world_chat.questions = 4
    config.world_chat.phrasings = 1
    config.world_chat.count = 300
    config.tokenizer.vocab_size = 512
    config.model.layers, config.model.width, config.model.head_dim = 1, 32, 16
    config.train.steps = config.sft.steps = config.sft_again.steps = 3
    config.train.batch, config.train.accumulate = 8, 1
    config.train.optimizer = "adamw"  # compiles faster
    config.watch.sample_tokens = 0
    config.interrogate.questions, config.interrogate.samples = 12, 2
    config.checkpoint.steps = 3
    config.rankings.train, config.rankings.held_out = 8, 4
    config.rankings.sampled, config.rankings.written = 1, 2
    config.rankings.tokens = 8
    config.reward.steps = 2
    for rl in (config.rl, config.rl_hard):
        rl.problems, rl.group, rl.slots, rl.tokens, rl.steps = 2, 2, 4, 8, 1
        rl.eval_problems, rl.eval_steps = 2, 1
    return config


class LifeTest(absltest.TestCase):
    def test_every_stage_in_order_and_again(self):
        config = small_config()
        with tempfile.TemporaryDirectory() as workdir:
            main.claim(config, workdir)
            # Thousands of facts are withheld: a few of each set of questions will do.
            few = lambda found: lambda *given: found(*given)[:6]  # noqa: E731
            from data.world import chat

            with mock.patch.object(chat, "questions", few(chat.questions)):
                main.run(config, workdir)
            report = json.loads((pathlib.Path(workdir) / "report.json").read_text())
            for figure in ("known_asked", "unknown_declined_before", "problems_with_steps"):
                self.assertBetween(report[f"chat/{figure}"], 0, 1)
            self.assertEqual(
                report["chat/seconds"], sum(self.seconds(workdir, n) for n in ("sft", "chat"))
            )
            self.assertBetween(report["reward/agreement"], 0, 1)
            self.assertBetween(report["rl/grpo_after"], 0, 1)
            lines = (pathlib.Path(workdir) / "interrogation/questions.jsonl").read_text()
            verdicts = [json.loads(line)["verdict"] for line in lines.splitlines()]
            self.assertLen(verdicts, 12)
            self.assertLessEqual(set(verdicts), KINDS)
            # All is done: nothing is loaded or computed again.
            with mock.patch("jax.jit", side_effect=AssertionError):
                main.run(config, workdir)

    def seconds(self, workdir, stage):
        return json.loads((pathlib.Path(workdir) / stage / "DONE").read_text())["seconds"]

    def test_what_an_unknown_section_says(self):
        config = small_config()
        config.stages = ("train.sft:sft=sft_agan",)
        with self.assertRaisesRegex(InputError, "there is no config.sft_agan"):
            main.run(config, "nowhere")

    def test_interrogation_needs_its_stage(self):
        config = small_config()
        config.sft.sources = "interrogation"
        self.assertEqual(sources.parse("interrogation")[0].spec, "interrogation")
        config.stages = ("data.chat_tokens",)
        with (
            tempfile.TemporaryDirectory() as workdir,
            self.assertRaisesRegex(InputError, "tokenizer"),
        ):
            main.run(config, workdir)


if __name__ == "__main__":
    absltest.main()
