"""From the words of a config to an environment.

countdown                              one of the small world's
countdown@0.5,problems@0.5             a mixture by weight; without weights, equally often
search                                 what only the search tool can answer
jokes                                  jokes and stories, which take a reward model; not mixed
gsm8k:train.jsonl.gz                   GSM8K; jsonl:mine.jsonl, any questions with answers
reasoning_gym:chain_sum                a generator of reasoning-gym's
"""

import difflib
import itertools
from collections.abc import Callable, Mapping

from data import sources
from data.errors import InputError
from data.world.chat.setting import Setting, without_facts
from data.world.draw import Draw
from rl.environments import files, gym, jokes, search, tables, world
from rl.environments.environment import Environment, Problem, Verdict

_WORLD: dict[str, Callable[[Setting], Environment]] = {
    "arithmetic": world.arithmetic,
    "problems": world.word_problems,
    "countdown": world.numbers_game,
    "letters": world.letter_counting,
    "letters_python": lambda setting: world.letter_counting(setting, with_python=True),
    "copying": world.copies,
    "sorting": world.sorted_lists,
    "tables": tables.tables,
    "jokes": jokes.jokes,
}
_PREFIXED = {
    "gsm8k:": files.gsm8k,
    "jsonl:": files.json_lines,
    "reasoning_gym:": gym.reasoning_gym,
}
_WANTED = {"gsm8k:": "PATH", "jsonl:": "PATH", "reasoning_gym:": "TASK"}
NAMES = (*_WORLD, search.NAME, *_PREFIXED)


def environment(spec: str, config: Mapping) -> Environment:
    """The environment, or the mixture of environments, that a config names.

    Args:
        config: a run's config, of which config.world_chat says what is kept for measuring, and
            config.world which world it is.

    Raises:
        InputError: no such environment, a weight that is none, or a file or package that is
            missing.
    """
    if not spec.strip(", "):
        raise InputError(f"no environment is named: use one of {', '.join(NAMES)}")
    parts = sources.parse(spec)
    setting = without_facts(config["world_chat"])
    made = [_single(part.spec, setting, config["world"]["seed"]) for part in parts]
    if len(made) == 1:
        return made[0]
    return _mixture(spec, made, [part.weight or 1.0 for part in parts])


def _single(name: str, setting: Setting, world_seed: int) -> Environment:
    if name in _WORLD:
        return _WORLD[name](setting)
    if name == search.NAME:
        return search.search(setting, world_seed)
    for prefix, make in _PREFIXED.items():
        if name.startswith(prefix) and name != prefix:
            return make(name.removeprefix(prefix))
    near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.0)[0]
    what = near + _WANTED.get(near, "")
    raise InputError(
        f"there is no environment {name!r}; the nearest is {what} (there are {', '.join(NAMES)})"
    )


def _mixture(name: str, parts: list[Environment], weights: list[float]) -> Environment:
    """Problems of the parts by weight; one with fewer levels gives its hardest beyond them.

    Raises:
        InputError: an environment is named twice, or one that nothing verifies.
    """
    by_name = {part.name: part for part in parts}
    if len(by_name) < len(parts):
        raise InputError(f"{name} names an environment twice: give it once, with its weight")
    if unverified := [part.name for part in parts if part.gold]:
        raise InputError(
            f"{name} mixes {unverified[0]}, which nothing verifies, with what is verified: "
            "practise it alone"
        )
    totals = list(itertools.accumulate(weights))
    levels = max(part.levels for part in parts)

    def problem(seed: int, level: int) -> Problem:
        if not 1 <= level <= levels:
            raise ValueError(f"{name} has levels 1 to {levels}, not {level}")
        part = parts[Draw(f"mixture/{seed}").index(totals)]
        return part.problem(seed, min(level, part.levels))

    def verify(problem: Problem, text: str | None) -> Verdict:
        return by_name[problem.id.rsplit("/", 2)[0]].verify(problem, text)

    return Environment(name, levels, problem, verify)
