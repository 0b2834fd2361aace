"""Worked solutions are right in every step, and every step is small."""

import collections
import math
import re

from absl.testing import absltest, parameterized

from data.world.chat import columns, defaults, problems
from data.world.chat.setting import Setting
from data.world.chat.split import Split
from data.world.draw import Draw

_STEP = re.compile(r"(\d+)([+*-])(\d+)")
_GONE = re.compile("away|uses?d?|lost|loses|sells|sold|gives|gave|given|takes|picks")
_ASKED = {"only": "[Oo]nly|without steps", "steps": "step by step|Show your|Think before"}
_SETTING = Setting(defaults(), Split())


def _value(text: str) -> int:
    a, sign, b = _STEP.fullmatch(text).groups()
    return {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[sign]


class ColumnsTest(parameterized.TestCase):
    @parameterized.parameters(
        ("+", 47, 38, "47+38: 7+8=15, 4+3=7, 7+1=8, 85"),
        ("+", 6, 83, "6+83: 3+6=9, 89"),
        ("+", 95, 7, "95+7: 5+7=12, 9+1=10, 102"),
        ("+", 98, 73, "98+73: 8+3=11, 9+7=16, 16+1=17, 171"),
        ("-", 85, 38, "85-38: 15-8=7, 8-1=7, 7-3=4, 47"),
        ("-", 105, 38, "105-38: 15-8=7, 10-1=9, 9-3=6, 1-1=0, 67"),
        ("-", 50, 11, "50-11: 10-1=9, 5-1=4, 4-1=3, 39"),
        ("*", 24, 3, "24*3: 4*3=12, 2*3=6, 6+1=7, 72"),
        ("*", 47, 4, "47*4: 7*4=28, 4*4=16, 16+2=18, 188"),
    )
    def test_by_hand(self, sign: str, a: int, b: int, line: str):
        self.assertEqual(columns.worked(sign, a, b, problems.result(sign, a, b)), line)

    def test_the_columns_make_the_result(self):
        """The last digit of each column's last part, read from the last column, is the result."""
        for a in range(1, 200):
            for b in range(1, 200, 7):
                for sign in "+-" if b > 9 else "+-*":
                    if sign == "-" and a <= b:
                        continue
                    result = problems.result(sign, a, b)
                    parts = columns.worked(sign, a, b, result).split(": ")[1].split(", ")[:-1]
                    for part in parts:
                        left, right = part.split("=")
                        self.assertEqual(_value(left), int(right), part)
                        x, _, y = _STEP.fullmatch(left).groups()
                        self.assertLessEqual(len(y), 1)  # a digit, or what is carried
                        self.assertLessEqual(int(right), 90)
                        self.assertLessEqual(int(x), 81)


class ProblemsTest(absltest.TestCase):
    def test_every_step_of_every_solution(self):
        counts = collections.Counter()
        for i in range(1500):
            conversation = problems.conversation(Draw(f"test/{i}"), _SETTING)
            answer = conversation["messages"][-1]
            value = int(re.fullmatch(r"The answer is (\d+)\.", answer["content"])[1])
            said = " ".join(m["content"] for m in conversation["messages"][:-1])
            given = {int(number) for number in re.findall(r"\d+", said)}
            asked = [name for name, pattern in _ASKED.items() if re.search(pattern, said)]
            self.assertLessEqual(len(asked), 1, said)
            how = asked[0] if asked else "story" if ". " in said else "sum"
            is_worked = "reasoning_content" in answer
            counts[how, is_worked] += 1
            if not is_worked:
                continue
            known = set(given)
            lines = answer["reasoning_content"].split("\n")
            self.assertLessEqual(len(lines), 3)
            for line in lines:
                step, parts = line.split(": ")
                *parts, result = parts.split(", ")
                a, _, b = _STEP.fullmatch(step).groups()
                self.assertLessEqual({int(a), int(b)}, known)
                self.assertEqual(_value(step), int(result))
                for part in parts:
                    self.assertEqual(_value(part.split("=")[0]), int(part.split("=")[1]))
                known.add(int(result))
            self.assertEqual(int(result), value)
        self.assertEqual({how for how, is_worked in counts if is_worked}, {"steps", "story", "sum"})
        self.assertEqual({how for how, is_worked in counts if not is_worked}, {"only", "story"})
        self.assertLess(abs(counts["story", True] - counts["story", False]), 100)
        self.assertGreater(min(counts.values()), 150)

    def test_a_chain_agrees_with_the_story(self):
        """Reads the story again: what comes is added, what goes is taken away."""
        checked = 0
        for i in range(800):
            one = problems.problem(Draw(f"chain/{i}"))
            start, rest = one.text.split(". ", 1)
            if not re.search(r"in the end|now\?", one.text) or "coins and" in one.text:
                continue
            if any(word in one.text for word in ("bus", "train", "farmer", "earned")):
                continue
            total = math.prod(int(number) for number in re.findall(r"\d+", start))
            for clause in re.split(r"[.,] | and ", rest):
                found = re.search(r"\d+", clause)
                gone = _GONE.search(clause) and "friend gives" not in clause
                total += (-1 if gone else 1) * int(found[0]) if found else 0
            self.assertEqual(total, one.answer, one.text)
            checked += 1
        self.assertGreater(checked, 250)

    def test_direct_questions_are_the_same_problems(self):
        steps = problems.questions(_SETTING, "problems", direct=False)
        direct = problems.questions(_SETTING, "problems_direct", direct=True)
        for one, other in zip(steps, direct, strict=True):
            self.assertEqual(one["answer"], other["answer"])
            said = [" ".join(m["content"] for m in each["messages"]) for each in (one, other)]
            self.assertRegex(said[0], _ASKED["steps"])
            self.assertRegex(said[1], _ASKED["only"])
            # A problem ends in a question; what follows it says how it is to be answered.
            texts = [each["messages"][-1]["content"].rpartition("?")[0] for each in (one, other)]
            self.assertNotEmpty(texts[0])
            self.assertEqual(*texts)


if __name__ == "__main__":
    absltest.main()
