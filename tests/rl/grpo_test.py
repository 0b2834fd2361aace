"""GRPO on a toy: it learns, it goes on after a kill, and it never learns from nothing silently."""

import contextlib
import dataclasses
import io
import json
import math
import pathlib
import tempfile
from unittest import mock

import jax
import numpy as np
from absl.testing import absltest

from data.errors import InputError
from rl import grpo, stage
from rl.environments.environment import Verdict
from rl.practice import Practice
from tests.rl import killed, toy
from train import watch
from train.loop import Diverged

STEPS = 50


def rewards_of(value):
    """Every answer is worth value(its number in the list)."""

    def make(environment):
        def rewards(problems, written):
            return [Verdict(value(n), "as told") for n, _ in enumerate(written)]

        return rewards

    return make


class GrpoTest(absltest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.made = toy.make_run(cls.folder / "made")
        cls.config = toy.config()
        cls.config.mesh.data = cls.config.mesh.cpu_devices = len(jax.devices())
        cls.run_ = toy.copied(cls.made, cls.folder / "whole")
        cls.config.rl.steps = cls.config.rl.eval_steps = STEPS
        toy.practise(cls.run_, cls.config, grpo.make_method, toy.first_token_below(64))

    def practise(self, name, config, rewards, environment=None):
        workdir = toy.copied(self.made, self.folder / name)
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            toy.practise(workdir, config, grpo.make_method, rewards, environment)
        return workdir, said.getvalue()

    def test_learns(self):
        lines = watch.records(self.run_ / "rl" / "metrics.jsonl")
        rewards = [line["reward"] for line in lines if "reward" in line]
        self.assertLess(np.mean(rewards[:2]), 0.35)
        self.assertGreater(np.mean(rewards[-3:]), 0.9)
        report = json.loads((self.run_ / "report.json").read_text())
        self.assertLess(report["rl/grpo_before"], 0.6)
        self.assertGreater(report["rl/grpo_after"], 0.9)
        self.assertGreater(report["rl/seconds"], 0)
        # 6 FLOPs a weight and token: 2 layers of width 32 and an unembedding, on 4 to 8 groups of 8
        # answers of at most 6 tokens after a prompt of some.
        answers = STEPS * 4 * 8
        self.assertBetween(report["rl/flops"], answers * 8 * 6 * 1e4, 2 * answers * 40 * 6 * 1e5)

    def test_figures_of_every_step(self):
        lines = watch.records(self.run_ / "rl" / "metrics.jsonl")
        steps = [line for line in lines if "reward" in line]
        self.assertLen(steps, STEPS)
        learnt = [line for line in steps if not line["skipped"]]
        for line in learnt:
            self.assertLess(line["mismatch"], 1e-4)
            self.assertGreaterEqual(line["kl"], -1e-6)
            self.assertLessEqual(line["length"], 6)
            self.assertLessEqual(line["groups"], 8)
            self.assertGreater(line["rollout_tokens_per_second"], 0)
        self.assertLess(learnt[0]["kl"], 1e-6)  # it is the start still
        self.assertGreater(learnt[-1]["kl"], 0.1)
        self.assertLess(learnt[-1]["entropy"], learnt[0]["entropy"])

    def test_rollouts_of_evaluations_are_kept(self):
        lines = watch.records(self.run_ / "rl" / "rollouts.jsonl")
        self.assertEqual([line["step"] for line in lines], [0] * 8 + [STEPS] * 8)
        last = lines[-1]
        self.assertEqual(last["prompt"][0]["role"], "user")
        self.assertEqual((last["reward"], last["verdict"]), (1.0, "low"))
        self.assertIn("turn", last)
        self.assertTrue((self.run_ / "rl" / "curves.png").read_bytes().startswith(b"\x89PNG"))

    def test_training_and_held_out_problems_are_apart(self):
        room = mock.Mock(has_room=lambda problem: True)
        practice = Practice(self.config, toy.environment(), None, room)
        rates = np.full(3, 0.5, np.float32)
        drawn = {practice._drawn(n, rates)[0].id for n in range(500)}
        held = {line["id"] for line in watch.records(self.run_ / "rl" / "rollouts.jsonl")}
        self.assertTrue(all(int(name.rsplit("/", 1)[1]) % 2 == 0 for name in drawn))
        self.assertTrue(all(int(name.rsplit("/", 1)[1]) % 2 == 1 for name in held))

    def test_problems_that_leave_no_room_are_left_out_and_counted(self):
        long = " ".join(["the cat saw"] * 60)

        def problem(seed, level):
            made = toy.environment().problem(seed, level)
            words = long if seed // 2 % 3 else f"the cat saw {seed % 1000}"
            return dataclasses.replace(made, messages=({"role": "user", "content": words},))

        config = self.config.copy_and_resolve_references()
        config.rl.steps = config.rl.eval_steps = 2
        environment = dataclasses.replace(toy.environment(), problem=problem)
        workdir, said = self.practise("long", config, rewards_of(lambda n: n % 2), environment)
        lines = watch.records(workdir / "rl" / "metrics.jsonl")
        self.assertTrue(all(line["groups"] == 4 for line in lines if "groups" in line))
        left_out = sum(line.get("left_out", 0) for line in lines)
        self.assertGreater(left_out, 4)
        held = watch.records(workdir / "rl" / "rollouts.jsonl")
        self.assertNotIn(long, {line["prompt"][0]["content"] for line in held})
        # The same problems are left out in both evaluations.
        (held_out,) = {x["held_out_left_out"] for x in lines if "held_out_left_out" in x}
        self.assertGreater(held_out, 4)
        self.assertIn(f"{left_out:.0f} problems of practice and {held_out:.0f} held-out", said)
        # Where none leaves room, nothing is learnt from less.
        too_long = dataclasses.replace(toy.environment(), problem=lambda s, lv: problem(2, lv))
        with self.assertRaisesRegex(InputError, "of 1000 problems of toy, level 1, none leaves"):
            self.practise("too-long", config, rewards_of(lambda n: n % 2), too_long)

    def test_equal_rewards_are_reported_and_nothing_is_learnt(self):
        config = self.config.copy_and_resolve_references()
        config.rl.steps = config.rl.eval_steps = 2
        for value in (0.0, 1.0):
            workdir, said = self.practise(
                f"equal-{value}", config, rewards_of(lambda n, value=value: value)
            )
            self.assertRegex(
                said, rf"step 2 learns nothing: in each of 8 groups .* the same \({value:.3f}"
            )
            lines = watch.records(workdir / "rl" / "metrics.jsonl")
            self.assertEqual([x["skipped"] for x in lines if "skipped" in x], [1.0, 1.0])
            self.assertEqual([x["groups"] for x in lines if "groups" in x], [8.0, 8.0])
            after = killed.state_of(workdir / "rl")
            before = killed.state_of(self.made / "chat")
            for name, value_ in before.items():
                if "params" in name and "optimizer" not in name:
                    self.assertEqual(after[name], value_)

    def test_rewards_that_are_not_finite_stop_the_run_untrained(self):
        config = self.config.copy_and_resolve_references()
        with self.assertRaisesRegex(Diverged, "reward of an answer .* is nan"):
            self.practise("nan", config, rewards_of(lambda n: math.nan if n == 13 else n % 2))
        self.assertEmpty(list((self.folder / "nan" / "rl" / "checkpoints").iterdir()))

    def test_levels_that_are_none_are_refused(self):
        config = toy.config()
        config.rl.levels = (2, 4)
        with self.assertRaisesRegex(InputError, "config.rl.levels has 4; those of toy are 1 to 3"):
            toy.practise(self.made, config, grpo.make_method, toy.first_token_below(64))

    def test_settings_that_cannot_be_are_refused(self):
        for settings, sentence in (
            ({"slots": 0}, "config.rl.slots is 0; it must be at least 1"),
            ({"eval_problems": 0}, "config.rl.eval_problems is 0"),
            ({"resample": -1}, "config.rl.resample is -1; it must be at least 0"),
            ({"optimizer": "adam"}, "adam.* is none of adamw, muon"),
            ({"kl_target": 0.1}, "GRPO's config.rl.kl stays as it is"),
            ({"reward": "reward", "curriculum": True}, "config.rl.curriculum goes by answers"),
        ):
            config = toy.config()
            for name, value in settings.items():
                config.rl[name] = value
            environment = toy.environment()
            with (
                self.assertRaisesRegex(InputError, sentence),
                mock.patch.object(stage.named, "environment", lambda *_, e=environment: e),
            ):
                grpo.run(config, str(self.made))

    def test_one_answer_to_a_problem_is_refused(self):
        config = toy.config()
        config.rl.group = 1
        with self.assertRaisesRegex(InputError, "config.rl.group is 1"):
            grpo.run(config, str(self.made))


class KilledTest(absltest.TestCase):
    def test_killed_ends_with_the_same_bits(self):
        with tempfile.TemporaryDirectory() as folder:
            made = toy.make_run(pathlib.Path(folder) / "made")
            unbroken = toy.copied(made, pathlib.Path(folder) / "unbroken")
            broken = pathlib.Path(folder) / "broken"
            killed.whole(unbroken, "grpo", (7,), broken)
            said = killed.whole(broken, "grpo")
            self.assertIn("going on from the checkpoint", said)
            self.assertEqual(killed.state_of(unbroken / "rl"), killed.state_of(broken / "rl"))
            self.assertEqual(
                (unbroken / "rl" / "rollouts.jsonl").read_bytes(),
                (broken / "rl" / "rollouts.jsonl").read_bytes(),
            )
            clocks = ("seconds", "per_second")
            lines = [
                [
                    {k: v for k, v in line.items() if not k.endswith(clocks)}
                    for line in watch.records(run / "rl" / "metrics.jsonl")
                ]
                for run in (unbroken, broken)
            ]
            self.assertEqual(*lines)


if __name__ == "__main__":
    absltest.main()
