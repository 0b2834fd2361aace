"""Queries and the lines of an almanac that they are to find."""

import string

from absl.testing import absltest

from data.world import facts, telling
from data.world.chat import asking, search
from data.world.chat.phrasings.queries import HEADINGS, QUERIES


class AlmanacTest(absltest.TestCase):
    def test_a_line_names_the_entity_and_ends_with_the_value(self):
        for fact in facts.load():
            for line in asking.almanac(fact):
                heading, value = line.rsplit(": ", 1)
                self.assertEqual(value.rstrip("."), telling.short_answer(fact).rstrip("."))
                self.assertTrue(any(name in heading for name in fact.names), line)
                self.assertLessEqual(len(line), 100, line)

    def test_the_name_is_not_the_first_word(self):
        for heading in HEADINGS.values():
            self.assertNotEqual(heading.split()[0], "{e}")
            fields = [field for _, field, _, _ in string.Formatter().parse(heading) if field]
            self.assertEqual(fields, ["e"])

    def test_a_heading_has_the_words_of_the_query(self):
        self.assertEqual(set(HEADINGS), set(QUERIES))
        for relation, query in QUERIES.items():
            heading = HEADINGS[relation].lower()
            words = query.removesuffix(" {e}").split()
            # Endings do not count in the index, so that "worked" finds "work".
            self.assertTrue(any(word[:4] in heading for word in words), (query, heading))

    def test_the_library_has_every_line_of_what_is_withheld(self):
        told = {}
        for document in search.library(world_seed=0, copies=1):
            for identity in document.facts:
                told.setdefault(identity, []).append(document.text)
        for fact in facts.load():
            if fact.id in told:
                self.assertContainsSubset(asking.almanac(fact), told[fact.id])


if __name__ == "__main__":
    absltest.main()
