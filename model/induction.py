"""A transformer that copies before it has learnt anything: a few heads set by hand.

What followed a word before is likely to follow it again. A head half-way up hands every token on to
the one behind it; heads of the next two layers look for places behind a token like their own and
copy what stands there ("induction heads", Olsson et al., arXiv 2209.11895). Training finds them
late and all at once, and a small model hardly at all in text in which most tokens are no copies.
Setting initial weights to what training is known to arrive at is mimetic initialization (Trockman
and Kolter, arXiv 2305.09828). The architecture stays what it is, and the heads go on learning as
all others.

They stand where training puts them, in four layers one in the second and one in each of the last
two. Set in the first two layers they copy no worse at first, and the model learns less from
conversations than without them (docs/laptop.md).
"""

from typing import Any

import jax.numpy as jnp
from jax import Array

from model import layers
from model.config import ModelConfig

# In standard deviations of the embedding's coordinates: the coordinate that all tokens share, for a
# head that goes by place alone; what is handed on of a token, and what each copying head adds of
# one (both of activations that have a standard deviation of 1 after the norm).
_SHARED, _HANDED_ON, _COPIED = 8.0, 2.0, 4.0
# The largest score, by the scales of the norms of queries and keys: of a few hundred places the
# right one must get most of the attention. At scales of 1 it is the root of head_dim.
_LARGEST_SCORE = 16.0
# Of RoPE's pairs: the share that turns fastest, which tells neighbours apart, and the share that
# turns slowest, in which tokens compare the same a hundred places away.
_FAST, _SLOW = 1 / 8, 3 / 8


def check(config: ModelConfig) -> None:
    """Whether such heads can be set in this architecture.

    Raises:
        ValueError: they cannot, with the setting to change.
    """
    if not (config.position == "rope" and config.qk_norm and config.layers > 1):
        raise ValueError(
            "induction heads need rotary positions, norms of queries and keys, and two layers; "
            "model.family 'qwen3' has the first two: set it so, or train.induction=False"
        )
    needed = 2 * config.head_dim + 2 * _slow_pairs(config) + 1
    if config.width < needed:
        raise ValueError(
            f"induction heads of {config.head_dim} need a model.width of {needed}, and it is "
            f"{config.width}: set a smaller model.head_dim, or train.induction=False"
        )


def with_induction_heads(params: dict[str, Any], config: ModelConfig) -> dict[str, Any]:
    """Initial parameters of `model.parameters` with the first head of the middle layers set so, the
    norms of these layers' queries and keys, and one coordinate of the embedding.

    Pure: call it under jit with `out_shardings` to initialise sharded.

    Raises:
        ValueError: as `check`.
    """
    check(config)
    size, width, middle = config.head_dim, config.width, config.layers // 2
    unit = jnp.std(params["embedding"])
    turns = layers.rotary_frequencies(config)  # the fastest first
    pair = jnp.arange(len(turns))
    fast = (pair < max(1, round(_FAST * len(turns)))).astype(jnp.float32)
    slow = pair >= len(turns) - _slow_pairs(config)
    # A token's own first coordinates are handed on into the last of the token behind it. Those by
    # which tokens are compared are not copied over: the next layer compares them again.
    own, handed_on = jnp.eye(width, size), jnp.eye(width, size, size - width)
    copied = jnp.eye(width, size, -2 * _slow_pairs(config))
    shared = width - size - 1
    at_shared = jnp.zeros(width).at[shared].set(1)

    handing_on = {
        # By place alone: the query, turned back by one place, is the key.
        "query": jnp.outer(at_shared, _turned(fast, -turns)),
        "key": jnp.outer(at_shared, _turned(fast, 0 * turns)),
        "value": own,
        "output": _HANDED_ON * unit * handed_on.T,
    }
    copying = {
        "query": own @ _into_pairs(slow),
        "key": handed_on @ _into_pairs(slow),
        "value": copied,
        "output": _COPIED * unit * copied.T,
    }
    attention = dict(params["layers"]["attention"])
    used = slice(middle - 1, min(middle + 2, config.layers))
    for layer in range(used.start, used.stop):
        for name, matrix in (handing_on if layer < middle else copying).items():
            at = (layer, slice(size)) if name == "output" else (layer, slice(None), slice(size))
            weight = attention[name]["weight"].at[at].set(matrix)
            attention[name] = attention[name] | {"weight": weight}
    for name in ("query_norm", "key_norm"):
        scale = attention[name]["scale"].at[used].set((_LARGEST_SCORE / size**0.5) ** 0.5)
        attention[name] = attention[name] | {"scale": scale}
    return params | {
        "embedding": params["embedding"].at[:, shared].set(_SHARED * unit),
        "layers": params["layers"] | {"attention": attention},
    }


def _slow_pairs(config: ModelConfig) -> int:
    return max(1, round(_SLOW * (config.head_dim // 2)))


def _turned(lengths: Array, angles: Array) -> Array:
    """The vector [head_dim] whose pairs have these lengths and angles, laid out as for
    `layers.rotate`."""
    return jnp.concatenate([lengths * jnp.cos(angles), lengths * jnp.sin(angles)])


def _into_pairs(among: Array) -> Array:
    """[head_dim, head_dim], of coordinates to the given ones of the pairs [head_dim / 2], as many
    as there are places for."""
    pairs = jnp.tile(among, 2)
    place = jnp.cumsum(pairs) - 1
    return (jnp.arange(len(pairs))[:, None] == place) * pairs
