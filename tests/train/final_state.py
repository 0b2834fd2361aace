"""The state that a run ended with, to compare with that of another."""

import pathlib

import jax
import numpy as np
import orbax.checkpoint as ocp


def final_state(workdir: pathlib.Path, stage: str, step: int) -> dict[str, bytes]:
    """The bits of every array of the state of a stage after a step."""
    path = workdir / stage / "checkpoints" / str(step) / "state"
    leaves, _ = jax.tree_util.tree_flatten_with_path(ocp.StandardCheckpointer().restore(path))
    return {jax.tree_util.keystr(key): np.asarray(leaf).tobytes() for key, leaf in leaves}
