"""The distance of a policy from a reference: estimates, as a reward, and its coefficient.

Estimates of KL(policy || reference) from tokens that the policy sampled; Schulman 2020,
"Approximating KL divergence".
"""

import jax
import jax.numpy as jnp
from jax import Array

from rl.sequences import last_written

KINDS = ("k1", "k2", "k3", "k3+")

# Beyond e^20 a ratio says nothing more, and float32 overflows at e^88.
MOST_LOG_RATIO = 20.0


def estimate(log_probs: Array, reference_log_probs: Array, kind: str) -> Array:
    """An estimate of the KL divergence at every token, in nats.

    With d = log reference - log policy of the sampled token: "k1" is -d, unbiased; "k2" is d² / 2,
    biased, never negative, and the one whose gradient is in expectation that of the divergence;
    "k3" is e^d - 1 - d, unbiased and never negative; "k3+" has the value of k3 and the gradient of
    k2. The expected gradient of k1 is zero where the policy itself sampled: use k1 in rewards only.

    Args:
        log_probs, reference_log_probs: [...] float32, of the sampled tokens.

    Returns:
        [...] float32.
    """
    difference = reference_log_probs - log_probs
    difference = jnp.clip(difference, -MOST_LOG_RATIO, MOST_LOG_RATIO)
    if kind == "k1":
        return -difference
    k2 = difference**2 / 2
    if kind == "k2":
        return k2
    k3 = jnp.expm1(difference) - difference
    return k3 if kind == "k3" else k2 + jax.lax.stop_gradient(k3 - k2)


def rewards_with_penalty(
    rewards: Array,
    log_probs: Array,
    reference_log_probs: Array,
    mask: Array,
    segment_ids: Array,
    coefficient: Array | float,
) -> Array:
    """Rewards of tokens: an answer's own on the last token the model wrote, less the coefficient
    times k1 on each; Ziegler et al. 2019, equation 2.

    Args:
        rewards: [B, T], an answer's reward on all its tokens (only that on the last is read).
        log_probs, reference_log_probs: [B, T], of the policy that sampled and of the reference.
        mask: [B, T], 1 where the model wrote the token.
        segment_ids: [B, T] int, 0 on padding and 1, 2, ... on the sequences of a row.

    Returns:
        [B, T] float32, 0 where the mask is 0.
    """
    penalty = coefficient * estimate(log_probs, reference_log_probs, "k1")
    final = jnp.where(last_written(mask, segment_ids), rewards, 0)
    return jnp.where(mask > 0, final - penalty, 0).astype(jnp.float32)


def adapted(coefficient: Array, kl: Array, target: float, gain: float = 0.1) -> Array:
    """The coefficient for the next step, larger where the policy went too far; Ziegler et al. 2019,
    section 2.2.

    Args:
        kl: what this step's rollouts measured, in the unit of `target` (nats a token or an answer).
        gain: the largest change is 0.2 times this, as a fraction of the coefficient.
    """
    return coefficient * (1 + gain * jnp.clip(kl / target - 1, -0.2, 0.2))
