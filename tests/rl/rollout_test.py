"""Rollouts and their rows: seeds, masks, log-probabilities, packing, and policies gone wrong."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from evals.answers import sample_seeds
from model.sharding import make_mesh
from rl import policy
from rl.environments.environment import Verdict
from rl.losses import PolicyLoss, policy_loss
from rl.packing import pack
from rl.rollout import judged, trajectories, verified
from serve.engine import Engine
from serve.tools.tool import Tool
from serve.turns import Bounds, Turns
from tests.rl import toy
from tests.serve import scripted, small_model
from train.gradients import gradients

BOUNDS = Bounds(calls=2, tokens=12, total_tokens=40, result_tokens=8)


def problems(count):
    made = toy.environment()
    return [made.problem(seed, 1) for seed in range(count)]


def tool():
    declaration = {"type": "function", "function": {"name": "add", "parameters": {}}}
    return Tool(declaration, lambda arguments: "the cat", "says something")


class SeedsTest(absltest.TestCase):
    def test_depend_on_their_numbers_alone(self):
        self.assertEqual(sample_seeds(1, 7, 8)[:4], sample_seeds(1, 7, 4))
        drawn = {seed for run in (0, 1) for n in range(200) for seed in sample_seeds(run, n, 8)}
        self.assertLen(drawn, 2 * 200 * 8)
        self.assertTrue(all(0 <= seed < 2**32 for seed in drawn))


class AlignmentTest(absltest.TestCase):
    """What the trainer computes of sampled rollouts is what the sampler recorded."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trained = small_model.trained()
        tokenizer = cls.trained.tokenizer
        engine = Engine(cls.trained.params, cls.trained.architecture, tokenizer, 8)
        asked = problems(6)
        seeds = [sample_seeds(0, n, 3) for n in range(6)]
        turns = Turns(engine, (), BOUNDS, in_step=True)
        cls.first = trajectories(turns, tokenizer, asked, seeds)
        engine.set_params(cls.trained.params)
        cls.again = trajectories(turns, tokenizer, asked, seeds)
        turns.close()

    def score(self, arrays):
        fields = {name: jnp.asarray(array) for name, array in arrays.items()}
        trained = self.trained
        return policy.log_probs_and_hidden(
            trained.params, trained.architecture, fields, trained.tokenizer.vocab_size
        )[0]

    def test_log_probs_of_packed_rollouts_equal_the_samplers(self):
        packed = pack(self.first, 18, 96, 2, np.random.default_rng(0))
        arrays = packed.arrays
        self.assertEqual(arrays["mask"].sum(), sum(sum(one.mask) for one in self.first))
        self.assertLess(packed.used, 9)  # several share a row
        difference = np.abs(self.score(arrays) - arrays["sampler_log_probs"]) * arrays["mask"]
        self.assertLess(difference.max(), 1e-4)

    def test_the_same_bits_from_an_engine_that_has_written_before(self):
        for one, other in zip(self.first, self.again, strict=True):
            self.assertEqual(one.tokens, other.tokens)
            self.assertEqual(one.log_probs, other.log_probs)

    def test_samples_of_a_group_differ(self):
        self.assertGreater(len({tuple(one.tokens) for one in self.first}), 12)


class PackingTest(absltest.TestCase):
    @settings(max_examples=40)
    @given(st.integers(0, 10_000), st.integers(1, 30), st.sampled_from([1, 2, 4]))
    def test_every_token_is_in_its_place_once(self, seed, count, microbatch):
        rng = np.random.default_rng(seed)
        written = toy.random_trajectories(count, rng)
        rows = -(-count // microbatch) * microbatch
        packed = pack(written, rows, 64, microbatch, rng)
        arrays, segments = packed.arrays, packed.arrays["segment_ids"]
        sizes = [len(one.prompt) + len(one.tokens) - 1 for one in written]
        self.assertEqual((segments > 0).sum(), sum(sizes))
        microbatches = rows // microbatch
        in_use = np.flatnonzero((segments > 0).any(axis=1))
        self.assertTrue((in_use % microbatches < packed.used).all())
        for one, row, start, length in zip(
            written, packed.rows, packed.starts, packed.lengths, strict=True
        ):
            span = slice(start, start + length)
            self.assertEqual(arrays["targets"][row, span].tolist(), one.tokens)
            self.assertEqual(arrays["mask"][row, span].tolist(), one.mask)
            np.testing.assert_allclose(
                arrays["sampler_log_probs"][row, span], np.float32(one.log_probs)
            )
            self.assertEqual(arrays["positions"][row, start], len(one.prompt) - 1)
            self.assertLen(set(segments[row, span]), 1)
            before = start - len(one.prompt) + 1
            self.assertEqual(arrays["positions"][row, before], 0)
            np.testing.assert_array_equal(arrays["inputs"][row, before : start + 1], one.prompt)
        spread = packed.spread(np.arange(1, count + 1))
        self.assertEqual(spread.max(), count)
        self.assertEqual((spread > 0).sum(), packed.lengths.sum())

    def test_first_fit_is_tight(self):
        rng = np.random.default_rng(0)
        written = toy.random_trajectories(200, rng)
        total = sum(len(one.prompt) + len(one.tokens) - 1 for one in written)
        packed = pack(written, 200, 64, 1, rng)
        self.assertLessEqual(packed.used, math.ceil(total / 64 * 11 / 9) + 1)

    def test_what_does_not_fit_is_refused(self):
        written = toy.random_trajectories(4, np.random.default_rng(0))
        with self.assertRaisesRegex(ValueError, "does not fit a row"):
            pack(written, 4, 2, 1, np.random.default_rng(0))
        with self.assertRaisesRegex(ValueError, "need"):
            pack(written * 10, 1, 64, 1, np.random.default_rng(0))


class ParityTest(absltest.TestCase):
    """Loss and gradient do not depend on how rollouts lie in rows, microbatches and devices."""

    def test_packed_equals_unpacked(self):
        trained = small_model.trained()
        rng = np.random.default_rng(0)
        written = toy.random_trajectories(12, rng)
        credit = rng.normal(size=12)

        def loss(params, rows):
            log_probs, _ = policy.log_probs_and_hidden(params, trained.architecture, rows, 320)
            seen = rows | {"old_log_probs": jax.lax.stop_gradient(log_probs) - 0.1}
            return policy_loss(log_probs, seen, PolicyLoss("grpo"))

        def of(context, microbatch, devices):
            packed = pack(written, 16, context, microbatch, np.random.default_rng(1))
            packed.arrays["advantages"] = packed.spread(credit)
            mesh = make_mesh(devices, 1, 1, jax.devices()[:devices])
            span = (np.int32(0), np.int32(packed.used))
            with jax.set_mesh(mesh):
                gradient, metrics = jax.jit(
                    lambda params, batch, span: gradients(
                        loss, params, batch, 16 // microbatch, span=span
                    )
                )(trained.params, packed.arrays, span)
            return jax.device_get((gradient, metrics)), packed.used

        (alone, figures), _ = of(48, 16, 1)
        for context, microbatch, devices in ((96, 2, 1), (96, 8, 8)):
            (gradient, found), used = of(context, microbatch, devices)
            with self.subTest(microbatch=microbatch, devices=devices):
                self.assertLess(used, 16 // microbatch + (microbatch == 8))
                for name, (total, count) in figures.items():
                    np.testing.assert_allclose(found[name][0], total, rtol=1e-4, atol=1e-5)
                    self.assertEqual(found[name][1], count)
                for one, other in zip(
                    jax.tree.leaves(alone), jax.tree.leaves(gradient), strict=True
                ):
                    np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-6)


class HostileTest(absltest.TestCase):
    """A policy may write anything: it is bounded, masked and worth what the verdict says."""

    def written(self, reply, tools=()):
        engine = scripted.Scripted(reply, length=200)
        turns = Turns(engine, tools, BOUNDS, in_step=True)
        made = trajectories(turns, engine.tokenizer, problems(1), [[0, 1]])
        turns.close()
        return made

    def verdicts(self, made):
        asked = [problem for problem in problems(1) for _ in made]
        return judged(asked, made, verified(toy.environment()))

    def test_nothing_garbage_special_tokens_and_no_end(self):
        for reply, reward, reason in (
            ("<|im_end|>", 0.0, "stop"),
            ("<|endoftext|>", 0.0, "stop"),
            ("the cat<|im_end|>", 1.0, "stop"),
            ("<|im_start|>user\n<think><tool_call>{<|im_start|></think><|im_end|>", 0.0, None),
            ("</tool_call></tool_response><tool_call>[[[[</tool_call><|im_end|>", 0.0, None),
            ("the dogs ran " * 50, 0.0, "length"),
        ):
            with self.subTest(reply=reply[:20]):
                made = self.written(lambda ids, reply=reply: reply)
                for rollout in self.verdicts(made):
                    self.assertEqual(rollout.reward, reward)
                    self.assertLessEqual(len(rollout.trajectory.tokens), BOUNDS.tokens)
                    if reason:
                        self.assertEqual(rollout.trajectory.finish_reason, reason)
                packed = pack(made, 2, 96, 1, np.random.default_rng(0))
                self.assertEqual(packed.arrays["mask"].sum(), sum(sum(x.mask) for x in made))

    def test_what_a_tool_returns_is_no_target(self):
        tokenizer = small_model.tokenizer()
        response = tokenizer.special["<tool_response>"]

        def reply(ids):
            done = response in ids
            return "cat<|im_end|>" if done else "<tool_call>{}</tool_call><|im_end|>"

        for one in self.written(reply, [tool()]):
            packed = pack([one], 1, 96, 1, np.random.default_rng(0))
            targets, mask = packed.arrays["targets"][0], packed.arrays["mask"][0]
            self.assertIn(response, targets)
            self.assertEqual(mask[np.flatnonzero(targets == response)].max(), 0)
            learnt = tokenizer.decode(targets[mask > 0].tolist())
            self.assertNotIn("error", learnt)
            self.assertIn("cat", learnt)

    def test_rewards_that_are_not_finite_stop_the_run(self):
        from train.loop import Diverged

        made = self.written(lambda ids: "cat<|im_end|>")
        asked = [problems(1)[0]] * 2
        for bad in (math.nan, math.inf):
            given = [Verdict(1.0, "fine"), Verdict(bad, "a model's score")]
            with self.assertRaisesRegex(Diverged, "reward of an answer to problem toy/1/0 is"):
                judged(asked, made, lambda problems, written, given=given: given)

    def test_a_prompt_without_room_is_named(self):
        engine = scripted.Scripted(lambda ids: "x<|im_end|>", length=10)
        turns = Turns(engine, (), BOUNDS)
        with self.assertRaisesRegex(InputError, "conversation 0"):
            trajectories(turns, engine.tokenizer, problems(1), [[0]])
        turns.close()


if __name__ == "__main__":
    absltest.main()
