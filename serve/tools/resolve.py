"""The tools that a program is started with, by name: --tools=python,search.

tools = resolve(["python", "search"], workdir, trained.config)
for tool in tools:
    print(tool.about, file=sys.stderr)
"""

import os
from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

from data.errors import InputError
from data.passages import RESULT_CHARACTERS
from serve.tools.python import Limits, python_tool
from serve.tools.search import corpus_index, files_index, search_tool
from serve.tools.tool import Tool

NAMES = ("python", "search")


def resolve(
    names: Sequence[str],
    workdir: str | os.PathLike,
    config: ConfigDict,
    documents: str = "",
    seed: int | None = None,
) -> list[Tool]:
    """The tools of these names, ready to be called; each once, in the order given.

    Args:
        workdir: the run's folder, where the search index is kept.
        config: the run's, which names the documents it was trained on.
        documents: what to search instead of those: a folder, a file or a glob.
        seed: of the random numbers of Python programs; None: others at every call.

    Raises:
        InputError: there is no such tool, or the documents cannot be read.
    """
    names = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    for name in names:
        if name not in NAMES:
            raise InputError(f"there is no tool {name!r}; the tools are {', '.join(NAMES)}")
    if documents and "search" not in names:
        raise InputError(f"only the tool search reads the documents {documents}: add it")
    tools = []
    for name in names:
        if name == "python":
            tools.append(python_tool(Limits(characters=RESULT_CHARACTERS), seed))
        else:
            workdir = Path(workdir)
            folder = files_index(workdir, documents) if documents else corpus_index(workdir, config)
            tools.append(search_tool(folder))
    return tools
