"""A made-up run for the report: every kind of thing that stages leave, with hostile text in it."""

import json
import pathlib

from data.run_folder import mark_done, record, write_atomically
from data.web import funnel, layout, sinks

# What would run, or load, or break the page out of its place, if it were not text.
ATTACKS = (
    "<script>alert(1)</script>",
    "</script></style></td></section><img src=x onerror=alert(2)>",
    "\"'><svg onload=alert(3)>",
    "<a href='javascript:alert(4)'>&lt;b&gt; &amp; \x00\x1b[31m \u202e</a>",
    "<link rel=stylesheet href=//outside.example/x.css> <!-- ]]>",
)
_A, _B, _C, _D, _E = ATTACKS

FIGURES = {
    "web/pages_in": 4,
    "web/language_precision": 0.99,
    "base/val_loss": 0.8252,
    "base/bits_per_byte": 0.2918,
    "base/tokens_per_second": 6670.0,
    "base/peak_fraction": 0.51,
    "base/flops": 6.9e13,
    "base/seconds": 811.5,
    "chat/letters_with_tool": 0.9,
    "chat/letters_without_tool": 0.1,
    "chat/problems_with_steps": 0.4,
    "chat/problems_direct": 0.01,
    "chat/unknown_with_search": 0.25,
    "interrogation/known": 0.5,
    "reward/agreement": 0.93,
    "seconds/data.tokenizer": 12.5,
    "seconds/train.pretrain": 811.5,
    "total/seconds": 824.0,
    "total/peak_memory_gb": 2.1,
    "total/flops": 6.9e13,
    f"own/{_A}": 1.0,
}


def write(folder: pathlib.Path) -> pathlib.Path:
    """Makes the run in `folder`, without checkpoints."""
    config = {"name": f"made up {_B}", "stages": ["data.tokenizer", "train.pretrain", _A]}
    write_atomically(folder / "config.json", json.dumps(config | {"text": _C}))
    record(folder, FIGURES)
    _web(folder / layout.OUTPUT)
    losses = [{"step": step, "loss": 8 / step, "gradient_norm": 1.0} for step in range(1, 30)]
    held_out = [{"step": step, "val_loss": 9 / step} for step in (10, 20, 29)]
    for name in ("base", "sft", "chat"):
        _stage(folder / name, losses + held_out)
    _stage(folder / "reward", [{"step": n, "loss": 0.7, "agreement": 0.5 + n / 9} for n in (1, 2)])
    _practice(folder / "rl")
    gold = [
        {"step": n, "gold": 1 - (n - 3) ** 2 / 9, "proxy": n / 5, "held_out_kl": n / 9}
        for n in range(9)
    ]
    _stage(folder / "rlhf", gold)
    _lines(folder / "report" / "said.jsonl", _said())
    _lines(folder / "assistant" / "answers.jsonl", _answers())
    _lines(folder / "interrogation" / "questions.jsonl", _questions())
    machine = {"processor": _E, "packages": {"jax": "0.10"}}
    write_atomically(folder / "report" / "machine.json", json.dumps(machine))
    return folder


def _web(folder: pathlib.Path) -> None:
    tally = funnel.Tally()
    for number in range(4):
        tally.left(funnel.INPUT, 100, is_text=True)
        if number < 3:
            tally.dropped("read", _A)
    tally.left("read", 100, is_text=True)
    page = {"id": 1, "url": f"http://outside.example/{_B}", "text": _A, "reason": _C, "figure": 0.5}
    tally.example("read", page)
    tally.example(funnel.KEPT, {"id": 2, "url": "", "text": f"naïve 日本語 {' '.join(ATTACKS)}"})
    folder.mkdir(parents=True)
    sinks.write_json(f"{folder}/{layout.STATS}", funnel.stats(tally.counts, ("read",)))
    sinks.write_json(f"{folder}/{funnel.EXAMPLES_FILE}", tally.examples)
    mark_done(folder, {})


def _stage(folder: pathlib.Path, metrics: list[dict]) -> None:
    train = {"batch": 16, "context": 256}
    write_atomically(folder / "config.json", json.dumps({"train": train}))
    _lines(folder / "metrics.jsonl", metrics)
    mark_done(folder, {})


def _practice(folder: pathlib.Path) -> None:
    metrics = [{"step": 0, "held_out_reward": 0.3, "held_out_length": 20.0}]
    metrics += [
        {"step": n, "loss": 0.0, "reward": n / 9, "length": 20.0 + n, "kl": n / 50, "entropy": 1.0}
        for n in range(1, 9)
    ]
    metrics += [{"step": 8, "held_out_reward": 0.9, "held_out_length": 28.0}]
    _stage(folder, metrics)
    rollouts = [
        {"step": step, "reward": step / 8} | _line("", "add/1", f"add {step}", "yes", _C)
        for step in (0, 8)
    ]
    _lines(folder / "rollouts.jsonl", rollouts)


def _said() -> list[dict]:
    return [
        *(
            {"stage": name, "key": _A, "prompt": _A, "text": f"{name} {_B}"}
            for name in ("base", "chat")
        ),
        {"stage": "sft", "key": "known_asked/0", "prompt": "Capital?", "text": f"before {_C}"},
    ]


def _answers() -> list[dict]:
    return [
        _line("known_asked", "known_asked/0", "The capital?", "yes", "Paris"),
        _line("unknown_declined_before", "withheld/7", "The king?", "no", f"Ann {_D}"),
        _line("unknown_declined", "withheld/7", "The king?", "yes", "I do not know."),
        _line("unknown_with_search", "withheld_search/0", "The queen?", "no", _E, call=True),
        *(
            _line("letters_with_tool", f"letters/{n}", f"How many r? {n}", "yes", "3", call=True)
            for n in range(6)
        ),
        *(
            _line("letters_without_tool", f"letters_direct/{n}", f"How many r? {n}", "no", "2")
            for n in range(6)
        ),
        _line("problems_with_steps", "problems/0", f"{_A} nuts?", "yes", "7 - 3 = 4. So 4."),
        _line("problems_direct", "problems_direct/0", f"{_A} nuts?", "no", ""),
    ]


def _line(figure: str, name: str, asked: str, verdict: str, reply: str, call: bool = False) -> dict:
    turn = [{"role": "assistant", "content": reply}]
    if call:
        function = {"name": f"python{_A}", "arguments": {"code": f"'{_B}'.count('r')"}}
        calls = [{"function": function}, {"error": f"no call: {_A}"}]
        first = {"content": "", "reasoning_content": _C, "tool_calls": calls}
        turn = [{"role": "assistant"} | first, {"role": "tool", "name": _D, "content": _E}, *turn]
    return {
        "figure": figure,
        "id": name,
        "verdict": verdict,
        "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": asked}],
        "turn": turn,
        "finish_reason": "stop",
        "expected": _B,
    }


def _questions() -> list[dict]:
    verdicts = {8: "known", 3: "unsure", 0: "unknown"}
    return [
        {"verdict": verdict, "right": right / 8, "answers": [_A] * 8}
        for right, verdict in verdicts.items()
        for _ in range(right + 1)
    ]


def _lines(path: pathlib.Path, rows: list[dict]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomically(path, text)
