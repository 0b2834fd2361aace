"""How tools are declared to a model, in OpenAI's form: the one declaration of each of our own.

A model learns to call a tool from conversations that show its declaration, and is later shown that
of the tool itself: the two must be the same to the letter.
"""

from typing import Any


def declaration(name: str, description: str, **properties: str) -> dict[str, Any]:
    """OpenAI's declaration of a function all of whose arguments are required; their JSON types by
    name."""
    parameters = {
        "type": "object",
        "properties": {key: {"type": kind} for key, kind in properties.items()},
        "required": list(properties),
    }
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


PYTHON = declaration("python", "Run Python code.", code="string")
SEARCH = declaration("search", "Search documents.", query="string")
