"""From nothing to a small assistant on two CPU cores, with no download: the embedded world.

    bash launch/laptop.sh
    python -m train.main --config=configs/laptop.py

Needs two cores. 1.9M parameters; 6.1M tokens of pretraining on what the web pipeline keeps of 24
MB of text, 5.1M of fine-tuning. Run once, on two cores (an AMD EPYC without AVX-512) that other
programs were using, too: 63 minutes, 22 of pretraining and 28 of fine-tuning. Base model:
validation loss 0.801 nats a token, 0.275 bits a byte. Assistant, on what training never contained:
0.73 of the facts it was asked about in other words, 0.53 of those only told, 0.54 of who it is,
0.23 of the word problems with steps and 0.01 without, 0.90 of what was withheld declined against
0.01 before interrogation, 0.12 of what it knows declined too. It copies words badly, so that
search (0.02) and letters (0.48) mostly fail, and takes a held-out phrasing for another question.
"""

from ml_collections import ConfigDict

from configs import defaults


def get_config() -> ConfigDict:
    config = defaults.get_config()
    config.name = "laptop"
    config.stages = (
        "data.world.web",
        "data.web.pipeline",
        "data.tokenizer",
        "data.tokens",
        "data.chat_tokens",
        "train.pretrain",
        "train.sft",
        "evals.interrogate",
        "data.chat_tokens:sft=sft_again",
        "train.sft:sft=sft_again",
        "evals.assistant",
        "evals.report",
    )
    config.web.processes = 2
    config.data.source = "web"
    config.model.layers = 4
    config.model.width = 160
    config.model.head_dim = 32
    config.model.context = 256
    # Fits rows of 256: at Qwen3's base of a million most rotations hardly turn within one, and
    # copying is learned later.
    config.model.rope_theta = 1000.0
    # A device a core, each taking two rows at a time: what fits a core's cache is fastest.
    config.mesh.cpu_devices = 2
    config.train.steps = 1500
    config.train.batch = 16
    config.train.accumulate = 4
    config.train.learning_rate = 3e-3
    config.train.weight_decay = 0.01
    # Facts told by fewer pages are not known well enough to be asked about.
    config.world_chat.least_told = 250
    config.world_chat.count = 28_000
    config.search.source = "web,library"
    config.sft.name = "sft"
    config.sft.sources = "world@0.65,replay@0.35"
    config.sft.steps = 850
    # Letters, columns of digits and calls of tools are new to the base model: at a third of the
    # rate it learns to answer in the right form, and not to copy a word into a call.
    config.sft.learning_rate_fraction = 1.0
    config.sft.warmup, config.sft.decay = 0.02, 0.6
    config.sft_again.sources = "world@0.45,interrogation@0.25,replay@0.3"
    config.sft_again.steps = 400
    config.watch.log_steps = 25
    config.watch.prompts = ("Once upon a time", "The capital of France is", "Q: What do cows eat?")
    return config
