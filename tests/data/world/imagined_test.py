from absl.testing import absltest, parameterized

from data.world import facts, imagined
from data.world.chat.phrasings import ASKED
from data.world.draw import Draw


class ImaginedTest(parameterized.TestCase):
    @parameterized.parameters(*facts.KINDS)
    def test_nobody_has_met_them_and_all_of_their_kind_can_be_told(self, kind: str):
        known = {entity.name.lower() for entity in facts.entities()}
        example = next(entity for entity in facts.entities() if entity.kind == kind)
        met = 0
        for number in range(200):
            entity = imagined.entity(Draw(f"{kind}/{number}"), kind)
            met += entity.name.lower() in known
            self.assertContainsSubset(entity.forms, example.forms)
            self.assertNotEmpty(entity.facts)
            for fact in entity.facts:
                self.assertIn(f"{kind}.{fact.relation}", ASKED)
                self.assertEqual((fact.entity, fact.forms), (entity.name, entity.forms))
        self.assertLess(met, 3)

    def test_each_depends_on_its_draw_alone(self):
        first, again = (imagined.entity(Draw("country/1"), "country") for _ in range(2))
        self.assertEqual((first.id, first.facts), (again.id, again.facts))

    def test_values_are_those_of_the_world_or_made_up(self):
        capitals = {fact.value for fact in facts.load() if fact.relation == "capital"}
        drawn = [
            fact.value
            for number in range(500)
            for fact in imagined.entity(Draw(f"{number}"), "country").facts
            if fact.relation == "capital"
        ]
        self.assertBetween(sum(value in capitals for value in drawn) / len(drawn), 0.5, 0.7)


if __name__ == "__main__":
    absltest.main()
