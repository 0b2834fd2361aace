"""The tables hold what they promise and contradict neither themselves nor common sense."""

from collections import Counter, defaultdict

from absl.testing import absltest, parameterized

from data.world import facts, phrasings


def _values(kind: str, relation: str) -> dict[str, str]:
    return {f.entity: f.value for f in facts.load() if (f.kind, f.relation) == (kind, relation)}


class TablesTest(parameterized.TestCase):
    @parameterized.parameters(
        ("country", 190), ("element", 118), ("animal", 150), ("person", 150), ("thing", 100)
    )
    def test_size(self, kind: str, least: int):
        entities = [entity for entity in facts.entities() if entity.kind == kind]
        self.assertGreaterEqual(len(entities), least)
        self.assertLen({entity.name for entity in entities}, len(entities))

    def test_every_entity_has_two_facts(self):
        for entity in facts.entities():
            self.assertGreaterEqual(len(entity.facts), 2, entity.id)

    def test_fact_ids_are_unique_and_begin_with_the_kind(self):
        counts = Counter(fact.id for fact in facts.load())
        self.assertEqual([id_ for id_, n in counts.items() if n > 1], [])
        for fact in facts.load():
            self.assertRegex(fact.id, rf"^{fact.kind}/[a-z0-9-]+/{fact.relation}(/[a-z0-9-]+)?$")

    def test_cells_are_clean(self):
        for fact in facts.load():
            self.assertEqual(fact.value, fact.value.strip(), fact.id)
            self.assertRegex(fact.value, r"^[A-Za-z0-9][A-Za-z0-9 ,.'\-]*$", fact.id)
            self.assertNotIn("  ", fact.value, fact.id)

    def test_atomic_numbers_are_1_to_118_and_symbols_differ(self):
        numbers = sorted(int(number) for number in _values("element", "number").values())
        self.assertEqual(numbers, list(range(1, 119)))
        symbols = _values("element", "symbol")
        self.assertLen(set(symbols.values()), 118)
        for name, symbol in symbols.items():
            self.assertRegex(symbol, "^[A-Z][a-z]?$", name)

    def test_elements_agree_with_hand_checked_ones(self):
        expected = {"iron": ("Fe", "26"), "gold": ("Au", "79"), "oxygen": ("O", "8")}
        expected |= {"uranium": ("U", "92"), "tungsten": ("W", "74"), "oganesson": ("Og", "118")}
        symbols, numbers = _values("element", "symbol"), _values("element", "number")
        for name, pair in expected.items():
            self.assertEqual((symbols[name], numbers[name]), pair)

    def test_noble_gases_are_gases_with_the_right_numbers(self):
        category, numbers = _values("element", "category"), _values("element", "number")
        gases = {int(numbers[name]) for name, value in category.items() if value == "noble gas"}
        self.assertEqual(gases, {2, 10, 18, 36, 54, 86})
        alkali = {int(numbers[name]) for name, value in category.items() if value == "alkali metal"}
        self.assertEqual(alkali, {3, 11, 19, 37, 55, 87})
        lanthanides = {int(numbers[n]) for n, value in category.items() if value == "lanthanide"}
        self.assertEqual(lanthanides, set(range(57, 72)))
        phase = _values("element", "phase")
        liquids = {name for name, value in phase.items() if value == "liquid"}
        self.assertEqual(liquids, {"mercury", "bromine"})

    def test_capitals_are_unique(self):
        counts = Counter(_values("country", "capital").values())
        self.assertEqual([city for city, n in counts.items() if n > 1], [])

    def test_neighbours_are_symmetric_known_and_share_a_continent(self):
        borders = {(f.entity, f.value) for f in facts.load() if f.relation == "neighbour"}
        names = {entity.name for entity in facts.entities() if entity.kind == "country"}
        continents = _values("country", "continent")
        across = {("Egypt", "Israel"), ("Colombia", "Panama"), ("Indonesia", "Papua New Guinea")}
        across |= {("Kazakhstan", "Russia")}
        for country, other in borders:
            self.assertIn((other, country), borders)
            self.assertIn(other, names)
            self.assertNotEqual(country, other)
            if {(country, other), (other, country)} & across:
                continue
            if country in continents and other in continents:
                self.assertEqual(continents[country], continents[other], (country, other))

    def test_setting_fits_the_neighbours(self):
        setting = _values("country", "setting")
        borders = defaultdict(set)
        for fact in facts.load():
            if fact.relation == "neighbour":
                borders[fact.entity].add(fact.value)
        for country, value in setting.items():
            if value == "landlocked":
                self.assertNotEmpty(borders[country], country)
        lonely = {e.name for e in facts.entities() if e.kind == "country" and not borders[e.name]}
        for country in lonely:
            self.assertEqual(setting[country], "island", country)

    def test_continents(self):
        counts = Counter(_values("country", "continent").values())
        expected = {"Africa", "Asia", "Europe", "North America", "South America", "Oceania"}
        self.assertEqual(set(counts), expected)
        self.assertEqual(counts["South America"], 12)
        self.assertEqual(counts["North America"], 23)
        self.assertEqual(counts["Africa"], 54)

    def test_years_of_people(self):
        born, died = _values("person", "born"), _values("person", "died")
        for name, year in born.items():
            self.assertBetween(int(year), 1200, 1970, name)
        for name, year in died.items():
            self.assertBetween(int(year), 1200, 2020, name)
            if name in born:
                self.assertBetween(int(year) - int(born[name]), 19, 103, name)

    def test_moons_belong_to_planets_and_were_found_in_their_finders_lifetime(self):
        planets = {entity.name for entity in facts.entities() if entity.kind == "planet"}
        self.assertLessEqual(set(_values("moon", "planet").values()), planets)
        years, born = _values("moon", "year"), _values("person", "born")
        died = _values("person", "died")
        for moon, finder in _values("moon", "discoverer").items():
            if finder in born and finder in died:
                self.assertBetween(int(years[moon]), int(born[finder]) + 15, int(died[finder]))

    def test_planets_are_in_order(self):
        order = {value: name for name, value in _values("planet", "order").items()}
        words = "first second third fourth fifth sixth seventh eighth".split()
        names = "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune".split()
        self.assertEqual([order[word] for word in words], names)

    def test_animals_are_of_few_classes_and_birds_have_two_legs(self):
        classes = _values("animal", "class")
        known = "mammal bird fish reptile amphibian insect arachnid crustacean mollusc".split()
        self.assertEqual(set(classes.values()), set(known))
        legs = _values("animal", "legs")
        expected = {"bird": "two legs", "insect": "six legs", "arachnid": "eight legs"}
        expected |= {"fish": "no legs", "crustacean": "ten legs"}
        for animal, value in classes.items():
            if value in expected:
                self.assertEqual(legs[animal], expected[value], animal)


class PhrasingsTest(absltest.TestCase):
    def test_every_relation_has_many_different_statements_and_questions(self):
        for fact in facts.load():
            key = f"{fact.kind}.{fact.relation}"
            statements = (
                phrasings.STATEMENTS.get(f"{key}:{fact.value}") or phrasings.STATEMENTS[key]
            )
            self.assertGreaterEqual(len(set(statements)), 12, key)
            self.assertGreaterEqual(len(set(phrasings.QUESTIONS[key])), 5, key)

    def test_statements_are_clauses_that_name_entity_and_value(self):
        for key, templates in phrasings.STATEMENTS.items():
            self.assertLen(set(templates), len(templates), key)
            for template in templates:
                self.assertRegex(template, r"\{(e|a|s)\}", template)
                if ":" not in key:
                    self.assertRegex(template, r"\{(v|av|vs)\}", template)
                self.assertNotRegex(template, r"^[A-Z]|[.!?]$|\ba \{[ev]\}.*\ba \{a\}", template)

    def test_questions_do_not_give_the_value_and_reverse_ones_not_the_entity(self):
        for templates in phrasings.QUESTIONS.values():
            for template in templates:
                self.assertNotRegex(template, r"\{(v|av|vs)\}")
                self.assertEndsWith(template, "?")
        for templates in phrasings.REVERSE_QUESTIONS.values():
            for template in templates:
                self.assertNotRegex(template, r"\{(e|a|s)\}")
                self.assertEndsWith(template, "?")


if __name__ == "__main__":
    absltest.main()
