"""The architecture of one transformer: a frozen, hashable record, fit to be static under jit.

One code path expresses three families through its fields. `FAMILIES` gives the fields in which
they differ; every other field is a size.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class RopeScaling:
    """Llama 3's stretching of rotary frequencies to longer contexts (Llama 3.1 model card).

    Wavelengths above `original_context / low_frequency_factor` are stretched by `factor`, those
    below `original_context / high_frequency_factor` are kept, those between are interpolated.
    """

    factor: float
    low_frequency_factor: float
    high_frequency_factor: float
    original_context: int


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Sizes and switches of a decoder-only transformer.

    `context` is the longest sequence, in tokens. `dtype` is that of activations and matrix
    products; parameters, norms' statistics, softmax and losses are float32. `attention` names a
    backend of `model.attention`, `remat` what the backward pass recomputes ("none", "dots": all
    but matrix products, "full": each layer from its input). `scan` runs the layers as one
    compiled loop instead of unrolling them. `loss_chunk` is the number of positions of a row
    whose logits exist at a time (0: all).
    """

    vocab_size: int
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp_width: int
    context: int
    norm: str = "rms"
    norm_eps: float = 1e-6
    mlp: str = "swiglu"
    position: str = "rope"
    rope_theta: float = 10_000.0
    rope_scaling: RopeScaling | None = None
    qk_norm: bool = True
    biases: bool = False
    tied: bool = True
    dtype: str = "float32"
    attention: str = "xla"
    remat: str = "none"
    scan: bool = False
    loss_chunk: int = 0

    def __post_init__(self):
        for name in (
            "vocab_size",
            "layers",
            "width",
            "heads",
            "kv_heads",
            "head_dim",
            "mlp_width",
            "context",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"model.{name} is {getattr(self, name)}; it must be at least 1")
        if self.heads % self.kv_heads:
            raise ValueError(
                f"model.heads ({self.heads}) must be a multiple of model.kv_heads ({self.kv_heads})"
            )
        if self.position == "rope" and self.head_dim % 2:
            raise ValueError(
                f"model.head_dim is {self.head_dim}; rotary positions need an even one"
            )
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"model.{name} is {getattr(self, name)!r}; it must be one of {allowed}"
                )


CHOICES = {
    "norm": ("rms", "layer"),
    "mlp": ("swiglu", "gelu", "relu2"),
    "position": ("rope", "learned"),
    "dtype": ("float32", "bfloat16", "float16"),
    "attention": ("xla", "blocked", "cudnn", "splash"),
    "remat": ("none", "dots", "full"),
}

FAMILIES: dict[str, dict[str, Any]] = {
    "qwen3": {"norm": "rms", "mlp": "swiglu", "position": "rope", "qk_norm": True},
    "llama3": {
        "norm": "rms",
        "norm_eps": 1e-5,
        "mlp": "swiglu",
        "position": "rope",
        "rope_theta": 500_000.0,
        "qk_norm": False,
        "tied": False,
    },
    "gpt2": {
        "norm": "layer",
        "norm_eps": 1e-5,
        "mlp": "gelu",
        "position": "learned",
        "qk_norm": False,
        "biases": True,
    },
}


def from_mapping(values: Mapping[str, Any]) -> ModelConfig:
    """The ModelConfig of a run's `config.model` section.

    `family` gives the defaults, `depth` the sizes that are None: `depth` layers of width
    64 · depth, heads of 64, an MLP of 8/3 (SwiGLU) or 4 times the width. Keys other than fields
    of ModelConfig, `family` and `depth` are refused.

    Raises:
        ValueError: an unknown key, family or choice, or sizes that do not fit together.
    """
    fields = {field.name for field in dataclasses.fields(ModelConfig)}
    given = {key: value for key, value in values.items() if value is not None}
    family, depth = given.pop("family", "qwen3"), given.pop("depth", None)
    if family not in FAMILIES:
        raise ValueError(f"model.family is {family!r}; it must be one of {tuple(FAMILIES)}")
    if unknown := set(given) - fields:
        raise ValueError(f"model has no fields {sorted(unknown)}; it has {sorted(fields)}")
    sizes = FAMILIES[family] | given
    if depth is not None:
        sizes.setdefault("layers", depth)
        sizes.setdefault("width", 64 * depth)
    if missing := {"layers", "width", "context", "vocab_size"} - set(sizes):
        raise ValueError(f"model needs {sorted(missing)}, or model.depth for layers and width")
    sizes.setdefault("head_dim", min(64, sizes["width"]))
    sizes.setdefault("heads", max(1, sizes["width"] // sizes["head_dim"]))
    sizes.setdefault("kv_heads", sizes["heads"])
    sizes.setdefault("mlp_width", _mlp_width(sizes["width"], sizes["mlp"]))
    if sizes.get("rope_scaling") is not None and not isinstance(sizes["rope_scaling"], RopeScaling):
        sizes["rope_scaling"] = RopeScaling(**sizes["rope_scaling"])
    return ModelConfig(**sizes)


def _mlp_width(width: int, mlp: str) -> int:
    if mlp != "swiglu":
        return 4 * width
    # 8/3 keeps a gated MLP's parameter count at that of a plain one of 4 times the width
    # (arXiv 2002.05202); multiples of 64 divide over tensor-parallel chips.
    return -(-8 * width // (3 * 64)) * 64
