"""The reward model: what people would say of an answer, learnt from how they ordered others. Stage
config.reward.name.

The transformer of a fine-tuned model with one vector in the place of the unembedding: the score of
an answer is that vector times the final hidden state of its last token, the <|im_end|>, which has
seen all of prompt and answer (Ouyang et al. 2022, arXiv 2203.02155). It learns from rankings by
Plackett-Luce or from pairs by Bradley-Terry (train.preference_losses).

Scores mean something by their differences alone: the sigmoid of one, over the temperature that the
stage reports, is the probability that people prefer the first.
"""

import collections
import functools
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.nn import initializers
from jax.sharding import Mesh
from ml_collections import ConfigDict

from data import chat_tokens, preference_rows
from data.encoding import Tokenizer
from data.errors import InputError
from data.run_folder import is_done
from model import parameters as trunk
from model.config import ModelConfig
from model.parameters import Param
from model.sharding import make_mesh, shardings
from model.transformer import hidden_states
from train import agreement, loop, preference_figures, preference_losses, stage, state, trained
from train.gradients import Metrics
from train.optimizer import optimizer
from train.step import make_step

HEAD = "reward"
LOSSES = ("plackett_luce", "all_pairs", "bradley_terry")
# Rows and tokens that RewardModel.score fills up to, so that few shapes are compiled.
_ROWS, _TOKENS = (8, 64), 32
_SHOWN = 3  # rankings in samples.txt


def parameters(architecture: ModelConfig) -> dict[str, Any]:
    """The declarations of the transformer's parameters, and of the head [D]."""
    head = Param((architecture.width,), ("embed",), initializers.zeros)
    return trunk.parameters(architecture) | {HEAD: head}


def scores(
    params: dict[str, Any], architecture: ModelConfig, tokens: Array, lengths: Array
) -> Array:
    """The score of every row, [B] float32.

    Args:
        tokens: [B, T] int32, prompt and answer; what follows the last token is not seen.
        lengths: [B] int32, tokens of each.
    """
    hidden = hidden_states(params, architecture, tokens)
    last = jnp.maximum(lengths - 1, 0)[:, None, None]
    ends = jnp.take_along_axis(hidden, last, axis=1)[:, 0]  # [B, D]
    return jnp.einsum(
        "bd,d->b", ends, params[HEAD].astype(ends.dtype), preferred_element_type=jnp.float32
    )


def objective(
    kind: str, margin: float, centring: float
) -> Callable[[dict[str, Any], ModelConfig, dict[str, Array]], Metrics]:
    """(params, architecture, batch as data.preference_rows.arrange gives it) -> metrics.

    Raises:
        InputError: there is no such loss, or it takes no margin.
    """
    if kind not in LOSSES:
        raise InputError(f'config.reward.loss is "{kind}": it is one of {", ".join(LOSSES)}')
    if margin and kind != "bradley_terry":
        raise InputError(
            f"config.reward.margin is {margin}, which the loss {kind} does not take: set "
            "config.reward.loss to bradley_terry, or the margin to 0"
        )

    def loss(params: dict[str, Any], architecture: ModelConfig, batch: dict[str, Array]) -> Metrics:
        ranks = batch["ranks"]
        flat = preference_figures.flattened(batch)
        given = scores(params, architecture, flat["tokens"], flat["lengths"]).reshape(ranks.shape)
        if kind == "bradley_terry":
            pairs = preference_figures.pairs(given, ranks)
            return preference_losses.bradley_terry(*pairs, margin=margin, centring=centring)
        return getattr(preference_losses, kind)(given, ranks, centring)

    return loss


def run(config: ConfigDict, workdir: str) -> None:
    """Trains the reward model of the run in `workdir`, or goes on with it."""
    if is_done(pathlib.Path(workdir) / config.reward.name):
        return
    tokenizer = Tokenizer.load(pathlib.Path(workdir) / "tokenizer")
    human = _human(config, workdir, tokenizer)
    config, architecture, data = preference_figures.opened(config, "reward", workdir, tokenizer)
    mesh = stage.mesh_of(config, architecture, "reward")
    stage.run(
        config.reward.name,
        config,
        architecture,
        mesh,
        workdir,
        lambda: make_plan(config, architecture, mesh, tokenizer, data, human, workdir),
    )


def make_plan(
    config: ConfigDict,
    architecture: ModelConfig,
    mesh: Mesh,
    tokenizer: Tokenizer,
    data: preference_rows.Opened,
    human: preference_rows.Preferences | None,
    workdir: str,
) -> loop.Plan:
    """Everything the loop needs. `config` is the resolved one of this stage."""
    train, section = config.train, config.reward
    declarations = parameters(architecture)
    update = optimizer(train, declarations)
    mine = loop.local_rows(mesh, train.batch)
    measure = preference_figures.measurer(
        lambda params, batch: scores(params, architecture, batch["tokens"], batch["lengths"]),
        mesh,
        train.batch // train.accumulate,
    )

    def params() -> dict[str, Any]:
        head = jax.device_put(
            jnp.zeros(declarations[HEAD].shape), shardings(declarations, mesh)[HEAD]
        )
        return trained.load(workdir, section.start, mesh).params | {HEAD: head}

    def evaluate(current: state.State, final: bool) -> dict[str, float]:
        held_out = data.held_out.rankings
        part = data.held_out._replace(
            rankings=held_out if final else held_out[: config.watch.eval_rows]
        )
        figures = _figures(*_measured(measure, current.best, part))
        if final and human is not None:
            found = _figures(*_measured(measure, current.best, human))
            figures |= {f"human_{name}": value for name, value in found.items()}
        return figures

    def sample(current: state.State) -> str:
        shown = data.held_out._replace(rankings=data.held_out.rankings[:_SHOWN])
        return _readable(tokenizer, shown, _measured(measure, current.best, shown)[0])

    return stage.plan(
        section.name,
        config,
        architecture,
        mesh,
        update,
        make_step(
            architecture,
            update,
            train.accumulate,
            objective=objective(section.loss, section.margin, section.centring),
        ),
        params=params,
        batches=lambda start: data.batches(train.batch, config.seed, mine, start),
        evaluate=evaluate,
        sample=sample,
        declare=parameters,
        rows=data.K,
        unembeds=False,
    )


def _human(
    config: ConfigDict, workdir: str, tokenizer: Tokenizer
) -> preference_rows.Preferences | None:
    section = config.reward
    if not section.human:
        return None
    counts: collections.Counter = collections.Counter()
    found = preference_rows.open_preferences(
        section.human,
        workdir,
        "held_out",
        section.validation_fraction,
        tokenizer,
        chat_tokens.row_context(config, "reward"),
        counts,
        unusable=counts,
    )
    preference_figures.record_left_out(workdir, section.name, counts, "human_left_out.json")
    return found


def _measured(
    measure: Callable[..., np.ndarray], params: dict[str, Any], part: preference_rows.Preferences
) -> tuple[np.ndarray, np.ndarray]:
    given = measure(params, part.rankings, part.K, part.T)
    return given, preference_figures.ranks_of(part.rankings, part.K)


def _figures(given: np.ndarray, ranks: np.ndarray) -> dict[str, float]:
    """How well scores [N, K] order answers as ranked, with an interval of 95%; the temperature that
    every second ranking asks for, and the calibration error of the others at it."""
    differences = agreement.differences(given, ranks)
    figures = agreement.with_interval(given, ranks) | {"pairs": len(differences)}
    halves = [agreement.differences(given[start::2], ranks[start::2]) for start in (0, 1)]
    if all(map(len, halves)):
        figures["temperature"] = agreement.temperature(halves[0])
        figures["calibration_error"] = agreement.calibration_error(
            halves[1] / figures["temperature"]
        )
    return figures


def _readable(tokenizer: Tokenizer, part: preference_rows.Preferences, given: np.ndarray) -> str:
    """Prompts with their answers, the best scored first, each with its score and rank."""
    lines = []
    for ranking, row in zip(part.rankings, given, strict=True):
        lines.append(f"> {tokenizer.decode(ranking.answers[0][: ranking.start])}")
        for place in np.argsort(-row[: len(ranking.ranks)], kind="stable"):
            text = tokenizer.decode(ranking.answers[place][ranking.start :])
            lines.append(f"{row[place]:8.3f}  (rank {ranking.ranks[place]}) {text}")
    return "\n".join(lines)


# --- use --------------------------------------------------------------------------------------


class RewardModel:
    """A trained reward model that scores answers in tokens, as reinforcement learning has them.

    Args:
        params: of `parameters(architecture)`.
        name: what errors call it.
    """

    def __init__(self, params: dict[str, Any], architecture: ModelConfig, name: str = "reward"):
        self._params, self._architecture, self._name = params, architecture, name
        self._score = jax.jit(functools.partial(scores, architecture=architecture))

    @classmethod
    def load(
        cls, workdir: str | os.PathLike, stage: str = "reward", mesh: Mesh | None = None
    ) -> "RewardModel":
        """That of a run, on `mesh` or on the first device.

        Raises:
            InputError: as trained.load.
        """
        if mesh is None:
            mesh = make_mesh(data=1, fsdp=1, tensor=1, devices=jax.devices()[:1])
        found = trained.load(workdir, stage, mesh, parameters)
        return cls(found.params, found.architecture, stage)

    def score(self, answers: Sequence[tuple[Sequence[int], Sequence[int]]]) -> np.ndarray:
        """The score of each (prompt tokens, answer tokens), [N] float32. What an answer scores does
        not depend on the others.

        The prompt is that of data.conversations.prompt_ids, and the answer ends with <|im_end|>
        where the model ended it.

        Raises:
            InputError: a score is not finite, or an answer with its prompt is empty or too long.
        """
        rows = [np.concatenate([prompt, answer]).astype(np.int32) for prompt, answer in answers]
        context = self._architecture.context
        for number, row in enumerate(rows):
            if not 0 < len(row) <= context:
                raise InputError(
                    f"answer {number} has {len(row)} tokens with its prompt, and the reward model "
                    f"{self._name!r} takes 1 to {context}: bound what is written"
                )
        result = np.zeros(len(rows), np.float32)
        buckets: dict[int, list[int]] = collections.defaultdict(list)
        for number, row in enumerate(rows):
            buckets[min(context, -(-len(row) // _TOKENS) * _TOKENS)].append(number)
        for T, numbers in sorted(buckets.items()):
            for start in range(0, len(numbers), _ROWS[-1]):
                some = numbers[start : start + _ROWS[-1]]
                result[some] = self._padded([rows[number] for number in some], T)
        bad = np.flatnonzero(~np.isfinite(result))
        if len(bad):
            raise InputError(
                f"the reward model {self._name!r} gives answer {bad[0]} the score "
                f"{result[bad[0]]}, and {len(bad)} of {len(rows)} are not finite: train it again "
                "at a lower learning rate"
            )
        return result

    def _padded(self, rows: Sequence[np.ndarray], T: int) -> np.ndarray:
        B = next(size for size in _ROWS if size >= len(rows))
        tokens, lengths = np.zeros((B, T), np.int32), np.ones(B, np.int32)
        for place, row in enumerate(rows):
            tokens[place, : len(row)] = row
            lengths[place] = len(row)
        given = self._score(self._params, tokens=tokens, lengths=lengths)
        return np.asarray(given)[: len(rows)]
