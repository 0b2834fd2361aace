"""Labelling: a person writes ideal answers, or ranks answers of the model.

    python -m serve.label --workdir=runs/laptop --output=labels.jsonl --prompts=questions.txt
    python -m serve.label --workdir=runs/laptop --output=labels.jsonl
    python -m serve.label --output=labels.jsonl --answers=0              # without a model

Prompts come from a file (lines of text, or records with "prompt" or "messages") or are typed. Each
is shown with answers that the chat model gives when it samples. What is said of it becomes a line
of the output file (serve/labels.py describes it) at once. Started again, the program leaves out the
prompts of the file that have a label; those skipped come again.

Ideal answers are a source for fine-tuning: --config.sft.sources=world@0.8,labels.jsonl@0.2.
"""

import collections
import contextlib
import sys

from absl import app, flags, logging

from data.conversations import prompt_ids
from data.errors import InputError, one_line_errors
from serve.engine import Engine
from serve.labels import Labels, ideal, parse_ranking, ranked, read_prompts, typed_prompt
from serve.load import about, load
from serve.terminal import (
    check_writing,
    prepare_streams,
    read_line,
    read_stripped,
    say,
    show_answers,
    show_prompt,
    write,
)
from serve.turns import Bounds, Opening, Turns

WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder.")
STAGE = flags.DEFINE_string("stage", "chat", "The stage whose newest model answers.")
OUTPUT = flags.DEFINE_string("output", None, "The file of labels, which is added to.")
PROMPTS = flags.DEFINE_string("prompts", None, "A file of prompts. Default: they are typed.")
ANSWERS = flags.DEFINE_integer("answers", 4, "Answers to sample for each prompt; 0: none.")
TEMPERATURE = flags.DEFINE_float("temperature", 1.0, "Of sampling: the higher, the more varied.")
MAX_TOKENS = flags.DEFINE_integer("max_tokens", 512, "Most tokens of an answer.")
SEED = flags.DEFINE_integer("seed", 0, "Of the first answer; the others have the next ones.")

_HELP = """2>1=3   ranks the answers: the best first, = between equally good ones
a       to write the ideal answer: any number of lines, then one with a dot alone (or Ctrl-D)
s       skips this prompt, u takes the last label back, q ends"""
# Rounds of sampling in which to look for answers that differ.
_ROUNDS = 2


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    with one_line_errors(), contextlib.ExitStack() as closing:
        _check(argv)
        prepare_streams()
        dropped: collections.Counter = collections.Counter()
        prompts = read_prompts(PROMPTS.value, dropped) if PROMPTS.value else []
        labels = closing.enter_context(contextlib.closing(Labels(OUTPUT.value)))
        for reason, count in dropped.items():
            say(f"{PROMPTS.value}: {count} records give no prompt: {reason}")
        if labels.cut:
            say(f"{OUTPUT.value} ended within a line, which is taken away")
        left = [prompt for prompt in prompts if prompt not in labels]
        if PROMPTS.value:
            say(f"{len(prompts)} prompts, of which {len(left)} have no label yet")
        if PROMPTS.value and not left:
            return
        sampler = None
        if ANSWERS.value:
            trained = load(WORKDIR.value, STAGE.value)
            say(about(trained, STAGE.value, WORKDIR.value))
            engine = Engine(
                trained.params, trained.architecture, trained.tokenizer, slots=ANSWERS.value
            )
            bounds = Bounds(tokens=MAX_TOKENS.value, total_tokens=MAX_TOKENS.value)
            turns = closing.enter_context(contextlib.closing(Turns(engine, (), bounds)))
            sampler = _Sampler(turns, engine)
        before = len(labels)
        _Session(left, labels, sampler, typed=not PROMPTS.value).run()
        say(f"{len(labels) - before} labels added to {OUTPUT.value}, which has {len(labels)} now")


def _check(argv: list[str]) -> None:
    if len(argv) > 1:
        raise InputError(f"unexpected argument {argv[1]!r}; a file of prompts is --prompts=FILE")
    if OUTPUT.value is None:
        raise InputError("no --output; give the file that labels go to, such as labels.jsonl")
    if not 0 <= ANSWERS.value <= 64:
        raise InputError(f"--answers is {ANSWERS.value}; it must be between 0 and 64")
    if ANSWERS.value and WORKDIR.value is None:
        raise InputError(
            "no --workdir; give the folder of a run, such as --workdir=runs/laptop, or --answers=0 "
            "to write answers without a model"
        )
    check_writing(MAX_TOKENS.value, SEED.value, TEMPERATURE.value)


class _Sampler:
    """Answers of a model that differ from one another."""

    def __init__(self, turns: Turns, engine: Engine) -> None:
        self._turns, self._tokenizer = turns, engine.tokenizer

    def answers(self, prompt: dict) -> list[str]:
        """At most --answers texts; fewer where the model has no more to say.

        Raises:
            InputError: the prompt is longer than the context.
        """
        ids = prompt_ids(self._tokenizer, prompt["messages"], prompt.get("tools", ()))
        found: dict[str, None] = {}
        for number in range(_ROUNDS):
            first = SEED.value + number * ANSWERS.value
            openings = [
                Opening(ids, seed=seed, temperature=TEMPERATURE.value)
                for seed in range(first, first + ANSWERS.value)
            ]
            texts = [t.messages[-1]["content"].strip() for t in self._turns.complete(openings)]
            found |= dict.fromkeys(filter(None, texts))
            if len(found) >= ANSWERS.value:
                break
        return list(found)[: ANSWERS.value]


class _Session:
    """Prompts, one after another, and what is said of them."""

    def __init__(
        self, prompts: list[dict], labels: Labels, sampler: _Sampler | None, typed: bool
    ) -> None:
        self._prompts, self._labels, self._sampler = prompts, labels, sampler
        self._typed = typed
        self._answers: dict[int, list[str]] = {}
        # The prompts seen, and whether each was given a label.
        self._passed: list[tuple[int, bool]] = []

    def run(self) -> None:
        say(_HELP)
        number = 0
        while True:
            said = self._ask(number) if number < len(self._prompts) else self._ask_for_more()
            if said == "q":
                return
            if said == "u":
                if not self._passed:
                    say("there is nothing to take back")
                    continue
                number, labelled = self._passed.pop()
                if labelled:
                    self._labels.undo()
            elif isinstance(said, dict) or said == "s":
                if said != "s":
                    self._labels.append(said)
                self._passed.append((number, said != "s"))
                number += 1

    def _ask_for_more(self) -> str:
        """Lets a prompt be typed, or where they come from a file, the last label be taken back."""
        if not self._typed:
            say("that was the last prompt: u goes back to it, Enter ends")
            return "u" if read_stripped("> ") == "u" else "q"
        said = read_stripped("prompt> ")
        if said is None or said in ("u", "q"):
            return said or "q"
        if said:
            self._prompts.append(typed_prompt(said))
        return ""

    def _ask(self, number: int) -> dict | str:
        """A label, or one of the letters s, u and q."""
        prompt = self._prompts[number]
        place = "" if self._typed else f" ({number + 1} of {len(self._prompts)})"
        show_prompt(prompt["messages"], place)
        answers = self._sampled(number)
        show_answers(answers)
        while True:
            said = read_stripped("> ")
            try:
                if said is None or said in ("s", "u", "q"):
                    return said or "q"
                if said == "a":
                    if answer := _read_answer():
                        return ideal(prompt, answer)
                    say("nothing was written")
                elif not said or not answers:
                    say(_HELP)
                elif len(answers) == 1:
                    raise InputError("the model gives one answer only: there is nothing to rank")
                else:
                    return ranked(prompt, answers, parse_ranking(said, len(answers)))
            except InputError as error:
                say(f"error: {error}")

    def _sampled(self, number: int) -> list[str]:
        if self._sampler is None:
            return []
        if number not in self._answers:
            try:
                self._answers[number] = self._sampler.answers(self._prompts[number])
            except InputError as error:
                say(f"no answers: {error}")
                self._answers[number] = []
        return self._answers[number]


def _read_answer() -> str:
    """Lines up to one of a dot alone or the end of the input; "" if Ctrl-C was pressed."""
    lines = []
    try:
        while (line := read_line("| ")).strip() != ".":
            lines.append(line)
    except EOFError:
        write("\n", sys.stdout)
    except KeyboardInterrupt:
        write("\n", sys.stdout)
        return ""
    return "\n".join(lines).strip()


if __name__ == "__main__":
    app.run(main)
