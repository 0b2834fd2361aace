"""Group-relative policy optimisation: stage config.rl.name ("rl.grpo").

An answer is as good as it is better than others to the same problem (arXiv 2402.03300), by default
with the loss over all tokens of DAPO (arXiv 2503.14476). Problems whose answers are all worth the
same give nothing to learn, and others are tried in their place. The policy that learns is the one
that has just sampled, unless config.rl.minibatches or config.rl.epochs is more than 1.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from ml_collections import ConfigDict

from data.errors import InputError
from model.config import ModelConfig
from model.parameters import parameters
from rl import kl, stage
from rl.advantages import group_relative, zero_variance
from rl.learner import Method
from rl.losses import PolicyLoss, policy_loss
from rl.policy import scored, scorer
from train.gradients import Metrics

# The share of a step's microbatches on which the divergence from the start is watched where the
# loss does not need it.
_WATCHED = 8


def run(config: ConfigDict, workdir: str) -> None:
    """Practises on config.rl.environment, or goes on with it."""
    if config.rl.group < 2:
        raise InputError(
            f"config.rl.group is {config.rl.group}: GRPO compares answers to one problem, at least "
            "two of them"
        )
    if config.rl.kl_target:
        raise InputError(
            f"config.rl.kl_target is {config.rl.kl_target}, and GRPO's config.rl.kl stays as it "
            "is: set it to 0, or practise with PPO"
        )
    stage.run(config, workdir, make_method)


def make_method(config: ConfigDict, architecture: ModelConfig, vocab_size: int) -> Method:
    """GRPO, from the resolved config of the stage."""
    rl, microbatches = config.rl, config.train.accumulate
    settings = PolicyLoss(
        rl.loss,
        rl.clip_low,
        rl.clip_high,
        kl=rl.kl,
        truncation=rl.truncation,
        longest=rl.tokens,
    )
    several = rl.epochs * rl.minibatches > 1
    advantage = "dr_grpo" if rl.loss == "dr_grpo" else "grpo"

    score = scorer(architecture, vocab_size)

    def prepare(
        params: dict[str, Any],
        start: dict[str, Any],
        carried: dict[str, Array],
        batch: dict[str, Array],
        used: Array,
    ) -> tuple[dict[str, Array], dict[str, Array], Metrics]:
        added, metrics = {}, {}
        if several:
            added["old_log_probs"] = scored(score, params, architecture, batch, microbatches, used)
        watched = used if rl.kl else -(-used // _WATCHED)
        reference = scored(score, start, architecture, batch, microbatches, watched)
        if rl.kl:
            added["reference_log_probs"] = reference
        else:
            number = jnp.arange(len(reference)) % microbatches
            mask = batch["mask"] * (number < watched)[:, None]
            estimate = kl.estimate(batch["sampler_log_probs"], reference, "k3")
            metrics["kl"] = (jnp.sum(estimate * mask), jnp.sum(mask))
        return added, carried, metrics

    def loss(params: dict[str, Any], rows: dict[str, Array]) -> Metrics:
        log_probs = score(params, rows)
        seen = rows | {"advantages": rows["credit"]}
        if not several:  # the policy that sampled is the one that learns
            seen["old_log_probs"] = jax.lax.stop_gradient(log_probs)
        metrics = policy_loss(log_probs, seen, settings)
        if not several:  # 1 and 0
            del metrics["ratio"], metrics["old_kl"]
        return metrics

    return Method(
        declarations=parameters(architecture),
        carried={},
        usable=lambda rewards: ~zero_variance(rewards),
        credit=lambda rewards: group_relative(rewards, advantage),
        prepare=prepare,
        loss=loss,
    )
