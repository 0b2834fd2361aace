"""What a step says of a document that it does not let pass."""

from typing import NamedTuple


class Drop(NamedTuple):
    """A document is dropped.

    Attributes:
        step: the step that says so.
        reason: which of its rules; of a fixed set, so that drops can be counted by it.
        figure: what was measured, in the rule's own unit.
    """

    step: str
    reason: str
    figure: float = 0.0
