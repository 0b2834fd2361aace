"""Supervised fine-tuning: what an assistant answers, from a base model. Stage config.sft.name.

The loss and the step are those of pretraining, with a mask that is 1 on what the assistant writes
and conversations packed into rows that do not see each other. `run` trains on what
data.chat_tokens has written, mixed with documents of pretraining where config.sft.sources names
"replay".
"""

import functools
import itertools
import pathlib
from collections.abc import Callable

from jax.sharding import Mesh
from ml_collections import ConfigDict

from data import chat_loader, chat_tokens, tokens
from data.encoding import Tokenizer
from data.run_folder import is_done
from model.config import ModelConfig
from model.parameters import parameters
from train import loop, pretrain, stage, state, trained
from train.optimizer import optimizer
from train.pretrain import held_out_evaluator
from train.scaling import resolve
from train.step import loss, make_step, total_loss

# Most tokens of conversations are nobody's target.
_loss = functools.partial(loss, skip_masked=True)


def run(config: ConfigDict, workdir: str) -> None:
    """Trains the chat model of the run in `workdir`, or goes on with it."""
    if is_done(pathlib.Path(workdir) / config.sft.name):
        return
    tokenizer = Tokenizer.load(pathlib.Path(workdir) / "tokenizer")
    base = trained.read_start(workdir, config.sft.start)
    data = chat_loader.open_chat_data(config, workdir)
    config, architecture = resolve(stage_config(config, base, data.epoch), tokenizer.vocab_size)
    mesh = stage.mesh_of(config, architecture, "sft")
    stage.run(
        config.sft.name,
        config,
        architecture,
        mesh,
        workdir,
        lambda: make_plan(config, base, architecture, mesh, tokenizer, data, workdir),
    )


def stage_config(config: ConfigDict, base: ConfigDict, epoch: float) -> ConfigDict:
    """The run's config with the settings of SFT in the place of pretraining's, so that all that
    reads `train` reads those of this stage.

    Args:
        base: the resolved config of the stage to start from.
        epoch: rows until every conversation has been seen once.
    """
    result = stage.fine_tuning(config, config.sft, base, chat_tokens.row_context(config), epoch)
    result.train.separate_documents = True
    return result


def make_plan(
    config: ConfigDict,
    base: ConfigDict,
    architecture: ModelConfig,
    mesh: Mesh,
    tokenizer: Tokenizer,
    data: chat_loader.ChatData,
    workdir: str,
) -> loop.Plan:
    """Everything the loop needs. `config` is the resolved one of this stage, `base` that of the
    stage it starts from."""
    train = config.train
    update = optimizer(train, parameters(architecture))
    mine = loop.local_rows(mesh, train.batch)
    return stage.plan(
        config.sft.name,
        config,
        architecture,
        mesh,
        update,
        make_step(architecture, update, train.accumulate, train.average, _loss),
        params=lambda: trained.load(workdir, config.sft.start, mesh).params,
        batches=lambda start: chat_loader.batches(data.train, train.batch, mine, start),
        evaluate=_evaluator(config, base, architecture, mesh, data, workdir),
        sample=stage.answerer(config, architecture, mesh, tokenizer, config.sft.prompts),
    )


def _evaluator(
    config: ConfigDict,
    base: ConfigDict,
    architecture: ModelConfig,
    mesh: Mesh,
    data: chat_loader.ChatData,
    workdir: str,
) -> Callable[[state.State, bool], dict[str, float]]:
    """(state, whether it is the last) -> nats per learnt token of held-out conversations as
    "val_loss"; the last time also "bits_per_byte" of held-out text, exactly as the base model's,
    which shows what was forgotten."""
    batch = config.train.batch // config.train.accumulate
    mine = loop.local_rows(mesh, batch)
    eval_batches = -(-config.watch.eval_rows // batch)
    total = total_loss(architecture, mesh, _loss)
    measured = pretrain.reading_as_base(config, workdir, otherwise=base)

    def evaluate(current: state.State, final: bool) -> dict[str, float]:
        batches = chat_loader.batches(data.validation, batch, mine)
        some = batches if final else itertools.islice(batches, eval_batches)
        nats, targets = total(current.best, some)
        figures = {"val_loss": nats / targets}
        if final and (pathlib.Path(workdir) / "data" / tokens.COUNTS).exists():
            text = held_out_evaluator(measured, architecture, mesh, pathlib.Path(workdir))
            figures["bits_per_byte"] = text(current.best, final)["bits_per_byte"]
        return figures

    return evaluate
