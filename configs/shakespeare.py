"""Character-level Shakespeare at the size of nanoGPT's CPU setting: the first run to try.

    python -m train.main --config=configs/shakespeare.py --config.data.source=input.txt

Needs a text file (TinyShakespeare, 1.1 MB, or any other).
"""

from ml_collections import ConfigDict

from configs import defaults


def get_config() -> ConfigDict:
    config = defaults.get_config()
    config.name = "shakespeare"
    config.data.source = "input.txt"
    config.data.validation_fraction = 0.1
    config.tokenizer.kind = "characters"
    config.model.layers = 4
    config.model.width = 128
    config.model.heads = 4
    config.model.head_dim = 32
    config.model.mlp = "relu2"
    config.model.context = 64
    config.mesh.cpu_devices = 2
    config.train.steps = 300
    config.train.batch = 24
    config.watch.prompts = ("ROMEO:",)
    config.watch.eval_steps = 100
    return config
