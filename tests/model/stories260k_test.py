"""Weights trained by others: a Llama of 260 thousand parameters tells its published story."""

import os
import pathlib
import struct
import unittest
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest

from model.config import ModelConfig, from_mapping
from model.decode import generate
from model.parameters import parameters, shapes
from model.sampling import sampling

_SHARED = os.environ.get("PRIMER_SHARED_DATA")
_SHARED = _SHARED or pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data"
FOLDER = pathlib.Path(_SHARED) / "stories260k"
BOS = 1


def load(path: pathlib.Path) -> tuple[dict[str, Any], ModelConfig]:
    """Reads a llama2.c checkpoint: seven int32 sizes, then float32 tensors stacked over layers."""
    data = path.read_bytes()
    header = struct.unpack("7i", data[:28])
    width, mlp_width, layers, heads, kv_heads, vocab_size, context = header
    config = from_mapping(
        {
            "family": "llama3",
            "layers": layers,
            "width": width,
            "heads": heads,
            "kv_heads": kv_heads,
            "head_dim": width // heads,
            "mlp_width": mlp_width,
            "vocab_size": abs(vocab_size),
            "context": context,
            "rope_theta": 10_000.0,
            "tied": vocab_size > 0,
        }
    )
    rest = np.frombuffer(data, np.float32, offset=28)

    def take(*shape: int) -> np.ndarray:
        nonlocal rest
        size = int(np.prod(shape))
        taken, rest = rest[:size], rest[size:]
        return taken.reshape(shape)

    def linear(fan_out: int, fan_in: int) -> dict[str, np.ndarray]:
        return {"weight": take(layers, fan_out, fan_in).swapaxes(1, 2)}

    def halves(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """From rotary pairs (2i, 2i + 1) of a head to pairs (i, i + head_dim / 2)."""
        pairs = weights["weight"].reshape(layers, width, -1, config.head_dim // 2, 2)
        return {"weight": pairs.swapaxes(-1, -2).reshape(layers, width, -1)}

    kv_width = kv_heads * config.head_dim
    embedding = take(abs(vocab_size), width)
    attention = {
        "norm": {"scale": take(layers, width)},
        "query": halves(linear(width, width)),
        "key": halves(linear(kv_width, width)),
        "value": linear(kv_width, width),
        "output": linear(width, width),
    }
    mlp = {
        "norm": {"scale": take(layers, width)},
        "gate": linear(mlp_width, width),
        "down": linear(width, mlp_width),
        "up": linear(mlp_width, width),
    }
    tree = {
        "embedding": embedding,
        "layers": {"attention": attention, "mlp": mlp},
        "norm": {"scale": take(width)},
    }
    take(2, context, config.head_dim // 2)  # tables of cosines and sines
    if not config.tied:
        tree["unembedding"] = take(abs(vocab_size), width)
    if len(rest):
        raise ValueError(f"{path} holds {len(rest)} more numbers than its header says")
    return jax.tree.map(jnp.asarray, tree), config


def pieces(path: pathlib.Path) -> list[bytes]:
    """The text of every token: per token a float32 score, an int32 length, and so many bytes."""
    data, position, found = path.read_bytes(), 4, []
    while position < len(data):
        _, length = struct.unpack_from("fi", data, position)
        position += 8 + length
        found.append(data[position - length : position])
    return [bytes([int(p[3:5], 16)]) if p.startswith(b"<0x") else p for p in found]


@unittest.skipUnless(FOLDER.is_dir(), f"no stories260k in {_SHARED}; PRIMER_SHARED_DATA says where")
class Stories260kTest(absltest.TestCase):
    def test_greedy_text_is_the_published_one(self):
        params, config = load(FOLDER / "stories260K.bin")
        self.assertEqual(
            jax.tree.map(jnp.shape, params),
            jax.tree.map(lambda leaf: leaf.shape, shapes(parameters(config))),
        )
        published = (FOLDER / "greedy_reference.txt").read_text().rstrip("\n")
        self.assertLen(published, 565)
        tokens, counts = jax.jit(generate, static_argnames=("config", "steps", "vocab_size"))(
            params,
            config=config,
            prompts=jnp.full((1, 1), BOS, jnp.int32),
            lengths=jnp.ones(1, jnp.int32),
            keys=jax.random.split(jax.random.key(0), 1),
            settings=sampling(1, temperature=0.0),
            steps=256,
            vocab_size=config.vocab_size,
        )
        text = pieces(FOLDER / "tok512.bin")
        written = b"".join(text[token] for token in tokens[0, : counts[0]].tolist()).decode()
        self.assertEqual(written, " " + published)  # SentencePiece puts a space first


if __name__ == "__main__":
    absltest.main()
