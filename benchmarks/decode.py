"""Tokens per second written by Primer's engine against the `transformers` library's `generate`.

    python -m benchmarks.decode [--batches=1,32,256] [--rounds=5]
    JAX_PLATFORMS=cuda python -m benchmarks.decode [--peers=dynamic,static]

Both write greedily from the same weights after the same prompts of 32 tokens, 96 tokens each:
`serve.engine` with as many slots as there are prompts, reading the prompts included, and
`Qwen3ForCausalLM.generate` with its dynamic cache, or with its static one, which it compiles on a
GPU. On a CPU the model is a Qwen3 of 3.4M parameters in float32 (width 192, 6 layers of 6 heads,
2048 tokens), on a GPU one of 124M in bfloat16 (width 768, 12 layers of 12 heads, 50,304 tokens).
They take turns, and medians are compared. The tokens are compared too, up to where rounding decides
between two of them: a generator that writes something else has no speed.

At batch 1 every weight is read once a token, so that the bandwidth at which all cores together read
bounds the speed: tokens/s · bytes of weights / bandwidth is printed as its fraction. The bandwidth
is that of summing an array of the size of the weights again and again.

Needs PyTorch and transformers beside requirements-dev.txt.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags, logging

from benchmarks.pytorch_model import (
    named_weights,
    perturbed,
    pytorch_device,
    pytorch_model,
    share_devices,
)
from model.config import ModelConfig, from_mapping
from model.parameters import count, initialise, parameters
from serve.engine import Engine
from serve.requests import Request

PROMPT, NEW = 32, 96
SIZES = {
    "cpu": {
        "vocab_size": 2048,
        "layers": 6,
        "width": 192,
        "heads": 6,
        "head_dim": 32,
        "mlp_width": 512,
        "tied": False,
        "context": 256,
    },
    "gpu": {
        "vocab_size": 50_304,
        "layers": 12,
        "width": 768,
        "heads": 12,
        "head_dim": 64,
        "mlp_width": 2048,
        "tied": True,
        "context": 256,
        "dtype": "bfloat16",
    },
}

PEERS = flags.DEFINE_list("peers", ["dynamic"], "Caches of transformers to compare with.")
BATCHES = flags.DEFINE_list("batches", ["1", "32", "256"], "How many texts to write at a time.")
ROUNDS = flags.DEFINE_integer("rounds", 5, "Timed runs of each side.", lower_bound=1)

# Writes NEW tokens after every prompt: [B, NEW].
Writer = Callable[[], np.ndarray]


class _NoTokenizer:
    """All that the engine asks of a tokenizer where no text is looked at."""

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size


def primer(params: dict[str, Any], config: ModelConfig, prompts: np.ndarray) -> Writer:
    engine = Engine(params, config, _NoTokenizer(config.vocab_size), len(prompts))

    def write() -> np.ndarray:
        engine.forget()
        requests = [Request(prompt, NEW, temperature=0.0) for prompt in prompts]
        return np.array([completion.tokens for completion in engine.generate(requests)])

    return write


def pytorch(params: dict[str, Any], config: ModelConfig, prompts: np.ndarray, cache: str) -> Writer:
    import torch

    device = pytorch_device()
    model = pytorch_model(config, named_weights(params, config)).eval()
    model = model.to(device, getattr(torch, config.dtype))
    inputs = torch.tensor(prompts).long().to(device)
    settings = {"max_new_tokens": NEW, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    if cache == "static":
        settings["cache_implementation"] = "static"

    def write() -> np.ndarray:
        with torch.inference_mode():
            written = model.generate(inputs, attention_mask=torch.ones_like(inputs), **settings)
        return written[:, PROMPT:].cpu().numpy()

    return write


def read_bandwidth(size: int) -> float:
    """Bytes a second at which all devices together read `size` bytes that they have read before."""
    devices = jax.devices()
    parts = [
        jax.device_put(jnp.ones((size // 4 // len(devices) // 1024, 1024)), device)
        for device in devices
    ]
    total = jax.jit(lambda x: x.sum(axis=0))
    seconds = []
    for _ in range(50):
        start = time.perf_counter()
        jax.block_until_ready([total(part) for part in parts])
        seconds.append(time.perf_counter() - start)
    return sum(part.nbytes for part in parts) / min(seconds)


def measure(batch: int, cache: str, rounds: int) -> str:
    """One line of the table."""
    config = from_mapping(SIZES["cpu" if jax.default_backend() == "cpu" else "gpu"])
    params = perturbed(initialise(jax.random.key(0), parameters(config)))
    prompts = np.random.default_rng(0).integers(0, config.vocab_size, (batch, PROMPT), np.int32)
    sides = primer(params, config, prompts), pytorch(params, config, prompts, cache)
    first = [side() for side in sides]  # compiles and warms up
    # Once rounding has decided between two tokens, all that follow differ. In bfloat16 it often
    # does, and the first token is looked at alone.
    looked_at, wanted = (NEW, 0.98) if config.dtype == "float32" else (1, 0.8)
    same = float((first[0] == first[1])[:, :looked_at].mean())
    if same < wanted:
        raise RuntimeError(f"only {same:.1%} of the tokens are the same; nothing to compare")
    sides[1]()  # what torch.compile has captured runs for the first time
    seconds: tuple[list[float], list[float]] = [], []
    for _ in range(rounds):
        for side, times in zip(sides, seconds, strict=True):
            start = time.perf_counter()
            side()
            times.append(time.perf_counter() - start)
    rates = [batch * NEW / statistics.median(times) for times in seconds]
    line = (
        f"batch {batch:>3}  Primer {rates[0]:>7,.0f} tokens/s  transformers, {cache} cache "
        f"{rates[1]:>7,.0f}  ratio {rates[0] / rates[1]:.2f}"
    )
    if batch == 1:
        # Of an embedding that is not also the unembedding, one row is read.
        unread = 0 if config.tied else config.vocab_size * config.width
        read = np.dtype(jnp.dtype(config.dtype)).itemsize * (count(config) - unread)
        bandwidth = read_bandwidth(read)
        line += f"  {rates[0] * read / bandwidth:.2f} of {bandwidth / 1e9:,.1f} GB/s"
    return line


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    wrong = [text for text in BATCHES.value if not text.isdigit() or int(text) < 1] + argv[1:]
    if wrong:
        sys.exit(f"error: {wrong[0]!r} is no number of texts; --batches=1,32,256 gives several")
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        sys.exit(f"error: there is no {error.name} to compare with: pip install torch transformers")
    if unknown := set(PEERS.value) - {"dynamic", "static"}:
        sys.exit(f"error: {unknown.pop()!r} is neither of the caches dynamic and static")
    share_devices()
    for batch in BATCHES.value:
        for cache in PEERS.value:
            print(measure(int(batch), cache, ROUNDS.value), flush=True)


if __name__ == "__main__":
    app.run(main)
