"""A decoder-only transformer as pure functions of (parameters, configuration, tokens).

`hidden_states` is the whole forward pass up to the last norm, `logits` the last product. The
same layer serves training (whole rows) and decoding (a few new tokens against a cache of keys and
values); Qwen3, Llama 3 and GPT-2 differ only in the fields of their ModelConfig.
"""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from model import layers
from model.attention import attention, attention_and_weights, cached_attention
from model.config import ModelConfig
from model.parameters import unembedding
from model.sharding import constrain

# "key" and "value" of a layer, each in blocks [B, K, size, head_dim] that follow one another: one
# such pair a layer or, where config.scan is set, one pair with the layers on a leading axis.
Cache = dict[str, tuple[Array, ...]] | list[dict[str, tuple[Array, ...]]]

_SMALLEST_BLOCK = 64


def hidden_states(
    params: dict[str, Any],
    config: ModelConfig,
    tokens: Array,
    *,
    positions: Array | None = None,
    segment_ids: Array | None = None,
) -> Array:
    """Final hidden states of whole rows.

    Args:
        tokens: [B, T] int32.
        positions: [B, T] int32, a token's place within its document; None: 0..T-1 in every row.
        segment_ids: [B, T] int32; tokens of different segments do not see each other.

    Returns:
        [B, T, D] in config.dtype, after the last norm.

    Raises:
        ValueError: rows longer than config.context.
    """
    T = tokens.shape[1]
    if T > config.context:
        raise ValueError(f"rows of {T} tokens do not fit the context of {config.context}")
    x = _embed(params, config, tokens, jnp.arange(T) if positions is None else positions)
    rotary = _rotary(config, jnp.arange(T)[None] if positions is None else positions)

    def layer(x: Array, weights: dict[str, Any]) -> Array:
        def attend(query: Array, key: Array, value: Array) -> Array:
            return attention(query, key, value, segment_ids=segment_ids, backend=config.attention)

        return _layer(weights, config, x, rotary, attend)

    layer = _rematerialised(layer, config)
    if config.scan:
        x, _ = jax.lax.scan(lambda x, weights: (layer(x, weights), None), x, params["layers"])
    else:
        for weights in unstacked(params, config)["layers"]:
            x = layer(x, weights)
    return layers.norm(params["norm"], x, config)


def hidden_states_cached(
    params: dict[str, Any],
    config: ModelConfig,
    tokens: Array,
    positions: Array,
    cache: Cache,
    rows: Array | None = None,
) -> tuple[Array, Cache]:
    """Final hidden states of new tokens that also see what `cache` holds.

    Args:
        tokens: [B, T] int32, the tokens to add.
        positions: [B, T] int32, their places in the sequence, rising within a row; also the slots
            of the cache they are written to. Slots at or past S are dropped, not written.
        cache: keys and values as made by `empty_cache`.
        rows: [B] int32, where the cache has more rows: which of them each row of tokens goes to.

    Returns:
        [B, T, D] as of `hidden_states`, and the cache with the new tokens in it.
    """
    x = _embed(params, config, tokens, positions)
    rotary = _rotary(config, positions)

    def layer(x: Array, inputs: tuple[dict[str, Any], Cache]) -> tuple[Array, Cache]:
        weights, cached = inputs

        def attend(query: Array, key: Array, value: Array) -> tuple[Array, Cache]:
            new = {
                "key": _written(cached["key"], key, positions, rows),
                "value": _written(cached["value"], value, positions, rows),
            }
            return cached_attention(query, new["key"], new["value"], positions, rows), new

        return _layer(weights, config, x, rotary, attend)

    if config.scan:
        x, cache = jax.lax.scan(layer, x, (params["layers"], cache))
    else:
        new = []
        for inputs in zip(unstacked(params, config)["layers"], cache, strict=True):
            x, cached = layer(x, inputs)
            new.append(cached)
        cache = new
    return layers.norm(params["norm"], x, config), cache


def layer_states(params: dict[str, Any], config: ModelConfig, tokens: Array) -> tuple[Array, Array]:
    """What passes from layer to layer, of tokens [B, T] int32, and how each layer attends.

    Returns:
        [L + 1, B, T, D] in config.dtype, before any norm: of the embedding, then after each layer;
        the norm of the last is what `hidden_states` gives. And [L, B, H, T, T] float32: how much
        each token (fourth axis) reads from each, by head.
    """
    positions = jnp.arange(tokens.shape[1])
    first = _embed(params, config, tokens, positions)
    rotary = _rotary(config, positions[None])

    def layer(x: Array, weights: dict[str, Any]) -> tuple[Array, tuple[Array, Array]]:
        x, seen = _layer(weights, config, x, rotary, attention_and_weights)
        return x, (x, seen)

    if config.scan:
        _, (states, seen) = jax.lax.scan(layer, first, params["layers"])
    else:
        x, found = first, []
        for weights in unstacked(params, config)["layers"]:
            x, state = layer(x, weights)
            found.append(state)
        states, seen = (jnp.stack(parts) for parts in zip(*found, strict=True))
    return jnp.concatenate([first[None], states]), seen


def logits(params: dict[str, Any], hidden: Array) -> Array:
    """hidden [..., D] -> logits [..., V], float32."""
    matrix = unembedding(params).astype(hidden.dtype)
    return jnp.einsum("...d,vd->...v", hidden, matrix, preferred_element_type=jnp.float32)


def empty_cache(config: ModelConfig, batch: int, length: int) -> Cache:
    """Zeroed keys and values of `length` slots, in config.dtype.

    Blocks end at powers of two and half-way between, so that a few of them suffice for any length
    and at most a third of what is read is not in use yet. Layers are apart unless config.scan, so
    that a loop over tokens can update each in place.
    """
    ends = [0]
    while ends[-1] < length:
        power = ends[-1] & (ends[-1] - 1) == 0
        grown = ends[-1] * 3 // 2 if power else ends[-1] * 4 // 3
        ends.append(min(length, max(_SMALLEST_BLOCK, grown)))

    def pair(*leading: int) -> dict[str, tuple[Array, ...]]:
        shapes = [
            (*leading, batch, config.kv_heads, end - start, config.head_dim)
            for start, end in itertools.pairwise(ends)
        ]
        return {
            name: tuple(jnp.zeros(shape, config.dtype) for shape in shapes)
            for name in ("key", "value")
        }

    return pair(config.layers) if config.scan else [pair() for _ in range(config.layers)]


def _written(
    blocks: tuple[Array, ...], new: Array, positions: Array, rows: Array | None
) -> tuple[Array, ...]:
    """Blocks of a cache with new [B, K, T, head_dim] at positions [B, T] of rows [B]."""
    rows = (jnp.arange(len(new)) if rows is None else rows)[:, None]
    new = new.swapaxes(1, 2)  # advanced indices around a slice come first: [B, T, K, head_dim]
    written, start = [], 0
    for block in blocks:
        size = block.shape[2]
        # A negative index would count from the end.
        slots = jnp.where(positions < start, size, positions - start)
        written.append(block.at[rows, :, slots].set(new, mode="drop"))
        start += size
    return tuple(written)


def unstacked(params: dict[str, Any], config: ModelConfig) -> dict[str, Any]:
    """The same parameters with "layers" as a list of one tree a layer, unless config.scan.

    Every function here takes either form. A caller that uses the parameters several times in one
    compiled function (microbatches, decoded tokens) unstacks them once, outside its loop.
    """
    if config.scan or isinstance(params["layers"], list):
        return params
    return params | {"layers": _unstack(params["layers"], config.layers)}


def _unstack(tree: Any, count: int) -> list[Any]:
    leaves, structure = jax.tree.flatten(tree)
    # By lax.split, whose gradient is one concatenation; that of indexing would add up `count`
    # full-size arrays of zeros.
    parts = [[x[0] for x in jax.lax.split(leaf, (1,) * count)] for leaf in leaves]
    return [structure.unflatten(part) for part in zip(*parts, strict=True)]


def _embed(params: dict[str, Any], config: ModelConfig, tokens: Array, positions: Array) -> Array:
    # Where its rows are split (tensor), its width is made whole: looked up in a table split both
    # ways, the embedded tokens would be made of all of it. Where its width alone is split (fsdp),
    # it stays so, and the parts of the embedded tokens are exchanged, which is less.
    x = constrain(params["embedding"].astype(config.dtype), "vocab", None)[tokens]
    if config.position == "learned":
        x = x + params["positions"].astype(config.dtype)[positions]
    return constrain(x, "batch", None, None)  # [B, T, D]


def _rotary(config: ModelConfig, positions: Array) -> tuple[Array, Array] | None:
    if config.position != "rope":
        return None
    cosines, sines = layers.rotary_angles(positions, config)
    return cosines[:, None], sines[:, None]  # [B or 1, 1, T, head_dim / 2]


def _layer(
    weights: dict[str, Any],
    config: ModelConfig,
    x: Array,
    rotary: tuple[Array, Array] | None,
    attend: Callable[[Array, Array, Array], Any],
) -> Any:
    """One layer on x [B, T, D]. `attend` maps query, key and value, heads first, to the attention's
    output; where it returns a pair, the second (a cache) is handed through."""
    B, T = x.shape[:2]

    def heads(name: str, count: int) -> Array:
        y = layers.linear(block[name], h).reshape(B, T, count, config.head_dim)
        y = constrain(
            y.swapaxes(1, 2), "batch", "heads" if count == config.heads else "kv_heads", None, None
        )
        if name + "_norm" in block:
            y = layers.norm(block[name + "_norm"], y, config)
        if rotary is not None and name != "value":
            y = layers.rotate(y, *rotary)
        return y  # [B, count, T, head_dim]

    block = weights["attention"]
    with jax.named_scope("attention"):
        h = layers.norm(block["norm"], x, config)
        out = attend(
            heads("query", config.heads),
            heads("key", config.kv_heads),
            heads("value", config.kv_heads),
        )
        out, cache = out if isinstance(out, tuple) else (out, None)
        out = out.swapaxes(1, 2).reshape(B, T, config.heads * config.head_dim)
        x = constrain(x + layers.linear(block["output"], out), "batch", None, None)
    block = weights["mlp"]
    with jax.named_scope("mlp"):
        h = layers.norm(block["norm"], x, config)
        x = constrain(x + layers.mlp(block, h, config), "batch", None, None)
    return x if cache is None else (x, cache)


def _rematerialised(layer: Callable, config: ModelConfig) -> Callable:
    if config.remat == "full":
        return jax.checkpoint(layer)
    if config.remat == "dots":
        return jax.checkpoint(
            layer, policy=jax.checkpoint_policies.dots_with_no_batch_dims_saveable
        )
    return layer
