"""Attention: one function, several backends.

"xla" is the reference and does everything. "blocked" (made for CPUs, runs anywhere) computes the
same without most of the masked half. "cudnn" (GPU, 16-bit) and "splash" (TPU, Pallas) never hold
the [T, T] scores. A backend that cannot honour an argument raises, because cuDNN's flash attention,
asked for packed documents, silently attends across them.
"""

import functools
import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from model.sharding import partition_spec

_MASKED = -1e30  # finite, so that a row with nothing to attend to gives no NaN


def attention(
    query: Array,
    key: Array,
    value: Array,
    *,
    segment_ids: Array | None = None,
    backend: str = "xla",
) -> Array:
    """Causal scaled dot-product attention with grouped key-value heads (arXiv 2305.13245).

    Args:
        query: [B, H, T, head_dim].
        key, value: [B, K, T, head_dim]; H is a multiple of K, and head h reads group h // (H / K).
        segment_ids: [B, T] integers; a token attends only within its own segment.
        backend: "xla", "blocked", "cudnn" or "splash".

    Returns:
        [B, H, T, head_dim] in the dtype of the query. Scores and softmax are float32.

    Raises:
        ValueError: the backend cannot honour an argument, or is unknown.
    """
    if backend == "xla":
        return _xla(query, key, value, segment_ids)
    if backend == "blocked":
        return _blocked(query, key, value, segment_ids)
    if backend == "cudnn":
        return _cudnn(query, key, value, segment_ids)
    if backend == "splash":
        return _splash(query, key, value, segment_ids)
    raise ValueError(
        f"attention backend {backend!r} is none of 'xla', 'blocked', 'cudnn', 'splash'"
    )


def cached_attention(
    query: Array,
    keys: Sequence[Array],
    values: Sequence[Array],
    positions: Array,
    rows: Array | None = None,
) -> Array:
    """Attention of new tokens to a cache in blocks, of which only those in use are read.

    Args:
        query: [B, H, T, head_dim].
        keys, values: blocks [B, K, size, head_dim] that follow one another, S slots in all.
        positions: [B, T]; a query sees the slots up to its own. At or past S: of no interest, the
            query sees whatever is read for the others.
        rows: [B], where the cache has more rows: which of them each row of queries sees.

    Returns:
        [B, H, T, head_dim], as of `attention`.
    """
    B, H, T, head_dim = query.shape
    K = keys[0].shape[1]
    ends = list(itertools.accumulate(key.shape[2] for key in keys))

    def over(
        count: int, query: Array, keys: Sequence[Array], values: Sequence[Array], positions: Array
    ) -> Array:
        grouped = query.reshape(B, K, H // K, T, head_dim)
        scores, start = [], 0
        # Block by block to the end: on a CPU, joining them takes longer than computing with them.
        for key, end in zip(keys[:count], ends, strict=False):
            visible = jnp.arange(start, end) <= positions[:, None, None, :, None]
            score = _scores(grouped, key if rows is None else key[rows]) * head_dim**-0.5
            scores.append(jnp.where(visible, score, _MASKED))
            start = end
        largest = functools.reduce(jnp.maximum, [x.max(-1, keepdims=True) for x in scores])
        weights = [jnp.exp(x - largest) for x in scores]
        total = sum(weight.sum(-1, keepdims=True) for weight in weights)
        out = sum(
            jnp.einsum(
                "bkgts,bksd->bkgtd",
                weight.astype(value.dtype),
                value if rows is None else value[rows],
                preferred_element_type=jnp.float32,
            )
            for weight, value in zip(weights, values, strict=False)
        )
        return (out / total).reshape(B, H, T, head_dim).astype(query.dtype)

    branches = [functools.partial(over, count + 1) for count in range(len(keys))]
    last = jnp.max(jnp.where(positions < ends[-1], positions, 0))
    full = sum((last >= end).astype(jnp.int32) for end in ends[:-1])
    return jax.lax.switch(full, branches, query, tuple(keys), tuple(values), positions)


def _xla(query: Array, key: Array, value: Array, segment_ids: Array | None) -> Array:
    return _weighted(_weights(query, key, segment_ids), value)


def attention_and_weights(query: Array, key: Array, value: Array) -> tuple[Array, Array]:
    """`attention` by the reference backend, and the weights [B, H, T, T] float32 with which each
    token (third axis) reads each other; a row sums to 1."""
    weights = _weights(query, key, None)
    B, _, _, T, _ = weights.shape
    return _weighted(weights, value), weights.reshape(B, -1, T, T)


def _weights(query: Array, key: Array, segment_ids: Array | None) -> Array:
    """[B, K, H / K, T, T] float32."""
    B, H, T, head_dim = query.shape
    K = key.shape[1]
    visible = jnp.tril(jnp.ones((T, T), bool))
    if segment_ids is not None:
        same = segment_ids[:, :, None] == segment_ids[:, None, :]  # [B, T, T]
        visible = visible & same[:, None, None]
    scores = _scores(query.reshape(B, K, H // K, T, head_dim), key)
    return jax.nn.softmax(jnp.where(visible, scores * head_dim**-0.5, _MASKED), axis=-1)


def _weighted(weights: Array, value: Array) -> Array:
    """[B, K, H / K, T, T] and [B, K, T, head_dim] -> [B, H, T, head_dim]."""
    B, _, _, T, _ = weights.shape
    out = jnp.einsum("bkgts,bksd->bkgtd", weights.astype(value.dtype), value)
    return out.reshape(B, -1, T, value.shape[-1])


def _scores(grouped: Array, key: Array) -> Array:
    """[B, K, H / K, T, head_dim] and [B, K, S, head_dim] -> [B, K, H / K, T, S] float32."""
    return jnp.einsum("bkgtd,bksd->bkgts", grouped, key, preferred_element_type=jnp.float32)


def _query_blocks(T: int) -> list[tuple[int, int]]:
    # Blocks of 128 queries skip a quarter of the scores at T = 256 and nearly half at 1024; smaller
    # ones make products too narrow to run at full speed. At most eight: each is compiled apart.
    size = max(128, -(-T // 8))
    return [(start, min(start + size, T)) for start in range(0, T, size)]


def _product(left: Array, right: Array, left_axis: int, right_axis: int) -> Array:
    """Contracts one axis of each, [B, K] being common: -> [B, K, rest of left, rest of right]."""
    axes = (((left_axis,), (right_axis,)), ((0, 1), (0, 1)))
    return jax.lax.dot_general(left, right, axes, preferred_element_type=jnp.float32)


@jax.custom_vjp
def _blocked(query: Array, key: Array, value: Array, segment_ids: Array | None) -> Array:
    """Each block of queries against the keys up to its end.

    Its own backward pass, because the one that autodiff derives spends most of its time on a CPU
    in products over time whose wide operand comes first, at a third of the matmul's full speed.
    """
    return _blocked_forward(query, key, value, segment_ids)[0]


def _blocked_forward(
    query: Array, key: Array, value: Array, segment_ids: Array | None
) -> tuple[Array, tuple]:
    B, H, T, head_dim = query.shape
    K, group = key.shape[1], H // key.shape[1]
    grouped = (query * head_dim**-0.5).reshape(B, K, group, T, head_dim)
    outs, weights, totals = [], [], []
    for start, end in _query_blocks(T):
        rows = grouped[:, :, :, start:end].reshape(B, K, -1, head_dim)  # [B, K, R, head_dim]
        visible = jnp.arange(end) <= jnp.arange(start, end)[:, None]
        if segment_ids is not None:
            same = segment_ids[:, start:end, None] == segment_ids[:, None, :end]
            visible = visible & same[:, None, None]
        scores = _product(rows, key[:, :, :end], 3, 3)  # [B, K, R, end]
        scores = scores.reshape(B, K, group, end - start, end)
        scores = jnp.where(visible, scores, _MASKED).reshape(B, K, -1, end)
        # Unnormalised: dividing the [R, head_dim] result is cheaper than dividing the weights.
        weight = jnp.exp(scores - scores.max(-1, keepdims=True))
        total = weight.sum(-1, keepdims=True)  # [B, K, R, 1]
        weight = weight.astype(value.dtype)
        out = _product(weight, value[:, :, :end], 3, 2) / total
        outs.append(out.reshape(B, K, group, end - start, head_dim))
        weights.append(weight)
        totals.append(total)
    out = jnp.concatenate(outs, axis=3).reshape(query.shape).astype(query.dtype)
    return out, (grouped, key, value, out, weights, totals)


def _blocked_backward(residuals: tuple, d_out: Array) -> tuple[Array, Array, Array, None]:
    """With P = weight / total and delta = rowsum(dO O): dV = P' dO, dS = P (dO V' - delta),
    dQ = dS K, dK = dS' Q (FlashAttention, arXiv 2205.14135, appendix B)."""
    grouped, key, value, out, weights, totals = residuals
    B, K, group, T, head_dim = grouped.shape
    d_out = d_out.reshape(grouped.shape)
    delta = (d_out.astype(jnp.float32) * out.reshape(grouped.shape)).sum(-1, keepdims=True)

    def block(x: Array, start: int, end: int) -> Array:
        return x[:, :, :, start:end].reshape(B, K, -1, x.shape[-1])

    d_queries, d_key, d_value = [], 0.0, 0.0
    for (start, end), weight, total in zip(_query_blocks(T), weights, totals, strict=True):
        d_rows = (block(d_out, start, end) / total).astype(value.dtype)  # [B, K, R, head_dim]
        d_weight = _product(d_rows, value[:, :, :end], 3, 3)  # [B, K, R, end]
        d_scores = (weight * (d_weight - block(delta, start, end) / total)).astype(key.dtype)
        d_query = _product(d_scores, key[:, :, :end], 3, 2)
        d_queries.append(d_query.reshape(B, K, group, end - start, head_dim))
        # Contracting the queries with the narrow operand first, [B, K, head_dim, end], and
        # transposing once at the end: the other way round runs at a third of the speed.
        rest = ((0, 0), (0, 0), (0, 0), (0, T - end))
        d_value += jnp.pad(_product(d_rows, weight, 2, 2), rest)
        d_key += jnp.pad(_product(block(grouped, start, end), d_scores, 2, 2), rest)
    d_query = jnp.concatenate(d_queries, axis=3).reshape(B, K * group, T, head_dim)
    return (
        (d_query * head_dim**-0.5).astype(grouped.dtype),
        d_key.swapaxes(2, 3).astype(key.dtype),
        d_value.swapaxes(2, 3).astype(value.dtype),
        None,
    )


_blocked.defvjp(_blocked_forward, _blocked_backward)


def _cudnn(query: Array, key: Array, value: Array, segment_ids: Array | None) -> Array:
    if segment_ids is not None:
        raise ValueError(
            "attention backend 'cudnn' attends across documents packed in a row; "
            "use 'xla', or leave the documents of a row together"
        )
    if query.dtype not in (jnp.bfloat16, jnp.float16):
        raise ValueError(
            f"attention backend 'cudnn' computes in 16 bits, not {query.dtype}; "
            "set model.dtype to 'bfloat16'"
        )
    time_first = (x.swapaxes(1, 2) for x in (query, key, value))  # [B, T, H, head_dim]
    out = jax.nn.dot_product_attention(*time_first, is_causal=True, implementation="cudnn")
    return out.swapaxes(1, 2)


def fastest_backend(platform: str, dtype: str, packed: bool) -> str:
    """The backend that "auto" stands for.

    On a GPU, packed rows (fine-tuning and reinforcement learning always have them) take "xla",
    which holds float32 scores [B, H, T, T]: no backend here keeps documents apart there without.

    Args:
        platform: "cpu", "gpu" or "tpu".
        packed: whether rows hold documents that must not see each other.
    """
    if platform == "tpu":
        return "splash"
    if platform == "gpu" and dtype != "float32" and not packed:
        return "cudnn"
    if platform == "cpu":
        return "blocked"
    return "xla"


def check_backend(backend: str, dtype: str, platform: str, packed: bool = False) -> None:
    """Refuses, before anything is compiled, a backend that this platform does not have or that
    cannot compute what is asked.

    Args:
        packed: whether rows hold documents that must not see each other.

    Raises:
        ValueError: with the setting to change.
    """
    needs = {"cudnn": ("gpu", "cuda"), "splash": ("tpu",)}.get(backend)
    if needs and platform not in needs:
        raise ValueError(
            f"model.attention is {backend!r}, which runs on {needs[0].upper()}; "
            f"the devices here are {platform.upper()}: set it to 'xla'"
        )
    if backend == "cudnn" and dtype == "float32":
        raise ValueError("model.attention 'cudnn' computes in 16 bits: set model.dtype='bfloat16'")
    if backend == "cudnn" and packed:
        raise ValueError(
            "model.attention is 'cudnn', which cannot keep documents or conversations packed in a "
            "row apart: leave it at 'auto'"
        )


def _splash(
    query: Array,
    key: Array,
    value: Array,
    segment_ids: Array | None,
    interpret: bool = False,
) -> Array:
    # Imported here: Pallas adds a quarter of a second to the start of runs that never use it.
    from jax.experimental.pallas.ops.tpu.splash_attention import (
        splash_attention_kernel,
        splash_attention_mask,
    )

    length, head_dim = query.shape[2:]
    query = query * head_dim**-0.5  # the kernel does not scale
    # The kernel takes rows of 128 · n tokens. What is added comes after all that is there, which
    # causality keeps from seeing it.
    added = -length % 128
    query, key, value = (
        jnp.pad(x, ((0, 0), (0, 0), (0, added), (0, 0))) for x in (query, key, value)
    )
    if segment_ids is not None:
        segment_ids = jnp.pad(segment_ids, ((0, 0), (0, added)))
    T = length + added

    def local(query: Array, key: Array, value: Array, segment_ids: Array | None) -> Array:
        mask = splash_attention_mask.MultiHeadMask(
            [splash_attention_mask.CausalMask((T, T))] * query.shape[1]
        )
        kernel = splash_attention_kernel.make_splash_mha_single_device(mask, interpret=interpret)
        if segment_ids is None:
            return jax.vmap(kernel)(query, key, value)
        segments = splash_attention_kernel.SegmentIds(segment_ids, segment_ids)
        return jax.vmap(kernel)(query, key, value, segments)

    # The kernel is opaque to the partitioner: each device must be handed its own heads and rows.
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty:
        return local(query, key, value, segment_ids)[:, :, :length]
    heads = partition_spec(("batch", "heads", None, None), query.shape, mesh)
    if heads != partition_spec(("batch", "kv_heads", None, None), key.shape, mesh):
        # Fewer key-value heads than tensor devices: give each query head its own copy.
        copies = query.shape[1] // key.shape[1]
        key, value = (jnp.repeat(x, copies, axis=1) for x in (key, value))
    rows = None if segment_ids is None else partition_spec(("batch", None), (len(query), T), mesh)
    out = jax.shard_map(
        local, in_specs=(heads, heads, heads, rows), out_specs=heads, check_vma=False
    )(query, key, value, segment_ids)
    return out[:, :, :length]
