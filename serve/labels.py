"""What a person has said of prompts, in a file of JSON Lines.

An ideal answer is a conversation, which fine-tuning reads (data.chat_sources):

    {"messages": [..., {"role": "user", "content": "Who are you?"},
                  {"role": "assistant", "content": "I am Primer."}]}

A ranking is for a reward model: the messages to be answered, the answers, and the places of these
in the list (from 0), the best first; answers that stand together are equally good:

    {"messages": [..., {"role": "user", "content": "Who are you?"}],
     "answers": ["I am Primer.", "A cat.", "Primer."], "ranking": [[0, 2], [1]]}

Either also has the "tools" that a prompt declares.
"""

import collections
import errno
import fcntl
import hashlib
import json
import os
import pathlib
import re
from typing import NamedTuple

from data import sources
from data.conversations import Malformed, checked
from data.encoding import well_formed
from data.errors import InputError
from data.run_folder import sync_folder


def read_prompts(spec: str, dropped: collections.Counter) -> list[dict]:
    """Conversations that end with a message of the user, each once.

    Args:
        spec: a text file of a prompt a line, or files of records (see data.sources.records) that
            have a "prompt" or "messages"; what follows the user's last message is left out.
        dropped: counts, by reason, the records that give none.

    Raises:
        InputError: a file cannot be read, or there is no prompt in it.
    """
    if pathlib.Path(spec).suffix.lower() in sources.TEXT:
        text = "\n".join(text for _, text in sources.documents(spec, sources.Reading(), dropped))
        records = [{"prompt": line.strip()} for line in text.split("\n") if line.strip()]
    else:
        records = [record for _, record in sources.records(spec, dropped)]
    found = {}
    for record in records:
        try:
            prompt = _prompt(record)
            found.setdefault(_key(prompt), prompt)
        except Malformed as error:
            dropped[error.reason] += 1
    if not found:
        reasons = "; ".join(f"{count} times: {reason}" for reason, count in dropped.items())
        raise InputError(
            f"{spec} holds no prompt ({reasons or 'it is empty'}): give lines of text, or records "
            'with "prompt" or "messages"'
        )
    return list(found.values())


def typed_prompt(text: str) -> dict:
    """The conversation that begins with this message of the user."""
    return {"messages": [{"role": "user", "content": text}]}


def _prompt(record: dict) -> dict:
    if isinstance(record.get("prompt"), str):
        record = typed_prompt(record["prompt"])
    prompt = checked(record)
    asked = [n for n, message in enumerate(prompt["messages"]) if message["role"] == "user"]
    if not asked:
        raise Malformed("it has no message of the user")
    prompt["messages"] = prompt["messages"][: asked[-1] + 1]
    if not prompt["messages"][-1]["content"].strip():
        raise Malformed("a user's turn is empty")
    return prompt


def ideal(prompt: dict, answer: str) -> dict:
    """The line that says how a prompt is to be answered."""
    reply = {"role": "assistant", "content": answer}
    return prompt | {"messages": [*prompt["messages"], reply]}


def ranked(prompt: dict, answers: list[str], ranking: list[list[int]]) -> dict:
    """The line that says which answers to a prompt are better than which."""
    return prompt | {"answers": answers, "ranking": ranking}


def parse_ranking(text: str, count: int) -> list[list[int]]:
    """A ranking as written, "2>1=3", as the places from 0 of `count` answers, the best first.

    Raises:
        InputError: it is none, or does not name every answer once.
    """
    if not re.fullmatch(r"\s*\d+\s*(?:[>=]\s*\d+\s*)*", text, re.ASCII):
        raise InputError("write a ranking as 2>1=3: the best first, > between better and worse")
    ranking = [sorted(int(part) - 1 for part in group.split("=")) for group in text.split(">")]
    named = sorted(place for group in ranking for place in group)
    if named != list(range(count)):
        raise InputError(f"name each answer from 1 to {count} once, as in 2>1=3")
    return ranking


class Known(NamedTuple):
    """A file of labels as it was left: where it is (device and inode), its bytes, when it was last
    written (nanoseconds), and of each prompt how many lines are about it."""

    place: tuple[int, int]
    size: int
    written: int
    keys: collections.Counter


class Labels:
    """A file of labels, to which lines are added one at a time. Nobody else may write to it
    meanwhile.

    A line is on the disk, whole, when `append` returns. One that an earlier program was cut off in
    is taken away.

    Args:
        known: what an earlier one said of the file; if it is still so, it is not read anew.

    Attributes:
        cut: whether there was one.

    Raises:
        InputError: it cannot be written, somebody else is writing it, or it holds other lines.
    """

    def __init__(self, path: str | os.PathLike, known: Known | None = None) -> None:
        self._path = pathlib.Path(path)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise InputError(
                f"another program is writing {path}: end it, or write to another file"
            ) from error
        except OSError as error:
            raise InputError(
                f"{path} cannot be written ({error.strerror}): give another"
            ) from error
        # Of each line added since: where it begins, and what it is about.
        self._added: list[tuple[int, bytes]] = []
        self._keys = collections.Counter() if known is None else known.keys
        self.cut = False
        if self.known() != known:
            self._read_all()

    def _read_all(self) -> None:
        sync_folder(self._path.parent)
        data = self._path.read_bytes()
        *lines, rest = data.split(b"\n")
        self.cut = _is_cut(rest)
        if rest and not self.cut:
            lines.append(rest)
        self._keys = collections.Counter(
            self._read(number, line) for number, line in enumerate(lines, 1)
        )
        if self.cut:
            self._truncate(len(data) - len(rest))
        elif rest:  # a label that somebody else has written
            self._write(b"\n")

    def known(self) -> Known:
        """What the file is like."""
        found = os.fstat(self._file)
        return Known((found.st_dev, found.st_ino), found.st_size, found.st_mtime_ns, self._keys)

    def close(self) -> None:
        """Lets others write the file."""
        os.close(self._file)

    def __contains__(self, prompt: dict) -> bool:
        return self._keys[_key(prompt)] > 0

    def __len__(self) -> int:
        return self._keys.total()

    def append(self, label: dict) -> None:
        """Adds a line."""
        data = (well_formed(json.dumps(label, ensure_ascii=False)) + "\n").encode("utf-8")
        start = self._write(data)
        self._added.append((start, _key(_labelled(label))))
        self._keys[self._added[-1][1]] += 1

    def _write(self, data: bytes) -> int:
        """Adds all of the bytes or none; gives where they begin."""
        start = os.fstat(self._file).st_size
        try:
            if os.write(self._file, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file)
        except OSError as error:
            self._truncate(start)
            # Of what is written to a descriptor, it does not say where that is.
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        except BaseException:
            self._truncate(start)
            raise
        return start

    def undo(self) -> None:
        """Takes back the line that was added last."""
        start, key = self._added.pop()
        self._truncate(start)
        self._keys[key] -= 1

    def _truncate(self, size: int) -> None:
        os.ftruncate(self._file, size)
        os.fsync(self._file)

    def _read(self, number: int, line: bytes) -> bytes:
        try:
            return _key(_labelled(json.loads(line)))
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            self.close()
            raise InputError(
                f"line {number} of {self._path} is no label: give a file that this program has "
                "written, or a new one"
            ) from error


def _is_cut(rest: bytes) -> bool:
    """Whether what follows the last whole line is a line that `append` did not end: of other files
    nothing is taken away."""
    if not rest or not rest.startswith(b'{"'[: len(rest)]):
        return False
    try:
        json.loads(rest)
    except (ValueError, RecursionError):
        return True
    return False


def _labelled(label: dict) -> dict:
    """The prompt that a line is about."""
    prompt = checked(label)
    if "ranking" not in label:
        if prompt["messages"][-1]["role"] != "assistant":
            raise Malformed("it has no answer")
        prompt["messages"].pop()
    return prompt


def _key(prompt: dict) -> bytes:
    """The same for equal prompts alone, and small, as the keys of whole files are kept."""
    text = well_formed(json.dumps(prompt, ensure_ascii=False, sort_keys=True))
    return hashlib.sha256(text.encode("utf-8")).digest()
