"""PPO on a toy: it learns, its parts fit together, and it goes on after a kill."""

import contextlib
import io
import json
import pathlib
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest

from data.errors import InputError
from model.parameters import count, parameters
from model.sharding import make_mesh
from rl import kl, policy, ppo
from rl.advantages import gae, whiten
from rl.environments.environment import Verdict
from rl.packing import pack
from tests.rl import killed, toy
from tests.rl.toy_program import settings
from tests.serve import small_model
from train import trained, watch
from train.scaling import resolve


class PpoTest(absltest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.made = toy.make_run(cls.folder / "made")
        cls.config = settings("ppo")
        cls.config.rl.steps = cls.config.rl.eval_steps = 24
        cls.run_ = toy.copied(cls.made, cls.folder / "whole")
        toy.practise(cls.run_, cls.config, ppo.make_method, toy.first_token_below(64))

    def test_learns(self):
        lines = watch.records(self.run_ / "ppo" / "metrics.jsonl")
        steps = [line for line in lines if "reward" in line]
        self.assertLess(np.mean([line["reward"] for line in steps[:2]]), 0.35)
        self.assertGreater(np.mean([line["reward"] for line in steps[-3:]]), 0.8)
        # The critic has come to expect what there is.
        self.assertLess(abs(steps[0]["value"]), 0.2)
        self.assertGreater(steps[-1]["value"], 0.4)
        report = json.loads((self.run_ / "report.json").read_text())
        self.assertGreater(report["rl/ppo_after"], report["rl/ppo_before"])

    def test_the_coefficient_follows_the_divergence(self):
        lines = watch.records(self.run_ / "ppo" / "metrics.jsonl")
        steps = [line for line in lines if "kl_coefficient" in line]
        before = self.config.rl.kl
        for line in steps:
            wanted = kl.adapted(before, np.float32(line["kl"]), self.config.rl.kl_target)
            self.assertAlmostEqual(line["kl_coefficient"], float(wanted), places=5)
            before = line["kl_coefficient"]

    def test_the_policy_can_be_used_without_its_critic(self):
        mesh = make_mesh(1, 1, 1, jax.devices()[:1])
        loaded = trained.load(self.run_, "ppo", mesh)
        self.assertEqual(set(loaded.params), set(parameters(loaded.architecture)))

    def test_equal_rewards_are_reported_and_nothing_is_learnt(self):
        config = self.config.copy_and_resolve_references()
        config.rl.steps = config.rl.eval_steps = 1
        workdir = toy.copied(self.made, self.folder / "equal")

        def rewards(environment):
            return lambda problems, written: [Verdict(0.5, "all the same")] * len(written)

        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            toy.practise(workdir, config, ppo.make_method, rewards)
        self.assertRegex(said.getvalue(), "ppo: step 1 learns nothing")
        state = killed.state_of(workdir / "ppo")
        self.assertEqual(np.frombuffer(state["['params']['value']['bias']"], np.float32), 0)


class PrepareTest(absltest.TestCase):
    """What PPO makes of packed rollouts is what it would make of each alone."""

    def test_advantages_of_packed_rollouts(self):
        tokenizer = small_model.tokenizer()
        config = settings("ppo")
        config.train.accumulate, config.train.batch = 4, 8
        config, architecture = resolve(config, tokenizer.vocab_size)
        method = ppo.make_method(config, architecture, tokenizer.vocab_size)
        rng, size = np.random.default_rng(0), tokenizer.vocab_size

        def value(param):
            return jnp.asarray(rng.normal(0, 0.3, param.shape), jnp.float32)

        params, start = (jax.tree.map(value, method.declarations) for _ in range(2))
        del start["value"]
        written = toy.random_trajectories(8, rng)
        rewards = rng.normal(size=8)
        packed = pack(written, 8, 64, 2, rng)
        self.assertLess(packed.used, 4)
        packed.arrays["credit"] = packed.spread(rewards)
        carried = {"kl_coefficient": np.float32(0.05)}
        added, _, metrics = jax.jit(method.prepare)(
            params, start, carried, packed.arrays, np.int32(packed.used)
        )
        raw, masks, divergence = [], [], 0.0
        for one, reward in zip(written, rewards, strict=True):
            alone = pack([one], 1, 64, 1, rng).arrays
            batch = {name: jnp.asarray(array) for name, array in alone.items()}
            log_probs, hidden = policy.log_probs_and_hidden(params, architecture, batch, size)
            reference, _ = policy.log_probs_and_hidden(start, architecture, batch, size)
            mask = batch["mask"][0]
            each = -0.05 * (log_probs - reference)[0] * mask
            each = each.at[np.flatnonzero(mask)[-1]].add(reward)
            values = policy.values(params, hidden)
            raw.append(gae(each[None], values, mask[None], 1.0, 0.95)[0][0])
            masks.append(mask)
            divergence += float(jnp.sum(kl.estimate(log_probs, reference, "k3")[0] * mask))
        wanted = whiten(jnp.stack(raw), jnp.stack(masks))
        for n, one in enumerate(written):
            begin, length = packed.starts[n], packed.lengths[n]
            found = added["advantages"][packed.rows[n], begin : begin + length]
            P = len(one.prompt) - 1
            np.testing.assert_allclose(found, wanted[n, P : P + length], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(metrics["kl"][0], divergence, rtol=1e-3)

    def test_the_critic_starts_from_zero_and_is_one_number_a_place(self):
        _, architecture = resolve(toy.config(), 320)
        declarations = policy.with_value(architecture)
        sizes = [np.prod(p.shape) for p in jax.tree.leaves(declarations)]
        self.assertEqual(sum(sizes), count(architecture) + architecture.width + 1)
        head = {name: jnp.zeros(param.shape) for name, param in declarations[policy.VALUE].items()}
        hidden = jnp.ones((2, 3, architecture.width))
        self.assertEqual(policy.values({policy.VALUE: head}, hidden).tolist(), [[0.0] * 3] * 2)


class SettingsTest(absltest.TestCase):
    def test_nothing_is_adapted_from_zero(self):
        config = toy.config()
        config.rl.kl, config.rl.kl_target = 0.0, 0.1
        with self.assertRaisesRegex(InputError, "config.rl.kl, which is adapted.*is 0.0"):
            ppo.run(config, "nowhere")


class KilledTest(absltest.TestCase):
    def test_killed_ends_with_the_same_bits(self):
        with tempfile.TemporaryDirectory() as folder:
            made = toy.make_run(pathlib.Path(folder) / "made")
            unbroken = toy.copied(made, pathlib.Path(folder) / "unbroken")
            broken = pathlib.Path(folder) / "broken"
            killed.whole(unbroken, "ppo", (7,), broken)
            self.assertIn("going on from the checkpoint", killed.whole(broken, "ppo"))
            state = killed.state_of(broken / "ppo")
            self.assertIn("['carried']['kl_coefficient']", state)
            self.assertEqual(killed.state_of(unbroken / "ppo"), state)


if __name__ == "__main__":
    absltest.main()
