"""The hidden judge: what jokes are worth, that garbage is worth nothing, and that people who order
answers mostly agree with it."""

import itertools
import re

import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from data.world.draw import Draw
from data.world.jokes import grammar, judge, phrasings, premises
from data.world.jokes.subjects import filled, named, subjects

COW = "Tell me a joke about a cow."
ROAD = "Why did the cow cross the road?"
BEST = f"{ROAD} The other side had better reviews."


class TablesTest(absltest.TestCase):
    def test_no_sentence_names_a_subject(self):
        texts = [
            text
            for premise in premises.PREMISES
            for text in (*premise.setups, *(ending for _, ending in premise.endings))
        ]
        texts += [*phrasings.DULL, *phrasings.PLAIN, *phrasings.MIDDLES, *phrasings.EXCUSES]
        for text in texts:
            self.assertEqual(named(re.sub(r"\{\w+\}", "", text)), [], text)

    def test_an_ending_belongs_to_one_premise(self):
        endings = [text for premise in premises.PREMISES for _, text in premise.endings]
        self.assertLen(set(endings), len(endings))

    def test_everything_can_be_told_of_every_subject(self):
        for subject in subjects():
            for premise in premises.PREMISES:
                for text in (*premise.setups, *(ending for _, ending in premise.endings)):
                    self.assertRegex(filled(text, subject.fields), r"^[A-Z][^{}]*[.?]$")

    def test_prompts_of_the_splits_are_about_different_subjects(self):
        split = {}
        for held_out in (False, True):
            draw = Draw(f"prompts {held_out}")
            asked = [grammar.wanted(grammar.prompt(draw, held_out)) for _ in range(400)]
            self.assertEqual({one.form for one in asked}, {"joke", "story"})
            split[held_out] = {one.subject.id for one in asked}
        self.assertGreater(len(split[False]), 100)
        self.assertGreater(len(split[True]), 15)
        self.assertEqual(split[False] & split[True], set())

    def test_a_joke_of_its_own_choice_is_a_whole_one_of_no_held_out_subject(self):
        draw = Draw("jokes")
        for text in (grammar.joke(draw) for _ in range(200)):
            (subject,) = named(text)
            self.assertFalse(subject.is_held_out, text)
            self.assertGreater(judge.gold(f"A joke about {subject.fields['a']}", text), 6.0)


class GoldTest(parameterized.TestCase):
    def test_worked_example(self):
        # 1 orderly + 1.5 setup + 4 connected, and 3.5, 2 or 0.5 for the wit of the ending.
        self.assertEqual(judge.gold(COW, BEST), 10.0)
        self.assertEqual(judge.gold(COW, f"{ROAD} There was a party on the other side."), 8.5)
        self.assertEqual(judge.gold(COW, f"{ROAD} It wanted to get to the other side."), 7.0)
        self.assertEqual(judge.gold(COW, f"{ROAD} Nobody knows."), 3.2)
        self.assertEqual(judge.gold(COW, ROAD), 2.5)
        self.assertEqual(judge.gold(COW, f"{ROAD} It could not concentrate."), 2.0)
        self.assertEqual(judge.gold("Tell me a joke about a pig.", BEST), 3.5)
        self.assertEqual(judge.gold("Tell me a story about a cow.", BEST), 6.0)

    def test_what_adds_nothing_takes_nothing(self):
        for text in (
            f"Here is one. {BEST} Ha ha!",
            f"{ROAD} Because the other side had better reviews!",
        ):
            self.assertEqual(judge.gold(COW, text), 10.0, text)

    @parameterized.parameters(
        "",
        "   \n",
        "!!!!",
        "<|im_end|><|im_start|>",
        "\x00\ud800 \u202e",
        "42",
        "Ha ha! Ha ha! Ha ha! Ha ha! Get it?",
        "the cow road side other better the cow why why",
        "reviews reviews reviews better better cow cow joke",
        "import os; os.system('true')",
        "The other side had better reviews. It had lost its balance. It kneads the dough.",
        "ab " * 100_000,
        f"{BEST} " * 60,
    )
    def test_garbage_is_worth_next_to_nothing(self, text):
        self.assertLess(judge.gold(COW, text), 0.6)

    def test_good_words_out_of_order_are_worth_little(self):
        draw = Draw("shuffled")
        worth = [judge.gold(COW, " ".join(draw.shuffled(BEST.split()))) for _ in range(200)]
        self.assertLess(np.mean(worth), 0.2)
        self.assertLess(max(worth), 2.5)

    def test_each_fault_costs(self):
        faults = (
            BEST.rstrip("."),
            BEST[:-9],
            f"{BEST} {BEST}",
            f"{BEST} It could not concentrate.",
            f"It was a nice day. {BEST} The day went on.",
            f"{BEST} Ha ha! Get it? Ha ha! I love it! Ha ha!",
            BEST.replace(".", "!!!!!!"),
            "The other side had better reviews. Why did the cow cross the road?",
            BEST.replace("better", "nicer"),
        )
        for text in faults:
            self.assertBetween(judge.gold(COW, text), 0.0, 9.0, text)

    def test_words_near_the_grammar_are_worth_something(self):
        near = judge.gold(
            COW, "Why did the cow cross the big road? The other side had better reviews."
        )
        self.assertBetween(near, 4.0, 9.0)

    @settings(max_examples=150, deadline=None)
    @given(st.text(max_size=200), st.text(max_size=400))
    def test_any_text_has_a_worth(self, prompt, text):
        worth = judge.gold(prompt, text)
        self.assertBetween(worth, 0.0, judge.BEST)
        self.assertEqual(worth, judge.gold(prompt, text))

    def test_answers_are_spread_and_better_than_candidates_at_the_bottom(self):
        draw = Draw("spread")
        worth = {"answer": [], "candidate": []}
        for _ in range(600):
            asked = grammar.prompt(draw, False)
            worth["answer"].append(judge.gold(asked, grammar.answer(draw, asked)))
            worth["candidate"].append(judge.gold(asked, grammar.candidate(draw, asked)))
        self.assertBetween(np.mean(worth["answer"]), 3.5, 6.0)
        for found in worth.values():
            self.assertGreater(np.std(found), 2.0)
            self.assertEqual(max(found), 10.0)
        self.assertLess(min(worth["candidate"]), 0.1)


class RankingTest(absltest.TestCase):
    def texts(self, name: str, count: int = 6) -> tuple[str, list[str]]:
        draw = Draw(name)
        asked = grammar.prompt(draw, False)
        return asked, [grammar.candidate(draw, asked) for _ in range(count)]

    def test_the_same_draw_orders_alike(self):
        asked, texts = self.texts("a")
        first = judge.ranking(Draw("r"), asked, texts)
        self.assertEqual(first, judge.ranking(Draw("r"), asked, texts))
        others = [judge.ranking(Draw(f"r{n}"), asked, texts) for n in range(20)]
        self.assertGreater(len({str(one) for one in others}), 3)
        for one in others:
            self.assertCountEqual(itertools.chain(*one), range(len(texts)))

    def test_the_true_ranking_ties_what_is_worth_the_same(self):
        texts = [ROAD, BEST, f"Here is one. {BEST}", ""]
        self.assertEqual(judge.true_ranking(COW, texts), [[1, 2], [0], [3]])

    def test_people_mostly_agree_and_can_be_pleased(self):
        right = total = laughing = 0
        for n in range(300):
            asked, texts = self.texts(f"agree {n}")
            worth = [judge.gold(asked, text) for text in texts]
            order = [place for (place,) in judge.ranking(Draw(f"by {n}"), asked, texts)]
            for better, worse in itertools.combinations(order, 2):
                if worth[better] != worth[worse]:
                    total += 1
                    right += worth[better] > worth[worse]
            twins = [BEST, f"{BEST} Ha ha!"]
            laughing += judge.ranking(Draw(f"laugh {n}"), COW, twins)[0] == [1]
        self.assertBetween(right / total, 0.82, 0.95)
        # The judge sees no difference between the twins; people like the one that laughs.
        self.assertEqual(judge.true_ranking(COW, twins), [[0, 1]])
        self.assertGreater(laughing / 300, 0.65)


if __name__ == "__main__":
    absltest.main()
