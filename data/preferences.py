"""Which of several answers people like better: records of files to rankings.

A record becomes a ranking, plain data in the layout that the labelling command writes
(serve.labels): "messages" to be answered, "answers", and as "ranking" the places of these, the best
first, those that stand together being equally good. The forms that are read, each told from a
record's fields:

    messages, answers, ranking        rankings, of a person or of a judge
    chosen, rejected                  pairs; asked by prompt, messages, instruction, conversations,
                                      or as two lists of messages that differ in the last, or two
                                      dialogues of "Human:" and "Assistant:" (hh-rlhf)
    prompt: {text, replies}           OpenAssistant's trees: replies of one message, by rank
    text, score                       two dialogues of "## Human:" and "## Assistant:", each scored
    instruction, output_1, output_2   with preference 1 or 2

Every record becomes rankings or is counted under the reason why not, a tie of all answers among
the reasons, since it teaches nothing.
"""

import collections
import json
import math
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from data import chat_sources, reply_trees, sources
from data.conversations import Malformed, checked
from data.errors import InputError

# The source that stands for what the run's own stage has written, and its files by split.
RANKINGS = "rankings"
SPLITS = ("train", "held_out")
_MARKS = ("## Human:", "## Assistant:")
_TURNS = ("\n\nHuman:", "\n\nAssistant:")


def rankings(spec: str, dropped: collections.Counter) -> Iterator[dict]:
    """The rankings of files in a fixed order.

    Args:
        spec: files, as data.sources.records takes them.
        dropped: counts, by reason, the records that gave none.

    Raises:
        InputError: a file cannot be read.
    """
    for _, record in sources.records(spec, dropped):
        try:
            for found in _converted(record):
                if len(found["ranking"]) < 2:
                    raise Malformed("all of its answers are equally good")
                yield found
        except Malformed as error:
            dropped[error.reason] += 1


def files(source: str, workdir: str | os.PathLike, split: str) -> str:
    """The files that a source names: those of the run's own stage for "rankings".

    Raises:
        InputError: that stage has not written any.
    """
    if source != RANKINGS:
        return source
    path = pathlib.Path(workdir) / RANKINGS / f"{split}.jsonl"
    if not path.exists():
        raise InputError(
            f"the source {source} is what the stage rl.rankings writes, and there is no {path}: "
            "name that stage in config.stages before this one"
        )
    return str(path)


def of_split(
    spec: str,
    workdir: str | os.PathLike,
    split: str,
    fraction: float,
    dropped: collections.Counter,
) -> Iterator[dict]:
    """The rankings of one source that belong to a split, "train" or "held_out".

    Those of "rankings" are apart already. Of other files a fraction is held out by a hash of the
    user's first turn, so that no prompt is on both sides.
    """
    for found in rankings(files(spec, workdir, split), dropped):
        held_out = spec != RANKINGS and chat_sources.is_held_out(found, fraction)
        if spec == RANKINGS or held_out == (split == "held_out"):
            yield found


# --- forms ------------------------------------------------------------------------------------


def _converted(record: dict) -> list[dict]:
    if "ranking" in record:
        return [_labelled(record)]
    if reply_trees.is_tree(record):
        found = [
            _by_value({"messages": path}, [text for text, _ in replies], [-r for _, r in replies])
            for path, replies in reply_trees.ranked_replies(record["prompt"])
        ]
        if not found:
            raise Malformed("a tree has no replies of different rank")
        return found
    if "chosen" in record and "rejected" in record:
        return [_pair(record)]
    if "text" in record and "score" in record:
        return [_scored(record)]
    if "output_1" in record and "output_2" in record:
        preferred = record.get("preference")
        if preferred not in (1, 2):
            raise Malformed("it prefers neither output")
        texts = [record["output_1"], record["output_2"]]
        return [_by_value(chat_sources.asked(record), texts, [preferred == 1, preferred == 2])]
    raise chat_sources.unknown(record, "preference")


def _by_value(asked: dict, answers: list[Any], values: Sequence[float]) -> dict:
    """A ranking by what each answer is worth."""
    if any(isinstance(value, float) and not math.isfinite(value) for value in values):
        raise Malformed("what an answer is worth is no finite number")
    groups: dict[float, list[int]] = collections.defaultdict(list)
    for place, value in enumerate(values):
        groups[value].append(place)
    ordered = [groups[value] for value in sorted(groups, reverse=True)]
    return _labelled({**asked, "answers": answers, "ranking": ordered})


def _labelled(record: dict) -> dict:
    asked, answers, ranking = checked(record), record.get("answers"), record["ranking"]
    if not isinstance(answers, list) or not all(isinstance(text, str) for text in answers):
        raise Malformed("its answers are not texts")
    if not isinstance(ranking, list) or not all(isinstance(group, list) for group in ranking):
        raise Malformed("its ranking is not a list of lists of places")
    places = [place for group in ranking for place in group]
    if not all(type(place) is int for place in places) or sorted(places) != [*range(len(answers))]:
        raise Malformed("its ranking does not name each answer once")
    return asked | {"answers": answers, "ranking": ranking}


def _pair(record: dict) -> dict:
    chosen, rejected = record["chosen"], record["rejected"]
    if isinstance(chosen, list) and isinstance(rejected, list):
        both = [checked({"messages": messages})["messages"] for messages in (chosen, rejected)]
        if not all(messages[-1]["role"] == "assistant" for messages in both):
            raise Malformed("its last message is no reply")
        asked = {"messages": _same([messages[:-1] for messages in both])}
        if not asked["messages"]:
            asked = chat_sources.asked(record)
        texts = [messages[-1]["content"] for messages in both]
    elif all(isinstance(side, str) and side.startswith(_TURNS[0]) for side in (chosen, rejected)):
        parts = [side.rpartition(_TURNS[1]) for side in (chosen, rejected)]
        asked = {"messages": _turns(_same([before for before, _, _ in parts]))}
        texts = [answer.strip() for _, _, answer in parts]
    else:
        texts = [
            side.get("value", side.get("content")) if isinstance(side, dict) else side
            for side in (chosen, rejected)
        ]
        asked = chat_sources.asked(record)
    if any(isinstance(text, str) and not text.strip() for text in texts):
        raise Malformed("a reply is empty")
    return _by_value(asked, texts, [1, 0])


def _same(two: Sequence[Any]) -> Any:
    if two[0] != two[1]:
        raise Malformed("its two conversations differ before their last messages")
    return two[0]


def _turns(dialogue: str) -> list[dict]:
    """The messages of a text of hh-rlhf."""
    messages = []
    for said in dialogue.split(_TURNS[0])[1:]:
        asked, *answers = said.split(_TURNS[1])
        messages.append({"role": "user", "content": asked.strip()})
        messages += [{"role": "assistant", "content": answer.strip()} for answer in answers]
    return messages


def _scored(record: dict) -> dict:
    texts, scores = record["text"], record["score"]
    if not (isinstance(texts, list) and isinstance(scores, list) and len(texts) == len(scores)):
        raise Malformed("its texts and scores are not lists of one length")
    if not all(isinstance(score, int | float) for score in scores):
        raise Malformed("a score is not a number")
    parts = [text.partition(_MARKS[1]) if isinstance(text, str) else ("", "", "") for text in texts]
    prompts = {before.strip() for before, mark, _ in parts if mark}
    if len(prompts) != 1 or not all(mark for _, mark, _ in parts):
        raise Malformed("its texts are not dialogues of one prompt")
    prompt = prompts.pop().removeprefix(_MARKS[0]).strip()
    asked = {"messages": [{"role": "user", "content": prompt}]}
    return _by_value(asked, [answer.strip() for _, _, answer in parts], scores)


def write(path: str | os.PathLike, found: Sequence[dict]) -> None:
    """Writes rankings as JSON Lines."""
    with open(path, "w", encoding="utf-8") as file:
        for ranking in found:
            file.write(json.dumps(ranking, ensure_ascii=False) + "\n")
