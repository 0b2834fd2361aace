"""Stopping where a figure of held-out problems is highest, and keeping the policy of that moment.

The kept parameters lie in the state's place for an average (train.state), which is what every
reader of a stage takes; they are part of each checkpoint, so that a killed run forgets nothing.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from train.state import State

_HIGHEST, _STALE = "peak", "evaluations_since_peak"


def start() -> dict[str, float]:
    """What is handed from step to step."""
    return {_HIGHEST: -float("inf"), _STALE: 0.0}


def follower(figure: str) -> Callable[[State, dict[str, float]], State]:
    """(state, figures of its evaluation) -> the state with the best policy so far kept."""

    def follow(current: State, figures: dict[str, float]) -> State:
        carried: dict[str, Any] = dict(current.carried)
        value = jnp.asarray(figures[figure], jnp.float32)
        if value > carried[_HIGHEST]:
            # Copied: a step may overwrite the state.
            kept = jax.tree.map(jnp.copy, current.params)
            carried |= {_HIGHEST: value, _STALE: jnp.zeros((), jnp.float32)}
            return current.replace(average=kept, carried=carried)
        return current.replace(carried=carried | {_STALE: carried[_STALE] + 1})

    return follow


def is_over(patience: int) -> Callable[[State], bool]:
    """state -> whether none of the last `patience` evaluations set a new best."""
    return lambda current: float(current.carried[_STALE]) >= patience
