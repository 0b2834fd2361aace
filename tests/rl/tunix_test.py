"""Losses, advantages, KL and GAE against google-tunix, which PRIMER_TUNIX_PYTHON can import."""

import json
import os
import pathlib
import subprocess
import unittest

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest

from rl import advantages, kl, losses

PYTHON = os.environ.get("PRIMER_TUNIX_PYTHON")
B, T = 4, 6

MASKS = {
    "full": np.ones((B, T)),
    "ragged": np.arange(T) < np.array([[6], [3], [1], [4]]),
    "tools": np.array(
        [[1, 1, 0, 0, 1, 1], [0, 1, 0, 1, 0, 1], [1, 0, 0, 0, 0, 1], [0, 0, 1, 1, 1, 0]]
    ),
    "empty row": np.arange(T) < np.array([[6], [0], [2], [5]]),
    "one token": np.arange(T)[None] + T * np.arange(B)[:, None] == 8,
}

# Ours -> what tunix calls the same.
KINDS = {
    "dapo": {"loss_algo": "grpo", "loss_agg_mode": "token-mean"},
    "grpo": {"loss_algo": "grpo", "loss_agg_mode": "sequence-mean-token-mean"},
    "dr_grpo": {"loss_algo": "grpo", "loss_agg_mode": "sequence-mean-token-scale"},
    "gspo": {"loss_algo": "gspo-token", "loss_agg_mode": "sequence-mean-token-mean"},
}

# Name -> what of PolicyLoss it changes.
VARIANTS = {
    "plain": {"clip_low": 0.2, "clip_high": 0.2},
    "asymmetric": {"clip_low": 0.2, "clip_high": 0.28},
    "dual clip": {"dual_clip": 1.5},
    "k2": {"kl": 0.3, "kl_kind": "k2"},
    "k3": {"kl": 0.3, "kl_kind": "k3"},
    "weights": {"truncation": 1.2},
    "all": {"dual_clip": 1.5, "kl": 0.3, "kl_kind": "k3", "truncation": 1.2},
}


def figures(seed=0):
    draw = np.random.default_rng(seed)
    log_probs = -draw.gamma(2.0, 1.0, (B, T))
    return {
        "log_probs": log_probs,
        "old_log_probs": log_probs + draw.normal(0, 0.4, (B, T)),
        "sampler_log_probs": log_probs + draw.normal(0, 0.4, (B, T)),
        "reference_log_probs": log_probs + draw.normal(0, 0.8, (B, T)),
        "advantages": np.repeat(draw.normal(size=(B, 1)), T, axis=1),
    }


def as_json(arguments):
    return {
        name: np.asarray(x, float).tolist() if isinstance(x, np.ndarray) else x
        for name, x in arguments.items()
    }


def ask(questions):
    """Every answer of tunix, as arrays, in one run of its interpreter."""
    script = pathlib.Path(__file__).with_name("tunix_figures.py")
    answered = subprocess.run(
        [PYTHON, str(script)],
        input=json.dumps([as_json(question) for question in questions]),
        capture_output=True,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    if answered.returncode:
        raise AssertionError(f"{PYTHON} could not run tunix: {answered.stderr[-2000:]}")
    return [
        {name: np.array(x) for name, x in answer.items()} for answer in json.loads(answered.stdout)
    ]


def policy_question(kind, settings, mask, given):
    weights = np.exp(given["old_log_probs"] - given["sampler_log_probs"])
    return {
        "ask": "policy",
        "log_probs": given["log_probs"],
        "settings": {
            "beta": settings.kl,
            "epsilon": settings.clip_low,
            "epsilon_high": settings.clip_high,
            "epsilon_c": settings.dual_clip or None,
            "kl_loss_mode": {"k2": "mse_kl", "k3": "low_var_kl"}[settings.kl_kind],
            "kl_clamp_value": None,
            "temperature": 1.0,
            **KINDS[kind],
        },
        "completion_mask": mask,
        "advantages": given["advantages"],
        "old_per_token_logps": given["old_log_probs"],
        "ref_per_token_logps": given["reference_log_probs"],
        "sampler_is_weights": (
            np.minimum(weights, settings.truncation) if settings.truncation else None
        ),
    }


def ours(settings, mask, given):
    batch = {name: jnp.asarray(x, jnp.float32) for name, x in given.items()}
    batch |= {"mask": jnp.asarray(mask), "segments": jnp.ones((B, T), jnp.int32)}

    def loss(log_probs):
        metrics = losses.policy_loss(log_probs, batch, settings)
        return metrics["loss"][0] / metrics["loss"][1], metrics

    (value, metrics), gradient = jax.value_and_grad(loss, has_aux=True)(batch.pop("log_probs"))
    means = {name: total / count for name, (total, count) in metrics.items()}
    return {"loss": value, "gradient": gradient, **{k: means[k] for k in means if k != "loss"}}


@unittest.skipUnless(PYTHON, "PRIMER_TUNIX_PYTHON names no Python with google-tunix 0.1.7")
class TunixTest(absltest.TestCase):
    def close(self, mine, theirs, what=""):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5, err_msg=str(what))

    def test_policy_losses(self):
        given = figures()
        # Where the mask is 0 the others say what they like to; tunix would trip over infinities.
        cases = [
            (
                kind,
                losses.PolicyLoss(
                    **{"kind": kind, "longest": T, "kl_kind": "k3", "truncation": 0.0, **changes}
                ),
                mask,
                f"{kind}, {variant}, {name}",
            )
            for kind in KINDS
            for variant, changes in VARIANTS.items()
            for name, mask in MASKS.items()
        ]
        answers = ask([policy_question(*case[:3], given) for case in cases])
        for (_, settings, mask, what), theirs in zip(cases, answers, strict=True):
            mine = ours(settings, mask, given)
            for one, other in (
                ("loss", "loss"),
                ("gradient", "gradient"),
                ("policy_loss", "pg_loss"),
                ("ratio", "is_ratio_mean"),
                ("kl", "kl"),
                ("clipped", "pg_clipfrac"),
            ):
                self.close(mine[one], theirs[other], f"{one}: {what}")
            if settings.truncation:
                self.close(mine["weight"], theirs["sampler_is_weight_mean"], what)

    def test_ppo(self):
        given = figures(1)
        values = {
            "values": given["log_probs"],
            "old_values": given["old_log_probs"],
            "returns": given["reference_log_probs"],
        }
        # An advantage of its own for every token, as a critic gives them.
        given["advantages"] = np.random.default_rng(2).normal(size=(B, T))
        policies, critics = [], []
        for mask in MASKS.values():
            question = policy_question("dapo", losses.PolicyLoss(kl_kind="k3"), mask, given)
            question["settings"] = {
                "epsilon_low": 0.2,
                "epsilon_high": 0.28,
                "entropy_coef": None,
                "epsilon_c": 1.5,
            }
            policies.append(question | {"function": "ppo_policy_loss_fn"})
            critics.append({"ask": "value", "clip": 0.2, "completion_mask": mask, **values})
        answers = ask(policies + critics)
        for name, policy, critic in zip(
            MASKS, answers[: len(MASKS)], answers[len(MASKS) :], strict=True
        ):
            settings = losses.PolicyLoss(dual_clip=1.5, truncation=0.0)
            mine = ours(settings, MASKS[name], given)
            self.close(mine["loss"], policy["loss"], name)
            self.close(mine["gradient"], policy["gradient"], name)
            self.close(mine["dual_clipped"], policy["pg_clipfrac_lower"], name)
            batch = {k: jnp.asarray(v, jnp.float32) for k, v in values.items()}
            batch["mask"] = jnp.asarray(MASKS[name])

            def loss(x, batch=batch):
                metrics = losses.value_loss(x, batch, clip=0.2)
                return metrics["loss"][0] / metrics["loss"][1], metrics

            (value, metrics), gradient = jax.value_and_grad(loss, has_aux=True)(batch["values"])
            self.close(value, critic["loss"], name)
            self.close(gradient, critic["gradient"], name)
            self.close(metrics["clipped"][0] / metrics["clipped"][1], critic["vf_clipfrac"], name)

    def test_advantages(self):
        rewards = np.random.default_rng(3).normal(size=(5, 4))
        rewards[2] = 0.5
        answers = ask(
            [{"ask": "advantages", "rewards": rewards, "kind": k} for k in advantages.KINDS]
        )
        for kind, theirs in zip(advantages.KINDS, answers, strict=True):
            mine = advantages.group_relative(rewards, kind)
            self.close(mine, theirs["advantages"].reshape(5, 4), kind)

    def test_kl(self):
        given = {name: figures()[name] for name in ("log_probs", "reference_log_probs")}
        kinds = ("k1", "k2", "k3")
        answers = ask([{"ask": "kl", "kind": kind, **given} for kind in kinds])
        for kind, theirs in zip(kinds, answers, strict=True):
            self.close(kl.estimate(*map(jnp.asarray, given.values()), kind), theirs["kl"], kind)

    def test_gae(self):
        draw = np.random.default_rng(4)
        given = {"rewards": draw.normal(size=(B, T)), "values": draw.normal(size=(B, T))}
        cases = [
            (name, gamma, lam)
            for name in MASKS
            if name != "one token"  # of which tunix divides by zero
            for gamma, lam in ((1.0, 0.95), (0.9, 0.5), (1.0, 1.0), (0.7, 0.0))
        ]
        answers = ask(
            [
                {"ask": "gae", "mask": MASKS[n] * 1.0, "gamma": g, "lam": lam, **given}
                for n, g, lam in cases
            ]
        )
        for (name, gamma, lam), theirs in zip(cases, answers, strict=True):
            mask = jnp.asarray(MASKS[name])
            found, returns = advantages.gae(
                *(jnp.asarray(x, jnp.float32) for x in given.values()), mask, gamma, lam
            )
            # On padding and tools tunix leaves what it carries; here there is nothing.
            written = MASKS[name] > 0
            what = (name, gamma, lam)
            self.close(advantages.whiten(found, mask)[written], theirs["whitened"][written], what)
            self.close(returns[written], theirs["returns"][written], what)


if __name__ == "__main__":
    absltest.main()
