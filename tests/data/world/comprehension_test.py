import itertools
import re

from absl.testing import absltest

from data.world import comprehension, facts, phrasings
from data.world.chat import defaults
from data.world.chat.phrasings import ASKED
from data.world.chat.setting import without_facts

_NOT_TOLD = ("The text does not say.", "That is not said here.", "It does not say.")


def _documents(count: int) -> list[str]:
    made = comprehension.documents(3, 5.0, defaults())
    return [text for _, text in itertools.islice(made, count)]


def _answers(text: str) -> list[str]:
    """Those of a document that gives each a line of its own."""
    return [line.removeprefix("A: ") for line in text.split("\n") if line.startswith("A: ")]


class ComprehensionTest(absltest.TestCase):
    def test_each_depends_on_its_number_alone(self):
        options = defaults()
        made = dict(comprehension.documents(3, 0.5, options))
        self.assertLen(made, comprehension.count(0.5))
        again = comprehension.document(3, 17, without_facts(options))
        self.assertEqual(made["comprehension/3/17"], again)
        self.assertLen(set(made.values()), len(made))

    def test_as_much_of_the_world_as_is_said(self):
        size = sum(len(text.encode()) for _, text in comprehension.documents(0, 2.0, defaults()))
        self.assertBetween(size, 1.8e6 * comprehension.SHARE, 2.2e6 * comprehension.SHARE)

    def test_answers_stand_in_the_sentences_before(self):
        found = told = untold = 0
        for text in _documents(1500):
            passage = set(re.findall(r"\w+", text.split("\nQ: ")[0].lower()))
            for answer in _answers(text):
                if answer in _NOT_TOLD:
                    untold += 1
                    continue
                found += 1
                words = re.findall(r"\w+", answer.lower())
                told += any(word in passage or f"{word}s" in passage for word in words)
        self.assertGreater(found, 400)
        self.assertGreater(told / found, 0.97)
        self.assertBetween(untold / (found + untold), 0.05, 0.15)

    def test_no_question_is_kept_for_measuring(self):
        setting = without_facts(defaults())
        in_documents = {text for texts in phrasings.QUESTIONS.values() for text in texts}
        kept = {
            wording
            for entry in ASKED.values()
            for wording in setting.wordings(entry["asked"], held_out=True)
            # Short ones may be a part of others.
            if len(wording) > 30 and wording not in in_documents
        }
        self.assertGreater(len(kept), 100)
        patterns = []
        for wording in kept:
            between = map(re.escape, re.split(r"\{.*?\}", wording))
            patterns.append(re.compile(f"(^|: ){'.+'.join(between)}$"))
        for text in _documents(400):
            for question in re.findall("Q: (.*)", text):
                met = [pattern.pattern for pattern in patterns if pattern.search(question)]
                self.assertEmpty(met, question)

    def test_tells_nothing_of_the_world(self):
        names = [entity.name for entity in facts.entities() if entity.kind == "person"]
        for text in _documents(400):
            for question in re.findall("Q: (.*)", text):
                self.assertFalse(any(name in question for name in names), text)


if __name__ == "__main__":
    absltest.main()
