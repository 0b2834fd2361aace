"""Learning against a reward model: the scale of rewards, who sees gold, the stop at its peak, and
that what is kept there is what is used, killed or not."""

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
import orbax.checkpoint as ocp
from absl.testing import absltest

from data.errors import InputError
from data.run_folder import mark_done, write_atomically
from model.sharding import make_mesh
from rl import early_stopping, feedback, grpo, ppo, unverified
from rl.environments import named
from rl.environments.environment import Problem, problem_seed
from rl.rollout import Rollout
from serve.turns import Trajectory
from tests.rl import killed, toy
from tests.rl.environments import samples
from train import trained, watch
from train.checkpoints import read_newest
from train.reward import RewardModel
from train.state import State


def turn(tokens, reason="stop", text="a"):
    made = Trajectory(np.array([1, 2], np.int32))
    made.append(tokens, [-0.5] * len(tokens))
    made.messages.append({"role": "assistant", "content": text})
    made.finish_reason = reason
    return made


class FeedbackTest(absltest.TestCase):
    def test_rewards_are_deviations_of_the_start(self):
        own = feedback.scale([1.0, 3.0], "proxy")
        self.assertEqual(own, (2.0, 1.0))
        seen = []

        def score(answers):
            seen.extend(answers)
            return np.array([5.0, 9.0, 9.0])

        rewards = feedback.scored(score, own, 4.0, end=8)
        # The last stops at another token than that which ends a turn.
        found = rewards([None] * 3, [turn([7, 8]), turn([9], "length"), turn([7, 3])])
        self.assertEqual([one.reward for one in found], [3.0, -4.0, -4.0])
        self.assertEqual(found[1].why, "not ended as a turn is (length)")
        # In tokens, as they were written.
        self.assertEqual([list(p) for p, _ in seen], [[1, 2]] * 3)
        self.assertEqual([list(a) for _, a in seen], [[7, 8], [9], [7, 3]])

    def test_equal_answers_give_no_scale(self):
        with self.assertRaisesRegex(InputError, "all 3 answers of the start have the gold 2.000"):
            feedback.scale([2.0, 2.0, 2.0], "gold")


def asking(text: str) -> Problem:
    return Problem(text, ({"role": "user", "content": text},), "", {})


class FiguresTest(absltest.TestCase):
    def test_what_is_asked_twice_is_of_one_half(self):
        problems = [asking(text) for text in ("a", "b", "a", "c", "b", "d", "c")]
        halves = unverified.says_when_to_stop(problems)
        self.assertEqual(halves, [True, False, True, True, False, False, True])

    def test_by_hand(self):
        # Four problems of two answers; 0 and 2 are to stop by.
        rollouts = [
            Rollout(asking(f"{n // 2}"), turn([1] * (1 + n)), float(n), "") for n in range(8)
        ]
        gold = np.array([1.0, 1, 2, 4, 5, 5, 6, 8])
        found = unverified.figures(rollouts, 2, gold, np.arange(8.0))
        self.assertEqual(found["proxy"], (2 + 3 + 6 + 7) / 4)
        self.assertEqual(found["gold"], (2 + 4 + 6 + 8) / 4)
        self.assertEqual(found["gold_to_stop_by"], 3.0)
        # Means 3 and 7 of the two problems: their deviation is √8, over √2.
        self.assertAlmostEqual(found["gold_error"], 2.0)
        self.assertEqual(found["held_out_kl"], 3.5)
        self.assertEqual(found["held_out_length"], 4.5)
        self.assertEqual(found["held_out_entropy"], 0.5)

    def test_summary(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "metrics.jsonl"
            lines = [
                {
                    "step": n,
                    "proxy": n / 10,
                    "gold": g,
                    "gold_to_stop_by": s,
                    "held_out_kl": 2.0 * n,
                }
                for n, g, s in ((0, 0.1, 0.0), (5, 0.7, 1.5), (10, 0.9, 1.0), (15, -2.0, -1.0))
            ]
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
            found = unverified.summary(pathlib.Path(folder))
        # The peak is that of the half to stop by; the figure is the other half's.
        self.assertEqual(
            found,
            {
                "gold_before": 0.1,
                "gold_peak": 0.7,
                "gold_end": -2.0,
                "proxy_before": 0.0,
                "proxy_peak": 0.5,
                "proxy_end": 1.5,
                "peak_step": 5,
                "kl_peak": 10.0,
            },
        )


class PeakTest(absltest.TestCase):
    def test_keeps_the_best_and_counts_the_others(self):
        follow, over = early_stopping.follower("x"), early_stopping.is_over(2)
        carried = {name: np.float32(value) for name, value in early_stopping.start().items()}
        current = State(np.int32(0), {"w": np.ones(2)}, (), None, carried)
        seen = []
        for n, value in enumerate((1.0, 3.0, 2.0, 3.0)):
            current = current.replace(params={"w": np.full(2, float(n))})
            current = follow(current, {"x": value})
            seen.append((float(current.average["w"][0]), over(current)))
        self.assertEqual(seen, [(0.0, False), (1.0, False), (1.0, False), (1.0, True)])


class JokesTest(absltest.TestCase):
    def test_prompts_for_training_are_about_other_subjects(self):
        made = named.environment("jokes", samples.CONFIG)
        about = {}
        for held_out in (False, True):
            seeds = [problem_seed(0, n, held_out) for n in range(200)]
            found = [made.problem(seed, 1) for seed in seeds]
            self.assertEqual(found[7], made.problem(seeds[7], 1))
            texts = [one.messages[-1]["content"] for one in found]
            about[held_out] = {text.split(" about ")[1].strip(".?") for text in texts}
            self.assertIn("joke", " ".join(texts))
            self.assertIn("story", " ".join(texts))
            self.assertEqual(made.verify(found[0], "Ha ha!").reward, 0.0)
        self.assertEqual(about[False] & about[True], set())

    def test_gold_is_the_hidden_judges(self):
        made = named.environment("jokes", samples.CONFIG)
        problem = made.problem(problem_seed(0, 1, True), 1)
        self.assertEqual(made.gold(problem, ""), 0.0)
        self.assertEqual(made.gold(problem, "\x00 <|im_end|>" * 5000), 0.0)

    def test_is_not_mixed(self):
        with self.assertRaisesRegex(InputError, "mixes jokes, which nothing verifies"):
            named.environment("jokes,countdown", samples.CONFIG)


class RunTest(absltest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.made = toy.make_run(cls.folder / "made", ending=6.0)
        cls.config = toy.rlhf_config()
        cls.config.checkpoint.steps, cls.config.checkpoint.keep = 2, 100
        cls.stopped = cls.practise("stopped", cls.config)

    @classmethod
    def practise(cls, name, config, method=grpo.make_method, like=None):
        workdir = toy.copied(cls.made, cls.folder / name)
        made, liked = like or toy.longer_is_liked()
        with liked, contextlib.redirect_stderr(io.StringIO()):
            toy.practise(workdir, config, method, None, made)
        return workdir

    def evaluations(self, workdir):
        return [line for line in watch.records(workdir / "rl" / "metrics.jsonl") if "gold" in line]

    def test_stops_past_the_peak_and_keeps_it(self):
        lines = self.evaluations(self.stopped)
        golds = [line["gold_to_stop_by"] for line in lines]
        highest = int(np.argmax(golds))
        self.assertLen(lines, highest + 1 + self.config.rl.patience)
        self.assertGreater(highest, 0)
        report = json.loads((self.stopped / "report.json").read_text())
        self.assertEqual(report["rlhf/gold_before"], lines[0]["gold"])
        self.assertEqual(report["rlhf/gold_peak"], lines[highest]["gold"])
        self.assertEqual(report["rlhf/proxy_end"], lines[-1]["proxy"])
        self.assertGreater(report["rlhf/gold_peak"], report["rlhf/gold_before"])
        self.assertTrue((self.stopped / "rl" / "rlhf.png").read_bytes().startswith(b"\x89PNG"))
        # What is loaded is the policy of the peak, not that of the end.
        used = trained.load(self.stopped, "rl", make_mesh(1, 1, 1, jax.devices()[:1])).params
        kept = self.stopped / "rl" / "checkpoints"
        states = {
            step: ocp.StandardCheckpointer().restore(kept / str(step) / "state")["params"]
            for step in (lines[highest]["step"], lines[-1]["step"])
            if step
        }
        same = {
            step: all(
                np.array_equal(a, b)
                for a, b in zip(jax.tree.leaves(used), jax.tree.leaves(one), strict=True)
            )
            for step, one in states.items()
        }
        self.assertEqual(same, {lines[highest]["step"]: True, lines[-1]["step"]: False})

    def test_the_start_is_the_scale(self):
        first = self.evaluations(self.stopped)[0]
        kept = json.loads((self.stopped / "rl" / "start.json").read_text())
        self.assertCountEqual(kept, ["proxy", "gold", "measured_by"])
        self.assertAlmostEqual((first["gold"] + first["gold_to_stop_by"]) / 2, 0.0, places=5)
        self.assertLess(abs(first["held_out_kl"]), 1e-4)
        lines = watch.records(self.stopped / "rl" / "rollouts.jsonl")
        own = [line["gold"] for line in lines if line["step"] == 0]
        self.assertLen(own, 8 * 8)
        self.assertAlmostEqual(float(np.std(own)), 1.0, places=2)

    def test_the_scale_of_another_reward_model_is_not_used(self):
        def begun(name: str, done: str) -> dict:
            workdir = toy.copied(self.made, self.folder / name)
            mark_done(workdir / "reward", {"seconds": done})
            old = self.stopped / "rl" / "start.json"
            write_atomically(workdir / "rl" / "start.json", old.read_text())
            config = self.config.copy_and_resolve_references()
            config.rl.steps = config.rl.eval_steps = 1
            made, liked = toy.longer_is_liked()
            scored = mock.patch.object(feedback, "raw_scores", lambda score, turns: [7.0, 9.0])
            with liked, scored, contextlib.suppress(ValueError):
                toy.practise(workdir, config, grpo.make_method, None, made)
            return json.loads((workdir / "rl" / "start.json").read_text())

        found = begun("replaced", "another")
        self.assertEqual(found["proxy"], {"mean": 8.0, "deviation": 1.0})

    def test_a_single_problem_has_no_halves(self):
        made, liked = toy.longer_is_liked()

        def problem(seed: int, level: int) -> Problem:
            one = made.problem(seed, level)
            return dataclasses.replace(one, messages=({"role": "user", "content": "the cat"},))

        alone = dataclasses.replace(made, problem=problem)
        with self.assertRaisesRegex(InputError, "toy has a single held-out problem"):
            self.practise("single", self.config, like=(alone, liked))

    def test_goes_on_to_the_collapse(self):
        config = self.config.copy_and_resolve_references()
        config.rl.stop_at_peak = False
        workdir = self.practise("collapse", config)
        report = json.loads((workdir / "report.json").read_text())
        self.assertLen(self.evaluations(workdir), 1 + config.rl.steps // config.rl.eval_steps)
        self.assertLess(report["rlhf/gold_end"], report["rlhf/gold_peak"] - 0.5)
        self.assertGreater(report["rlhf/proxy_end"], report["rlhf/proxy_peak"])
        self.assertGreater(self.evaluations(workdir)[-1]["held_out_kl"], 0.5)
        # Up to the stop it went the same way.
        shared = self.evaluations(self.stopped)
        self.assertEqual(self.evaluations(workdir)[: len(shared)], shared)

    def test_with_ppo(self):
        config = self.config.copy_and_resolve_references()
        config.rl.steps, config.rl.epochs, config.rl.kl = 8, 2, 0.02
        workdir = self.practise("ppo", config, ppo.make_method)
        report = json.loads((workdir / "report.json").read_text())
        self.assertGreater(report["rlhf/proxy_end"], report["rlhf/proxy_before"])
        params = trained.load(workdir, "rl", make_mesh(1, 1, 1, jax.devices()[:1])).params
        self.assertNotIn("value", params)

    def test_scores_that_are_not_finite_stop_the_run(self):
        def load(workdir, stage, mesh):
            found = trained.load(self.made, "chat", mesh)
            head = np.full(found.architecture.width, math.nan, np.float32)
            return RewardModel(found.params | {"reward": head}, found.architecture)

        made, _ = toy.longer_is_liked()
        broken = mock.patch.object(unverified.RewardModel, "load", load)
        with self.assertRaisesRegex(InputError, "gives answer 0 the score nan"):
            self.practise("nan", self.config, like=(made, broken))
        self.assertIsNone(read_newest(str(self.folder / "nan" / "rl"), {}))

    def test_settings_that_cannot_be(self):
        made, _ = toy.longer_is_liked()
        for key, value, why in (
            ("reward", "", "nothing verifies the answers of the environment toy"),
            ("eval_samples", 0, "eval_samples and patience at least 1"),
            ("eval_problems", 1, "eval_problems must be at least 2"),
        ):
            config = self.config.copy_and_resolve_references()
            config.rl[key] = value
            with self.assertRaisesRegex(InputError, why):
                toy.practise(self.made, config, grpo.make_method, None, made)
        config = toy.config()
        config.rl.stop_at_peak = True
        with self.assertRaisesRegex(InputError, "stop_at_peak is for a reward model"):
            toy.practise(self.made, config, grpo.make_method, None)


class KilledTest(absltest.TestCase):
    def test_killed_stops_at_the_same_peak_with_the_same_bits(self):
        with tempfile.TemporaryDirectory() as folder:
            made = toy.make_run(pathlib.Path(folder) / "made", ending=6.0)
            unbroken = toy.copied(made, pathlib.Path(folder) / "unbroken")
            broken = pathlib.Path(folder) / "broken"
            killed.whole(unbroken, "rlhf", range(1000), broken)  # after the last step
            killed.whole(broken, "rlhf")
            self.assertEqual(killed.state_of(unbroken / "rl"), killed.state_of(broken / "rl"))
            for name in ("rollouts.jsonl", "start.json"):
                self.assertEqual(
                    (unbroken / "rl" / name).read_bytes(), (broken / "rl" / name).read_bytes()
                )
            reports = [json.loads((run / "report.json").read_text()) for run in (unbroken, broken)]
            for name in reports[0]:
                if name.startswith("rlhf/"):
                    self.assertEqual(reports[0][name], reports[1][name])


if __name__ == "__main__":
    absltest.main()
