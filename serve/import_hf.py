"""Makes a Hugging Face folder a stage of a run, to talk to, to measure and to train further.

    python -m serve.import_hf --model=downloads/Qwen3-0.6B --workdir=runs/qwen
    python -m serve.chat --workdir=runs/qwen --base --prompt="The capital of France is"
    python -m train.main --workdir=runs/qwen --config=configs/mine.py \\
        --config.stages=data.chat_tokens,train.sft

Of the families Qwen3, Llama 3 and GPT-2, with weights in safetensors and a tokenizer.json. Nothing
in the folder is executed. The run gets the stage "base" (or another: --stage=chat for a model that
knows the turns of serve.chat): a checkpoint with the parameters in float32, config.json, DONE; and
tokenizer/ where it has none yet. No state of an optimizer comes with it: fine-tuning starts from
the stage, pretraining does not go on with it.

--config names the config of the run that the model is to be the base of; its section `model` is
replaced by what the folder says.
"""

import contextlib
import json
import pathlib

import numpy as np
from absl import app, flags, logging
from ml_collections import ConfigDict, config_flags
from tqdm import tqdm

from data.encoding import Tokenizer
from data.errors import InputError, one_line_errors
from data.run_folder import is_done, mark_done, write_atomically
from model.config import ModelConfig
from model.parameters import count
from serve import hugging_face
from serve.safetensors_folder import Reader
from train import pretrain
from train.checkpoints import Checkpoints
from train.scaling import COMPUTED, resolve

_DEFAULTS = pathlib.Path(__file__).resolve().parents[1] / "configs" / "defaults.py"
# A config.json is a few kilobytes, a large tokenizer.json a few tens of megabytes.
_MOST_BYTES = {"config.json": 1 << 20, "tokenizer.json": 1 << 28}

MODEL = flags.DEFINE_string("model", None, "The Hugging Face folder.")
WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder; made if it is not there.")
STAGE = flags.DEFINE_string("stage", pretrain.NAME, "The stage that the model becomes.")
CONFIG = config_flags.DEFINE_config_file("config", str(_DEFAULTS), "The config of the run.")


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    with one_line_errors():
        if len(argv) > 1:
            raise InputError(f"unexpected argument {argv[1]!r}; the folder is --model={argv[1]}")
        for flag, example in ((MODEL, "downloads/Qwen3-0.6B"), (WORKDIR, "runs/qwen")):
            if flag.value is None:
                raise InputError(f"no --{flag.name}; give one, such as --{flag.name}={example}")
        model = import_hf(MODEL.value, WORKDIR.value, STAGE.value, CONFIG.value)
        print(
            f"{WORKDIR.value}: {count(model):,} parameters of {MODEL.value} are its stage "
            f"{STAGE.value}"
        )


def import_hf(model: str, workdir: str, stage: str, config: ConfigDict) -> ModelConfig:
    """Makes the folder `model` the stage `stage` of the run in `workdir`.

    Holds the parameters once, in float32, and one tensor of the folder at a time.

    Args:
      config: of the run, unresolved.

    Returns:
      The architecture.

    Raises:
      InputError: the run has the stage already, or another tokenizer; the folder is not whole, or
        of an architecture or with settings that are not computed here.
    """
    source, folder = pathlib.Path(model), pathlib.Path(workdir) / stage
    if not stage or stage != pathlib.PurePath(stage).name:
        raise InputError(f"--stage is {stage!r}; it is the name of a folder of the run")
    if is_done(folder) or (folder / "config.json").exists():
        raise InputError(f"{workdir} has a stage {stage!r} already: give another --workdir")
    settings = _object(source / "config.json")
    where = str(source / "config.json")
    sizes = hugging_face.architecture(settings, where)
    _check_size(source / "tokenizer.json")
    tokenizer = Tokenizer.load(source / "tokenizer.json")
    config, architecture = _resolved(config, sizes, tokenizer)
    params = hugging_face.empty(architecture)
    with contextlib.ExitStack() as closing:
        reader = Reader(source, closing)
        names = hugging_face.names_to_read(architecture, reader.names, str(source))
        for tensor, name in names.items():
            reader.check(name, tensor.shape)
        for tensor, name in tqdm(names.items(), desc="reading", unit="tensor", disable=None):
            array = reader.read(name)
            if not np.isfinite(array.astype(np.float32)).all():
                raise InputError(f"{source} has {name} with numbers that are not finite")
            hugging_face.fill(params, tensor, array)
    _take_tokenizer(source / "tokenizer.json", pathlib.Path(workdir) / "tokenizer", tokenizer)
    checkpoints = config.checkpoint.folder or str(folder.absolute())
    with Checkpoints(checkpoints, config.checkpoint.keep) as saves:
        saves.save(0, {"params": params}, {"batches": 0, "seconds": 0.0, "imported": str(source)})
    write_atomically(folder / "config.json", config.to_json_best_effort(indent=2) + "\n")
    mark_done(folder, {"imported": str(source)})
    return architecture


def _resolved(
    config: ConfigDict, sizes: dict, tokenizer: Tokenizer
) -> tuple[ConfigDict, ModelConfig]:
    config = config.copy_and_resolve_references().unlock()
    computed = {key: config.model[key] for key in COMPUTED}
    config.model = ConfigDict(computed | sizes)
    config.train.average = 0.0
    if config.train.context is not None:
        config.train.context = min(config.train.context, sizes["context"])
    return resolve(config.lock(), tokenizer.vocab_size)


def _take_tokenizer(source: pathlib.Path, folder: pathlib.Path, tokenizer: Tokenizer) -> None:
    """Copies the tokenizer.json; a run that has one must have the same."""
    target = folder / "tokenizer.json"
    if target.exists():
        if target.read_bytes() != source.read_bytes():
            raise InputError(
                f"{folder} holds another tokenizer than {source}, by which the run's data are "
                "encoded: give another --workdir"
            )
        return
    write_atomically(target, source.read_text(encoding="utf-8"))
    mark_done(folder, {"vocab_size": tokenizer.vocab_size})


def _object(path: pathlib.Path) -> dict:
    _check_size(path)
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON ({error})") from error
    if not isinstance(settings, dict):
        raise InputError(f"{path} is no JSON object")
    return settings


def _check_size(path: pathlib.Path) -> None:
    if not path.is_file():
        raise InputError(f"there is no {path}: --model is a folder as transformers saves it")
    if path.stat().st_size > _MOST_BYTES[path.name]:
        raise InputError(
            f"{path} is larger than {_MOST_BYTES[path.name]:,} bytes: it is no model's"
        )


if __name__ == "__main__":
    app.run(main)
