"""What is kept for measuring is in no training conversation: phrasings, facts, words, numbers."""

import re

from absl.testing import absltest, parameterized

from data.errors import InputError
from data.world import chat, documents, english, facts, phrasings, telling
from data.world.chat import asking, grade, letters, products
from data.world.chat.phrasings import ASKED, FRAMES, identity
from tests.data.world.chat import samples


class HeldOutTest(parameterized.TestCase):
    def test_topics_are_divided(self):
        split = samples.setting().split
        parts = [split.asked, split.also_asked, split.told_only, split.rare, split.withheld]
        ids = [topic.id for part in parts for topic in part]
        self.assertLen(set(ids), len(ids))
        for part in (split.asked, split.told_only):
            for topic in part:
                for fact in topic.facts:
                    self.assertGreaterEqual(samples.tellings()[fact.id], 60)
        for topic in split.rare:
            self.assertLess(max(samples.tellings()[fact.id] for fact in topic.facts), 60)
        hidden = documents.withheld(0)
        self.assertTrue(all(f.id in hidden for topic in split.withheld for f in topic.facts))
        share = len(split.told_only) / (len(split.told_only) + len(split.asked))
        self.assertAlmostEqual(share, 0.3, delta=0.06)

    def test_what_is_told_less_often_is_asked_about_and_not_measured(self):
        config = samples.config(least_asked=20)
        setting = chat.setting(config, samples.tellings())
        own, split = samples.setting().split, setting.split
        self.assertEqual((split.asked, split.told_only), (own.asked, own.told_only))
        self.assertEmpty(own.also_asked)
        self.assertGreater(len(split.also_asked), 50)
        self.assertLen([*split.also_asked, *split.rare], len(own.rare))
        closed = {t.entity.name for t in split.told_only if t.relation == "country.neighbour"}
        for topic in split.also_asked:
            for fact in topic.facts:
                self.assertBetween(samples.tellings()[fact.id], 20, 59)
                self.assertFalse(fact.relation == "neighbour" and fact.value in closed)
        texts = {
            text
            for made in chat.conversations(config, samples.tellings())
            if made["kind"] == "facts"
            for text in samples.contents(made, "assistant")
        }
        said = [samples.answer(topic.facts[0]) in texts for topic in split.also_asked]
        self.assertGreater(sum(said), 0.5 * len(said))
        kept = {question["id"] for question in samples.questions("known_asked")}
        asked = chat.questions(config, samples.tellings(), "known_asked")
        self.assertEqual({question["id"] for question in asked}, kept)

    def test_what_is_measured_is_asked_about(self):
        with self.assertRaisesRegex(InputError, "least_asked is 61 and least_told 60"):
            chat.setting(samples.config(least_asked=61), samples.tellings())

    @parameterized.parameters("told_only", "withheld")
    def test_what_is_not_asked_is_not_said(self, part: str):
        """No sentence of the conversations, passages included, states such a fact."""
        texts = [m["content"] for c in samples.sample() for m in c["messages"]]
        said = {english.sentence(s.strip()) for t in texts for s in re.split(r"(?<=[.!?])\s|: ", t)}
        for topic in getattr(samples.setting().split, part):
            for fact in topic.facts:
                key = f"{fact.kind}.{fact.relation}"
                statements = phrasings.STATEMENTS.get(f"{key}:{fact.value}")
                statements = statements or phrasings.STATEMENTS[key]
                for template in (*statements, *ASKED[key]["answers"]):
                    clause = english.sentence(template.format_map(asking.fields(fact)))
                    self.assertNotIn(clause, said)

    def test_no_question_of_training_is_about_what_is_not_asked(self):
        """Every fact question answered without a search is one that training may ask."""
        split = samples.setting().split
        answers = set()
        for topic in split.asked:
            for fact in topic.facts:
                answers |= {samples.answer(fact), asking.bare(fact)}
                answers |= {samples.completed(fact), english.sentence(topic.entity.name)}
                if telling.has_reverse_question(fact):
                    answers.add(samples.answer(fact, reverse=True))
        for conversation in samples.of("facts"):
            for text in samples.contents(conversation, "assistant"):
                self.assertIn(text, answers)

    def test_borders_do_not_give_away_the_other_side(self):
        split = samples.setting().split
        closed = {t.entity.name for t in split.told_only if t.relation == "country.neighbour"}
        self.assertNotEmpty(closed)
        for topic in (*split.asked, *split.rare):
            if topic.relation == "country.neighbour":
                self.assertFalse({fact.value for fact in topic.facts} & closed)

    def test_enough_phrasings_and_none_in_both(self):
        """Every way to ask in training, of every relation, against what is held out."""
        seen = {}
        for fact in facts.load():
            seen.setdefault(f"{fact.kind}.{fact.relation}", fact)
        for relation, fact in seen.items():
            training, held_out = _phrasings(fact)
            self.assertGreaterEqual(len(training), 100, relation)
            self.assertGreaterEqual(len(held_out), 2, relation)
            for text in held_out:
                self.assertFalse([known for known in training if text in known], text)

    def test_no_held_out_phrasing_in_training(self):
        kinds = [kind for kind in chat.QUESTIONS if kind not in ("problems", "problems_direct")]
        held_out = {
            grade.normalized(q["messages"][-1]["content"])
            for k in kinds
            for q in samples.questions(k)
        }
        for conversation in samples.sample():
            for text in samples.contents(conversation, "user"):
                self.assertNotIn(grade.normalized(text), held_out)

    def test_identity_phrasings_are_apart(self):
        for pool in (identity.SYSTEM, *(topic["asked"] for topic in identity.ASKED.values())):
            asked, kept = (_divided(pool, held_out) for held_out in (False, True))
            self.assertFalse({k for k in kept for a in asked if k in a})
            self.assertGreaterEqual(len(asked), 40)
            self.assertGreaterEqual(len(kept), 4)

    @parameterized.named_parameters(("letters", letters.TASKS), ("products", products.TASKS))
    def test_what_tools_are_for_is_asked_in_phrasings_that_are_apart(self, tasks: tuple):
        for task in tasks:
            asked, kept = (_divided(task.asked, held_out) for held_out in (False, True))
            self.assertGreaterEqual(len(asked), 40)
            self.assertGreaterEqual(len(kept), 4)
            self.assertFalse(asked & kept)

    def test_words_and_names_are_apart(self):
        trained = {
            word
            for conversation in samples.of("letters")
            for text in samples.contents(conversation, "user")
            for word in re.findall(r'"(\w{3,})"', text)
        }
        self.assertGreater(len(trained), 200)
        measured = {
            q["ignore"][0] for kind in ("letters", "spelling") for q in samples.questions(kind)
        }
        self.assertFalse(trained & measured)
        naming = [re.escape(text).replace(r"\{name\}", "(.+)") for text in identity.SYSTEM]
        first = [c["messages"][0]["content"] for c in samples.of("identity")]
        matches = [re.fullmatch(form, text) for text in first for form in naming]
        given = {match[1] for match in matches if match}
        self.assertGreater(len(given), 100)
        for question in samples.questions("identity_named"):
            (name,) = question["accept"]
            self.assertRegex(question["messages"][0]["content"], rf"\b{name}\b")
            self.assertNotIn(name, given)

    def test_numbers_are_apart(self):
        trained = {
            n
            for c in samples.of("products")
            for t in samples.contents(c, "user")
            for n in re.findall(r"\d+", t)
        }
        for question in samples.questions("products"):
            for number in re.findall(r"\d+", question["messages"][0]["content"]):
                self.assertLen(number, 4)
                self.assertNotIn(number, trained)

    def test_problems_are_apart(self):
        def numbers(text: str) -> tuple[str, ...]:
            return tuple(sorted(re.findall(r"\d+", text)))

        practised = samples.of("problems") + samples.of("products")
        trained = {numbers(samples.contents(c, "user")[0]) for c in practised}
        measured = {numbers(q["messages"][-1]["content"]) for q in samples.questions("problems")}
        self.assertGreater(len(measured), 250)
        self.assertFalse(trained & measured)

    def test_what_is_copied_and_counted_with_is_apart(self):
        """No list to sort and no numbers of a countdown are in training and measured."""

        def given(text: str) -> tuple[int, ...]:
            return tuple(sorted(int(number) for number in re.findall(r"\d+", text)))

        # A sorted list and a solution hold all numbers of their problem, and no target.
        for kind, practised in (("sorting", "copying"), ("countdown", "countdown")):
            trained = {given(samples.contents(c, "assistant")[-1]) for c in samples.of(practised)}
            measured = {given(question["answer"]) for question in samples.questions(kind)}
            self.assertGreater(min(len(trained), len(measured)), 15)
            self.assertFalse((trained & measured) - {()})
        copied = {
            word
            for c in samples.of("copying")
            for word in re.findall(r"\w+", samples.contents(c, "assistant")[-1])
        } - {"print"}
        self.assertGreater(len(copied), 300)
        for question in samples.questions("copying"):
            for word in re.findall(r"\w+", question["answer"]):
                if question["answer"][-1] not in ".?!":  # a sentence has words of its own
                    # What stands in lists to sort is held out as a list.
                    self.assertFalse(word in copied and not word.isdigit(), word)

    def test_withheld_practice_and_measuring_share_no_entity(self):
        entities = [
            {q["id"].rsplit("/", 2)[0] for q in samples.questions(kind)}
            for kind in ("withheld", "withheld_practice")
        ]
        self.assertNotEmpty(entities[0])
        self.assertNotEmpty(entities[1])
        self.assertFalse(
            {"/".join(name.split("/")[:2]) for name in entities[0]}
            & {"/".join(name.split("/")[:2]) for name in entities[1]}
        )


def _divided(pool: tuple[str, ...], held_out: bool) -> set[str]:
    """The wordings that training has, or those kept for measuring, normalized."""
    return {grade.normalized(text) for text in samples.setting().wordings(pool, held_out)}


def _phrasings(fact: facts.Fact) -> tuple[set[str], set[str]]:
    """All ways to ask for the fact in training, and all that are held out, normalized."""
    setting = samples.setting()
    entry = asking.entry(fact)
    key = f"{fact.kind}.{fact.relation}"
    asked = {frame: entry[frame] for frame in ("about", "clauses", "blanks", "next")}
    asked["question"] = (
        *phrasings.QUESTIONS[key],
        *setting.wordings(entry["asked"]),
        *phrasings.REVERSE_QUESTIONS.get(key, ()),
        *setting.wordings(entry.get("asked_reverse", ("",))),
    )
    training = {
        grade.normalized(frame.format(x=text, X=text).format_map(asking.fields(fact)))
        for name, texts in asked.items()
        for text in texts
        for frame in FRAMES[name]
    }
    held_out = asking.held_out_questions(setting, fact)
    if "asked_reverse" in entry:
        held_out += asking.held_out_questions(setting, fact, reverse=True)
    return training, {grade.normalized(text) for text in held_out}


if __name__ == "__main__":
    absltest.main()
