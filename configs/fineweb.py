"""From a Common Crawl dump to a 124M-parameter base model: FineWeb's filters, then gpt_small.

    curl -O https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-10/warc.paths.gz
    zcat warc.paths.gz | head -n 100 | sed 's|^|https://data.commoncrawl.org/|' > slice.paths
    pip install aiohttp
    python -m train.main --config=configs/fineweb.py --config.web.input=slice.paths \\
        --config.web.processes=$(nproc)

    python -m train.main --config=configs/fineweb.py:smoke --config.web.input=FOLDER_OF_WARC/

The first takes the first hundred WARC files of one dump, about 1 GB each, read as they come and not
stored. Any other list or glob will do: with `pip install s3fs` and AWS credentials,
--config.web.input='s3://commoncrawl/crawl-data/CC-MAIN-2024-10/segments/*/warc/*-0000?.warc.gz'.
FineWeb kept 15T tokens of 96 dumps (arXiv 2406.17557) of some 90,000 files, 1.7M a file: the 2.5B
tokens that this model wants are about 1,500 files. The University of Toulouse's blocklists,
unpacked, go to --config.web.urls.blocklists=FOLDER.

A whole dump is work for a cluster: run `python -m data.main` there, then this config on what came
out of it, as launch/web_cluster.md says.

Needs, for the model, one GPU of 24 GB or more, or one TPU host. The smoke variant filters any WARC
files and takes 20 steps of a small model on a CPU. Only that variant has been run.
"""

from ml_collections import ConfigDict

from configs import gpt_small


def get_config(variant: str = "") -> ConfigDict:
    if variant not in ("", "smoke"):
        raise ValueError(f"configs/fineweb.py has no variant {variant!r}; it has 'smoke'")
    config = gpt_small.get_config(variant)
    config.name = "fineweb_smoke" if variant else "fineweb"
    config.stages = ("data.web.pipeline", "data.tokenizer", "data.tokens", "train.pretrain")
    config.web.input = "slice.paths"
    config.data.source = "web"
    if variant == "smoke":
        # A few dozen pages may be all there is.
        config.data.validation_fraction = 0.2
        config.tokenizer.vocab_size = 1024
    return config
