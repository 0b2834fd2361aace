"""Counting and spelling letters, which tokens hide from a model: with the Python tool and without.

A word stands in quotation marks in the question, so that its tokens there are those of the code.
"""

from collections.abc import Callable
from dataclasses import dataclass

from data.world import english
from data.world.chat import tools, words
from data.world.chat.setting import Setting, assistant, user
from data.world.draw import Draw

_TOOL = 0.75  # how often the Python tool is offered


@dataclass(frozen=True)
class _Task:
    """What is asked about a {w}ord, and now and then a {l}etter, and how it is answered."""

    asked: tuple[str, ...]
    code: str
    value: Callable[[str, str], str]
    answer: str
    grader: str = "number"


COUNT = _Task(
    asked=(
        'how many times does "{l}" occur in "{w}"?',
        'how many times does the letter "{l}" appear in "{w}"?',
        'how many "{l}" are in "{w}"?',
        'how many "{l}" are there in the word "{w}"?',
        'count the letter "{l}" in "{w}".',
        'count the "{l}" in "{w}".',
        'please count the "{l}" in the word "{w}".',
        'in "{w}", how many "{l}" are there?',
        'how often is the letter "{l}" in "{w}"?',
        'how often does "{l}" occur in the word "{w}"?',
        'can you count how many "{l}" the word "{w}" has?',
        'tell me how many "{l}" there are in "{w}".',
        'the word "{w}": how many "{l}" does it have?',
        'what is the number of "{l}" in "{w}"?',
        'how many of the letters in "{w}" are "{l}"?',
        'letter "{l}", word "{w}": how many?',
        'how many {l}\'s are in "{w}"?',
        'how many times is the letter "{l}" in "{w}"?',
        'give me the count of "{l}" in "{w}".',
        'what is the count of the letter "{l}" in the word "{w}"?',
        'how frequently is "{l}" used in "{w}"?',
        'the letter "{l}" is found how often in "{w}"?',
        'the word "{w}" contains how many "{l}"?',
        'say how many times "{w}" contains "{l}".',
        'to type "{w}", how often must I press the key "{l}"?',
        'I need the number of times that "{l}" stands in "{w}".',
        'here is a word: "{w}". How many "{l}" has it got?',
        'find all "{l}" in "{w}". How many are there?',
        'among the letters of "{w}", how many times is "{l}" found?',
        'I wonder how often "{l}" comes up in "{w}".',
        'let us play: how many "{l}" are hidden in "{w}"?',
        'cross out each "{l}" in "{w}". How many have you crossed out?',
        'my son asks how many times "{w}" uses the letter "{l}".',
        'how many copies of "{l}" does "{w}" hold?',
        'if you read "{w}" letter by letter, how many "{l}" do you meet?',
        'I wrote "{w}". How many times did I write "{l}"?',
        'does "{w}" have any "{l}"? Tell me how many.',
        'how many letters "{l}" do you see in "{w}"?',
        'look at "{w}" and count every "{l}".',
        'in the word "{w}", how often does "{l}" appear?',
        'the word is "{w}". How many times does it contain the letter "{l}"?',
        'look through "{w}" and tell me the number of "{l}" in it.',
        'how many letters of "{w}" are equal to "{l}"?',
        'does "{w}" use "{l}" at all, and how often?',
        'inside "{w}", how many times does "{l}" show up?',
        'take the word "{w}" and count the letter "{l}".',
        'for "{w}", what is the count of "{l}"?',
        'how often does "{w}" contain the letter "{l}"?',
        'how many times does "{w}" have "{l}" in it?',
        'here is "{w}". Count the letter "{l}".',
        'in how many places does "{w}" have the letter "{l}"?',
        'if I write "{w}" on the board, how many times do I write "{l}"?',
        'reading through "{w}", how often does a reader come across "{l}"?',
        'the word "{w}" and the letter "{l}": what is the count?',
        'what number of the letters in "{w}" are "{l}"?',
        'I am playing a word game with "{w}". How many "{l}" do I have?',
        'check "{w}" for the letter "{l}" and give me the number.',
        'go through "{w}" letter by letter and count the "{l}".',
        'word: "{w}". Letter: "{l}". How often?',
        'say how often "{w}" has the letter "{l}".',
        'how many times can you find "{l}" in "{w}"?',
        'how often is "{l}" used in the word "{w}"?',
        'how many times is "{l}" written in "{w}"?',
        'find how often "{l}" occurs in the word "{w}".',
        'I need to count "{l}" in "{w}". What is the number?',
        'what is the total of "{l}" in the word "{w}"?',
        'is the letter "{l}" in "{w}", and how many times?',
        'number of times "{l}" is in "{w}"?',
        'do you know how often the letter "{l}" stands in "{w}"?',
        'how many of "{l}" can be seen in the word "{w}"?',
        'the letter is "{l}" and the word is "{w}". How many are there?',
        'how many {l}\'s in "{w}"?',
        'count the {l}\'s in "{w}".',
        'the word "{w}" has how many {l}\'s in it?',
        'how many times do you see "{l}" when you look at "{w}"?',
        'could you count the occurrences of "{l}" in "{w}"?',
        'how many instances of "{l}" does "{w}" contain?',
        'tally the letter "{l}" in the word "{w}".',
    ),
    code="'{w}'.count('{l}')",
    value=lambda word, letter: str(word.count(letter)),
    answer='The letter "{l}" occurs {v} {times}.',
)
LENGTH = _Task(
    asked=(
        'how many letters does "{w}" have?',
        'how many letters are in "{w}"?',
        'how long is the word "{w}"?',
        'count the letters of "{w}".',
        'please count all letters in "{w}".',
        'what is the number of letters in "{w}"?',
        'tell me how many letters "{w}" has.',
        'the word "{w}": how many letters?',
        'of how many letters does "{w}" consist?',
        'can you tell me the length of "{w}"?',
        'how many characters does "{w}" have?',
        'the word "{w}" is made of how many letters?',
        'how long is "{w}", measured in letters?',
        'give me the letter count of "{w}".',
        'find out how many letters there are in "{w}".',
        'here is a word: "{w}". How long is it?',
        'I wonder how many letters the word "{w}" has.',
        'how many letters form "{w}"?',
        'how many keys must I press to type "{w}"?',
        'is "{w}" a long word? Tell me how many letters it has.',
        'count how long "{w}" is.',
        'say the number of letters that "{w}" has.',
        'in a puzzle, how many squares would "{w}" fill?',
        'from the first letter to the last, how many are there in "{w}"?',
        'my teacher wants to know how many letters "{w}" is written with.',
        'I wrote "{w}". How many letters is that?',
        'if you write "{w}", how many letters do you need?',
        'what is the length of the word "{w}"?',
        'how many letters do I count in "{w}"?',
        'what is the letter count of "{w}"?',
        'how many letters long is "{w}"?',
        'in "{w}", how many letters are there?',
        'letters in "{w}": how many?',
        'how many letters does the word "{w}" contain?',
        'what length does the word "{w}" have?',
        'count every letter in "{w}".',
        'how many letters are used to spell "{w}"?',
        'how many letters must I write for "{w}"?',
        'from how many letters is "{w}" built?',
        'the length of "{w}" is what?',
        'measure the word "{w}" in letters.',
        'I have to write "{w}" in boxes, a letter to a box. How many boxes do I need?',
        'how many characters long is "{w}"?',
        'what is the number of characters in the word "{w}"?',
        'how many letters stand in the word "{w}"?',
        'the word is "{w}". Count its letters.',
        'look at the word "{w}". Of how many letters is it made?',
        'do you know how many letters "{w}" contains?',
        'add up the letters of "{w}": how many?',
        'say how long the word "{w}" is.',
        'how many letters will I need to spell "{w}"?',
        'can you count the letters in the word "{w}"?',
        'if each letter is a tile, how many tiles does "{w}" take?',
        'I want to know the length of "{w}" in letters.',
        'what is the total number of letters of "{w}"?',
        'find the length of "{w}".',
        'give the number of letters that make up "{w}".',
        'work out how many letters there are in the word "{w}".',
        'how many letters do you write when you write "{w}"?',
        'my crossword has the answer "{w}". How many squares does it need?',
        'with how many letters do you write "{w}"?',
    ),
    code="len('{w}')",
    value=lambda word, letter: str(len(word)),
    answer="It has {v} letters.",
)
SPELL = _Task(
    asked=(
        'spell "{w}".',
        'please spell the word "{w}".',
        'how do you spell "{w}"?',
        'how is "{w}" spelled?',
        'can you spell "{w}" for me?',
        'spell "{w}" letter by letter.',
        'write "{w}" with a hyphen between the letters.',
        'what are the letters of "{w}"?',
        'say the letters of "{w}" one by one.',
        'give me the spelling of "{w}".',
        'spell out "{w}".',
        'I do not know how to spell "{w}".',
        'put a hyphen between the letters of "{w}".',
        'write "{w}" one letter at a time.',
        'write down each letter of "{w}" in turn.',
        'list the letters of "{w}".',
        'give me every letter of "{w}", from first to last.',
        'how does one spell "{w}"?',
        'what is the spelling of "{w}"?',
        'what are the single letters in "{w}"?',
        'separate the letters of "{w}" with hyphens.',
        'I have to spell "{w}" at school. How does it go?',
        'show me the letters in "{w}" one after another.',
        'dictate the letters of "{w}" to me.',
        'spelling test: "{w}".',
        'the word is "{w}". Spell it.',
        'take "{w}" apart into its letters.',
        'could you say how the word "{w}" is spelled?',
        'which letters make up "{w}", in order?',
        'let me hear "{w}" letter after letter.',
        'how would you spell "{w}"?',
        'tell me how to spell "{w}".',
        'what is the correct spelling of "{w}"?',
        'spell the word "{w}" for me.',
        'how do I spell the word "{w}"?',
        'can you break "{w}" into letters?',
        'break the word "{w}" into single letters.',
        'split "{w}" into its letters.',
        'which letters does "{w}" have, from first to last?',
        'name the letters of the word "{w}" in order.',
        'give the letters in "{w}" separately.',
        'write out "{w}" with hyphens between its letters.',
        'one letter at a time, what is "{w}"?',
        'in what order do the letters of "{w}" come?',
        'could you spell out the word "{w}" for me?',
        'I want to spell "{w}". Which letters do I write?',
        'help me spell "{w}".',
        'tell me the letters in the word "{w}".',
        'how should "{w}" be spelled?',
        'read out the letters of "{w}".',
        'divide "{w}" into letters.',
        'say "{w}" letter by letter.',
        'write the word "{w}" with its letters apart.',
        'what letters is "{w}" written with?',
        'I am practising my spelling. What are the letters in "{w}"?',
        'how would "{w}" be spelled aloud at a contest?',
        'the letters of "{w}" are what?',
        'put "{w}" on the page letter by letter.',
        'recite the letters of "{w}".',
        'the word "{w}" is spelled how?',
        'pull "{w}" apart, letter by letter.',
        'type "{w}" with a hyphen after each letter but the last.',
        'do you know how "{w}" is spelled?',
    ),
    code="print('-'.join('{w}'))",
    value=lambda word, letter: "-".join(word),
    answer="{v}",
    grader="spelling",
)
REVERSE = _Task(
    asked=(
        'write "{w}" backwards.',
        'reverse "{w}".',
        'please reverse the word "{w}".',
        'what is "{w}" backwards?',
        'spell "{w}" backwards.',
        'how do you write "{w}" backwards?',
        'turn "{w}" around.',
        'can you write "{w}" from the last letter to the first?',
        'what does "{w}" look like backwards?',
        'give me "{w}" in reverse.',
        'flip the word "{w}" around.',
        'mirror "{w}".',
        'what is the reverse of "{w}"?',
        'what do you get when you reverse "{w}"?',
        'I want to see "{w}" written backwards.',
        'show me "{w}" back to front.',
        'start with the last letter of "{w}" and end with the first.',
        'write the word "{w}" the other way round.',
        'how would "{w}" be written the wrong way round?',
        'type "{w}" beginning at its last letter.',
        'the word "{w}" in reverse, please.',
        'the word "{w}" backwards is what?',
        'begin at the end of "{w}" and write each letter until you reach the start.',
        'our secret code is to write words backwards. What becomes of "{w}"?',
        'what comes out when "{w}" is reversed?',
        'make "{w}" run backwards.',
        'read "{w}" from right to left and write it down.',
        'how does "{w}" look if I read it from the end?',
        'put the letters of "{w}" in reverse order.',
        'could you say "{w}" backwards?',
        'what is the word "{w}" spelled backwards?',
        'how is "{w}" spelled in reverse?',
        'say "{w}" in reverse.',
        'how does "{w}" read backwards?',
        'can you reverse the letters of "{w}"?',
        'what is "{w}" from back to front?',
        'what is "{w}" when read from the end?',
        'write the letters of "{w}" from last to first.',
        'turn the letters of "{w}" round.',
        'how do you say "{w}" backwards?',
        'type the word "{w}" in reverse order.',
        'what does "{w}" become when it is written in reverse?',
        'the reverse of the word "{w}" is what?',
        'give me the letters of "{w}" backwards.',
        'tell me what "{w}" is backwards.',
        'put "{w}" the other way round.',
        'from the last letter back to the first, what is "{w}"?',
        'how would you spell "{w}" in reverse?',
        'seen in a mirror, what would "{w}" read?',
        'reverse the order of the letters in "{w}".',
        'could you flip "{w}" back to front?',
        'which word do you get if "{w}" is turned round?',
        'what is the backwards form of "{w}"?',
        'print "{w}" backwards.',
        'do you know what "{w}" is in reverse?',
        'take "{w}" and write it from its end to its start.',
        'for a riddle I need "{w}" backwards.',
        'make the last letter of "{w}" the first, and so on to its beginning.',
        'invert "{w}".',
        'going from right to left, what are the letters of "{w}"?',
        'reversed, what is "{w}"?',
        'spell out "{w}", last letter first.',
        'show the word "{w}" reversed.',
        'what would "{w}" be if it ran from right to left?',
    ),
    code="print('{w}'[::-1])",
    value=lambda word, letter: word[::-1],
    answer='Backwards it is "{v}".',
    grader="spelling",
)
TASKS = (COUNT, LENGTH, SPELL, REVERSE)
_TOTALS = (0.55, 0.7, 0.85, 1.0)
_FRAMES = ("{}", "{}", "{}", "hello! {}", "a question: {}", "please help me: {}", "{} Thanks!")


def _word(draw: Draw, setting: Setting, held_out: bool) -> str:
    """A word from training or from what is held out; never the same backwards."""
    while True:
        word = words.word(draw)
        if word != word[::-1] and setting.held_out(f"word/{word}") == held_out:
            return word


def _letter(draw: Draw, word: str) -> str:
    """A letter of the word, often one that it has twice; now and then any letter."""
    if draw.chance(0.15):
        return draw.pick("abcdefghijklmnopqrstuvwxyz")
    repeated = [letter for letter in word if word.count(letter) > 1]
    return draw.pick(repeated if repeated and draw.chance(0.5) else word)


def _solved(task: _Task, word: str, letter: str) -> tuple[dict[str, str], str]:
    """The template fields and the answer."""
    value = task.value(word, letter)
    fields = {"w": word, "l": letter, "v": value, "times": "time" if value == "1" else "times"}
    return fields, task.answer.format_map(fields)


def counting(
    draw: Draw, setting: Setting, held_out: bool, longest: int
) -> tuple[str, dict[str, str]]:
    """How often a letter occurs in a word of at most so many letters, asked as in training.

    Returns:
      The question, and "w", the word, "l", the letter, "v", the count.
    """
    while True:
        word = _word(draw, setting, held_out)
        if len(word) <= longest:
            break
    fields, _ = _solved(COUNT, word, _letter(draw, word))
    return english.capitalized(draw.pick(setting.wordings(COUNT.asked)).format_map(fields)), fields


def conversation(draw: Draw, setting: Setting) -> dict:
    """A question about the letters of a word; where the Python tool is offered, it is called."""
    task = TASKS[draw.index(_TOTALS)]
    word = _word(draw, setting, held_out=False)
    fields, answer = _solved(task, word, _letter(draw, word))
    text = draw.pick(setting.wordings(task.asked)).format_map(fields)
    frame = draw.pick(_FRAMES)
    text = frame.format(english.capitalized(text) if frame.startswith("hello") else text)
    messages = [user(english.capitalized(text))]
    if draw.chance(_TOOL):
        messages += tools.python(task.code.format_map(fields), fields["v"])
        return {"messages": [*messages, assistant(answer)], "tools": tools.with_python(draw)}
    return {"messages": [*messages, assistant(answer)]}


def questions(setting: Setting, kind: str, offered: bool) -> list[dict]:
    """Held-out words in held-out phrasings; "letters" are counted, "spelling" is the other tasks.

    ``offered``: whether the Python tool is.
    """
    found = []
    for i in range(setting.options["questions"]):
        draw = Draw(f"{setting.seed}/letters/{kind.removesuffix('_direct')}/{i}")
        task = COUNT if kind.startswith("letters") else draw.pick(TASKS[1:])
        word = _word(draw, setting, held_out=True)
        fields, _ = _solved(task, word, _letter(draw, word))
        text = draw.pick(setting.wordings(task.asked, held_out=True)).format_map(fields)
        question = {
            "id": f"{kind}/{i}",
            "kind": kind,
            "messages": [user(english.capitalized(text))],
            "answer": fields["v"],
            "grader": task.grader,
            "ignore": [word],
        }
        found.append(question | ({"tools": [tools.PYTHON]} if offered else {}))
    return found
