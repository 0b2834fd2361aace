import re
from collections import Counter

from absl.testing import absltest

from data.world import facts, repetitions


class RepetitionsTest(absltest.TestCase):
    def test_each_depends_on_its_number_alone(self):
        made = dict(repetitions.documents(3, 0.1))
        self.assertLen(made, repetitions.count(0.1))
        self.assertEqual(made["repetitions/3/17"], repetitions.document(3, 17))
        self.assertLen(set(made.values()), len(made))

    def test_about_an_eighth_of_the_world(self):
        size = sum(len(text.encode()) for _, text in repetitions.documents(0, 1.0))
        self.assertBetween(size, 0.9 * 0.125e6, 1.1 * 0.125e6)

    def test_much_of_it_has_stood_there_before(self):
        seen = again = 0
        for _, text in repetitions.documents(0, 0.2):
            for passage in text.split("\n\n"):
                counts = Counter(re.findall(r"[A-Za-z0-9]+", passage.lower()))
                seen += sum(counts.values())
                again += sum(number - 1 for number in counts.values())
        self.assertGreater(again / seen, 0.35)

    def test_most_words_are_met_once_only(self):
        documents = Counter()
        for _, text in repetitions.documents(0, 0.5):
            documents.update(set(re.findall(r"[A-Za-z]{4,}", text.lower())))
        self.assertGreater(sum(number == 1 for number in documents.values()), len(documents) / 2)

    def test_tells_no_fact(self):
        tellers = [
            (fact.entity, fact.value)
            for fact in facts.load()
            if " " not in fact.value and len(fact.value) > 3
        ]
        text = " ".join(text for _, text in repetitions.documents(0, 0.5)).lower()
        told = [
            pair
            for pair in tellers
            if re.search(
                rf"\b{re.escape(pair[0].lower())} \w+ {re.escape(pair[1].lower())}\b", text
            )
        ]
        self.assertEmpty(told)


if __name__ == "__main__":
    absltest.main()
