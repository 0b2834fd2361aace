"""Character-level Shakespeare at the size of nanoGPT's CPU setting: the first run to try.

    python -m train.main --config=configs/shakespeare.py --config.data.source=input.txt

Needs a text file (TinyShakespeare, 1.1 MB, or any other). On the last tenth of TinyShakespeare as
validation text (benchmarks/time_to_loss.py): 1.855 nats per character after 23 seconds on two cores
(Intel Xeon, AVX-512), imports and compilation counted; nanoGPT takes 73 to its 1.886.
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
    # Wavelengths of 6 to 450 tokens: of 10,000's, most are longer than the context. Worth 0.03
    # nats at this length of training.
    config.model.rope_theta = 100.0
    config.mesh.cpu_devices = 2
    # Tuned for the fewest seconds to 1.88 nats per character on the last tenth of the text. Small
    # batches learn more from a token; below 16 rows the optimizer's share of a step outweighs it.
    config.train.steps = 250
    config.train.batch = 16
    config.train.muon_learning_rate = 0.03
    config.train.learning_rate = 0.015
    config.train.weight_decay = 0.0
    config.train.decay = 0.9
    config.watch.prompts = ("ROMEO:",)
    config.watch.eval_steps = 100
    return config
