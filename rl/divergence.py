"""How far a policy has strayed from the model that it started from, on whole answers it sampled."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from model.config import ModelConfig
from rl import kl
from rl.packing import pack
from rl.policy import log_probs_and_hidden
from serve.turns import Trajectory
from train import loop

Params = dict[str, Any]


def measurer(
    architecture: ModelConfig, vocab_size: int, mesh: Mesh, rows: int
) -> Callable[[Params, Sequence[Trajectory]], np.ndarray]:
    """(parameters of the start, turns sampled at temperature 1) -> of each an estimate of
    KL(policy || start), in nats an answer, [N] float32.

    The sum over an answer's tokens of k3 (rl.kl): its mean over answers is that of the divergence
    between the distributions of whole answers.

    Args:
        rows: of `architecture.context` tokens that are computed at a time; the mesh divides them.
    """

    @jax.jit
    def tokens(params: Params, batch: dict[str, jax.Array]) -> jax.Array:
        log_probs, _ = log_probs_and_hidden(params, architecture, batch, vocab_size)
        return kl.estimate(batch["sampler_log_probs"], log_probs, "k3") * batch["mask"]

    def measure(start: Params, written: Sequence[Trajectory]) -> np.ndarray:
        # Rows enough for each, so that they fit however long they are.
        most = rows * math.ceil(len(written) / rows)
        packed = pack(written, most, architecture.context, rows, np.random.default_rng(0))
        parts = most // rows
        found = np.zeros((most, architecture.context), np.float32)
        for part in range(packed.used):
            batch = {name: array[part::parts] for name, array in packed.arrays.items()}
            found[part::parts] = np.asarray(tokens(start, loop.to_devices(batch, mesh)))
        return np.array(
            [
                found[row, first : first + length].sum()
                for row, first, length in zip(
                    packed.rows, packed.starts, packed.lengths, strict=True
                )
            ],
            np.float32,
        )

    return measure
