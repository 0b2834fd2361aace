"""WikiText-2 with byte-level BPE: a small run on real encyclopedia text.

    python -m train.main --config=configs/wikitext2.py --config.data.source=FOLDER/train.txt.gz \\
        --config.data.validation=FOLDER/valid.txt.gz

Needs the two files of WikiText-2 (11 MB of text). Run once on two cores (Intel Xeon, AVX-512)
shared with other programs: 3.3M tokens in 15 minutes; 3.684 nats a token and 1.567 bits a byte on
all of the validation text, which is a perplexity of 270 on its 217,646 words. That was with the
embedding's rate at 1.2e-3, where it is 8e-3 now.
"""

from ml_collections import ConfigDict

from configs import defaults


def get_config() -> ConfigDict:
    config = defaults.get_config()
    config.name = "wikitext2"
    config.data.source = "train.txt.gz"
    config.data.validation = "valid.txt.gz"
    config.tokenizer.vocab_size = 4096
    config.model.depth = 4
    config.model.width = 192
    config.model.head_dim = 32
    config.model.context = 256
    config.mesh.cpu_devices = 2
    config.train.steps = 800
    config.train.batch = 16
    config.train.accumulate = 4
    config.train.weight_decay = 0.01
    config.watch.prompts = ("The history of the city", "In the first season ,")
    return config
