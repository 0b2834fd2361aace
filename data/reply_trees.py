"""OpenAssistant's trees of replies: to conversations, and to rankings of replies.

A message is an object with "text", "role" (prompter or assistant) and "replies", which are such
messages; "rank" is the place among its siblings that people gave it, 0 the best.
"""

from collections.abc import Iterator

from data.conversations import Malformed, Message

PATHS = ("best", "all")


def is_tree(record: dict) -> bool:
    """Whether a record is a tree of replies."""
    prompt = record.get("prompt")
    return isinstance(prompt, dict) and "replies" in prompt


def paths_of(prompt: dict, paths: str) -> Iterator[dict]:
    """Conversations from the prompt down: through the replies ranked best, or through all.

    Each ends with the last reply of the assistant on its way.

    Raises:
        Malformed: there is no such reply, or the prompt itself was deleted or found bad.
    """
    _check_root(prompt)
    found = False
    # Depth first, the best path first. Nobody answers what was deleted or found bad.
    waiting = [(prompt, [])]
    while waiting:
        node, before = waiting.pop()
        path = [*before, _message(node)]
        replies = _good_replies(node)
        if replies and paths == "best":
            replies = replies[:1]
        waiting += [(reply, path) for reply in reversed(replies)]
        # A turn of a person that nobody answered ends a path too; its parent said the last word.
        if path[-1]["role"] == "assistant" and not any(_good_replies(reply) for reply in replies):
            found = True
            yield {"messages": path}
    if not found:
        raise Malformed("a tree has no good reply of the assistant")


def ranked_replies(prompt: dict) -> Iterator[tuple[list[Message], list[tuple[str, float]]]]:
    """The places of a tree where people have ranked the assistant's replies: the messages before
    it, and the (text, rank) of each reply that has one, the best the lowest.

    Raises:
        Malformed: a message of the tree cannot be read, or the prompt was deleted or found bad.
    """
    _check_root(prompt)
    waiting = [(prompt, [])]
    while waiting:
        node, before = waiting.pop()
        path = [*before, _message(node)]
        replies = _good_replies(node)
        waiting += [(reply, path) for reply in reversed(replies)]
        ranked = [
            (reply.get("text"), _rank(reply))
            for reply in replies
            if reply.get("role") == "assistant" and isinstance(reply.get("rank"), int | float)
        ]
        if len({rank for _, rank in ranked}) > 1:
            yield path, ranked


def _good_replies(node: dict) -> list[dict]:
    """The replies to a message, the best ranked first and those without a rank last."""
    replies = node.get("replies") or []
    if not isinstance(replies, list):
        raise Malformed("a tree's replies are not a list")
    good = [reply for reply in replies if isinstance(reply, dict) and _is_good(reply)]
    return sorted(good, key=_rank)


def _is_good(node: dict) -> bool:
    return not node.get("deleted") and node.get("review_result") is not False


def _check_root(prompt: dict) -> None:
    if not _is_good(prompt):
        raise Malformed("a tree's prompt was deleted or found bad")


def _rank(reply: dict) -> float:
    """Of a reply in its tree; infinite where it has none."""
    given = reply.get("rank")
    try:
        return float(given) if isinstance(given, int | float) else float("inf")
    except OverflowError as error:
        raise Malformed("a rank is too large a number") from error


def _message(node: dict) -> Message:
    role = {"prompter": "user", "assistant": "assistant"}.get(str(node.get("role")))
    if role is None:
        raise Malformed("a tree's message is by neither prompter nor assistant")
    return {"role": role, "content": node.get("text")}
