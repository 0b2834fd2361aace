"""The matrix-product speed of the devices at hand, to measure training against."""

import functools
import time

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

_PRODUCTS = 8


@functools.cache
def matmul_peak(mesh: Mesh, dtype: str) -> float:
    """FLOP/s of square matrix products in `dtype`, on all devices of the mesh at once.

    Each device multiplies its own [n, n] matrices, n = 1024 on a CPU and 8192 elsewhere; a
    product counts 2 · n^3 FLOPs. The best of a few timings: what the hardware can do, not what it
    does on average. Measured once in a process.
    """
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    n = 1024 if on_cpu else 8192
    # Devices simulated on a CPU share its cores: each that is added would make this take longer.
    repeats = max(1, _PRODUCTS // mesh.size) if on_cpu else _PRODUCTS
    place = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
    shape = (mesh.size, n, n)

    @functools.partial(jax.jit, out_shardings=place)
    def factors() -> jax.Array:
        # Random, since a GPU multiplies constants faster than numbers; so small that products of
        # products stay finite.
        return jax.random.normal(jax.random.key(0), shape, dtype) * n**-0.5

    @functools.partial(jax.jit, in_shardings=place, out_shardings=place)
    def products(x: jax.Array) -> jax.Array:
        for _ in range(repeats):
            x = x @ x
        return x

    x = factors()
    products(x).block_until_ready()
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        products(x).block_until_ready()
        best = min(best, time.perf_counter() - start)
    return 2.0 * n**3 * repeats * mesh.size / best
