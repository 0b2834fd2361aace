"""Questions for the search tool: answered by the library, and by no document of the world."""

import json

from absl.testing import absltest

from data.tool_declarations import SEARCH
from data.world import plan
from data.world.chat import split
from data.world.chat.search import library
from rl.environments import named
from rl.environments.environment import problem_seed
from tests.rl.environments import samples

ENVIRONMENT = named.environment("search", samples.CONFIG)


def problems(held_out: bool, count: int = 400) -> list:
    return [ENVIRONMENT.problem(problem_seed(0, i, held_out), 1) for i in range(count)]


class SearchTest(absltest.TestCase):
    def test_the_same_problem_from_the_same_seed(self):
        again = named.environment("search", samples.CONFIG)
        for seed in range(50):
            one = ENVIRONMENT.problem(seed, 1)
            self.assertEqual(one, again.problem(seed, 1))
            self.assertEqual((one.id, one.tools), (f"search/1/{seed}", (SEARCH,)))
            self.assertEqual(json.loads(json.dumps(one.facts)), one.facts)
        with self.assertRaises(ValueError):
            ENVIRONMENT.problem(2, 2)

    def test_what_is_asked_is_withheld_and_the_halves_are_about_different_entities(self):
        world_seed = samples.CONFIG["world"]["seed"]
        hidden = plan.withheld(world_seed)
        about = []
        for held_out in (False, True):
            topics = [
                topic
                for topic in split.withheld(world_seed)
                if split.for_practice(samples.SETTING.seed, topic) != held_out
            ]
            about.append({topic.entity.id for topic in topics})
            self.assertGreater(len(topics), 100)
            self.assertTrue(all(fact.id in hidden for topic in topics for fact in topic.facts))
        self.assertFalse(about[0] & about[1])
        practised, measured = (
            {problem.messages[0]["content"] for problem in problems(held_out)}
            for held_out in (False, True)
        )
        self.assertGreater(min(len(practised), len(measured)), 250)
        self.assertFalse(practised & measured)

    def test_a_decline_is_worth_nothing_and_the_answer_of_the_library_is_right(self):
        told = " ".join(document.text for document in library(samples.CONFIG["world"]["seed"]))
        for problem in problems(True, 100):
            self.assertTrue(
                any(value.lower() in told.lower() for value in problem.facts["accept"]), problem
            )
            self.assertEqual(ENVIRONMENT.verify(problem, problem.answer).reward, 1.0, problem)
            for said, why in (
                ("I could not find that.", "declined"),
                ("I do not know.", "declined"),
                ("It is a sloobick.", "another answer"),
                ("", "no answer"),
                (f"{problem.answer}<|im_end|>", "special tokens in the answer"),
            ):
                verdict = ENVIRONMENT.verify(problem, said)
                self.assertEqual((verdict.reward, verdict.why), (0.0, why), problem)


if __name__ == "__main__":
    absltest.main()
