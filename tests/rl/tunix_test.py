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

ALL_MASKS = np.stack([*MASKS.values()]) * 1.0

# Name -> what of PolicyLoss it changes.
VARIANTS = {
    "plain": {"clip_low": 0.2, "clip_high": 0.2},
    "asymmetric, dual clip": {"dual_clip": 1.5},
    "k2": {"kl": 0.3, "kl_kind": "k2"},
    "k3, weights": {"dual_clip": 1.5, "kl": 0.3, "truncation": 1.2},
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


def policy_question(settings, given):
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
            **KINDS[settings.kind],
        },
        "masks": ALL_MASKS,
        "advantages": given["advantages"],
        "old_per_token_logps": given["old_log_probs"],
        "ref_per_token_logps": given["reference_log_probs"],
        "sampler_is_weights": (
            np.minimum(weights, settings.truncation) if settings.truncation else None
        ),
    }


def under_masks(loss, x):
    """What `loss(x, mask)` and its gradient are under each mask, as of tunix_figures."""

    def one(mask):
        def mean(x):
            metrics = loss(x, mask)
            means = {name: total / jnp.maximum(n, 1) for name, (total, n) in metrics.items()}
            return means["loss"], means

        (_, means), gradient = jax.value_and_grad(mean, has_aux=True)(jnp.asarray(x, jnp.float32))
        return means | {"gradient": gradient}

    return jax.jit(jax.vmap(one))(jnp.asarray(ALL_MASKS))


def ours(settings, given):
    batch = {name: jnp.asarray(x, jnp.float32) for name, x in given.items()}
    batch["segment_ids"] = jnp.ones((B, T), jnp.int32)
    return under_masks(
        lambda x, mask: losses.policy_loss(x, batch | {"mask": mask}, settings), given["log_probs"]
    )


@unittest.skipUnless(PYTHON, "PRIMER_TUNIX_PYTHON names no Python with google-tunix 0.1.7")
class TunixTest(absltest.TestCase):
    def close(self, mine, theirs, what=""):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5, err_msg=str(what))

    def compare(self, mine, theirs, names, what):
        for one, other in names.items():
            for number, mask in enumerate(MASKS):
                self.close(mine[one][number], theirs[other][number], (one, what, mask))

    def test_policy_losses(self):
        given = figures()
        defaults = {"longest": T, "kl_kind": "k3", "truncation": 0.0}
        cases = [
            losses.PolicyLoss(**{"kind": kind, **defaults, **changes})
            for kind in KINDS
            for changes in VARIANTS.values()
        ]
        answers = ask([policy_question(settings, given) for settings in cases])
        for settings, theirs in zip(cases, answers, strict=True):
            names = {
                "loss": "loss",
                "gradient": "gradient",
                "policy_loss": "pg_loss",
                "ratio": "is_ratio_mean",
                "kl": "kl",
                "clipped": "pg_clipfrac",
            }
            if settings.truncation:
                names["weight"] = "sampler_is_weight_mean"
            self.compare(ours(settings, given), theirs, names, settings)

    def test_ppo(self):
        given = figures(1)
        # An advantage of its own for every token, as a critic gives them.
        given["advantages"] = np.random.default_rng(2).normal(size=(B, T))
        settings = losses.PolicyLoss(dual_clip=1.5, truncation=0.0, kl_kind="k3")
        question = policy_question(settings, given) | {"function": "ppo_policy_loss_fn"}
        question["settings"] = {
            "epsilon_low": 0.2,
            "epsilon_high": 0.28,
            "entropy_coef": None,
            "epsilon_c": 1.5,
        }
        critic = {"old_values": given["old_log_probs"], "returns": given["reference_log_probs"]}
        policy, value = ask(
            [
                question,
                {
                    "ask": "value",
                    "values": given["log_probs"],
                    "clip": 0.2,
                    "masks": ALL_MASKS,
                    **critic,
                },
            ]
        )
        names = {"loss": "loss", "gradient": "gradient", "dual_clipped": "pg_clipfrac_lower"}
        self.compare(ours(settings, given), policy, names, "policy")
        batch = {name: jnp.asarray(x, jnp.float32) for name, x in critic.items()}
        mine = under_masks(
            lambda x, mask: losses.value_loss(x, batch | {"mask": mask}, clip=0.2),
            given["log_probs"],
        )
        names = {"loss": "loss", "gradient": "gradient", "clipped": "vf_clipfrac"}
        self.compare(mine, value, names | {"value": "vpred_mean", "return": "return_mean"}, "value")

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
                {"ask": "gae", "mask": MASKS[n] * 1, "gamma": g, "lam": lam, **given}
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
