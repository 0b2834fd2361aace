"""Will this config fit that slice? Compiles the train step for a TPU slice that is not there.

    python -m launch.plan --config=configs/llama_8b.py --topology=v5e:16x16 --config.mesh.fsdp=256

Needs libtpu, Google's TPU compiler (pip install libtpu), and no TPU. Prints what a chip's memory
holds, the step's FLOPs, what the chips send each other, and how long a step takes at least and
at most. An 8B model takes about two minutes of CPU time to compile, whatever the slice.

Topologies: v4:2x2x1, v5e:2x2 to 16x16, v5p:2x2x1 to 8x8x16, v6e:2x2 to 16x16, and others that the
compiler knows. The sizes are in chips.

What the times assume. FLOPs are counted by formula (model.parameters.flops_per_token), since the
compiler counts a loop's body once and kernels not at all; remat="full" adds another forward pass.
Matrix products reach MATMUL_FRACTION of the peak. Memory moves at least the parameters and the
optimizer's state once each way, and each microbatch reads the weights three times (forward,
gradients of activations and of weights). Every collective uses all links of a chip. The least time
is that of the slowest of the three, as if the others hid behind it; the most is their sum. Input,
evaluation and checkpoints come on top.
"""

import dataclasses
import importlib.util
import math
import os
import re
import sys
from typing import Any

import jax
import jax.numpy as jnp
from absl import app, flags
from jax.experimental import topologies
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data.errors import InputError
from launch.collectives import Collective, collectives
from model import parameters
from model.attention import check_backend
from model.config import ModelConfig
from model.sharding import batch_parts, batch_sharding, make_mesh
from train import main as front_door
from train import state
from train.optimizer import optimizer
from train.scaling import resolve
from train.step import make_step

TOPOLOGY = flags.DEFINE_string("topology", None, "The slice: generation and shape, as v5e:16x16.")

# Large bfloat16 products on TPUs; whole training steps are known to reach 0.65.
MATMUL_FRACTION = 0.75

_GIB = 2**30
_PLATFORM = "tpu"


@dataclasses.dataclass(frozen=True)
class Chip:
    """What JAX takes for one device: dense bfloat16 FLOP/s, bytes of memory, bytes per second from
    memory, and bytes per second over all links to other chips, one way."""

    flops: float
    memory: float
    bandwidth: float
    links: float


# From the pages on TPU versions in Google Cloud's documentation; links are the published sum in
# bits per second over 8. By jax.Device.device_kind.
CHIPS = {
    "TPU v4": Chip(275e12, 32e9, 1228e9, 300e9),
    "TPU v5 lite": Chip(197e12, 16e9, 819e9, 200e9),
    "TPU v5": Chip(459e12, 95e9, 2765e9, 600e9),
    "TPU v6 lite": Chip(918e12, 32e9, 1640e9, 448e9),
    # Two devices a chip.
    "TPU7x": Chip(1153.5e12, 96e9, 3690e9, 600e9),
}


@dataclasses.dataclass(frozen=True)
class Plan:
    """One training step on one slice. Memory in bytes a chip, FLOPs and tokens of all chips."""

    kind: str
    mesh: dict[str, int]
    parameters: int
    tokens: int
    flops: float
    executed_flops: float
    held: int
    temporary: int
    weights_read: float
    collectives: tuple[Collective, ...]

    @property
    def chip(self) -> Chip:
        return CHIPS[self.kind]

    @property
    def chips(self) -> int:
        return math.prod(self.mesh.values())

    @property
    def memory(self) -> int:
        return self.held + self.temporary

    def seconds(self) -> dict[str, float]:
        """The step's least time in products, memory and network, each alone."""
        return {
            "matrix products": self.executed_flops
            / (self.chips * self.chip.flops * MATMUL_FRACTION),
            "memory": (2 * self.held + self.weights_read) / self.chip.bandwidth,
            "network": sum(one.sent for one in self.collectives) / self.chip.links,
        }


class DoesNotFit(Exception):
    """The compiler found no way to run the step in a chip's memory."""


def devices_of(topology: str) -> list[Any]:
    """The devices of a slice that is not there.

    Raises:
        InputError: libtpu is missing, or knows no such slice.
    """
    if importlib.util.find_spec("libtpu") is None:
        raise InputError("compiling for a TPU needs its compiler: pip install libtpu")
    # Without these libtpu asks a TPU's metadata server where it is, locks out a second process and
    # complains of what it was not told; none of it changes what is compiled.
    for name, value in {
        "TPU_SKIP_MDS_QUERY": "1",
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
        "TPU_ACCELERATOR_TYPE": "v5litepod-4",
        "TPU_WORKER_HOSTNAMES": "localhost",
    }.items():
        os.environ.setdefault(name, value)
    # Two cores of a v4 chip are one device, as on the real thing.
    options = {"chip_config_name": "megacore"} if topology.startswith("v4:") else {}
    try:
        description = topologies.get_topology_desc(
            topology_name=topology, platform=_PLATFORM, **options
        )
    except jax.errors.JaxRuntimeError as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"--topology={topology} is no slice the compiler knows ({reason}); "
            "give a generation and a shape in chips, as v5e:16x16"
        ) from error
    return list(description.devices)


def plan(config: ConfigDict, devices: list[Any]) -> Plan:
    """Compiles the pretraining step of a run's config for `devices`.

    The vocabulary is config.model.vocab_size, or else config.tokenizer.vocab_size.

    Raises:
        InputError: the config does not fit the slice's shape, or contradicts itself.
        DoesNotFit: a chip's memory is too small.
    """
    kind = devices[0].device_kind
    if kind not in CHIPS:
        raise InputError(f"no speeds are known for {kind}; known are {sorted(CHIPS)}")
    vocab_size = config.model.vocab_size or config.tokenizer.vocab_size
    # "auto" attention is what the slice will take, not what the CPU here would.
    config, architecture = resolve(config, vocab_size, _PLATFORM)
    train, shape = config.train, config.mesh
    try:
        mesh = make_mesh(shape.data, shape.fsdp, shape.tensor, devices)
        check_backend(
            architecture.attention, architecture.dtype, _PLATFORM, train.separate_documents
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    rows = batch_parts(mesh) * train.accumulate
    if train.batch % rows:
        raise InputError(
            f"train.batch is {train.batch} rows, which {rows} (mesh data x fsdp x accumulate) "
            "does not divide"
        )
    compiled = compile_step(config, architecture, mesh)
    memory = compiled.memory_analysis()
    tokens = train.batch * train.context
    flops = tokens * parameters.flops_per_token(architecture, train.context)
    weights = parameters.count(architecture) * jnp.dtype(architecture.dtype).itemsize
    return Plan(
        kind=kind,
        mesh=dict(mesh.shape),
        parameters=parameters.count(architecture),
        tokens=tokens,
        flops=flops,
        executed_flops=flops * (4 / 3 if architecture.remat == "full" else 1),
        # What goes in and what comes out share their memory where the step may overwrite.
        held=memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        - memory.alias_size_in_bytes,
        temporary=memory.temp_size_in_bytes + memory.generated_code_size_in_bytes,
        weights_read=3 * train.accumulate * weights / mesh.shape["tensor"],
        collectives=tuple(collectives(compiled.as_text())),
    )


def compile_step(config: ConfigDict, architecture: ModelConfig, mesh: Mesh) -> jax.stages.Compiled:
    """The compiled train step of a resolved config. Allocates no parameters.

    Raises:
        DoesNotFit: a chip's memory is too small.
    """
    train = config.train
    declarations = parameters.parameters(architecture)
    update = optimizer(train, declarations)
    layout = state.layout(declarations, update, bool(train.average), mesh)
    names = {"inputs": jnp.int32, "targets": jnp.int32, "mask": jnp.float32}
    if train.separate_documents:
        names |= {"segment_ids": jnp.int32, "positions": jnp.int32}
    batch = {
        name: jax.ShapeDtypeStruct(
            (train.batch, train.context), dtype, sharding=batch_sharding(mesh)
        )
        for name, dtype in names.items()
    }
    step = jax.jit(
        make_step(architecture, update, train.accumulate, train.average),
        out_shardings=(jax.tree.map(lambda leaf: leaf.sharding, layout), None),
        donate_argnums=0,
    )
    with jax.set_mesh(mesh):
        try:
            return step.lower(layout, batch).compile()
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            # In all its wordings the compiler's message gives what is needed, then what is there.
            needed, there, *_ = [*re.findall(r"[\d.]+[MGT]\b", str(error)), "more", "memory"]
            raise DoesNotFit(
                f"does not fit: the step needs {needed} of a chip's {there}; more chips on "
                "mesh.fsdp or mesh.tensor, a smaller train.batch, more train.accumulate, "
                "remat='full' or loss_chunk lower that"
            ) from error


def report(plan: Plan) -> str:
    """The plan as lines of text."""
    chip, seconds = plan.chip, plan.seconds()
    least, most = max(seconds.values()), sum(seconds.values())
    peak = plan.chips * chip.flops
    mesh = " x ".join(f"{name} {size}" for name, size in plan.mesh.items())
    lines = [
        f"{plan.chips} devices of {plan.kind}, mesh {mesh}",
        f"{plan.parameters:,} parameters, {plan.tokens:,} tokens a step",
        "",
        "memory a chip",
        f"  parameters, optimizer, batch  {plan.held / _GIB:8.2f} GiB",
        f"  activations, buffers, program {plan.temporary / _GIB:8.2f} GiB",
        f"  together                      {plan.memory / _GIB:8.2f} GiB"
        f"  of {chip.memory / _GIB:.1f} GiB ({plan.memory / chip.memory:.0%})",
        "",
        "FLOPs a step",
        f"  by formula    {plan.flops:.3e}",
        f"  with what is computed twice  {plan.executed_flops:.3e}",
        "",
        "sent by a chip in a step",
    ]
    for kind in sorted({one.kind for one in plan.collectives}):
        alike = [one for one in plan.collectives if one.kind == kind]
        lines.append(
            f"  {kind:<19}{sum(one.sent for one in alike) / _GIB:8.3f} GiB"
            f"  in {sum(one.count for one in alike)} of them"
        )
    if plan.collectives:
        lines.append("  the largest:")
    for one in plan.collectives[:5]:
        lines.append(
            f"    {one.kind:<19}{one.sent / _GIB:6.3f} GiB"
            f"  {one.count} x {one.size / 2**20:,.1f} MiB among {one.group}"
        )
    lines += ["", "seconds a step (assumptions: python -m launch.plan --help)"]
    lines += [f"  {name:<16}{value:8.4f}" for name, value in seconds.items()]
    lines += [
        f"  {'together':<16}{least:8.4f} to {most:.4f}, "
        f"MFU {plan.flops / peak / most:.0%} to {plan.flops / peak / least:.0%}, "
        f"{plan.tokens / most:,.0f} to {plan.tokens / least:,.0f} tokens/s",
    ]
    return "\n".join(lines)


def main(argv: list[str]) -> None:
    try:
        if len(argv) > 1:
            raise InputError(f"unexpected argument {argv[1]!r}; settings are --config.key=value")
        if front_door.CONFIG.value is None:
            raise InputError("no --config; try --config=configs/llama_8b.py")
        if TOPOLOGY.value is None:
            raise InputError("no --topology; try --topology=v5e:16x16")
        # Nothing is computed here, and a TPU that is there after all may be at work.
        jax.config.update("jax_platforms", "cpu")
        print(report(plan(front_door.CONFIG.value, devices_of(TOPOLOGY.value))))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except DoesNotFit as answer:
        print(answer)
        sys.exit(1)


if __name__ == "__main__":
    app.run(main, flags_parser=front_door.parse)
