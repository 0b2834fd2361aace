"""A 124M-parameter base model, the class of GPT-2 small, on FineWeb-Edu.

    python -m train.main --config=configs/gpt_small.py
    python -m train.main --config=configs/gpt_small.py:smoke     20 steps, smaller, any machine

Needs one GPU of 24 GB or more, or one TPU host, and the Parquet files of FineWeb-Edu's 10B-token
sample, streamed through fsspec. Any other text: --config.data.source=FOLDER (or files, or
tfds:name). The shape is the native one (depth 12, width 768); 2.5B tokens are 20 a parameter.

The smoke variant takes the same steps on the embedded world with float32, no download, on a CPU.
"""

from ml_collections import ConfigDict

from configs import defaults


def get_config(variant: str = "") -> ConfigDict:
    config = defaults.get_config()
    config.name = "gpt_small"
    config.data.source = "hf://datasets/HuggingFaceFW/fineweb-edu/sample/10BT/*.parquet"
    # About four and a half bytes a token: 12 GB hold one epoch of 2.5B tokens and a little more.
    config.data.max_bytes = 12_000_000_000
    config.data.validation_fraction = 0.001
    config.tokenizer.vocab_size = 50_304
    config.tokenizer.sample_bytes = 500_000_000
    config.model.depth = 12
    config.model.context = 1024
    config.model.dtype = "bfloat16"
    # 512 positions · 50,304 logits · 4 bytes are 100 MB a row; without chunks, twice that, kept.
    config.model.loss_chunk = 512
    config.train.accumulate = 16
    config.watch.log_steps = 20
    if variant == "smoke":
        config.name = "gpt_small_smoke"
        config.data.source = "world"
        config.data.max_bytes = 2_000_000
        config.data.validation_fraction = 0.02
        config.world.megabytes = 2.0
        config.tokenizer.vocab_size = 2048
        config.model.depth = 3
        config.model.context = 128
        config.model.dtype = "float32"
        config.model.loss_chunk = 64
        config.train.steps = 20
        config.train.batch = 8
        config.train.accumulate = 2
        config.watch.log_steps = 5
        config.watch.eval_rows = 32
    elif variant:
        raise ValueError(f"configs/gpt_small.py has no variant {variant!r}; it has 'smoke'")
    return config
