"""How training went: loss curves, and in reinforcement learning rewards, lengths, divergence."""

import re

from data.page import text
from evals.report import dialogue, pictures
from evals.report.found import Found, Record
from evals.report.part import Part, part
from evals.report.pictures import Panel, Points

_NAMES = {"loss": "training", "val_loss": "held-out"}

# What shares a panel, by the names of metrics.jsonl.
_PANELS = (
    (r"(held_out_)?reward", "reward"),
    (r"(held_out_)?length", "tokens an answer"),
    (r"kl", "nats a token, to the start"),
    (r"held_out_kl", "nats an answer, to the start"),
    (r"(held_out_)?entropy", "nats a token"),
    (r"agreement|accuracy", "share"),
)
# Of evaluations on held-out prompts: rl.unverified.
_GOLD, _PROXY, _STRAYED = "gold", "proxy", "held_out_kl"


def losses(found: Found) -> list[Part]:
    """A picture for each stage that follows a loss on data."""
    shown = []
    for name, stage in found.stages.items():
        lines = {_NAMES[key]: _points(stage.metrics, key) for key in _NAMES}
        lines = {key: points for key, points in lines.items() if points}
        if not lines or _is_practice(stage.metrics):
            continue
        picture = pictures.curves([Panel(lines, "nats")], f"Loss curves of {name}")
        shown.append(f"<h3>{text(name)}</h3>{_outcome(found, name)}{picture}")
    intro = (
        "Each step, the weights move a little so that the tokens that came next become likelier. "
        "The loss is how surprised the model is by a token, in nats: e to its power is the number "
        "of tokens that it hesitates between. Held-out text is never trained on: in fine-"
        "tuning it is conversations, while training reads documents again, too. Where orderings "
        "are learnt, the surprise is about which of two answers was preferred."
    )
    return part("learning", "Learning", intro, *shown)


def _outcome(found: Found, name: str) -> str:
    told = []
    for key, form in (
        ("val_loss", "held-out loss {:.4f} nats"),
        ("bits_per_byte", "{:.4f} bits a byte of held-out text"),
        ("tokens_per_second", "{:,.0f} tokens a second"),
    ):
        if f"{name}/{key}" in found.figures:
            told.append(form.format(found.figures[f"{name}/{key}"]))
    return f"<p>At the end: {', '.join(told)}.</p>" if told else ""


def practice(found: Found) -> list[Part]:
    """A picture and examples for each stage that learns from rewards, or learns to give them."""
    shown = []
    for name, stage in found.stages.items():
        panels = [
            *_gold_against_proxy(stage.metrics),
            *(
                Panel(lines, label)
                for pattern, label in _PANELS
                if (lines := _lines(stage.metrics, pattern))
            ),
        ]
        if not panels:
            continue
        subject = f"Curves of {name}"
        examples = dialogue.practice_examples(stage.rollouts)
        shown.append(f"<h3>{text(name)}</h3>{pictures.curves(panels, subject)}{examples}")
    intro = (
        "Where an answer can be checked, the model tries, and what came out well becomes likelier. "
        "Where it cannot, a reward model stands in for the judge (the proxy): what scores high "
        "with it may stop being what the judge (gold) likes. How long the answers are is whatever "
        "pays."
    )
    return part("practice", "Practice and rewards", intro, *shown)


def _gold_against_proxy(metrics: list[Record]) -> list[Panel]:
    """Both over the steps, and over how far the model has strayed."""
    names = [name for name in (_GOLD, _PROXY) if _points(metrics, name)]
    if not names:
        return []
    strayed = {
        name: sorted((line[_STRAYED], line[name]) for line in metrics if name in line)
        for name in names
    }
    return [
        Panel({name: _points(metrics, name) for name in names}, "deviations of the start"),
        Panel(strayed, "deviations of the start", "nats an answer, to the start"),
    ]


def _is_practice(metrics: list[Record]) -> bool:
    """Whether what is followed is a reward: the loss then says little."""
    return any("reward" in line for line in metrics)


def _lines(metrics: list[Record], pattern: str) -> dict[str, Points]:
    names = _matching(metrics, re.compile(pattern))
    return {name.replace("_", " "): _points(metrics, name) for name in names}


def _matching(metrics: list[Record], pattern: re.Pattern) -> list[str]:
    names = dict.fromkeys(name for line in metrics for name in line)
    return sorted(name for name in names if pattern.fullmatch(name))


def _points(metrics: list[Record], name: str) -> Points:
    return [(line["step"], line[name]) for line in metrics if name in line]
