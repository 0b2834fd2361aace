"""Log-probabilities of tokens: the one quantity under every stage's loss.

Pretraining, SFT, preferences and reinforcement learning all need log p(token | what came before)
and differ only in how they weigh it. [B, T, V] logits are the largest array of a training step,
so they are made for a few positions at a time and made again in the backward pass.
"""

import jax
import jax.numpy as jnp
from jax import Array


def token_log_probs(hidden: Array, unembedding: Array, targets: Array, chunk: int = 0) -> Array:
    """log p(target) at every position.

    Args:
      hidden: [B, T, D], the final hidden states.
      unembedding: [V, D].
      targets: [B, T] int32 in 0..V-1; hidden[b, t] predicts targets[b, t].
      chunk: positions of a row whose logits exist at a time; 0: all of them, and their
        probabilities are kept for the backward pass instead of being computed twice.

    Returns:
      [B, T] float32, at most 0.
    """
    matrix = unembedding.astype(hidden.dtype)

    def log_probs(hidden: Array, targets: Array) -> Array:
        logits = jnp.einsum("btd,vd->btv", hidden, matrix, preferred_element_type=jnp.float32)
        chosen = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
        return chosen - jax.nn.logsumexp(logits, axis=-1)

    T = hidden.shape[1]
    if chunk == 0 or chunk >= T:
        return log_probs(hidden, targets)
    # Chunks run along time: the batch axis is split over devices and must stay whole.
    padding = -T % chunk
    hidden = jnp.pad(hidden, ((0, 0), (0, padding), (0, 0)))
    targets = jnp.pad(targets, ((0, 0), (0, padding)))

    def split(x: Array) -> Array:
        return x.reshape(x.shape[0], -1, chunk, *x.shape[2:]).swapaxes(0, 1)

    scores = jax.lax.map(
        lambda pair: jax.checkpoint(log_probs)(*pair), (split(hidden), split(targets))
    )  # [T / chunk, B, chunk]
    return scores.swapaxes(0, 1).reshape(hidden.shape[0], T + padding)[:, :T]
