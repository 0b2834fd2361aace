"""Matches: prompts that players of the arena have answered, and how a judge orders the answers.

A match is a line in the layout of rankings (serve.labels), with the players that have written the
answers and the judge:

    {"messages": [...], "answers": ["Moo.", "Why?"], "ranking": [[1], [0]],
     "contenders": ["sft", "chat"], "judge": "person"}
"""

import json
import pathlib
from collections.abc import Callable, Sequence

from data.encoding import well_formed
from data.errors import InputError
from data.world.draw import Draw
from data.world.jokes import grammar
from evals.ratings import Match
from serve.labels import Labels, ranked, typed_prompt
from serve.terminal import say

# So many prompts in a row that have been drawn before say that there are hardly any others.
_FRUITLESS = 200
# Orders different texts that answer a prompt: places, the best first; or a letter, s, u or q.
Judge = Callable[[dict, list[str], str], list[list[int]] | str]


def world_prompts(count: int, seed: int) -> list[dict]:
    """Different requests for jokes and stories, of subjects that are held out.

    Raises:
        InputError: there are not so many.
    """
    draw, texts = Draw(f"arena/{seed}"), {}
    fruitless = 0
    while len(texts) < count:
        text = grammar.prompt(draw, held_out=True)
        fruitless = fruitless + 1 if text in texts else 0
        if fruitless == _FRUITLESS:
            raise InputError(
                f"--count is {count}, and the world has little more than {len(texts)} different "
                "prompts: lower it"
            )
        texts[text] = None
    return [typed_prompt(text) for text in texts]


def judge_all(
    prompts: Sequence[dict],
    answers: Sequence[Sequence[str]],
    names: Sequence[str],
    order: Judge,
    labels: Labels,
    judged_by: str,
) -> None:
    """Adds a line for each prompt, until the judge has had enough.

    Args:
        answers: to each prompt, one of every player, in the order of `names`. The judge sees what
            several have said once; they are equally good.
    """
    number, passed = 0, []  # what became of the prompts so far: "ranked", "even" or "skipped"
    while number < len(prompts):
        prompt, own = prompts[number], list(answers[number])
        texts = list(dict.fromkeys(own))
        place = f" ({number + 1} of {len(prompts)})"
        said = order(prompt, texts, place) if len(texts) > 1 else [[0]]
        if said == "q":
            return
        if said == "u":
            # What was even without asking is taken back with what was asked before it.
            while passed and passed[-1] == "even":
                labels.undo()
                passed.pop()
            if not passed:
                say("there is nothing to take back")
            elif passed.pop() == "ranked":
                labels.undo()
            number = len(passed)
            continue
        if said != "s":
            # Places of texts to places of players.
            ranking = [
                [n for n, text in enumerate(own) if texts.index(text) in group] for group in said
            ]
            line = ranked(prompt, own, ranking)
            labels.append(line | {"contenders": list(names), "judge": judged_by})
        passed.append("skipped" if said == "s" else "ranked" if len(texts) > 1 else "even")
        number += 1


def read_matches(path: str | pathlib.Path, judged_by: str) -> list[Match]:
    """The matches of a file that this program has written.

    Raises:
        InputError: a line is no match, or another judge's.
    """
    matches = []
    lines = pathlib.Path(path).read_text(encoding="utf-8").split("\n")[:-1]
    for number, text in enumerate(lines, 1):
        line = json.loads(text)
        players, ranking = line.get("contenders"), line.get("ranking")
        try:
            places = sorted(place for group in ranking for place in group)
            whole = places == list(range(len(players))) and all(isinstance(n, str) for n in players)
        except TypeError:
            whole = False
        if not whole or line.get("judge") != judged_by:
            why = f"of the judge {line.get('judge')!r}" if whole else "no match"
            raise InputError(
                f"line {number} of {path} is {why}: give --output a file that --judge={judged_by} "
                "has written, or a new one"
            )
        matches.append(Match(key_of(line), tuple(players), ranking))
    return matches


def key_of(prompt: dict) -> str:
    """What tells a prompt, or the prompt of a line, from others."""
    parts = [prompt["messages"], prompt.get("tools", [])]
    return well_formed(json.dumps(parts, ensure_ascii=False, sort_keys=True))
