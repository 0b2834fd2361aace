"""What the stages that learn from preferences have in common: opening them, a figure of every
answer of every ranking, and pairs of figures."""

import collections
import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from data import preference_rows
from data.encoding import Tokenizer
from data.run_folder import write_atomically
from model.config import ModelConfig
from train import loop, stage, trained
from train.preference_losses import better_than
from train.scaling import resolve


def opened(
    config: ConfigDict, section: str, workdir: str | os.PathLike, tokenizer: Tokenizer
) -> tuple[ConfigDict, ModelConfig, preference_rows.Opened]:
    """The resolved config of a stage, its architecture, and the preferences that it learns from.

    What was left out or cut of these is counted in left_out.json of the stage's folder.

    Args:
        section: the name of the stage's section of the config.
    """
    own = config[section]
    base = trained.read_start(workdir, own.start)
    counts: collections.Counter = collections.Counter()
    data = preference_rows.open_sources(config, section, workdir, tokenizer, counts)
    record_left_out(workdir, own.name, counts)
    settings = stage.fine_tuning(config, own, base, data.T, data.epoch)
    return *resolve(settings, tokenizer.vocab_size), data


def record_left_out(
    workdir: str | os.PathLike, name: str, counts: Mapping[str, int], file: str = "left_out.json"
) -> None:
    """Writes into the folder of the stage `name` how often what was left out or cut, and why."""
    write_atomically(pathlib.Path(workdir) / name / file, json.dumps(counts, indent=2) + "\n")


def flattened(batch: dict[str, Array]) -> dict[str, Array]:
    """A batch of rankings [B, K, ...] as one of answers [B · K, ...]."""
    return {name: x.reshape(-1, *x.shape[2:]) for name, x in batch.items()}


def pairs(figures: Array, ranks: Array) -> tuple[Array, Array, Array]:
    """Every pair of answers to one prompt: (the better one's figure, the other's, mask).

    Args:
        figures: [B, K]. ranks: [B, K] int, 1 is the best, equal is tied, 0 is no answer.

    Returns:
        [B · K · K] each; the mask is 1 where the first is better than the second.
    """
    better = better_than(ranks)
    first = jnp.broadcast_to(figures[:, :, None], better.shape)
    second = jnp.broadcast_to(figures[:, None], better.shape)
    return first.reshape(-1), second.reshape(-1), better.reshape(-1)


def measurer(
    figure: Callable[[dict[str, Any], dict[str, Array]], Array], mesh: Mesh, batch: int
) -> Callable[[dict[str, Any], Sequence[preference_rows.Encoded], int, int], np.ndarray]:
    """(params, rankings, K, T) -> `figure` of every answer, [N, K] float32; 0 where there is none.

    Args:
        figure: (params, batch of answers as `flattened` gives it) -> [B · K].
        batch: rankings at a time, a multiple of the rows' share of the mesh.
    """
    whole = NamedSharding(mesh, PartitionSpec())

    def of_batch(params: dict[str, Any], rows: dict[str, Array]) -> Array:
        values = figure(params, flattened(rows)).reshape(rows["ranks"].shape)
        return jnp.where(rows["ranks"] > 0, values, 0.0)

    compiled = jax.jit(of_batch, out_shardings=whole)
    mine = loop.local_rows(mesh, batch)

    def measure(
        params: dict[str, Any], rankings: Sequence[preference_rows.Encoded], K: int, T: int
    ) -> np.ndarray:
        found = [
            np.asarray(compiled(params, loop.to_devices(one, mesh)))
            for one in preference_rows.in_order(rankings, K, T, batch, mine)
        ]
        return np.concatenate(found)[: len(rankings)]

    return measure


def ranks_of(rankings: Sequence[preference_rows.Encoded], K: int) -> np.ndarray:
    """[N, K] int32, 0 where there is no answer."""
    return np.stack([np.pad(one.ranks, (0, K - len(one.ranks))) for one in rankings])
