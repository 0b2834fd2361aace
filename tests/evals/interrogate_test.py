"""Interrogation: verdicts and lessons by hand, questions from a file, answers of a model."""

import collections
import json
import pathlib
import tempfile

import numpy as np
from absl.testing import absltest

from data.tool_declarations import declaration
from data.world.chat.declines import NOT_FOUND
from data.world.chat.grade import grade, is_decline
from evals import answers, interrogate
from evals.answers import Answer
from serve.engine import Engine
from serve.tools.tool import Tool
from serve.turns import Bounds, Trajectory
from tests.serve import small_model


def question(name, entity, accept, query="capital of France"):
    return {
        "id": name,
        "entity": entity,
        "messages": [{"role": "user", "content": f"{name}?"}],
        "query": query,
        "reply": f"It is {accept[0] if accept else 'nothing'}.",
        "grader": "value",
        "accept": accept,
    }


def answer(text):
    said = {"role": "assistant", "content": text}
    trajectory = Trajectory(np.zeros(1, np.int32), messages=[said], finish_reason="stop")
    return Answer(text, trajectory)


def search_for(passage):
    return Tool(declaration("search", "", query="string"), lambda _: passage, "a passage")


class JudgeTest(absltest.TestCase):
    def test_both_the_question_and_its_entity_count(self):
        asked = [
            question("capital", "france", ["Paris"]),
            question("currency", "france", ["euro"]),
            question("continent", "narnia", ["Europe"]),
            question("language", "narnia", ["Narnian"]),
            question("king", "narnia", ["Aslan"]),
            question("symbol", "tin", ["Sn"]),
        ]
        scores = [1.0, 0.3, 0.4, 0.0, 0.0, 0.5]
        self.assertEqual(
            interrogate.judge(asked, scores, known_from=0.6, unknown_to=0.15),
            # A lucky guess about a continent is neither known nor as surely unknown as the rest.
            ["known", "unsure", "unsure", "unknown", "unknown", "unsure"],
        )

    def test_a_known_entity_does_not_make_a_wrong_answer_known(self):
        asked = [question(str(n), "france", ["x"]) for n in range(10)]
        verdicts = interrogate.judge(asked, [1.0] * 9 + [0.0], 0.6, 0.15)
        self.assertEqual(verdicts, ["known"] * 9 + ["unsure"])

    def test_what_can_always_be_answered_is_never_unknown(self):
        asked = [question("name", "itself", ["Primer"]) | {"answerable": True}]
        self.assertEqual(interrogate.judge(asked, [0.0], 0.6, 0.15), ["unsure"])
        self.assertEqual(interrogate.judge(asked, [1.0], 0.6, 0.15), ["known"])


class LessonsTest(absltest.TestCase):
    def lessons(self, passage="", count=40, accept=("Paris",)):
        asked = [question(f"q{n}", f"e{n}", list(accept)) for n in range(3 * count)]
        given = [[answer("Rome."), answer("It is Paris.")]] * len(asked)
        verdicts = ["known" if accept else "unsure", "unknown", "unsure"] * count
        found = interrogate.lessons(asked, given, verdicts, search_for(passage), seed=0)
        by_kind = collections.defaultdict(list)
        for lesson in found:
            by_kind[lesson["kind"]].append(lesson)
        return by_kind

    def test_known_unknown_and_nothing_of_what_lies_between(self):
        by_kind = self.lessons()
        self.assertLen(by_kind["known"], 40)
        self.assertLen(by_kind["unknown"], 40)
        for lesson in by_kind["known"]:
            self.assertEqual(lesson["messages"][-1]["content"], "It is Paris.")
        for lesson in by_kind["unknown"]:
            self.assertTrue(is_decline(lesson["messages"][-1]["content"]))
        self.assertGreater(len({x["messages"][-1]["content"] for x in by_kind["unknown"]}), 3)

    def test_other_wordings_are_learnt_too(self):
        asked = [question(f"q{n}", f"e{n}", ["Paris"]) for n in range(2)]
        for one in asked:
            one["again"] = [("Its capital?", "It is Paris."), ("Just the name of it?", "Paris.")]
        given = [[answer("That is Paris.")], [answer("Rome.")]]
        found = interrogate.lessons(asked, given, ["known", "unknown"], search_for(""), seed=0)
        said = [
            [message["content"] for message in lesson["messages"]]
            for lesson in found
            if lesson["kind"] != "searched"
        ]
        self.assertEqual(
            said[:3],
            [
                ["q0?", "That is Paris."],
                ["Its capital?", "It is Paris."],
                ["Just the name of it?", "Paris."],
            ],
        )
        self.assertEqual(
            [text for text, _ in said[3:]], ["q1?", "Its capital?", asked[1]["again"][1][0]]
        )
        for _, reply in said[3:]:
            self.assertTrue(is_decline(reply))

    def test_what_is_searched_for_is_answered_if_it_was_found(self):
        found = self.lessons("The capital of France is Paris.")["searched"]
        self.assertBetween(len(found), 8, 32)
        for lesson in found:
            call, result, reply = lesson["messages"][1:]
            function = call["tool_calls"][0]["function"]
            self.assertEqual(function["arguments"], {"query": "capital of France"})
            self.assertEqual(result["content"], "The capital of France is Paris.")
            self.assertEqual(reply["content"], "It is Paris.")
            self.assertIn("search", [tool["function"]["name"] for tool in lesson["tools"]])
        for nothing in ("(nothing found)", "(in no document: Paris)\nRome is a city."):
            for lesson in self.lessons(nothing)["searched"]:
                self.assertTrue(is_decline(lesson["messages"][-1]["content"]))

    def test_an_answer_counts_as_whole_words_beside_what_was_asked_about(self):
        def replies(accept, passage):
            asked = [question(f"q{n}", "e", [accept]) | {"ignore": ["Slovakia"]} for n in range(20)]
            given = [[answer("Rome.")]] * len(asked)
            found = interrogate.lessons(asked, given, ["unknown"] * 20, search_for(passage), seed=0)
            return {
                is_decline(lesson["messages"][-1]["content"])
                for lesson in found
                if lesson["kind"] == "searched"
            }

        self.assertEqual(replies("Slovak", "Slovakia is a country.\nOther: Slovak."), {True})
        self.assertEqual(replies("8", "Slovakia in 1868."), {True})
        self.assertEqual(replies("Slovak", "What comes from Slovakia is Slovak."), {False})

    def test_what_nobody_has_met_is_declined_and_searched_for_in_vain(self):
        by_kind = self.lessons("(in no document: Zub)\nCapital of France: Paris.", accept=())
        self.assertLen(by_kind["unknown"], 40)
        self.assertBetween(len(by_kind["searched"]), 8, 32)
        for lesson in by_kind["searched"]:
            self.assertIn(lesson["messages"][-1]["content"], NOT_FOUND)


class FileTest(absltest.TestCase):
    def test_records_that_are_no_questions_are_counted(self):
        rows = [
            {"question": "Who wrote Emma?", "answer": "Jane Austen"},
            {"question": "Name a colour of France's flag.", "answers": ["red", "white", "blue"]},
            {"question": "no answer"},
            {"question": "no list", "answer": "x", "answers": []},
            {"question": "empty", "answers": []},
            {"question": 3, "answer": "x"},
            {"question": "Is it?", "answer": True},
            {"question": "How many?", "answer": float("nan")},
            {"question": "How many pupils has a horse's eye?", "answer": 1},
            {"question": "Name an even prime, or half of one.", "answers": [2, 1.0]},
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "questions.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            problems = collections.Counter()
            first, second, no_list, third, fourth = interrogate.of_file(str(path), problems)
        self.assertEqual(list(problems.values()), [5])
        self.assertEqual(no_list["accept"], ["x"])
        self.assertEqual((third["accept"], third["reply"]), (["1"], "1"))
        self.assertTrue(grade(third, "It has 1."))
        self.assertFalse(grade(third, "It has 2."))
        self.assertEqual(fourth["accept"], ["2", "1.0"])
        self.assertTrue(grade(first, "Emma was written by Jane Austen."))
        self.assertFalse(grade(first, "Charlotte Bronte."))
        self.assertTrue(grade(second, "White."))


class AskTest(absltest.TestCase):
    def test_answers_depend_on_question_number_and_seed_alone(self):
        model = small_model.trained()
        engine = Engine(model.params, model.architecture, model.tokenizer, 8)
        bounds = Bounds(tokens=12)
        asked = [question(f"question {n}", "", ["x"]) for n in range(5)]

        def texts(questions, seed=0):
            given = answers.ask(engine, questions, (), bounds, 3, temperature=1.0, seed=seed)
            return [[answer.trajectory.tokens for answer in of_one] for of_one in given]

        first = texts(asked)
        self.assertEqual(first[:2], texts(asked[:2]))
        again, other = texts([asked[0]] * 2)
        self.assertEqual(again, first[0])
        self.assertNotEqual(again, other)  # drawn independently
        self.assertNotEqual(first, texts(asked, seed=1))
        self.assertNotEqual(first[0][0], first[0][1])

    def test_an_answer_that_never_ends_says_nothing(self):
        model = small_model.trained()
        engine = Engine(model.params, model.architecture, model.tokenizer, 2)
        ((given,),) = answers.ask(engine, [question("q", "", ["x"])], (), Bounds(tokens=2))
        self.assertEqual(given.trajectory.finish_reason, "length")
        self.assertEqual(given.text, "")


if __name__ == "__main__":
    absltest.main()
