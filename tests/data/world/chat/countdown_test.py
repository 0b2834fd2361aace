"""Every try is right in its arithmetic, the last one reaches the target, and halves are apart."""

import itertools
import re
from fractions import Fraction

from absl.testing import absltest, parameterized

from data.world.chat import countdown, defaults, expressions, grade
from data.world.chat.setting import without_facts
from data.world.draw import Draw

_SETTING = without_facts(defaults())
_STEP = re.compile(r"(\d+)([-+*/])(\d+)=(\d+)")


def reachable(numbers: tuple[int, ...]) -> set[Fraction]:
    """All that + - * / make of some of the numbers, by combining any two until one is left."""
    found, seen = set(), set()
    stack = [tuple(sorted(Fraction(number) for number in numbers))]
    while stack:
        at_hand = stack.pop()
        if at_hand in seen:
            continue
        seen.add(at_hand)
        found |= set(at_hand)
        for i, j in itertools.permutations(range(len(at_hand)), 2):
            a, b = at_hand[i], at_hand[j]
            rest = [at_hand[k] for k in range(len(at_hand)) if k not in (i, j)]
            results = [a + b, a - b, a * b] + ([a / b] if b else [])
            stack += [tuple(sorted([*rest, result])) for result in results]
    return found


class ConversationTest(absltest.TestCase):
    def test_every_step_of_every_try(self):
        failures = 0
        for i in range(1500):
            conversation = countdown.conversation(Draw(f"test/{i}"), _SETTING)
            asked, answered = conversation["messages"]
            given = sorted(int(number) for number in re.findall(r"\d+", asked["content"]))
            lines = answered["reasoning_content"].split("\n")
            self.assertLessEqual(len(lines), 4)
            self.assertLen(set(lines), len(lines))
            failures += len(lines) - 1
            results = []
            for line in lines:
                at_hand = given.copy()
                for step in line.split(", "):
                    a, sign, b, result = _STEP.fullmatch(step).groups()
                    a, b, result = int(a), int(b), int(result)
                    exact = {"+": a + b, "-": a - b, "*": a * b}[sign]
                    self.assertEqual(exact, result)
                    at_hand.remove(a)
                    at_hand.remove(b)
                    at_hand.append(result)
                self.assertLen(at_hand, 2)  # all numbers went in; the target stands among the given
                results.append(result)
            target = results[-1]
            self.assertIn(target, given)
            self.assertNotIn(target, results[:-1])
            given.remove(target)
            self.assertEqual(expressions.fault(answered["content"], given, target, every=True), "")
        self.assertBetween(failures, 1000, 2000)

    def test_no_more_parentheses_than_needed(self):
        pairs = needless = 0
        for i in range(600):
            draw = Draw(f"parentheses/{i}")
            one = countdown.countdown(draw, _SETTING, False, draw.integer(1, countdown.LEVELS))
            written = countdown.expression(one.steps)
            self.assertEqual(expressions.value(written)[0], one.target)
            for match in re.finditer(r"\(", written):
                depth, end = 0, match.start()
                for end in range(match.start(), len(written)):
                    depth += {"(": 1, ")": -1}.get(written[end], 0)
                    if not depth:
                        break
                inner = written[match.start() + 1 : end]
                without = written[: match.start()] + inner + written[end + 1 :]
                # Without them it makes something else, but for what some numbers happen to do.
                other = expressions.value(without)  # None: it would divide by zero
                pairs += 1
                needless += other is not None and other[0] == one.target
        self.assertGreater(pairs, 200)
        self.assertLess(needless, 0.02 * pairs)


class CountdownTest(parameterized.TestCase):
    @parameterized.parameters(1, 2, 3)
    def test_an_exhaustive_search_finds_the_target(self, level: int):
        for i in range(40 if level == 1 else 3):
            one = countdown.countdown(Draw(f"{level}/{i}"), _SETTING, i % 2 == 0, level)
            self.assertIn(one.target, reachable(one.numbers))
            self.assertNotIn(one.target, one.numbers)

    def test_halves_are_apart_by_their_numbers(self):
        trained, measured = (
            {countdown.countdown(Draw(f"{i}"), _SETTING, held_out).key() for i in range(2000)}
            for held_out in (False, True)
        )
        self.assertFalse(trained & measured)
        self.assertGreater(len(trained), 120)
        self.assertGreater(len(measured), 15)

    def test_questions(self):
        for question in countdown.questions(_SETTING, "countdown"):
            self.assertTrue(grade.grade(question, question["answer"]))
            self.assertFalse(grade.grade(question, str(question["target"])))
            self.assertFalse(grade.grade(question, question["answer"] + "+1"))


if __name__ == "__main__":
    absltest.main()
