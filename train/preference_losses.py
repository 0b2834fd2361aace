"""Losses of preferences: of scores (a reward model) and of log-probabilities (DPO).

Pure functions of figures that a model gave, as (sum, count) pairs of train.gradients. Every one
takes "mask", 1 on the rows that count, so that a batch may be filled up with empty rows.
"""

import jax
import jax.numpy as jnp
from jax import Array

from train.gradients import Metrics


def bradley_terry(
    chosen: Array,
    rejected: Array,
    mask: Array,
    margin: Array | float = 0.0,
    centring: float = 0.01,
) -> Metrics:
    """-log sigmoid(chosen - rejected - margin) + centring · (chosen + rejected)².

    Bradley and Terry 1952; the margin is of Llama 2 (Touvron et al. 2023), the centring of
    Eisenstein et al. 2023: differences alone would leave the level of the scores to drift.

    Args:
        chosen, rejected: [B] float32 scores.
        mask: [B], 1 on the pairs that count.
        margin: [B] or one for all; how much better the chosen one is meant to be.

    Returns:
        "loss"; "accuracy", a tie counting half; "margin", chosen - rejected; "score", of both.
    """
    kept = mask > 0
    chosen, rejected = jnp.where(kept, chosen, 0), jnp.where(kept, rejected, 0)
    difference = chosen - rejected
    losses = -jax.nn.log_sigmoid(difference - margin) + centring * (chosen + rejected) ** 2
    return _totals(
        kept,
        loss=losses,
        accuracy=_right(difference),
        margin=difference,
        score=(chosen + rejected) / 2,
    )


def plackett_luce(scores: Array, ranks: Array, centring: float = 0.01) -> Metrics:
    """The negative log-likelihood of rankings, in nats a choice.

    Plackett 1975: a ranking is a row of choices, each item being taken from itself and all that are
    worse, with probability softmax of the scores. Tied items say nothing about each other: each is
    chosen from itself and what is strictly worse, so that a ranking of two is Bradley-Terry, a tie
    of two is no loss, and the order in which tied items stand does not matter. The centring,
    centring · (2 · mean score)², is added to every choice: that of Bradley-Terry where K is 2.

    Args:
        scores: [B, K] float32.
        ranks: [B, K] int, 1 is the best, equal numbers are tied, 0 is no item. Gaps do not matter.

    Returns:
        "loss", counted in choices (items with something worse); "accuracy" and "margin", of the
        pairs that are not tied; "score", of the items.
    """
    items = ranks > 0
    scores = jnp.where(items, scores, 0)
    better = better_than(ranks)  # [B, K, K]: item i is better than item j
    choices = better.any(axis=2)
    rivals = better | jnp.eye(ranks.shape[1], dtype=bool)
    total = jax.nn.logsumexp(jnp.where(rivals, scores[:, None], -jnp.inf), axis=2)  # [B, K]
    mean = jnp.sum(scores, axis=1) / jnp.maximum(jnp.sum(items, axis=1), 1)
    losses = total - scores + centring * (2 * mean[:, None]) ** 2
    return _totals(choices, loss=losses) | _of_ranking(scores, items, better)


def all_pairs(scores: Array, ranks: Array, centring: float = 0.01) -> Metrics:
    """The mean of Bradley-Terry over all pairs of a ranking that are not tied, each ranking
    counting once however many items it has; Ouyang et al. 2022 (InstructGPT), equation 1.

    Args and Returns: as of `plackett_luce`, but "loss" is counted in rankings with such a pair.
    """
    items = ranks > 0
    scores = jnp.where(items, scores, 0)
    better = better_than(ranks)
    difference = scores[:, :, None] - scores[:, None]
    level = (scores[:, :, None] + scores[:, None]) ** 2
    losses = jnp.where(better, -jax.nn.log_sigmoid(difference) + centring * level, 0)
    pairs = jnp.sum(better, axis=(1, 2))
    means = jnp.sum(losses, axis=(1, 2)) / jnp.maximum(pairs, 1)
    return _totals(pairs > 0, loss=means) | _of_ranking(scores, items, better)


def dpo(
    chosen: Array,
    rejected: Array,
    reference_chosen: Array,
    reference_rejected: Array,
    mask: Array,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
) -> Metrics:
    """Direct preference optimization (Rafailov et al. 2023): with h the policy's log-ratio of the
    chosen over the rejected answer less the reference's,

        -(1 - label_smoothing) log sigmoid(beta h) - label_smoothing log sigmoid(-beta h)

    where label_smoothing is the fraction of pairs that are the wrong way round (Mitchell 2023).

    Args:
        chosen, rejected, reference_chosen, reference_rejected: [B] float32, log-probabilities of
            whole answers, by the policy that learns and by the reference.
        mask: [B], 1 on the pairs that count.

    Returns:
        Counted in pairs: "loss"; "accuracy", a tie counting half; "margin", beta h; "chosen_reward"
        and "rejected_reward", beta times policy less reference.
    """
    kept, good, bad = _rewards(chosen, rejected, reference_chosen, reference_rejected, mask, beta)
    margin = good - bad
    losses = -(1 - label_smoothing) * jax.nn.log_sigmoid(margin)
    losses -= label_smoothing * jax.nn.log_sigmoid(-margin)
    return _of_pairs(kept, losses, good, bad)


def ipo(
    chosen: Array,
    rejected: Array,
    reference_chosen: Array,
    reference_rejected: Array,
    mask: Array,
    beta: float = 0.1,
) -> Metrics:
    """(h - 1 / (2 beta))², with h as in `dpo`, which it follows in all else; Azar et al. 2023,
    equation 17. It stops at a margin where DPO would go on for ever."""
    kept, good, bad = _rewards(chosen, rejected, reference_chosen, reference_rejected, mask, beta)
    return _of_pairs(kept, ((good - bad) / beta - 1 / (2 * beta)) ** 2, good, bad)


def _rewards(
    chosen: Array, rejected: Array, reference_chosen: Array, reference_rejected: Array, mask, beta
) -> tuple[Array, Array, Array]:
    kept = mask > 0
    good = beta * jnp.where(kept, chosen - reference_chosen, 0)
    bad = beta * jnp.where(kept, rejected - reference_rejected, 0)
    return kept, good, bad


def _of_pairs(kept: Array, losses: Array, good: Array, bad: Array) -> Metrics:
    return _totals(
        kept,
        loss=losses,
        accuracy=_right(good - bad),
        margin=good - bad,
        chosen_reward=good,
        rejected_reward=bad,
    )


def _of_ranking(scores: Array, items: Array, better: Array) -> Metrics:
    difference = scores[:, :, None] - scores[:, None]  # [B, K, K]
    pairs = _totals(better, accuracy=_right(difference), margin=difference)
    return pairs | _totals(items, score=scores)


def better_than(ranks: Array) -> Array:
    """[B, K, K] bool: item i is ranked above item j."""
    items = ranks > 0
    above = ranks[:, :, None] < ranks[:, None]
    return above & items[:, :, None] & items[:, None]


def _right(difference: Array) -> Array:
    """1 where the better one is ahead, 1/2 where they are level."""
    return (jnp.sign(difference) + 1) / 2


def _totals(kept: Array, **figures: Array) -> Metrics:
    count = jnp.sum(kept, dtype=jnp.float32)
    return {name: (jnp.sum(jnp.where(kept, x, 0)), count) for name, x in figures.items()}
