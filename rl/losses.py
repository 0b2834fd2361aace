"""Losses of a policy and of its critic, as sums and counts.

The gradient of a step is that of sum / count (train.gradients), with sums and counts added over
microbatches and devices. A loss here is therefore a sum over tokens with weights that depend on a
token's own sequence alone, and a count that depends on no parameter: however a batch is cut, padded
or packed, the step is the same.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from data.errors import InputError
from rl import kl
from rl.sequences import sequence_count, sequence_sum
from train.gradients import Metrics

KINDS = ("grpo", "dapo", "dr_grpo", "gspo", "cispo")


@dataclasses.dataclass(frozen=True)
class PolicyLoss:
    """A policy's loss. What the kinds do to a token, and what the sum over tokens is divided by:

    - "dapo": the clipped ratio, by the number of tokens of the whole batch (Yu et al. 2025). With
      advantages of a critic it is also PPO's.
    - "grpo": the same, by the sequence's length and then the number of sequences (Shao et al.
      2024): a token of a short answer weighs more.
    - "dr_grpo": the same, by `longest` and then the number of sequences (Liu et al. 2025).
    - "gspo": one ratio a sequence, the geometric mean of its tokens', divided as in grpo (Zheng et
      al. 2025; in the form GSPO-token, which also takes advantages that differ over a sequence).
      Its ratios are far closer to 1: clip at 3e-4 and 4e-4.
    - "cispo": the log-probability of every token, weighed by the clipped ratio that no gradient
      flows through, divided as in dapo (MiniMax 2025). With `clip_low` 1 it is clipped above alone.

    Attributes:
        kind: one of the above.
        clip_low, clip_high: ratios are clipped to 1 - clip_low .. 1 + clip_high.
        dual_clip: where the advantage is negative, the loss of a token is at most this times
            -advantage, in the kinds that take a minimum (Ye et al. 2020; above 1); 0: no such
            bound.
        kl: coefficient of the divergence from `reference_log_probs`; 0: not in the loss.
        kl_kind: one of rl.kl.KINDS. k1 has no place in a loss: its expected gradient is zero.
        truncation: the largest weight that corrects a token for the sampler's probability being
            another than the trainer's; 0: no correction.
        longest: dr_grpo's divisor, the most tokens an answer may have.
    """

    kind: str = "dapo"
    clip_low: float = 0.2
    clip_high: float = 0.28
    dual_clip: float = 0.0
    kl: float = 0.0
    kl_kind: str = "k3+"
    truncation: float = 2.0
    longest: int = 0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise InputError(f"the loss {self.kind!r} is not one of {', '.join(KINDS)}")
        if self.kl_kind not in kl.KINDS:
            raise InputError(f"the KL kind {self.kl_kind!r} is not one of {', '.join(kl.KINDS)}")
        if self.kl and self.kl_kind == "k1":
            raise InputError(
                "a KL of kind k1 has no effect in a loss, its expected gradient being zero: "
                "use k3+, or k1 in the rewards"
            )
        if self.kind == "dr_grpo" and self.longest < 1:
            raise InputError("the loss dr_grpo divides by `longest`: set it to an answer's limit")
        if self.dual_clip and self.dual_clip <= 1:
            raise InputError(f"dual_clip {self.dual_clip} is not above 1: 0 turns it off")


def policy_loss(log_probs: Array, batch: dict[str, Array], settings: PolicyLoss) -> Metrics:
    """The loss of a policy over tokens that it, or one close to it, sampled.

    Args:
        log_probs: [B, T] float32, of the tokens under the policy that learns.
        batch: [B, T] each.
            "mask": 1 where the model wrote the token, else 0. What stands elsewhere in the others
                has no effect, not even if it is not finite.
            "segment_ids": int, 0 on padding and 1, 2, ... on the sequences of a row, at most T.
            "advantages": float32.
            "old_log_probs": under the policy as it was when the step began, by the trainer.
            "sampler_log_probs": as recorded at sampling. May be left out, and is then
                `old_log_probs`.
            "reference_log_probs": of the policy to stay close to. May be left out where kl is 0.

    Returns:
        (sum, count) pairs. Counted as the kind says: "loss" and, without the divergence,
        "policy_loss". Counted in tokens: "ratio", to the old policy (of the sequence in gspo);
        "clipped", the fraction where clipping changed the loss (cispo: the ratio); "dual_clipped"
        where that is on; "old_kl", the divergence from the old policy; "entropy", as -log p; "kl"
        where there is a reference; and where there is a sampler's "mismatch", |trainer - sampler|
        in nats, "weight", the mean correction, and "truncated", the fraction cut.
    """
    written = batch["mask"] > 0
    mask, segment_ids = written.astype(jnp.float32), batch["segment_ids"]
    log_probs = jnp.where(written, log_probs, 0)
    advantages, old, sampler, reference = (
        jnp.where(written, batch[name], 0) if name in batch else None
        for name in ("advantages", "old_log_probs", "sampler_log_probs", "reference_log_probs")
    )
    if settings.kl and reference is None:
        raise InputError("a KL in the loss needs reference_log_probs in the batch")
    metrics: Metrics = {}

    def mean(name: str, x: Array) -> None:
        metrics[name] = (jnp.sum(x * mask), jnp.sum(mask))

    ratio = _ratio(log_probs, old, mask, segment_ids, settings.kind)
    clipped = jnp.clip(ratio, 1 - settings.clip_low, 1 + settings.clip_high)
    if settings.kind == "cispo":
        losses = -jax.lax.stop_gradient(clipped) * advantages * log_probs
        mean("clipped", ratio != clipped)
    else:
        losses = jnp.maximum(-ratio * advantages, -clipped * advantages)
        mean("clipped", losses > -ratio * advantages)
        if settings.dual_clip:
            bound = jnp.where(advantages < 0, -settings.dual_clip * advantages, jnp.inf)
            mean("dual_clipped", losses > bound)
            losses = jnp.minimum(losses, bound)
    mean("ratio", ratio)
    mean("old_kl", kl.estimate(old, log_probs, "k3"))
    mean("entropy", -log_probs)
    if sampler is not None:
        difference = old - sampler
        mean("mismatch", jnp.abs(difference))
        if settings.truncation:
            weight, cut = importance_weights(difference, settings.truncation)
            mean("weight", weight)
            mean("truncated", cut)
            losses = losses * weight

    weights, count = _weights(mask, segment_ids, settings)
    metrics["policy_loss"] = (jnp.sum(losses * weights), count)
    if reference is not None:
        divergence = kl.estimate(log_probs, reference, settings.kl_kind)
        mean("kl", divergence)
        if settings.kl:
            losses = losses + settings.kl * divergence
    metrics["loss"] = (jnp.sum(losses * weights), count)
    return metrics


def importance_weights(log_ratio: Array, truncation: float) -> tuple[Array, Array]:
    """Truncated importance weights min(trainer / sampler, truncation), without gradient, and where
    they were cut. `log_ratio` [...]: log-probability by the trainer less that by the sampler."""
    weight = jnp.exp(jnp.minimum(log_ratio, kl.MOST_LOG_RATIO))
    return jax.lax.stop_gradient(jnp.minimum(weight, truncation)), weight > truncation


def value_loss(values: Array, batch: dict[str, Array], clip: float) -> Metrics:
    """0.5 · max((V - R)², (clip(V) - R)²) a token, clip(V) being within `clip` of the old value;
    Schulman et al. 2017 as in OpenAI's baselines.

    Args:
        values: [B, T] float32, of the critic that learns.
        batch: "old_values", "returns" and "mask", [B, T].
        clip: 0: not clipped.

    Returns:
        (sum, tokens): "loss"; "clipped", the fraction whose gradient is cut; "value"; "return".
    """
    written = batch["mask"] > 0
    values, old, returns = (
        jnp.where(written, x, 0) for x in (values, batch["old_values"], batch["returns"])
    )
    errors = (values - returns) ** 2
    near = old + jnp.clip(values - old, -clip, clip) if clip else values
    clipped_errors = (near - returns) ** 2
    count = jnp.sum(written, dtype=jnp.float32)
    return {
        "loss": (0.5 * jnp.sum(jnp.maximum(errors, clipped_errors)), count),
        "clipped": (jnp.sum(clipped_errors > errors, dtype=jnp.float32), count),
        "value": (jnp.sum(values), count),
        "return": (jnp.sum(returns), count),
    }


def _ratio(log_probs: Array, old: Array, mask: Array, segment_ids: Array, kind: str) -> Array:
    """[B, T]: probability over that of the old policy, of a token or (gspo) of its sequence."""
    log_ratio = log_probs - old
    if kind == "gspo":
        lengths = jnp.maximum(sequence_sum(mask, segment_ids), 1)
        of_sequence = sequence_sum(jax.lax.stop_gradient(log_ratio) * mask, segment_ids) / lengths
        # Its own token's gradient alone: over the sequence they add up to that of the mean.
        log_ratio = of_sequence + log_probs - jax.lax.stop_gradient(log_probs)
    return jnp.exp(jnp.clip(log_ratio, -kl.MOST_LOG_RATIO, kl.MOST_LOG_RATIO))


def _weights(mask: Array, segment_ids: Array, settings: PolicyLoss) -> tuple[Array, Array]:
    """What each token's loss counts for, [B, T], and what the sum is divided by in the end."""
    if settings.kind in ("dapo", "cispo"):
        return mask, jnp.sum(mask)
    count = sequence_count(mask, segment_ids)
    if settings.kind == "dr_grpo":
        return mask / settings.longest, count
    return mask / jnp.maximum(sequence_sum(mask, segment_ids), 1), count
