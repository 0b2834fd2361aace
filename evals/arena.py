"""The arena: models answer the same prompts, a judge orders what they say, and ratings follow.

    python -m evals.arena --workdir=runs/laptop --stages=sft,chat,rl
    python -m evals.arena --workdir=runs/laptop --stages=sft,chat --judge=person
    python -m evals.arena --servers=http://localhost:8000,http://localhost:8001#other \
        --judge=person --prompts=questions.txt --output=matches.jsonl

Who plays: stages of the run ("chat"; runs/other/chat is one of another run) and servers that speak
OpenAI's protocol. Prompts ask for jokes and stories about what the small world's conversations
never mention, or come from a file (serve.labels.read_prompts). The judge is

    gold      the world's hidden judge of jokes and stories (data.world.jokes.judge)
    reward    the run's reward model
    person    you: the answers come in random order and without names

Each prompt becomes a line of the output file at once, in the layout of rankings (serve/labels.py)
with the names of who answered: a reward model can learn from it. Started again, the program goes
on with the prompts that these players have no line for. Ratings are those of all lines, with
intervals of 95% over prompts; of players who have never met, each group has its own. Without
players, the file is rated as it is: that is how votes from the browser are counted.
"""

import collections
import contextlib
import os
import pathlib
from collections.abc import Sequence

from absl import app, flags, logging

from data import run_folder
from data.conversations import END, prompt_ids
from data.encoding import Tokenizer
from data.errors import InputError, one_line_errors
from data.world.draw import Draw
from data.world.jokes import judge
from evals import contenders
from evals.matches import Judge, judge_all, key_of, read_matches, world_prompts
from evals.ratings import Match, intervals, ratings, tally, together
from serve.labels import Labels, parse_ranking, read_prompts
from serve.load import read_config
from serve.terminal import (
    check_writing,
    prepare_streams,
    read_stripped,
    say,
    show_answers,
    show_prompt,
)
from train.reward import RewardModel

JUDGES = ("gold", "reward", "person")

WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder.")
STAGES = flags.DEFINE_list("stages", [], "Stages whose newest models play.")
SERVERS = flags.DEFINE_list("servers", [], "Addresses of servers that play.")
PROMPTS = flags.DEFINE_string("prompts", None, "A file of prompts. Default: jokes and stories.")
COUNT = flags.DEFINE_integer("count", 100, "How many prompts, of those without a file.")
JUDGE = flags.DEFINE_enum("judge", "gold", JUDGES, "Who orders the answers.")
REWARD = flags.DEFINE_string("reward", "reward", "The stage of the reward model that judges.")
OUTPUT = flags.DEFINE_string("output", None, "Default: arena/<judge>.jsonl in --workdir.")
TEMPERATURE = flags.DEFINE_float("temperature", 1.0, "Of sampling; 0: the likeliest token.")
MAX_TOKENS = flags.DEFINE_integer("max_tokens", 512, "Most tokens of an answer.")
SEED = flags.DEFINE_integer("seed", 0, "Of prompts, answers and the order of showing them.")

_HELP = """2>1=3   ranks the answers: the best first, = between equally good ones
s       skips this prompt, u takes the last ranking back, q ends"""


def main(argv: list[str]) -> None:
    logging.set_verbosity(logging.WARNING)
    with one_line_errors():
        _check(argv)
        prepare_streams()
        output = OUTPUT.value or pathlib.Path(WORKDIR.value) / "arena" / f"{JUDGE.value}.jsonl"
        if STAGES.value or SERVERS.value:
            _play(output)
        for group in together(read_matches(output, JUDGE.value)):
            _report(group)


def _play(output: str | os.PathLike) -> None:
    """Has the players answer the prompts that they have no line for, and the answers judged."""
    players = [contenders.checkpoint(WORKDIR.value, stage) for stage in STAGES.value]
    players += [contenders.server(address) for address in SERVERS.value]
    names = [player.name for player in players]
    prompts = _prompts()
    order = {"gold": _gold, "reward": _reward, "person": _person}[JUDGE.value]()
    with contextlib.closing(Labels(output)) as labels:
        before = read_matches(output, JUDGE.value)
        done = {one.prompt for one in before if set(one.players) == set(names)}
        left = [prompt for prompt in prompts if key_of(prompt) not in done]
        say(f"{len(prompts)} prompts, of which {len(left)} are not judged yet")
        if left:
            sampling = contenders.Sampling(TEMPERATURE.value, MAX_TOKENS.value, SEED.value)
            answers = [player.answer(left, sampling) for player in players]
            judge_all(left, list(zip(*answers, strict=True)), names, order, labels, JUDGE.value)
    count = len(read_matches(output, JUDGE.value))
    say(f"{count - len(before)} matches added to {output}, which has {count} now")


def _check(argv: list[str]) -> None:
    """Refuses what cannot be meant, before anything is loaded."""
    if len(argv) > 1:
        raise InputError(f"unexpected argument {argv[1]!r}; who plays is --stages or --servers")
    names = [*STAGES.value, *SERVERS.value]
    if not names and OUTPUT.value is not None and os.path.exists(OUTPUT.value):
        return  # to rate what is judged already
    if len(set(names)) < 2:
        raise InputError(
            "fewer than two players: name them with --stages=sft,chat or --servers=http://..., or "
            "none and a file of votes with --output"
        )
    if twice := [name for name, count in collections.Counter(names).items() if count > 1]:
        raise InputError(f"{twice[0]} is named twice: nobody plays against itself")
    needed = [stage for stage in STAGES.value if "/" not in stage]
    if WORKDIR.value is None and (needed or JUDGE.value == "reward" or OUTPUT.value is None):
        raise InputError(
            "no --workdir; give the folder of a run, such as --workdir=runs/laptop (servers alone, "
            "judged by gold or a person, need none where --output is given)"
        )
    if COUNT.value < 1:
        raise InputError(f"--count is {COUNT.value}; it must be at least 1")
    check_writing(MAX_TOKENS.value, SEED.value, TEMPERATURE.value)


def _prompts() -> list[dict]:
    if PROMPTS.value is None:
        return world_prompts(COUNT.value, SEED.value)
    dropped: collections.Counter = collections.Counter()
    prompts = read_prompts(PROMPTS.value, dropped)
    for reason, count in dropped.items():
        say(f"{PROMPTS.value}: {count} records give no prompt: {reason}")
    return prompts


# --- judges -----------------------------------------------------------------------------------


def _gold() -> Judge:
    return lambda prompt, texts, place: judge.true_ranking(prompt["messages"][-1]["content"], texts)


def _reward() -> Judge:
    """The reward model of the run, to which every text ends where it would have ended it."""
    workdir, stage = WORKDIR.value, REWARD.value
    model = RewardModel.load(workdir, stage)
    tokenizer = Tokenizer.load(pathlib.Path(workdir) / "tokenizer")
    context = read_config(workdir, stage).model.context

    def order(prompt: dict, texts: list[str], place: str) -> list[list[int]]:
        asked = prompt_ids(tokenizer, prompt["messages"], prompt.get("tools", ()))
        room = context - len(asked)
        if room < 1:
            raise InputError(
                f"a prompt has {len(asked)} tokens, and the reward model {stage!r} takes "
                f"{context} with the answer: give shorter ones"
            )
        ends = [[*tokenizer.encode(text), tokenizer.special[END]][:room] for text in texts]
        return judge.by_score(model.score([(asked, end) for end in ends]).tolist())

    return order


def _person() -> Judge:
    say(_HELP)

    def order(prompt: dict, texts: list[str], place: str) -> list[list[int]] | str:
        shown = Draw(f"arena/{SEED.value}/{key_of(prompt)}").shuffled(range(len(texts)))
        show_prompt(prompt["messages"], place)
        show_answers([texts[n] for n in shown])
        while True:
            said = read_stripped("> ")
            if said is None or said in ("s", "u", "q"):
                return said or "q"
            try:
                ranking = parse_ranking(said, len(texts))
            except InputError as error:
                say(f"error: {error}\n{_HELP}")
                continue
            return [sorted(shown[n] for n in group) for group in ranking]

    return order


def _report(matches: Sequence[Match]) -> None:
    """Prints the ratings of matches; those of the run's own stages go into its report, too."""
    rated, bounds = ratings(matches), intervals(matches)
    width = max(map(len, rated))
    for name, rating in rated.items():
        low, high = bounds[name]
        better, even, worse = tally(matches, name)
        print(
            f"{name:{width}}  {rating:6.0f}  [{low:5.0f}, {high:5.0f}]  "
            f"better {better}, even {even}, worse {worse}"
        )
    own = {stage for stage in STAGES.value if "/" not in stage}
    if WORKDIR.value is not None and PROMPTS.value is None and set(rated) == own:
        figures = {f"arena/{JUDGE.value}_{name}": rating for name, rating in rated.items()}
        run_folder.record(WORKDIR.value, figures)


if __name__ == "__main__":
    app.run(main)
