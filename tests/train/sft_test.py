"""Fine-tuning: packing changes nothing, a run stopped anywhere goes on to the same bits, and the
model learns what it is told."""

import json
import os
import pathlib
import shutil
import signal
import tempfile
from unittest import mock

import jax
import numpy as np
from absl.testing import absltest, parameterized

from configs import defaults
from data import chat_loader, chat_tokens, conversations, tokenizer, tokens
from data.chat_tokens import Packer, Piece
from data.errors import InputError
from model import decode
from model.config import ModelConfig
from model.sampling import sampling
from serve.load import load
from tests.model.random_parameters import random_parameters
from tests.train.final_state import final_state
from train import pretrain, sft, step
from train.loop import Stopped

COLOURS = {"sky": "blue", "grass": "green", "coal": "black", "snow": "white"}
STEPS = 60


def small_config(folder: pathlib.Path):
    """A run of seconds: text about colours, and conversations about them."""
    config = defaults.get_config()
    told = [f"The {thing} is {colour}." for thing, colour in COLOURS.items()]
    text = "<|endoftext|>".join(f"{told[n % 4]} {told[n // 4 % 4]} {n}" for n in range(300))
    (folder / "text.txt").write_text(text)
    with (folder / "chat.jsonl").open("w") as file:
        for number in range(400):
            thing, colour = list(COLOURS.items())[number % 4]
            asked = {"role": "user", "content": f"{number}: what is the colour of {thing}?"}
            reply = {"role": "assistant", "content": f"It is {colour}."}
            file.write(json.dumps({"messages": [asked, reply]}) + "\n")
    config.data.source = str(folder / "text.txt")
    config.data.validation_fraction = 0.1
    config.tokenizer.vocab_size = 400
    config.mesh.cpu_devices = 1
    config.model.depth = 1
    config.model.context = 96
    config.train.batch = 8
    config.train.steps = 20
    config.train.learning_rate = 1e-2
    config.train.optimizer = "adamw"  # compiles faster
    config.watch.sample_tokens = 8
    config.watch.prompts = ()
    config.watch.log_steps = 5
    config.sft.sources = f"{folder / 'chat.jsonl'}@0.8,replay@0.2"
    config.sft.validation_fraction = 0.1
    config.sft.steps = STEPS
    config.sft.learning_rate_fraction = 1.0
    config.sft.prompts = ("7: what is the colour of snow?",)
    config.checkpoint.steps = config.watch.eval_steps = 20
    return config


class RunTest(absltest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.config = small_config(cls.folder)
        cls.before = cls.folder / "before"
        for stage in (tokenizer, tokens, pretrain, chat_tokens):
            stage.run(cls.config, str(cls.before))
        cls.whole = cls.folder / "whole"
        shutil.copytree(cls.before, cls.whole)
        sft.run(cls.config, str(cls.whole))

    def copy(self) -> pathlib.Path:
        workdir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "run"
        shutil.copytree(self.before, workdir)
        return workdir

    def test_learns_and_reports(self):
        report = json.loads((self.whole / "report.json").read_text())
        for name in ("val_loss", "bits_per_byte", "tokens_per_second", "seconds"):
            self.assertGreater(report[f"chat/{name}"], 0)
        lines = (self.whole / "chat" / "metrics.jsonl").read_text().splitlines()
        losses = [json.loads(line)["loss"] for line in lines if '"loss"' in line]
        self.assertLess(losses[-1], losses[0] / 2)
        samples = (self.whole / "chat" / "samples.txt").read_text()
        self.assertIn("> 7: what is the colour of snow?\n", samples)
        done = (self.whole / "chat" / "DONE").stat().st_mtime_ns
        sft.run(self.config, str(self.whole))
        self.assertEqual((self.whole / "chat" / "DONE").stat().st_mtime_ns, done)

    def test_attention_of_another_machine_is_replaced(self):
        workdir = self.copy()
        path = workdir / "base" / "config.json"
        path.write_text(path.read_text().replace('"blocked"', '"splash"'))
        with self.assertLogs(level="WARNING") as logs:
            found = load(workdir, "base")
        self.assertIn("'splash', which runs on TPU", logs.output[0])
        self.assertEqual(found.architecture.attention, "blocked")
        self.assertEqual(found.config.model.attention, "blocked")

    def test_the_loaded_model_answers(self):
        trained = load(self.whole, "chat")
        self.assertEqual(trained.step, STEPS)
        end = trained.tokenizer.special[conversations.END]
        # Numbers of the question that no conversation has.
        asked = [f"{500 + n}: what is the colour of {thing}?" for n, thing in enumerate(COLOURS)]
        prompts = [
            conversations.prompt_ids(trained.tokenizer, [{"role": "user", "content": text}])
            for text in asked
        ]
        longest = max(map(len, prompts))
        written, counts = decode.generate(
            trained.params,
            trained.architecture,
            np.stack([np.pad(ids, (0, longest - len(ids))) for ids in prompts]),
            np.array([len(ids) for ids in prompts], np.int32),
            jax.random.split(jax.random.key(0), len(prompts)),
            sampling(len(prompts), temperature=0.0),
            24,
            trained.tokenizer.vocab_size,
            end,
        )
        answers = [
            conversations.parse_assistant(trained.tokenizer, row[:n])["content"]
            for row, n in zip(np.asarray(written), np.asarray(counts), strict=True)
        ]
        self.assertEqual(answers, [f"It is {colour}." for colour in COLOURS.values()])

    def test_stopped_and_killed_ends_with_the_same_bits(self):
        workdir = self.copy()
        real = chat_loader.batches

        def until(number: int, happens):
            def batches(*arguments):  # those of validation are fewer
                start = arguments[3] if len(arguments) > 3 else 0
                for at, found in enumerate(real(*arguments), start):
                    if at == number:
                        happens()
                    yield found

            return mock.patch.object(chat_loader, "batches", batches)

        def crash():
            raise MemoryError

        with until(37, crash), self.assertRaises(MemoryError):
            sft.run(self.config, str(workdir))
        self.assertTrue((workdir / "chat/checkpoints/20").exists())

        def interrupt():
            os.kill(os.getpid(), signal.SIGTERM)

        with until(43, interrupt), self.assertRaises(Stopped) as stopped:
            sft.run(self.config, str(workdir))
        self.assertIn("after step 44", str(stopped.exception))
        sft.run(self.config, str(workdir))
        self.assertEqual(
            final_state(workdir, "chat", STEPS), final_state(self.whole, "chat", STEPS)
        )

    def test_checkpoints_elsewhere_do_not_meet_those_of_pretraining(self):
        config = self.config.copy_and_resolve_references()
        config.checkpoint.folder = "gs://bucket/run"
        base = load(self.whole, "base").config
        self.assertEqual(
            sft.stage_config(config, base, 10).checkpoint.folder, "gs://bucket/run/chat"
        )

    def test_epochs_become_steps(self):
        config = self.config.copy_and_resolve_references()
        config.sft.steps, config.sft.epochs = 0, 2.5
        base = load(self.whole, "base").config
        self.assertEqual(sft.stage_config(config, base, 33.0).train.steps, 11)  # 82.5 rows of 8

    def test_the_model_is_the_one_it_starts_from(self):
        """An imported model has sizes that no config names; how it is computed the config says."""
        config = self.config.copy_and_resolve_references()
        config.model.depth, config.model.dtype = 3, "bfloat16"
        base = load(self.whole, "base").config.copy_and_resolve_references().unlock()
        base.model.rope_scaling = {"factor": 8.0, "original_context": 64}
        model = sft.stage_config(config, base, 10).model
        self.assertEqual((model.layers, model.width, model.dtype), (1, 64, "bfloat16"))
        self.assertEqual(model.depth, 1)
        self.assertEqual(model.rope_scaling.factor, 8.0)

    def test_what_is_missing_is_said(self):
        workdir = self.copy()
        shutil.rmtree(workdir / "chat_data")
        with self.assertRaisesRegex(InputError, "run the stage data.chat_tokens first"):
            sft.run(self.config, str(workdir))
        shutil.rmtree(workdir / "base")
        with self.assertRaisesRegex(InputError, "the stage 'base' .* has not been trained"):
            sft.run(self.config, str(workdir))
        workdir = self.copy()
        (workdir / "base/DONE").unlink()
        with self.assertRaisesRegex(InputError, "the stage 'base' .* has not finished"):
            sft.run(self.config, str(workdir))
        config = self.config.copy_and_resolve_references()
        config.sft.batch, config.sft.accumulate = 6, 4
        with self.assertRaisesRegex(InputError, "sft.batch is 6 rows"):
            sft.run(config, str(self.copy()))


class ParityTest(parameterized.TestCase):
    @parameterized.parameters("xla", "blocked")
    def test_packed_conversations_are_as_if_alone(self, backend):
        context = 160  # more than one block of queries
        architecture = ModelConfig(
            layers=1,
            width=32,
            heads=2,
            kv_heads=1,
            head_dim=16,
            mlp_width=64,
            context=context,
            vocab_size=64,
            attention=backend,
        )
        params = random_parameters(architecture)
        draw = np.random.default_rng(0)
        pieces = []
        for size in (90, 7, 40, 23, 160, 61, 30):
            learnt = draw.random(size) < 0.6
            learnt[0] = False  # no conversation begins with what the assistant writes
            pieces.append(Piece(draw.integers(0, 64, size).astype(np.int32), learnt))
        packer = Packer(context + 1)
        rows = [row for piece in pieces for row in packer.add(piece)] + packer.rest()
        self.assertLess(len(rows), len(pieces) - 2)

        def batch(rows: list[list[Piece]]) -> dict[str, np.ndarray]:
            packed = np.full((len(rows), 3, context + 1), -1, np.int32)
            for number, row in enumerate(rows):
                at = 0
                for segment, piece in enumerate(row, 1):
                    end = at + len(piece.tokens)
                    packed[number, :, at:end] = (
                        piece.tokens,
                        piece.learnt,
                        np.full(len(piece.tokens), segment),
                    )
                    at = end
            return chat_loader.arrange(packed)

        def mean_and_gradient(batch):
            def mean(params):
                total, count = step.loss(params, architecture, batch)["loss"]
                return total / count, count

            return jax.jit(jax.value_and_grad(mean, has_aux=True))(params)

        (packed, count), gradient = mean_and_gradient(batch(rows))
        (alone, count_alone), gradient_alone = mean_and_gradient(
            batch([[piece] for piece in pieces])
        )
        self.assertEqual(count, sum(piece.learnt.sum() for piece in pieces))
        self.assertEqual(count, count_alone)
        np.testing.assert_allclose(packed, alone, rtol=1e-6)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
            gradient,
            gradient_alone,
        )
        # And the reference: without segments they do see each other.
        mixed = batch(rows) | {"segment_ids": np.ones((len(rows), context), np.int32)}
        self.assertGreater(abs(float(mean_and_gradient(mixed)[0][0]) - float(alone)), 1e-4)

    def test_padding_costs_nothing(self):
        row = np.full((1, 3, 9), -1, np.int32)
        row[0, :, :4] = [[1, 2, 3, 4], [0, 1, 1, 1], [1, 1, 1, 1]]
        arrays = chat_loader.arrange(row)
        self.assertEqual(arrays["mask"].sum(), 3)
        self.assertEqual(arrays["inputs"].min(), 0)


if __name__ == "__main__":
    absltest.main()
