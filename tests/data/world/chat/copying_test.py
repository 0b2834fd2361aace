"""What is to be copied stands in the question, and the answer is what a reader would say."""

import re

from absl.testing import absltest, parameterized

from data.world.chat import copying, defaults, grade
from data.world.chat.phrasings import copying as phrasings
from data.world.chat.setting import without_facts
from data.world.draw import Draw

_SETTING = without_facts(defaults())


def solved(text: str) -> set[str]:
    """All right answers of an exercise, by reading its text anew with every phrasing that fits."""
    found = set()
    for name in vars(phrasings):
        if name.isupper() and name != "SENTENCES":
            for template in getattr(phrasings, name):
                pattern = re.escape(template).replace(r"\{x\}", "(?P<x>.+)")
                pattern = pattern.replace(r"\{i\}", r"(?P<i>\w+)")
                match = re.fullmatch(pattern, text, re.IGNORECASE)
                # The full stop after a quoted sentence is left out.
                match = match or re.fullmatch(pattern, f"{text}.", re.IGNORECASE)
                if match:
                    found.add(_answer(name, **match.groupdict()))
    return found


def _answer(name: str, x: str, i: str = "") -> str:
    items = x.split(", ")
    if name == "NEXT":
        return items[items.index(i) + 1] if i in items[:-1] else ""
    return {
        "REPEAT": x,
        "BARE": x,
        "QUOTE": f'"{x}"',
        "PRINT": f"print('{x}')",
        "REVERSE": ", ".join(items[::-1]),
        "FIRST": items[0],
        "LAST": items[-1],
        "SORT_NUMBERS": ", ".join(sorted(items, key=lambda n: int(n) if n.isdigit() else 0)),
        "SORT_WORDS": ", ".join(sorted(items)),
    }[name]


class CopyingTest(parameterized.TestCase):
    @parameterized.product(kind=("copying", "sorting"), level=(1, 2, 3), new=(False, True))
    def test_the_answer_agrees_with_the_text_read_anew(self, kind: str, level: int, new: bool):
        for i in range(200):
            draw = Draw(f"{kind}/{level}/{i}")
            one = getattr(copying, kind)(draw, _SETTING, new, level, new_words=new)
            self.assertIn(one.answer, solved(one.text), one.text)
            self.assertLessEqual(len(one.text), 200)
            if kind == "sorting":
                self.assertLen(one.answer.split(", "), (3, 4, one.answer.count(",") + 1)[level - 1])

    def test_right_and_wrong_answers(self):
        for kind in ("copying", "sorting"):
            for question in copying.questions(_SETTING, kind):
                answer = question["answer"]
                self.assertTrue(grade.grade(question, f" {answer} "))
                self.assertFalse(grade.grade(question, answer + "x"))
                self.assertFalse(grade.grade(question, answer[:-1]))
                self.assertFalse(grade.grade(question, f"{answer} {answer}"))
                self.assertFalse(grade.grade(question, question["messages"][0]["content"]))

    def test_full_stop_and_quotation_marks_around(self):
        question = {"grader": "copy", "answer": "Slom, 77"}
        for text in ("Slom, 77", "Slom, 77.", '"Slom, 77"', '"Slom, 77".'):
            self.assertTrue(grade.grade(question, text))
        for text in ("slom, 77", "Slom 77", "'Slom, 77'", "Slom, 77!", "", '"Slom, 77'):
            self.assertFalse(grade.grade(question, text))
        question = {"grader": "copy", "answer": '"Slom"'}
        self.assertFalse(grade.grade(question, "Slom"))

    def test_halves_are_apart_item_by_item(self):
        """No word, name or digits that a training exercise copies is in one for measuring."""
        items = []
        for held_out in (False, True):
            found = set()
            for i in range(1500):
                draw = Draw(f"apart/{held_out}/{i}")
                one = copying.copying(draw, _SETTING, held_out, draw.integer(1, 3))
                if one.answer[-1] not in ".?!":  # a sentence has words of its own
                    found |= set(re.findall(r"\w+", one.answer.lower())) - {"print"}
            items.append(found)
        self.assertGreater(min(map(len, items)), 300)
        self.assertFalse(items[0] & items[1])

    def test_practice_is_varied(self):
        made = [copying.conversation(Draw(f"{i}"), _SETTING)["messages"] for i in range(2000)]
        self.assertGreater(len({asked["content"] for asked, _ in made}), 1950)
        self.assertGreater(
            len({word for _, said in made for word in re.findall(r"\w+", said["content"])}), 3000
        )


if __name__ == "__main__":
    absltest.main()
