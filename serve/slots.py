"""The device's side of the engine: S texts being written at once, as pure functions.

All shapes are static: a text lives in a slot, a traced number, and a slot that writes nothing is
computed all the same. `insert` reads prompts into slots, `advance` writes in all of them,
`advance_some` in a few.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from model import decode
from model.config import ModelConfig
from model.decode import Decoding
from model.sampling import Sampling, choose
from model.transformer import empty_cache, hidden_states_cached, unstacked

# Stop tokens that a slot itself knows. The engine looks for all of them; these save steps.
STOPS = 4
# The most likely tokens that can be asked for beside the one chosen.
TOP = 20


class Limits(NamedTuple):
    """`last` [S] is the position of the last token a slot may write; `stops` [S, STOPS] are tokens
    that finish it, -1 where there are fewer."""

    last: Array
    stops: Array


class Slots(NamedTuple):
    """S texts. `decoding.token` has been chosen and not yet been handed out; `running` [S] is
    whether it is to be."""

    decoding: Decoding
    settings: Sampling
    limits: Limits
    running: Array


class Rows(NamedTuple):
    """R pieces of prompts, each to be read into a slot of its own.

    tokens [R, P] are followed by anything from `count` [R] on; a row with count 0 changes nothing.
    Row r goes to the positions of slot[r] from start[r] on; those before are read already. Where
    `final`, the prompt is complete and its slot begins to write.
    """

    tokens: Array
    count: Array
    start: Array
    slot: Array
    final: Array
    seed: Array
    settings: Sampling
    limits: Limits


class Written(NamedTuple):
    """What `advance` wrote: [steps, S] tokens, their log-probabilities, and which of them count."""

    tokens: Array
    log_probs: Array
    valid: Array


class Top(NamedTuple):
    """The most likely next tokens of every slot, likeliest first: [S, K] ids and log-probabilities
    at temperature 1, K being TOP or, of smaller vocabularies, V."""

    tokens: Array
    log_probs: Array


def prepared(params: dict[str, Any], config: ModelConfig) -> dict[str, Any]:
    """Parameters as decoding reads them: a layer at a time and in config.dtype already, since they
    are read again for every token. Those of norms and what is quantised stay as they are: norms and
    scales are used in float32."""

    def cast(path: tuple[Any, ...], x: Array) -> Array:
        names = [str(getattr(key, "key", "")) for key in path]
        kept = names[-1] == "scale" or x.dtype == jnp.int8
        kept = kept or any(name.endswith("norm") for name in names)
        return x if kept else x.astype(config.dtype)

    return unstacked(jax.tree_util.tree_map_with_path(cast, params), config)


def empty_slots(config: ModelConfig, count: int, length: int) -> Slots:
    """`count` slots of `length` positions that write nothing."""
    whole = jnp.zeros(count, jnp.int32)
    real = jnp.zeros(count, jnp.float32)
    keys = jax.vmap(jax.random.key)(jnp.zeros(count, jnp.uint32))
    hidden = jnp.zeros((count, config.width), config.dtype)
    return Slots(
        Decoding(empty_cache(config, count, length), whole, whole, keys, real, hidden),
        Sampling(real, whole, real, real),
        Limits(whole, jnp.full((count, STOPS), -1, jnp.int32)),
        jnp.zeros(count, bool),
    )


def insert(
    params: dict[str, Any], config: ModelConfig, slots: Slots, rows: Rows, vocab_size: int
) -> Slots:
    """Reads each row into its slot and, where it is final, chooses the first token after it."""
    before, offsets = slots.decoding, jnp.arange(rows.tokens.shape[1])
    positions = rows.start[:, None] + offsets
    # Past the end of the cache, where nothing is written: what follows a row's tokens.
    positions = jnp.where(offsets < rows.count[:, None], positions, config.context)
    hidden, cache = hidden_states_cached(
        params, config, rows.tokens, positions, before.cache, rows.slot
    )
    last = jnp.take_along_axis(hidden, (rows.count - 1)[:, None, None], axis=1)[:, 0]
    keys = jax.vmap(jax.random.key)(rows.seed)
    position = rows.start + rows.count
    token, log_prob = decode.choose_next(params, last, position, keys, rows.settings, vocab_size)
    chosen = Decoding(None, token, position, keys, log_prob, last)
    new = Slots(chosen, rows.settings, rows.limits, rows.final)
    target = jnp.where(rows.count > 0, rows.slot, len(slots.running))
    slots = jax.tree.map(
        lambda old, row: old.at[target].set(row, mode="drop"),
        slots._replace(decoding=before._replace(cache=None)),
        new,
    )
    return slots._replace(decoding=slots.decoding._replace(cache=cache))


def copy(slots: Slots, source: Array, target: Array) -> Slots:
    """Gives the slot target[0] the keys and values of the slot source[0]; past the last slot: none
    is changed."""
    cache = jax.tree.map(lambda x: x.at[target].set(x[source], mode="drop"), slots.decoding.cache)
    return slots._replace(decoding=slots.decoding._replace(cache=cache))


def choose_again(
    params: dict[str, Any],
    slots: Slots,
    bias: Array,
    biased: Array,
    ranked: Array,
    vocab_size: int,
) -> tuple[Slots, Top]:
    """Chooses the token that is to be handed out next anew in the slots `biased` [S], `bias` [S, V]
    being added to their logits, and looks up the most likely ones where `ranked` [S].

    Log-probabilities stay those of the model, without the bias.
    """
    now = slots.decoding
    scores = decode.token_logits(params, now.hidden, vocab_size)  # [S, V]
    draws = jax.vmap(jax.random.fold_in)(now.keys, now.position)
    token, _ = choose(scores + bias, draws, slots.settings)
    token = jnp.where(biased, token, now.token)
    log_probs = jax.nn.log_softmax(scores)
    log_prob = jnp.take_along_axis(log_probs, token[:, None], axis=-1)[:, 0]
    # To the last bit that of the same token among the most likely ones.
    log_prob = jnp.where(biased | ranked, log_prob, now.log_prob)
    chosen = now._replace(token=token, log_prob=log_prob)
    return slots._replace(decoding=chosen), top_tokens(log_probs, ranked)


def top_tokens(log_probs: Array, ranked: Array) -> Top:
    """The largest of [..., V] log-probabilities; zeros where no row is `ranked`."""
    K = min(TOP, log_probs.shape[-1])
    shape = (*log_probs.shape[:-1], K)
    nothing = Top(jnp.zeros(shape, jnp.int32), jnp.zeros(shape, log_probs.dtype))
    # Sorting is slow on a CPU: only where somebody asks.
    return jax.lax.cond(
        jnp.any(ranked), lambda x: Top(*jax.lax.top_k(x, K)[::-1]), lambda x: nothing, log_probs
    )


def advance(
    params: dict[str, Any],
    config: ModelConfig,
    slots: Slots,
    active: Array,
    count: Array,
    steps: int,
    vocab_size: int,
) -> tuple[Slots, Written]:
    """Writes up to `count` tokens, at most `steps`, in every slot that is running and `active`
    [S]. `count` is a scalar and not found out here, so that devices with slots of their own take
    the same steps."""
    S = len(active)

    def write(i: Array, carry: tuple[Slots, Written]) -> tuple[Slots, Written]:
        slots, written = carry
        now = slots.decoding
        new = Written(now.token, now.log_prob, slots.running)
        written = Written(*(x.at[i].set(y) for x, y in zip(written, new, strict=True)))
        stopped = jnp.any(now.token[:, None] == slots.limits.stops, axis=1)
        running = slots.running & ~stopped & (now.position < slots.limits.last)
        # Past the end of the cache, where slots that rest neither write nor make others read.
        resting = jnp.where(slots.running, now.position, config.context)
        then = decode.step(
            params, config, now._replace(position=resting), slots.settings, vocab_size
        )
        decoding = Decoding(
            then.cache,
            jnp.where(running, then.token, now.token),
            jnp.where(running, then.position, now.position),
            now.keys,
            jnp.where(running, then.log_prob, now.log_prob),
            jnp.where(running[:, None], then.hidden, now.hidden),
        )
        return slots._replace(decoding=decoding, running=running), written

    slots = slots._replace(running=slots.running & active)
    written = Written(
        jnp.zeros((steps, S), jnp.int32), jnp.zeros((steps, S)), jnp.zeros((steps, S), bool)
    )
    return jax.lax.fori_loop(0, jnp.minimum(count, steps), write, (slots, written))


def advance_some(
    params: dict[str, Any],
    config: ModelConfig,
    slots: Slots,
    which: Array,
    count: Array,
    steps: int,
    vocab_size: int,
) -> tuple[Slots, Written]:
    """`advance` for the slots `which` [N] alone, in time that depends on N and not on S.

    A number past the last slot stands for none. N columns are written. The keys and values of those
    slots are copied out and back again, once for all steps.
    """
    some = jax.tree.map(lambda x: x[which], slots)
    active = which < len(slots.running)
    some, written = advance(params, config, some, active, count, steps, vocab_size)
    return jax.tree.map(lambda x, y: x.at[which].set(y, mode="drop"), slots, some), written
