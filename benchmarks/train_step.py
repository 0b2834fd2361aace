"""Tokens per second of Primer's train step against PyTorch's, on this machine's CPU or its GPU.

    python -m benchmarks.train_step [--sizes=1M,3.5M,11M] [--rounds=9]
    JAX_PLATFORMS=cuda python -m benchmarks.train_step [--sizes=124M,350M] [--attention=cudnn,xla]

Both sides train the same Qwen3 on the same rows from the same weights: `train.step.make_step`
here, with the settings that the recipes use, and there `Qwen3ForCausalLM` of the `transformers`
library with PyTorch's fused attention and fused AdamW, gradients clipped. On a CPU both compute in
float32, PyTorch eagerly, on 16 rows of 256 tokens a step, one thread or virtual device a core. On a
GPU both keep float32 weights and compute in bfloat16, and PyTorch's model and loss are compiled by
torch.compile. They take steps in turn, and medians are compared, so that what else the machine does
hits both. Losses are compared too: a step that computes something else has no speed.

The fraction of peak is tokens/s · `model.parameters.flops_per_token` / `train.matmul_peak`: 6 FLOPs
a token for every weight that multiplies, 12 · L · H · head_dim · T for attention, causal half
included, over the speed of square matrix products in JAX on the same devices.

Needs PyTorch and transformers beside requirements-dev.txt.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import app, flags, logging

from benchmarks.pytorch_model import (
    named_weights,
    perturbed,
    pytorch_device,
    pytorch_model,
    share_devices,
)
from configs import defaults
from model.attention import fastest_backend
from model.config import ModelConfig, from_mapping
from model.parameters import count, flops_per_token, parameters
from model.sharding import make_mesh
from train import loop, state
from train.matmul_peak import matmul_peak
from train.optimizer import optimizer
from train.step import make_step


class Size(NamedTuple):
    """`batch` rows a step, of which a device takes `rows` at a time: on a CPU as many as its cache
    holds, on a GPU as many as its memory does."""

    vocab_size: int
    layers: int
    width: int
    heads: int
    head_dim: int
    mlp_width: int
    tied: bool
    rows: int
    batch: int = 16
    context: int = 256
    dtype: str = "float32"

    def architecture(self, attention: str) -> ModelConfig:
        fields = self._asdict()
        del fields["rows"], fields["batch"]
        return from_mapping(fields | {"attention": attention})


def _large(layers: int, width: int, heads: int, rows: int) -> Size:
    """Of the shapes of GPT-2, on a GPU."""
    mlp_width = -(-8 * width // 3 // 64) * 64
    return Size(
        *(50_304, layers, width, heads, 64, mlp_width),
        tied=True,
        rows=rows,
        batch=32,
        context=1024,
        dtype="bfloat16",
    )


SIZES = {
    "1M": Size(2048, 4, 128, 4, 32, 344, tied=True, rows=1),
    "3.5M": Size(2048, 6, 192, 6, 32, 512, tied=False, rows=2),
    "11M": Size(4096, 8, 320, 5, 64, 864, tied=True, rows=2),
    "124M": _large(12, 768, 12, rows=32),
    "350M": _large(24, 1024, 16, rows=16),
}

CHOSEN = flags.DEFINE_list("sizes", None, f"Which of {', '.join(SIZES)}; those of the device.")
ATTENTION = flags.DEFINE_list("attention", None, "Backends to measure; the device's fastest.")
ROUNDS = flags.DEFINE_integer("rounds", 9, "Timed steps of each side.", lower_bound=1)

# A step, taken once: returns the loss before it, when all of it is done.
Step = Callable[[], float]


def primer(
    architecture: ModelConfig, rows: int, batch: loop.Batch
) -> tuple[Step, dict[str, np.ndarray]]:
    """Our step, and the weights it starts from under the names of `transformers`."""
    train = _settings()
    declarations = parameters(architecture)
    update = optimizer(train, declarations)
    mesh = make_mesh(-1, 1, 1)
    accumulate = len(batch["inputs"]) // mesh.size // rows
    with jax.set_mesh(mesh):
        places = jax.tree.map(
            lambda leaf: leaf.sharding, state.layout(declarations, update, False, mesh)
        )
        current = state.initial(jax.random.key(0), declarations, update, False)
        params = perturbed(current.params)
        current = jax.device_put(current.replace(params=params), places)
        compiled = jax.jit(
            make_step(architecture, update, accumulate),
            out_shardings=(places, None),
            donate_argnums=0,
        )

    def step() -> float:
        nonlocal current
        with jax.set_mesh(mesh):
            current, metrics = compiled(current, loop.to_devices(batch, mesh))
        total, targets = jax.block_until_ready((current, metrics))[1]["loss"]
        return float(total / targets)

    return step, named_weights(params, architecture)


def pytorch(
    architecture: ModelConfig, weights: dict[str, np.ndarray], batch: loop.Batch, microbatch: int
) -> Step:
    """The same step by PyTorch and transformers, so many rows at a time."""
    import torch

    device = pytorch_device()
    model = pytorch_model(architecture, weights).to(device)
    model.config.use_cache = False
    train = _settings()
    matrices = [p for p in model.parameters() if p.ndim == 2]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    adamw = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": train.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=train.learning_rate,
        betas=(train.beta1, train.beta2),
        fused=True,
    )
    parts = [
        torch.tensor(batch[name]).long().to(device).split(microbatch)
        for name in ("inputs", "targets")
    ]
    microbatches = list(zip(*parts, strict=True))

    def loss_of(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=architecture.dtype == "bfloat16"):
            logits = model(input_ids=inputs).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        return loss / len(microbatches)

    if device != "cpu":
        loss_of = torch.compile(loss_of)

    def step() -> float:
        adamw.zero_grad(set_to_none=True)
        loss = 0.0
        for inputs, targets in microbatches:
            part = loss_of(inputs, targets)
            part.backward()
            loss += part.detach()
        torch.nn.utils.clip_grad_norm_(model.parameters(), train.clip)
        adamw.step()
        return float(loss)  # waits for all of it: the queue of a GPU is in order

    return step


def _settings() -> Any:
    train = defaults.get_config().train
    train.optimizer = "adamw"
    train.learning_rate = 1e-3
    train.steps = 1000
    train.warmup = train.decay = 0.0
    return train


def measure(name: str, attention: str, rounds: int) -> str:
    """One line of the table."""
    size = SIZES[name]
    tokens = np.random.default_rng(0).integers(
        0, size.vocab_size, (size.batch, size.context + 1), dtype=np.int32
    )
    batch = {
        "inputs": tokens[:, :-1],
        "targets": tokens[:, 1:],
        "mask": np.ones((size.batch, size.context), np.float32),
    }
    architecture = size.architecture(attention)
    ours, weights = primer(architecture, size.rows, batch)
    # PyTorch's threads share the whole of a CPU's batch; its GPU takes as many rows as ours.
    on_cpu = jax.default_backend() == "cpu"
    theirs = pytorch(architecture, weights, batch, size.batch if on_cpu else size.rows)
    tolerance = 2e-4 if size.dtype == "float32" else 2e-2
    for number in range(3):  # compiles and warms up
        losses = ours(), theirs()
        if abs(losses[0] - losses[1]) > tolerance:
            raise RuntimeError(f"the losses of step {number} differ: {losses}; nothing to compare")
    seconds: tuple[list[float], list[float]] = [], []
    for _ in range(rounds):
        for step, times in zip((ours, theirs), seconds, strict=True):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
    rates = [size.batch * size.context / statistics.median(times) for times in seconds]
    peak = matmul_peak(make_mesh(-1, 1, 1), size.dtype)
    flops = flops_per_token(architecture, size.context)
    return (
        f"{count(architecture):>11,} parameters, {attention}:  Primer {rates[0]:>7,.0f} tokens/s "
        f"({rates[0] * flops / peak:.2f} of {peak / 1e9:,.0f} GFLOP/s)  PyTorch {rates[1]:>7,.0f} "
        f"({rates[1] * flops / peak:.2f})  ratio {rates[0] / rates[1]:.2f}"
    )


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        sys.exit(f"error: there is no {error.name} to compare with: pip install torch transformers")
    share_devices()
    dtype = "float32" if jax.default_backend() == "cpu" else "bfloat16"
    sizes = CHOSEN.value or [name for name, size in SIZES.items() if size.dtype == dtype]
    if unknown := [name for name in sizes if name not in SIZES] + argv[1:]:
        sys.exit(f"error: {unknown[0]!r} is none of the sizes {', '.join(SIZES)}")
    for name in sizes:
        fastest = fastest_backend(jax.default_backend(), SIZES[name].dtype, packed=False)
        for attention in ATTENTION.value or [fastest]:
            print(measure(name, attention, ROUNDS.value), flush=True)


if __name__ == "__main__":
    app.run(main)
