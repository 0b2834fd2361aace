"""Copying and sorting, asked for in words: {x} is what is given, {i} one item of a list."""

REPEAT = (
    'repeat "{x}".',
    'say "{x}".',
    'write "{x}".',
    'copy "{x}".',
    'repeat after me: "{x}".',
    'please repeat exactly: "{x}".',
    'please write this again: "{x}".',
    'copy this word for word: "{x}".',
    'can you say "{x}"?',
    'can you repeat "{x}" for me?',
    'write "{x}" once more.',
    'say this and nothing else: "{x}".',
)
REPEAT_HELD_OUT = (
    'I want to read "{x}" from you.',
    'echo "{x}", please.',
    'give me back exactly what I write: "{x}".',
    'your whole answer should be "{x}".',
)
BARE = (
    "repeat {x}.",
    "say {x}.",
    "copy {x}.",
    "please write {x}.",
    "can you repeat {x}?",
    "repeat after me: {x}.",
)
BARE_HELD_OUT = ("echo {x}.", "let me read {x}, please.", "give me {x} back.")
QUOTE = (
    "put {x} in quotation marks.",
    "write {x} in quotation marks.",
    "please quote {x}.",
    "repeat {x}, in quotation marks.",
    "say {x} between quotation marks.",
    "set quotation marks around {x}.",
)
QUOTE_HELD_OUT = ("I need {x} with quotation marks around it.", "how does {x} look when quoted?")
PRINT = (
    'write a line of Python that prints "{x}".',
    'how do I print "{x}" in Python?',
    'show me Python code that prints "{x}".',
    'give me a Python print of "{x}".',
)
PRINT_HELD_OUT = ('what line of Python shows "{x}"?', 'I want Python to print "{x}".')
REVERSE = (
    "reverse the list {x}.",
    "write the list {x} in reverse order.",
    "write {x} from the last to the first.",
    "turn this list around: {x}.",
    "please list {x} backwards, item by item.",
    "what is the list {x} in reverse order?",
)
REVERSE_HELD_OUT = ("say these, the last one first: {x}.", "start from the end: {x}.")
FIRST = (
    "what is the first of {x}?",
    "which comes first in the list {x}?",
    "give me the first item of {x}.",
    "the list is {x}. What is the first item?",
)
FIRST_HELD_OUT = ("with which item does {x} begin?", "take the first from this list: {x}.")
LAST = (
    "what is the last of {x}?",
    "which comes last in the list {x}?",
    "give me the last item of {x}.",
    "the list is {x}. What is the last item?",
)
LAST_HELD_OUT = ("with which item does {x} end?", "take the last from this list: {x}.")
NEXT = (
    "what comes after {i} in {x}?",
    "which item follows {i} in the list {x}?",
    "the list is {x}. What comes after {i}?",
    "in {x}, what is next after {i}?",
)
NEXT_HELD_OUT = ("find {i} in {x}: what stands behind it?", "what is right after {i} here: {x}?")
SORT_NUMBERS = (
    "sort {x}.",
    "sort the numbers {x}.",
    "put {x} in order.",
    "put these numbers in order: {x}.",
    "write {x} from the smallest to the largest.",
    "please sort {x}, the smallest first.",
    "order the numbers {x}.",
)
SORT_NUMBERS_HELD_OUT = (
    "bring {x} into order of size.",
    "say these from small to large: {x}.",
    "how do {x} stand when sorted?",
)
SORT_WORDS = (
    "sort the words {x}.",
    "put the words {x} in order of the alphabet.",
    "sort {x} by the alphabet.",
    "write {x} in alphabetical order.",
    "please sort these words: {x}.",
)
SORT_WORDS_HELD_OUT = (
    "how would a dictionary order {x}?",
    "bring the words {x} into alphabetical order.",
)
# Sentences to copy, of {N} and {M}, names, {w} and {v}, words, and {d}, a number.
SENTENCES = (
    "{N} has {d} boxes.",
    "{N} and {M} are here.",
    "{N} went to {M} at {d}.",
    "{N} said: the {w} is old.",
    "The {w} of {N} is near the {v}.",
    "The {w} is not a {v}.",
    "My code is {d}.",
    "My name is {N}.",
    "{N} lives in {M}.",
    "Where is the {w}, {N}?",
    "Is {M} older than {N}?",
    "I saw the {w} and the {v}.",
    "Call {N} at {d}!",
    "Room {d} has no {w}.",
    "The word {w} comes before {v}.",
)
