"""Makes a Hugging Face folder a stage of a run, to talk to, to measure and to train further.

    python -m serve.import_hf --model=downloads/Qwen3-0.6B --workdir=runs/qwen
    python -m serve.chat --workdir=runs/qwen --base --prompt="The capital of France is"
    python -m train.main --workdir=runs/qwen --config=configs/mine.py \\
        --config.stages="('data.chat_tokens','train.sft')"

Of the families Qwen3, Llama 3 and GPT-2, with weights in safetensors and a tokenizer.json. Nothing
in the folder is executed. The run gets the stage "base" (or another: --stage=chat for a model that
knows the turns of serve.chat): a checkpoint with the parameters in float32, config.json, DONE; and
tokenizer/ where it has none yet. No state of an optimizer comes with it: fine-tuning starts from
the stage, pretraining does not go on with it.

Llama 3 and GPT-2 have no tokens for the turns of this project's conversations, without which they
cannot be fine-tuned on them: --add_control_tokens adds them, with a row of the embedding for each.

--config names the config of the run that the model is to be the base of; its section `model` is
replaced by what the folder says.
"""

import pathlib

from absl import app, flags, logging
from ml_collections import config_flags

from data.errors import InputError, one_line_errors
from model.parameters import count
from serve.imported import import_hf
from train import pretrain

_DEFAULTS = pathlib.Path(__file__).resolve().parents[1] / "configs" / "defaults.py"

MODEL = flags.DEFINE_string("model", None, "The Hugging Face folder.")
WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder; made if it is not there.")
STAGE = flags.DEFINE_string("stage", pretrain.NAME, "The stage that the model becomes.")
ADD_CONTROL_TOKENS = flags.DEFINE_bool(
    "add_control_tokens", False, "Give the tokenizer the tokens of the chat template it lacks."
)
CONFIG = config_flags.DEFINE_config_file("config", str(_DEFAULTS), "The config of the run.")


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    with one_line_errors():
        if len(argv) > 1:
            raise InputError(f"unexpected argument {argv[1]!r}; the folder is --model={argv[1]}")
        for flag, example in ((MODEL, "downloads/Qwen3-0.6B"), (WORKDIR, "runs/qwen")):
            if flag.value is None:
                raise InputError(f"no --{flag.name}; give one, such as --{flag.name}={example}")
        model = import_hf(
            MODEL.value, WORKDIR.value, STAGE.value, CONFIG.value, ADD_CONTROL_TOKENS.value
        )
        print(
            f"{WORKDIR.value}: {count(model):,} parameters of {MODEL.value} are its stage "
            f"{STAGE.value}"
        )


if __name__ == "__main__":
    app.run(main)
