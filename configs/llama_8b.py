"""An 8B-parameter base model of Llama 3's shape (arXiv 2407.21783, table 3).

    python -m launch.plan --config=configs/llama_8b.py --topology=v5p:4x4x8
    python -m train.main --config=configs/llama_8b.py --distributed --workdir=SHARED_FOLDER

Needs a mesh of v5p or H100 class: parameters, Adam's moments and gradients are 128 GB in float32,
split over the fsdp axis. A step has 512 rows. For 8 GPUs of 80 GB (estimated by hand, never run),
--config.train.accumulate=16: with four rows a GPU at a time, some 40 GB, of which parameters,
moments and gradients are 16, the layers' inputs 9, gathered matrices and their gradients 5, and
the layer and the logits at work 10.

The default source is a sample of 10B tokens, to start and time the run with; a full run wants a
full corpus in data.source.
"""

from ml_collections import ConfigDict

from configs import gpt_small


def get_config() -> ConfigDict:
    config = gpt_small.get_config()
    config.name = "llama_8b"
    config.data.max_bytes = 0
    config.tokenizer.vocab_size = 128_256
    config.tokenizer.pattern = "llama-bpe"
    config.model.family = "llama3"
    config.model.depth = 32
    config.model.width = 4096
    config.model.head_dim = 128
    config.model.kv_heads = 8
    config.model.mlp_width = 14_336
    config.model.context = 8192
    config.model.scan = True
    # Each layer's input is all that is kept for the backward pass.
    config.model.remat = "full"
    config.mesh.data = 1
    config.mesh.fsdp = -1
    # Muon's orthogonalisation gathers whole matrices; at this size AdamW is the plain choice.
    config.train.optimizer = "adamw"
    config.train.accumulate = 1
    return config
