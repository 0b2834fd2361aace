"""Proximal policy optimisation (arXiv 1707.06347): stage config.rl.name ("rl.ppo").

A head on the policy's own trunk says what reward it expects from each token on, and an answer's
tokens are as good as they were better than that. Straying from the start costs reward, at a rate
that adapts until the policy strays as far as config.rl.kl_target says (arXiv 1909.08593).
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from ml_collections import ConfigDict

from data.errors import InputError
from model.config import ModelConfig
from rl import kl, stage
from rl.advantages import gae, whiten
from rl.learner import Method
from rl.losses import PolicyLoss, policy_loss, value_loss
from rl.policy import log_probs_and_hidden, scored, scorer, values, with_value
from train.gradients import Metrics


def run(config: ConfigDict, workdir: str) -> None:
    """Practises on config.rl.environment, or goes on with it."""
    if config.rl.kl_target and not config.rl.kl > 0:
        raise InputError(
            f"config.rl.kl_target is {config.rl.kl_target}, and config.rl.kl, which is adapted to "
            f"it by factors, is {config.rl.kl}: set it above 0"
        )
    stage.run(config, workdir, make_method)


def make_method(config: ConfigDict, architecture: ModelConfig, vocab_size: int) -> Method:
    """PPO, from the resolved config of the stage."""
    rl, microbatches = config.rl, config.train.accumulate
    settings = PolicyLoss(
        "dapo", rl.clip_low, rl.clip_high, truncation=rl.truncation, longest=rl.tokens
    )

    reference = scorer(architecture, vocab_size)

    def score(params: dict[str, Any], rows: dict[str, Array]) -> tuple[Array, Array]:
        log_probs, hidden = log_probs_and_hidden(params, architecture, rows, vocab_size)
        return log_probs, values(params, hidden)

    def prepare(
        params: dict[str, Any],
        start: dict[str, Any],
        carried: dict[str, Array],
        batch: dict[str, Array],
        used: Array,
    ) -> tuple[dict[str, Array], dict[str, Array], Metrics]:
        mask, segment_ids = batch["mask"], batch["segment_ids"]
        old, old_values = scored(score, params, architecture, batch, microbatches, used)
        start_log_probs = scored(reference, start, architecture, batch, microbatches, used)
        coefficient = carried["kl_coefficient"]
        rewards = kl.rewards_with_penalty(
            batch["credit"], old, start_log_probs, mask, segment_ids, coefficient
        )
        advantages, returns = gae(rewards, old_values, mask, rl.gamma, rl.lam, segment_ids)
        tokens = jnp.sum(mask)
        strayed = jnp.sum(kl.estimate(old, start_log_probs, "k3") * mask), tokens
        if rl.kl_target:
            mean = strayed[0] / jnp.maximum(tokens, 1)
            coefficient = kl.adapted(coefficient, mean, rl.kl_target)
        metrics = {"kl": strayed, "kl_coefficient": (coefficient, jnp.ones(()))}
        added = {
            "advantages": whiten(advantages, mask),
            "returns": returns,
            "old_values": old_values,
            "old_log_probs": old,
        }
        return added, carried | {"kl_coefficient": coefficient}, metrics

    def loss(params: dict[str, Any], rows: dict[str, Array]) -> Metrics:
        log_probs, expected = score(params, rows)
        metrics = policy_loss(log_probs, rows, settings)
        critic = value_loss(expected, rows, rl.value_clip)
        (policy, count), (error, _) = metrics["loss"], critic.pop("loss")
        metrics["loss"] = (policy + rl.value_weight * error, count)
        metrics |= {"value_loss": (error, count), "value_clipped": critic.pop("clipped")}
        return metrics | critic

    return Method(
        declarations=with_value(architecture),
        carried={"kl_coefficient": rl.kl},
        usable=_usable,
        credit=lambda rewards: rewards,
        prepare=prepare,
        loss=loss,
    )


def _usable(rewards: np.ndarray) -> np.ndarray:
    """All problems, unless every answer to every one of them is worth the same."""
    return np.full(len(rewards), rewards.max() > rewards.min())
