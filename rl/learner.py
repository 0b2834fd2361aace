"""How an algorithm learns from packed answers: the compiled functions of a step."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh
from ml_collections import ConfigDict

from model.config import ModelConfig
from model.parameters import initialise
from model.sharding import shardings
from model.transformer import unstacked
from rl.packing import Packed
from train import loop, state
from train.gradients import Metrics, gradients
from train.optimizer import optimizer
from train.step import updated

Params = dict[str, Any]


class Method(NamedTuple):
    """What the algorithms differ in. B rows of T places, in microbatches; N problems, G answers.

    declarations: of the parameters; those that the start does not have are initialised.
    carried: numbers that it hands from step to step, by name.
    usable: rewards [N, G] -> [N] bool, the problems whose answers it can learn from.
    credit: rewards [N, G], overlong answers penalised -> [N, G], what is to stand in
      batch["credit"] at every token of an answer.
    prepare: (params, parameters of the start, carried, batch, microbatches in use) -> (what the
      batch is to hold beside that, carried, metrics), before the first update of a step; jitted.
    loss: (params, rows of the batch) -> metrics, whose "loss" the optimizer follows.
    """

    declarations: Params
    carried: dict[str, Any]
    usable: Callable[[np.ndarray], np.ndarray]
    credit: Callable[[np.ndarray], np.ndarray]
    prepare: Callable[
        [Params, Params, dict[str, Array], dict[str, Array], Array],
        tuple[dict[str, Array], dict[str, Array], Metrics],
    ]
    loss: Callable[[Params, dict[str, Array]], Metrics]


class Learner:
    """The compiled functions that learn from packed answers."""

    def __init__(
        self,
        config: ConfigDict,
        architecture: ModelConfig,
        mesh: Mesh,
        method: Method,
        carried: dict[str, Any],
    ) -> None:
        train, rl = config.train, config.rl
        self._mesh, self._method, self._architecture = mesh, method, architecture
        self._microbatches, self._parts = train.accumulate, (rl.epochs, rl.minibatches)
        # The schedule counts updates, of which a step makes at most so many.
        counted = train.copy_and_resolve_references().unlock()
        counted.steps = train.steps * rl.epochs * rl.minibatches
        self._optimizer = optimizer(counted, method.declarations)
        self._carried = _arrays(carried)
        average = bool(train.average)
        self.layout = state.layout(
            method.declarations, self._optimizer, average, mesh, self._carried
        )
        places = jax.tree.map(lambda leaf: leaf.sharding, self.layout)
        self._prepare = jax.jit(method.prepare)
        self._update = jax.jit(self._updated, out_shardings=(places, None), donate_argnums=0)
        self._begin = jax.jit(
            # Copied: a step may overwrite the state, and the start is still needed.
            lambda params, carried: state.starting(
                jax.tree.map(jnp.copy, params), self._optimizer, average, carried
            ),
            out_shardings=places,
        )

    def initial(self, start: Params) -> state.State:
        """The state before the first step, from the parameters of the stage it starts from."""
        declarations = self._method.declarations
        new = {name: tree for name, tree in declarations.items() if name not in start}
        made = jax.jit(
            lambda: initialise(jax.random.key(0), new), out_shardings=shardings(new, self._mesh)
        )()
        return self._begin(start | made, self._carried)

    def skip(self, current: state.State, carried: dict[str, Any]) -> state.State:
        """The state after a step that learns nothing."""
        return current.replace(step=current.step + 1, carried=_arrays(carried))

    def learn(
        self, current: state.State, start: Params, carried: dict[str, Any], packed: Packed
    ) -> tuple[state.State, Metrics]:
        """All updates of a step: the microbatches in use are cut into config.rl.minibatches parts,
        and gone through config.rl.epochs times."""
        batch = loop.to_devices(packed.arrays, self._mesh)
        used = np.int32(packed.used)
        added, carried, metrics = self._prepare(current.params, start, carried, batch, used)
        # Waiting for each call: with many independent ones in flight, the sums over several CPU
        # devices can wait for one another for ever.
        batch, carried = jax.block_until_ready(batch | added), jax.device_get(carried)
        epochs, parts = self._parts
        bounds = np.linspace(0, packed.used, min(parts, packed.used) + 1).astype(np.int32)
        spans = [*itertools.pairwise(bounds)] * epochs
        for number, span in enumerate(spans, start=1):
            last = np.int32(number == len(spans))
            current, found = self._update(current, batch, span, carried, last)
            jax.block_until_ready(current)
            for name, (total, count) in found.items():
                before = metrics.get(name, (0.0, 0.0))
                metrics[name] = (before[0] + total, before[1] + count)
        return current, metrics

    def _updated(
        self,
        current: state.State,
        batch: dict[str, Array],
        span: tuple[Array, Array],
        carried: dict[str, Array],
        last: Array,
    ) -> tuple[state.State, Metrics]:
        gradient, metrics = gradients(
            self._method.loss,
            current.params,
            batch,
            self._microbatches,
            prepare=lambda params: unstacked(params, self._architecture),
            span=span,
        )
        following, metrics = updated(current, self._optimizer, gradient, metrics)
        return following.replace(step=current.step + last, carried=carried), metrics


def _arrays(carried: dict[str, Any]) -> dict[str, Array]:
    return {name: jnp.asarray(value, jnp.float32) for name, value in carried.items()}
