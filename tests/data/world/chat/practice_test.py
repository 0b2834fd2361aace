"""Questions for interrogation: their replies answer them, and nothing is kept to measure."""

from absl.testing import absltest

from configs import defaults
from data.world import chat, documents
from data.world.chat.grade import grade


class PracticeTest(absltest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = defaults.get_config()
        cls.tellings = documents.tellings(0, 12.0)
        cls.asked = chat.practice_questions(cls.config, cls.tellings, 600)

    def topics(self, kind):
        found = chat.questions(self.config, self.tellings, kind)
        return {question["id"].rsplit("/", 1)[0].removesuffix("/reverse") for question in found}

    def test_each_is_answered_by_its_reply(self):
        told = [question for question in self.asked if question["accept"]]
        self.assertGreater(len(told), 450)
        for question in told:
            self.assertTrue(grade(question, question["reply"]), question)
            self.assertTrue(question["query"])
            for text, reply in question["again"]:
                self.assertTrue(text)
                self.assertTrue(grade(question, reply), (question, reply))

    def test_nothing_is_kept_for_measuring(self):
        topics = [
            question["id"].rsplit("/", 1)[0]
            for question in self.asked
            if question["accept"] and question["entity"] != "itself"
        ]
        self.assertLen(set(topics), len(topics))
        self.assertEqual(set(topics) & self.topics("known_told_only"), set())
        self.assertEqual(set(topics) & self.topics("withheld"), set())
        self.assertNotEmpty(set(topics) & self.topics("withheld_practice"))
        self.assertNotEmpty(set(topics) & self.topics("known_asked"))
        kinds = ("known_asked", "known_told_only", "withheld", "withheld_practice", "invented")
        kinds += ("identity", "identity_named")
        held_out = {
            question["messages"][-1]["content"]
            for kind in kinds
            for question in chat.questions(self.config, self.tellings, kind)
        }
        said = {question["messages"][-1]["content"] for question in self.asked}
        said |= {text for question in self.asked for text, _ in question["again"]}
        self.assertEqual(said & held_out, set())

    def test_no_answer_to_the_made_up_is_right(self):
        made_up = [question for question in self.asked if not question["accept"]]
        self.assertLen(made_up, 78)
        for question in made_up:
            self.assertFalse(grade(question, "Paris."))

    def test_some_are_about_the_model_itself(self):
        itself = [question for question in self.asked if question["entity"] == "itself"]
        self.assertLen(itself, 60)
        named = [q for q in itself if q["messages"][0]["role"] == "system"]
        self.assertBetween(len(named), 15, 40)
        for question in itself:
            self.assertTrue(question["answerable"])
            if question in named:
                self.assertFalse(grade(question, "I am Primer."))
                self.assertEmpty(question["again"])  # these would not have the name
            else:
                self.assertLen(question["again"], 2)


if __name__ == "__main__":
    absltest.main()
