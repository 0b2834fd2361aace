"""The two tools as conversations see them: how they are offered, called and answered.

The Python tool's output is what the code prints, or else the value of its last expression. Only
whole numbers are left as bare values here, so that it does not matter how text is shown.
"""

from data.tool_declarations import PYTHON, SEARCH
from data.world.draw import Draw

# People who chat mostly have all tools at hand, whatever they ask.
_SOMETIMES_OFFERED = 0.25


def _call(name: str, arguments: dict[str, str]) -> dict:
    function = {"name": name, "arguments": arguments}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"type": "function", "function": function}],
    }


def python(code: str, output: str) -> list[dict]:
    """The assistant's call of the Python tool, and what it gives."""
    return [_call("python", {"code": code}), {"role": "tool", "name": "python", "content": output}]


def search(query: str, output: str) -> list[dict]:
    """The assistant's call of the search tool, and what it finds."""
    return [
        _call("search", {"query": query}),
        {"role": "tool", "name": "search", "content": output},
    ]


def with_python(draw: Draw) -> list[dict]:
    """Tools to offer where the Python tool is used: it alone, or both."""
    return [PYTHON] if draw.chance(0.6) else [PYTHON, SEARCH]


def with_search(draw: Draw) -> list[dict]:
    """Tools to offer where the search tool is used: it alone, or both."""
    return [SEARCH] if draw.chance(0.75) else [PYTHON, SEARCH]


def unused(draw: Draw, search_too: bool = True) -> dict:
    """{"tools": [...]} now and then, for conversations that need none of what is offered."""
    if not draw.chance(_SOMETIMES_OFFERED):
        return {}
    return {"tools": [PYTHON, SEARCH] if search_too and draw.chance(0.5) else [PYTHON]}
