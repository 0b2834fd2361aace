"""What models have said, and what that tells: tokens, the same prompts to every stage, what is
known and unknown, answers with and without tools, steps and practice."""

import codecs
from collections.abc import Iterable, Sequence

from data import conversations
from data.encoding import Tokenizer
from data.page import folded, table, text
from evals.report import pictures
from evals.report.found import Found, Record
from evals.report.part import Part, part
from evals.report.said import KNOWN
from train import pretrain

_QUESTION = "What is the capital of France?"
# Rows of a table of examples: the first ones, so that none is picked for how it came out.
_EXAMPLES, _MORE = 3, 12
_COLOURS = 5

# What is measured twice: figure with, figure without, and what was asked.
TOOLS = (
    ("letters_with_tool", "letters_without_tool", "letters counted"),
    ("spelling_with_tool", "spelling_without_tool", "words spelt, turned round, sorted"),
    ("product_with_tool", "product_without_tool", "numbers of four digits multiplied"),
)
STEPS = (("problems_with_steps", "problems_direct", "word problems of two and three steps"),)
_SEARCH = "unknown_with_search"


def tokens(found: Found) -> list[Part]:
    """A text and a conversation, cut into tokens."""
    path = found.workdir / "tokenizer" / "tokenizer.json"
    if not path.exists():
        return []
    tokenizer = Tokenizer.load(path)
    shown = []
    if found.document:
        ids = tokenizer.encode(found.document).tolist()
        size = len(found.document.encode())
        shown += [
            f"<p>A document: {size:,} bytes, {len(ids):,} tokens, {size / len(ids):.2f} bytes a "
            "token.</p>",
            _coloured(tokenizer, ids),
        ]
    if conversations.has_chat_template(tokenizer):
        asked = [{"role": "user", "content": _QUESTION}]
        ids = conversations.prompt_ids(tokenizer, asked).tolist()
        shown += [
            "<p>A question to the assistant. The control tokens that lay out the turns are single "
            "tokens which no text can contain.</p>",
            _coloured(tokenizer, ids),
        ]
    intro = (
        f"A model reads and writes numbers. Its vocabulary has {tokenizer.vocab_size:,} tokens; "
        "each coloured piece is one of them, and its number shows when the pointer rests on it."
    )
    return part("tokens", "Text becomes tokens", intro, *shown)


def _coloured(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    names = {number: name for name, number in tokenizer.special.items()}
    shown = []
    for place, number in enumerate(ids):
        piece = names.get(number) or _readable(tokenizer.token_bytes(number))
        shown.append(
            f'<span class="t{place % _COLOURS}" title="token {number}">{text(piece)}</span>'
            + ("<br>" if piece.endswith("⏎") else "")
        )
    return f'<blockquote class="tokens">{"".join(shown)}</blockquote>'


def _readable(data: bytes) -> str:
    """A token's bytes; a part of a character in hexadecimal, a line end as a sign."""
    try:
        return data.decode("utf-8").replace("\r", "␍").replace("\n", "⏎")
    except UnicodeDecodeError:
        return f"<{codecs.encode(data, 'hex').decode().upper()}>"


def said(found: Found) -> list[Part]:
    """The same prompts to every stage."""
    stages = list(dict.fromkeys(line["stage"] for line in found.said))
    by_key = {(line["stage"], line["key"]): line["text"] for line in found.said}
    prompts = [line for line in found.said if line["key"] == line["prompt"]]
    blocks = []
    for prompt in dict.fromkeys(line["prompt"] for line in prompts):
        rows = [
            [f"<code>{text(stage)}</code>", _speech(by_key[stage, prompt])]
            for stage in stages
            if (stage, prompt) in by_key
        ]
        blocks.append(table(prompt, ["stage", "what it says"], rows, (0, 1)))
    intro = (
        f"The base model ({pretrain.NAME}) has learnt to go on with documents, and does so with "
        "whatever it is given. A later stage is given the same words as the message of a user."
    )
    return part("said", "The same words to every stage", intro, *blocks)


def knowledge(found: Found) -> list[Part]:
    """What interrogation found, and what became of it."""
    shown = []
    if found.questions:
        shown.append(_verdicts(found.questions))
    by_figure = _by_figure(found.answers)
    before = {line["key"]: line["text"] for line in found.said if line["key"] != line["prompt"]}
    known = [
        [_asked(line), text(line["expected"]), text(before[line["id"]]), _judged(line, "right")]
        for line in by_figure.get(KNOWN, {}).values()
        if line["id"] in before
    ]
    if known:
        shown.append(
            table(
                "Questions about facts that it was told often: what it is to know",
                ["question", "expected", "before", "after"],
                known,
                (0, 1, 2, 3),
            )
        )
    shown.append(_unknown(by_figure))
    intro = (
        "A model that has learnt to answer will answer anything. So it was asked many questions "
        "several times each; what it answered rightly again and again it is to go on answering, "
        "what it got wrong again and again it is taught to decline."
    )
    return part("knowledge", "What it knows, and knows that it does not know", intro, *shown)


def _verdicts(questions: Sequence[Record]) -> str:
    most = max(len(line["answers"]) for line in questions)
    series = {}
    for verdict in ("known", "unsure", "unknown"):
        counts = [0] * (most + 1)
        for line in questions:
            if line["verdict"] == verdict:
                counts[round(line["right"] * most)] += 1
        series[verdict] = counts
    return pictures.stacked(
        [f"{number}" for number in range(most + 1)],
        series,
        f"right answers of {most}",
        "questions",
        "Bars: how many questions were answered rightly how often, by the verdict",
    )


def _unknown(by_figure: dict[str, dict[str, Record]]) -> str:
    before, after = (by_figure.get(f"unknown_declined{when}", {}) for when in ("_before", ""))
    rows = [
        [_asked(line), _judged(before[key], "declined"), _judged(line, "declined")]
        for key, line in after.items()
        if key in before
    ]
    head = ["question", "before", "after"]
    return _some("Questions about facts that no document told: what it is to decline", head, rows)


def tools(found: Found) -> list[Part]:
    """With and without tools."""
    searched = [
        [_asked(line), text(line["expected"]), _judged(line, "right")]
        for line in _by_figure(found.answers).get(_SEARCH, {}).values()
    ]
    share = found.figures.get(f"chat/{_SEARCH}")
    caption = "Facts that no document told, with a search that finds them"
    if share is not None:
        caption += f": {share:.0%} right"
    intro = (
        "A model that sees tokens cannot well count letters, and one that writes a token at a time "
        "cannot well multiply. It can call a tool that does."
    )
    return part(
        "tools",
        "With and without tools",
        intro,
        _contrast(found, TOOLS, "with the tool", "without"),
        _some(caption, ["question", "expected", "answer"], searched),
    )


def steps(found: Found) -> list[Part]:
    """With and without steps."""
    intro = (
        "For each token a model computes the same small amount. What takes more has to be spread "
        "over many tokens: steps before the answer."
    )
    shown = _contrast(found, STEPS, "with steps", "the answer alone")
    return part("steps", "With and without steps", intro, shown)


def _contrast(found: Found, pairs: Sequence[tuple[str, str, str]], name: str, other: str) -> str:
    """A picture of the shares of right answers, and answers to the same problems."""
    measured = [
        (what, *(found.figures[f"chat/{figure}"] for figure in figures))
        for *figures, what in pairs
        if all(f"chat/{figure}" in found.figures for figure in figures)
    ]
    shown = []
    if measured:
        names, shares, others = zip(*measured, strict=True)
        subject = f"Bars: shares of right answers, {name} and {other}"
        series = {name: shares, other: others}
        shown.append(pictures.bars(names, series, subject, "Shares of right answers."))
    by_figure = _by_figure(found.answers)
    for first, second, what in pairs:
        left = _by_number(by_figure.get(first, {}).values())
        right = _by_number(by_figure.get(second, {}).values())
        rows = [
            [
                _asked(left[number]),
                text(left[number]["expected"]),
                _judged(right[number], "right"),
                _judged(left[number], "right"),
            ]
            for number in left
            if number in right
        ]
        head = ["question", "expected", other, name]
        shown.append(_some(what.capitalize(), head, rows))
    return "\n".join(filter(None, shown))


def practice_examples(rollouts: Sequence[Record]) -> str:
    """What was written to the same problems at the first evaluation and at the last."""
    if not rollouts:
        return ""
    steps = sorted({line["step"] for line in rollouts})
    first, last = (
        {line["id"]: line for line in rollouts if line["step"] == step}
        for step in (steps[0], steps[-1])
    )
    rows = [
        [_asked(line), text(line["expected"]), _rewarded(line), _rewarded(last[key])]
        for key, line in first.items()
        if key in last and steps[0] != steps[-1]
    ]
    head = ["problem", "expected", f"step {steps[0]}", f"step {steps[-1]}"]
    return _some("The same held-out problems, before and after", head, rows)


def _some(caption: str, head: list[str], rows: list[list[str]]) -> str:
    """The first rows, and more of them folded."""
    if not rows:
        return ""
    everything = range(len(head))
    shown = table(caption, head, rows[:_EXAMPLES], everything)
    more = rows[_EXAMPLES : _EXAMPLES + _MORE]
    if not more:
        return shown
    summary = f"{len(more)} more of {len(rows):,}: {caption}"
    return shown + folded(summary, table(caption, head, more, everything))


def _by_figure(lines: Iterable[Record]) -> dict[str, dict[str, Record]]:
    found: dict[str, dict[str, Record]] = {}
    for line in lines:
        found.setdefault(line["figure"], {})[line["id"]] = line
    return found


def _by_number(lines: Iterable[Record]) -> dict[str, Record]:
    """By what ids of the same problem share, asked with and without help: "letters/3"."""
    return {line["id"].rpartition("/")[2]: line for line in lines}


def _asked(line: Record) -> str:
    """The last thing that the user said."""
    users = [message["content"] for message in line["prompt"] if message["role"] == "user"]
    return f'<span class="said">{text(users[-1] if users else "")}</span>'


def _judged(line: Record, good: str) -> str:
    """A turn and its verdict, in words and colour. `good`: what "yes" means."""
    is_good = line["verdict"] == "yes"
    mark = (
        f'<span class="{"right" if is_good else "wrong"}">{"" if is_good else "not "}{good}</span>'
    )
    return f"{_turn(line)} {mark}"


def _rewarded(line: Record) -> str:
    return f'{_turn(line)} <span class="quiet">reward {line["reward"]:.3g}</span>'


def _turn(line: Record) -> str:
    """Steps, calls, what they returned, and the answer."""
    shown = []
    for message in line["turn"]:
        if message["role"] == "tool":
            shown.append(_aside(f"{message.get('name', 'tool')} returns", message["content"]))
            continue
        if message.get("reasoning_content"):
            shown.append(_aside("thinks", message["reasoning_content"]))
        if message.get("content"):
            shown.append(_speech(message["content"]))
        for call in message.get("tool_calls") or ():
            shown.append(_call(call))
    return "".join(shown) or '<span class="quiet">nothing</span>'


def _call(call: Record) -> str:
    if "error" in call:  # it was none: data.conversations.parse_assistant
        return _aside("tries to call", call["error"])
    function = call["function"]
    arguments = function["arguments"]
    given = arguments.values() if isinstance(arguments, dict) else [arguments]
    return _aside(f"calls {function['name']}", ", ".join(str(value) for value in given))


def _aside(what: str, content: str) -> str:
    return f'<span class="call">{text(what)}: <code>{text(content)}</code></span>'


def _speech(content: str) -> str:
    """A model's words; empty if it said none."""
    if not content.strip():
        return '<span class="quiet">nothing</span>'
    return f'<span class="said">{text(content.strip())}</span>'
