"""Advantages: how much better a token's outcome was than what was to be expected there.

Of a group of answers to one prompt (no model of values is needed), or by generalised advantage
estimation from the values of a critic. Rewards of groups are figures on the host, in numpy; what
has one figure a token is computed where the model is, in JAX.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from data.errors import InputError

KINDS = ("grpo", "dr_grpo", "rloo")


def group_relative(rewards: np.ndarray, kind: str = "grpo", epsilon: float = 1e-6) -> np.ndarray:
    """The advantage of every answer over the others to the same prompt.

    "grpo" is (r - mean) / (std + epsilon), with the standard deviation of a sample (divided by
    G - 1); Shao et al. 2024, equation 3. "dr_grpo" is r - mean; Liu et al. 2025. "rloo" is r - the
    mean of the others, that is dr_grpo times G / (G - 1); Ahmadian et al. 2024.

    Args:
        rewards: [N, G] floats: N prompts, G answers to each.

    Returns:
        [N, G] float32; exactly 0 in a group whose rewards are all equal.

    Raises:
        InputError: an unknown kind, fewer than two answers, or a reward that is not finite.
    """
    rewards = _checked(rewards)
    G = rewards.shape[1]
    centred = rewards - rewards.mean(axis=1, keepdims=True)  # [N, G]
    # Rounding of the mean must not be magnified into an advantage where there is none.
    centred[zero_variance(rewards)] = 0
    if kind == "grpo":
        centred /= rewards.std(axis=1, ddof=1, keepdims=True) + epsilon
    elif kind == "rloo":
        centred *= G / (G - 1)
    elif kind != "dr_grpo":
        raise InputError(f"the advantage kind {kind!r} is not one of {', '.join(KINDS)}")
    return centred.astype(np.float32)


def zero_variance(rewards: np.ndarray) -> np.ndarray:
    """[N] bool: groups of equal rewards, from which nothing can be learnt. `rewards`: [N, G]."""
    rewards = np.asarray(rewards)
    # Not std == 0, which rounding spoils.
    return rewards.max(axis=1) == rewards.min(axis=1)


def overlong_penalty(lengths: np.ndarray, longest: int, buffer: int) -> np.ndarray:
    """What to add to the reward of long answers, from 0 to -1; DAPO (Yu et al. 2025), equation 13.

    Args:
        lengths: [...] tokens of each answer.
        longest: the length at which the penalty is whole.
        buffer: tokens before `longest` over which it grows in a line; 0: none up to `longest`, and
            all of it beyond.

    Returns:
        float32, of the shape of `lengths`.
    """
    room = longest - buffer - np.asarray(lengths)
    return np.clip(room / max(buffer, 1), -1, 0).astype(np.float32)


def gae(
    rewards: Array,
    values: Array,
    mask: Array,
    gamma: float,
    lam: float,
    segment_ids: Array | None = None,
) -> tuple[Array, Array]:
    """Generalised advantage estimation (Schulman et al. 2016) over the tokens the model wrote.

    With t' the next token after t whose mask is 1 in the same sequence, and a value and an
    advantage of 0 after the last one:

        delta_t = r_t + gamma V_t' - V_t,    A_t = delta_t + gamma lam A_t'

    Tokens of prompts, tools and padding take no part: neither what stands in `rewards` and `values`
    there nor how many they are has any effect, since no decision of the model fell on them.

    Args:
        rewards: [B, T] floats, the reward that follows token t.
        values: [B, T] floats, what the critic expected before token t was chosen.
        mask: [B, T], 1 where the model wrote the token.
        gamma: discount for each token of the model.
        lam: 0 trusts the next value, 1 the rewards alone.
        segment_ids: [B, T] int, which sequence of its row a token belongs to; None: one a row.

    Returns:
        Advantages and returns (advantages + values), [B, T] float32, 0 where the mask is 0.
    """
    written = mask > 0
    rewards = jnp.where(written, rewards, 0).astype(jnp.float32)
    values = jnp.where(written, values, 0).astype(jnp.float32)
    if segment_ids is None:
        segment_ids = jnp.ones(mask.shape, jnp.int32)

    def back(carry: tuple[Array, Array, Array], token: tuple) -> tuple[tuple, Array]:
        following, next_value, next_segment = carry  # each [B]
        reward, value, one, segment = token
        same = segment == next_segment
        following = jnp.where(same, following, 0)
        next_value = jnp.where(same, next_value, 0)
        advantage = reward + gamma * next_value - value + gamma * lam * following
        following = jnp.where(one, advantage, following)
        next_value = jnp.where(one, value, next_value)
        return (following, next_value, segment), jnp.where(one, advantage, 0)

    zeros = jnp.zeros(len(rewards), jnp.float32)
    start = (zeros, zeros, segment_ids[:, -1])
    tokens = (rewards.T, values.T, written.T, segment_ids.T)
    advantages = jax.lax.scan(back, start, tokens, reverse=True)[1].T
    return advantages, advantages + values


def whiten(x: Array, mask: Array, epsilon: float = 1e-8) -> Array:
    """`x` shifted and scaled to mean 0 and variance 1 over the tokens where the mask is 1.

    The variance is that of a sample (divided by count - 1), and `epsilon` is added to it. Give the
    whole batch, before it is cut for devices or microbatches: parts have other means.

    Args:
        x, mask: [B, T].

    Returns:
        [B, T] float32, 0 where the mask is 0: padding of -mean / std would be learnt from wherever
        a later sum forgets the mask.
    """
    written = mask > 0
    x = jnp.where(written, x, 0).astype(jnp.float32)
    count = jnp.sum(written)
    centred = jnp.where(written, x - jnp.sum(x) / jnp.maximum(count, 1), 0)
    variance = jnp.sum(centred**2) / jnp.maximum(count - 1, 1)
    return centred * jax.lax.rsqrt(variance + epsilon)


def _checked(rewards: np.ndarray) -> np.ndarray:
    rewards = np.array(rewards, np.float64)
    if rewards.ndim != 2 or rewards.shape[1] < 2:
        raise InputError(
            f"rewards of shape {rewards.shape} leave no other answer to compare with: "
            "sample at least two to a prompt"
        )
    wrong = np.flatnonzero(~np.isfinite(rewards).all(axis=1))
    if len(wrong):
        raise InputError(
            f"the rewards of {len(wrong)} groups are not finite, first {rewards[wrong[0]]}: "
            "leave such answers out before advantages are computed"
        )
    return rewards
