"""Objects of JSON in files of their own: settings and descriptions."""

import json
import os
import pathlib
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
