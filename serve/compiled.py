"""The engine's functions, jitted and laid out over devices."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh, PartitionSpec

from model.config import ModelConfig
from model.inside import inside
from model.sharding import RULES
from serve import scores as scoring
from serve import slots as device
from serve.scores import Scores
from serve.slots import Rows, Slots, Top, Written

# How many of the most likely tokens each layer shows when it is looked into.
_LENS = 5


class Compiled(NamedTuple):
    """prepare: parameters -> parameters as the others take them; insert, choose_again, advance,
    advance_some and copy: see serve.slots, with parameters before slots where they need them;
    score: see serve.scores; inside: see model.inside."""

    prepare: Callable
    insert: Callable
    choose_again: Callable
    advance: Callable
    advance_some: Callable
    copy: Callable
    score: Callable
    inside: Callable


@functools.cache
def compiled(config: ModelConfig, vocab_size: int, steps: int, mesh: Mesh) -> Compiled:
    """The jitted functions, shared by all engines they fit."""

    def insert(params: Any, slots: Slots, rows: Rows) -> Slots:
        return device.insert(params, config, slots, rows, vocab_size)

    def choose_again(params: Any, slots: Slots, *steering: Any) -> tuple[Slots, Top]:
        return device.choose_again(params, slots, *steering, vocab_size)

    def score(params: Any, tokens: Any, ranked: Any) -> Scores:
        return scoring.scores(params, config, tokens, ranked, vocab_size)

    def advance(params: Any, slots: Slots, active: Any, count: Any) -> tuple[Slots, Written]:
        return device.advance(params, config, slots, active, count, steps, vocab_size)

    def advance_some(params: Any, slots: Slots, which: Any, count: Any) -> tuple[Slots, Written]:
        return device.advance_some(params, config, slots, which, count, steps, vocab_size)

    axes, copy = RULES["batch"], device.copy
    if any(mesh.shape[axis] > 1 for axis in axes):
        # Each device has slots of its own and never hears of the others'.
        mine, whole = PartitionSpec(axes), PartitionSpec()
        over_devices = functools.partial(
            jax.shard_map, mesh=mesh, axis_names=set(axes), check_vma=False
        )
        insert = over_devices(insert, in_specs=(whole, mine, mine), out_specs=mine)
        choose_again = over_devices(
            choose_again, in_specs=(whole, mine, mine, mine, mine), out_specs=(mine, mine)
        )
        advance, advance_some = (
            over_devices(
                function,
                in_specs=(whole, mine, mine, whole),
                out_specs=(mine, PartitionSpec(None, axes)),
            )
            for function in (advance, advance_some)
        )
        copy = over_devices(copy, in_specs=(mine, mine, mine), out_specs=mine)
    return Compiled(
        prepare=jax.jit(lambda params: device.prepared(params, config)),
        insert=jax.jit(insert, donate_argnums=1),
        choose_again=jax.jit(choose_again, donate_argnums=1),
        advance=jax.jit(advance, donate_argnums=1),
        advance_some=jax.jit(advance_some, donate_argnums=1),
        copy=jax.jit(copy, donate_argnums=0),
        score=jax.jit(score),
        inside=jax.jit(lambda params, row: inside(params, config, row, vocab_size, _LENS)),
    )
