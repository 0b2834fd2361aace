"""Word problems of two and three steps, worked out or with the answer alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from data.world import english, telling
from data.world.chat import columns, tools
from data.world.chat.phrasings import problems as phrasings
from data.world.chat.products import result
from data.world.chat.setting import Setting, assistant, system, user
from data.world.draw import Draw
from data.world.genres.prose import BOYS, GIRLS

# How often the answer alone is asked for, and how often its steps; of word problems whose asker
# leaves that open, this share is answered directly, as people's texts do: practice is to find out
# what pays.
_ANSWER_ONLY, _STEPS, _DIRECT = 0.2, 0.3, 0.5
_SUM = 0.3  # how often it is a bare sum: the steps alone, to learn them sooner
_BARE_CHAIN = 0.25  # and how often that has two operations
_CHAIN = 0.5  # how often a word problem is a chain of changes
_PERSON = 0.6  # and how often one person makes them all
_LARGEST = 199  # of all results


@dataclass(frozen=True)
class Problem:
    """A text, and (sign, number, number, result) of each step; the last result is the answer."""

    text: str
    given: tuple[int, ...]
    steps: tuple[tuple[str, int, int, int], ...]

    @property
    def answer(self) -> int:
        return self.steps[-1][3]

    def key(self) -> str:
        """By which the problem is held out: its numbers, whatever the story and the order."""
        return "problem/" + " ".join(str(number) for number in sorted(self.given))


def _solve(steps: Sequence[str], numbers: dict[str, int]) -> tuple | None:
    """The steps carried out; None if a result is negative or too large."""
    known, done = dict(numbers), []
    for name, (first, sign, second) in zip("xyz", steps, strict=False):
        a, b = known[first], known[second]
        known[name] = result(sign, a, b)
        if not 1 <= known[name] <= _LARGEST:
            return None
        done.append((sign, a, b, known[name]))
    return tuple(done)


def _numbers(draw: Draw, steps: Sequence[str]) -> tuple[dict[str, int], tuple]:
    """Numbers for a problem's steps, none of which leads out of bounds, and the steps done."""
    product = "a*b" in steps
    while True:
        numbers = {name: draw.integer(3, 99) for name in "acd"}
        numbers["b"] = draw.integer(2, 9) if product else draw.integer(3, 99)
        done = _solve(steps, numbers)
        if done and len(set(numbers.values())) == len(numbers):
            return numbers, done


def _chain(draw: Draw) -> Problem:
    """A start and changes, as in "There are 40 nuts. Ann takes 7 away. Later, 12 more come."."""
    product = draw.chance(0.35)
    changes = draw.integer(1, 2) if product else draw.integer(2, 3)
    names = "cde" if product else "bcd"
    results = "axyz" if not product else "xyz"
    signs = ["+" if draw.chance(0.5) else "-" for _ in range(changes)]
    steps = ["a*b"] if product else []
    steps += [f"{results[i]}{sign}{names[i]}" for i, sign in enumerate(signs)]
    numbers, done = _numbers(draw, steps)
    tell = _told_of_a_person if draw.chance(_PERSON) else _told
    return _problem(tell(draw, product, signs, names), _fields(draw), numbers, done)


def _told(draw: Draw, product: bool, signs: Sequence[str], names: str) -> str:
    """A chain as a template, a sentence a change, whoever makes it."""
    sentences = [draw.pick(phrasings.PRODUCT_STARTS if product else phrasings.STARTS)]
    sentences += _changes(draw, signs, names, phrasings.GAINS, phrasings.LOSSES)
    return " ".join([*sentences, draw.pick(phrasings.CHAIN_QUESTIONS)])


def _told_of_a_person(draw: Draw, product: bool, signs: Sequence[str], names: str) -> str:
    """A chain as a template, all of it done by one person: "she" or "he" after the start."""
    tense = draw.integer(0, 1)
    starts = phrasings.PERSON_PRODUCT_STARTS if product else phrasings.PERSON_STARTS
    gains = [change[tense] for change in phrasings.PERSON_GAINS]
    losses = [change[tense] for change in phrasings.PERSON_LOSSES]
    changes = _changes(draw, signs, names, gains, losses)
    told = dict(zip(("{first}", "{second}", "{third}"), changes, strict=False))
    sentences = [draw.pick(phrasings.PERSON_TWO if len(changes) > 1 else phrasings.PERSON_ONE)]
    if len(changes) > 2:
        sentences.append(draw.pick(phrasings.PERSON_THREE))
    text = " ".join([draw.pick(starts)[tense], *sentences])
    for place, change in told.items():
        text = text.replace(place, change)
    return f"{text} {draw.pick(phrasings.PERSON_QUESTIONS)}"


def _changes(
    draw: Draw, signs: Sequence[str], names: str, gains: Sequence[str], losses: Sequence[str]
) -> list[str]:
    """A template for each sign, none twice, with the names of the numbers."""
    gains, losses = draw.shuffled(gains), draw.shuffled(losses)
    changes = [(gains if sign == "+" else losses).pop() for sign in signs]
    return [text.replace("{k}", f"{{{name}}}") for text, name in zip(changes, names, strict=False)]


def _problem(template: str, fields: dict, numbers: dict[str, int], done: tuple) -> Problem:
    given = tuple(number for name, number in numbers.items() if f"{{{name}}}" in template)
    return Problem(english.capitalized(template.format_map(fields | numbers)), given, done)


def _fields(draw: Draw) -> dict[str, str]:
    name, other = draw.some(GIRLS + BOYS, 2)
    pronoun = "she" if name in GIRLS else "he"
    fields = {"n": name, "m": other, "p": pronoun, "P": pronoun.capitalize()}
    return fields | {"things": draw.pick(phrasings.THINGS)}


def problem(draw: Draw) -> Problem:
    """A word problem of two or three steps."""
    if draw.chance(_CHAIN):
        return _chain(draw)
    story, asked, steps = draw.pick(phrasings.PROBLEMS)
    numbers, done = _numbers(draw, steps)
    text = f"{telling.expand(draw, story)} {draw.pick(asked)}"
    return _problem(text, _fields(draw), numbers, done)


def bare(draw: Draw, signs: str = "+-*") -> Problem:
    """A bare sum, difference or product of the sizes that word problems have."""
    sign = draw.pick(signs)
    numbers, done = _numbers(draw, (f"a{sign}b",))
    return _problem(draw.pick(phrasings.SUMS[sign]), {}, numbers, done)


def bare_chain(draw: Draw) -> Problem:
    """Two operations in a row, worked from left to right: "what is 24 * 3 - 12?"."""
    first, second = draw.pick("+-*"), draw.pick("+-")
    numbers, done = _numbers(draw, (f"a{first}b", f"x{second}c"))
    written = f"{{a}} {first} {{b}} {second} {{c}}"
    return _problem(draw.pick(phrasings.CHAINS).format(e=written), {}, numbers, done)


def _bare(draw: Draw) -> Problem:
    return bare_chain(draw) if draw.chance(_BARE_CHAIN) else bare(draw)


def steps(done: Sequence[tuple[str, int, int, int]]) -> str:
    """A line a step, each worked out in columns."""
    return "\n".join(columns.worked(sign, a, b, value) for sign, a, b, value in done)


def conversation(draw: Draw, setting: Setting) -> dict:
    """A problem worked out, or its answer alone, as is asked for or as it comes."""
    is_sum = draw.chance(_SUM)
    while True:
        one = _bare(draw) if is_sum else problem(draw)
        if not setting.held_out(one.key()):
            break
    answer = f"The answer is {one.answer}."
    how = ("answer", "steps", "open")[draw.index((_ANSWER_ONLY, _ANSWER_ONLY + _STEPS, 1.0))]
    if how == "answer":
        return {"messages": [*_answer_only(draw, one.text), assistant(answer)]}
    # Bare sums are not worked out where the Python tool could be called.
    offered = tools.unused(draw) if len(one.steps) > 1 else {}
    asked = _in_steps(draw, one.text) if how == "steps" else [user(one.text)]
    is_direct = how == "open" and not is_sum and draw.chance(_DIRECT)
    worked = "" if is_direct else steps(one.steps)
    return {"messages": [*asked, assistant(answer, worked)]} | offered


def _answer_only(draw: Draw, text: str) -> list[dict]:
    return _asked(draw, text, phrasings.ANSWER_ONLY_SYSTEM, phrasings.ANSWER_ONLY)


def _in_steps(draw: Draw, text: str) -> list[dict]:
    return _asked(draw, text, phrasings.STEPS_SYSTEM, phrasings.STEPS)


def _asked(draw: Draw, text: str, by_system: Sequence[str], by_user: Sequence[str]) -> list[dict]:
    """A problem, and in a system message or after it how it is to be answered."""
    if draw.chance(0.5):
        return [system(draw.pick(by_system)), user(text)]
    return [user(f"{text} {draw.pick(by_user)}")]


def questions(setting: Setting, kind: str, direct: bool) -> list[dict]:
    """Word problems whose numbers are held out; ``direct``: only the answer is asked for, and
    otherwise its steps."""
    found = []
    for i in range(setting.options["questions"]):
        draw = Draw(f"{setting.seed}/problems/{i}")
        while True:
            one = problem(draw)
            if setting.held_out(one.key()):
                break
        messages = (_answer_only if direct else _in_steps)(draw, one.text)
        found.append(
            {
                "id": f"{kind}/{i}",
                "kind": kind,
                "messages": messages,
                "answer": str(one.answer),
                "grader": "number",
            }
        )
    return found
