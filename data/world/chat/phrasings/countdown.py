"""Reaching {t} with the numbers {l}, asked for in words."""

ASKED = (
    "use {l} to make {t}.",
    "make {t} from {l}.",
    "make {t} with the numbers {l}.",
    "use the numbers {l} to make {t}.",
    "reach {t} with {l}.",
    "reach {t} with the numbers {l}, each used once.",
    "use each of {l} once to make {t}.",
    "how can I make {t} from {l}?",
    "how do I get {t} from {l}?",
    "can you make {t} from the numbers {l}?",
    "numbers {l}, target {t}.",
    "the numbers are {l}. Make {t}.",
    "the target is {t}, and the numbers are {l}.",
    "combine {l} to make {t}.",
    "please make {t} out of {l}.",
    "countdown: {l} to {t}.",
)
HELD_OUT = (
    "you have {l}. What makes {t}?",
    "which sum of {l} comes to {t}?",
    "here are {l}; I want {t}.",
    "with {l}, how is {t} made?",
)
