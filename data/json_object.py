"""Objects of JSON in files of their own: settings and descriptions."""

import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from data.errors import InputError


def read_object(path: str | os.PathLike) -> dict[str, Any]:
    """The object in a file that exists.

    Raises:
        InputError: it holds something else.
    """
    try:
        found = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is no JSON object")
    return found


def differences(objects: Sequence[Any], prefix: str = "") -> list[tuple[str, list[Any]]]:
    """What is not the same in all: the key, with those of the objects it is in ("train.batch"), and
    the value in each, None where there is none."""
    if not all(isinstance(one, dict) for one in objects):
        return [] if all(one == objects[0] for one in objects) else [(prefix, list(objects))]
    return [
        difference
        for key in dict.fromkeys(key for one in objects for key in one)
        for difference in differences(
            [one.get(key) for one in objects], f"{prefix}.{key}" if prefix else key
        )
    ]
