"""A 350M-parameter base model, the class of GPT-2 medium, on FineWeb-Edu.

    python -m train.main --config=configs/gpt_medium.py --config.mesh.fsdp=8

Needs a host with 8 GPUs or a TPU slice of 8 chips. It differs from gpt_small.py in size alone.
"""

from ml_collections import ConfigDict

from configs import gpt_small


def get_config() -> ConfigDict:
    config = gpt_small.get_config()
    config.name = "gpt_medium"
    config.data.max_bytes = 36_000_000_000
    config.model.depth = 24
    config.model.width = 1024
    # One compiled layer instead of 24: minutes of compilation saved.
    config.model.scan = True
    config.train.accumulate = 4
    return config
