"""Conversations are deterministic and sound; tools give what is recorded; answers are graded."""

import collections
import contextlib
import hashlib
import io
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

from absl.testing import absltest, parameterized

from data.errors import InputError
from data.passages import in_no_document
from data.world import chat, documents, english, facts
from data.world.chat import asking, declines, grade, letters, search, tools
from data.world.chat.phrasings import ASKED
from data.world.draw import Draw
from tests.data.world.chat import samples

_ROOT = Path(__file__).resolve().parents[4]


class ConversationsTest(parameterized.TestCase):
    def test_same_in_another_process(self):
        program = (
            "import hashlib, json, ml_collections\n"
            "from data.world import chat, documents\n"
            "config = ml_collections.ConfigDict({'world': {'seed': 0}})\n"
            "config.world_chat = chat.defaults()\n"
            "config.world_chat.count = 300\n"
            "made = list(chat.conversations(config, documents.tellings(0, 12)))\n"
            "print(hashlib.sha256(json.dumps(made).encode()).hexdigest())\n"
        )
        environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(_ROOT)}
        result = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=environment
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        expected = hashlib.sha256(json.dumps(samples.sample()[:300]).encode()).hexdigest()
        self.assertEqual(result.stdout.strip(), expected)

    def test_another_seed_makes_other_conversations(self):
        config = samples.config(seed=1, count=50)
        self.assertNotEqual(
            list(chat.conversations(config, samples.tellings())), list(samples.sample()[:50])
        )

    def test_without_a_count_they_never_end(self):
        endless = chat.conversations(samples.config(count=0), samples.tellings())
        made = list(itertools.islice(endless, 20))
        self.assertEqual(made, list(samples.sample()[:20]))

    def test_without_tellings_they_are_those_of_the_documents(self):
        config = samples.config(count=20)
        config.world.megabytes = 12
        self.assertEqual(list(chat.conversations(config)), list(samples.sample()[:20]))

    def test_kinds_come_as_often_as_their_weights_say(self):
        weights = chat.defaults().weights
        for kind, weight in weights.items():
            share = weight / sum(weights.values())
            self.assertAlmostEqual(
                len(samples.of(kind)) / samples.SAMPLE, share, delta=0.025, msg=kind
            )

    def test_messages_are_in_order_and_short(self):
        follow = {
            "start": {"system", "user"},
            "system": {"user"},
            "user": {"assistant"},
            "assistant": {"user", "tool"},
            "tool": {"assistant"},
        }
        for conversation in samples.sample():
            before = "start"
            for message in conversation["messages"]:
                self.assertIn(message["role"], follow[before], conversation)
                before = message["role"]
                if message["role"] == "tool":
                    self.assertLessEqual(len(message["content"]), 300)
                else:
                    self.assertTrue(message["content"] or message.get("tool_calls"))
                    self.assertLessEqual(len(message["content"]), 230, message)
            self.assertEqual(before, "assistant")

    def test_language(self):
        wrong = re.compile(r"\{|\}|\[|\]|  |\ba a\b|\ban an\b|\bthe the\b|\ba an\b| [.,?!]")
        for conversation in samples.sample():
            for text in samples.contents(conversation, "system", "user", "assistant"):
                # A blank to be filled ends in " ...".
                self.assertNotRegex(text.replace(" ...", "").replace(" = ?", ""), wrong)
            for text in samples.contents(conversation, "assistant"):
                if conversation["kind"] in ("facts", "identity", "problems", "products") and text:
                    self.assertRegex(text, r"^[A-Z0-9].*[.!?]$")

    def test_tools_are_called_only_where_they_are_offered(self):
        for conversation in samples.sample():
            offered = {tool["function"]["name"] for tool in conversation.get("tools", ())}
            called = {function["name"] for function, _ in samples.calls(conversation)}
            self.assertLessEqual(called, offered)

    def test_tools_are_used_where_they_help_and_only_there(self):
        for conversation in samples.sample():
            offered = {tool["function"]["name"] for tool in conversation.get("tools", ())}
            called = {function["name"] for function, _ in samples.calls(conversation)}
            kind = conversation["kind"]
            expected = {"search"} if kind == "search" else set()
            if kind in ("letters", "products"):
                expected = {"python"} & offered
            self.assertEqual(called, expected, conversation)

    def test_with_and_without_the_tool(self):
        for kind in ("letters", "products"):
            share = sum("tools" in c for c in samples.of(kind)) / len(samples.of(kind))
            self.assertBetween(share, 0.6, 0.95, kind)

    def test_a_corpus_that_tells_nothing_is_refused(self):
        with self.assertRaisesRegex(InputError, "no fact is told by 60 documents"):
            chat.setting(samples.config(), {})

    def test_nothing_or_all_held_out_is_refused(self):
        for share in (0.0, 1.0):
            with self.assertRaisesRegex(InputError, "held_out is [01].0: it is a share between"):
                chat.setting(samples.config(held_out=share), samples.tellings())

    def test_unknown_questions_are_refused(self):
        with self.assertRaisesRegex(ValueError, "no questions of kind 'riddles'; there are known"):
            chat.questions(samples.config(), samples.tellings(), "riddles")


class ToolsTest(absltest.TestCase):
    def test_output_is_what_the_code_gives(self):
        calls = [
            call
            for kind in ("letters", "products")
            for c in samples.of(kind)
            for call in samples.calls(c)
        ]
        self.assertGreater(len(calls), 400)
        for function, output in calls:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                value = eval(function["arguments"]["code"], {})  # our own code
            self.assertEqual(printed.getvalue().strip() or str(value), output)
            self.assertTrue(printed.getvalue() or isinstance(value, int))

    def test_a_word_is_asked_about_as_it_is_written(self):
        """Not with a capital because a question begins with it: then other letters are counted."""
        for task in letters.TASKS:
            for wording in task.asked:
                question = english.capitalized(wording.format(w="ferret", l="e"))
                self.assertIn('"ferret"', question)

    def test_answers_hold_the_output(self):
        for conversation in samples.of("letters") + samples.of("products"):
            for _, output in samples.calls(conversation):
                self.assertIn(output, samples.contents(conversation, "assistant")[-1])

    def test_passages_hold_the_answer_or_it_is_not_found(self):
        values = {f"{f.kind}.{f.relation}" for f in facts.load()}
        self.assertEqual(values, set(ASKED))
        answers = collections.defaultdict(set)
        for fact in facts.load():
            for answer in (asking.bare(fact), asking.looked_up(fact, "")):
                answers[answer] |= {fact.value.lower(), english.plural(fact.value).lower()}
        found = made_up = 0
        for conversation in samples.of("search"):
            ((function, passage),) = samples.calls(conversation)
            answer = samples.contents(conversation, "assistant")[-1]
            self.assertLess(len(function["arguments"]["query"]), 80)
            if answer in declines.NOT_FOUND:
                continue
            found += 1
            if answer in answers:
                self.assertTrue(any(v in passage.lower() for v in answers[answer]), conversation)
                continue
            made_up += 1
            said = re.findall(r"\w{2,}", answer.removeprefix("I looked it up: ").lower())
            self.assertTrue(any(word in passage.lower() for word in said), conversation)
        self.assertBetween(made_up / found, 0.03, 0.8)
        self.assertBetween(found / len(samples.of("search")), 0.8, 0.95)

    def test_what_no_document_names_is_not_found(self):
        counts = collections.Counter()
        for conversation in samples.of("search"):
            ((function, result),) = samples.calls(conversation)
            first, *others = result.split("\n")
            if not first.startswith("(in no document: "):
                continue
            word = first.removeprefix("(in no document: ").removesuffix(")")
            self.assertEqual(first, in_no_document([word]))
            self.assertIn(word, function["arguments"]["query"])
            self.assertFalse(search.mentions("\n".join(others), [word]), conversation)
            is_name = function["arguments"]["query"].endswith(word)
            is_found = samples.contents(conversation, "assistant")[-1] not in declines.NOT_FOUND
            counts[is_name, is_found] += 1
        total = len(samples.of("search"))
        self.assertBetween(counts[True, False] / total, 0.03, 0.12)
        self.assertBetween(counts[False, True] / total, 0.02, 0.12)
        self.assertEqual(counts[True, True], 0)

    def test_texts_without_a_passage_to_show_are_passed_over(self):
        texts = itertools.cycle(["", "", "", search._text])

        def text(*given):
            one = next(texts)
            return one and one(*given)

        with mock.patch.object(search, "_text", text):
            for number in range(60):
                made = search.conversation(Draw(f"empty/{number}"), samples.setting())
                ((_, result),) = samples.calls(made)
                self.assertNotEmpty(result)

    def test_queries_name_what_is_asked_about_as_the_question_does(self):
        by_id = {fact.id: fact for fact in facts.load()}
        lion, person = by_id["animal/lion/legs"], by_id["person/marie-curie/born"]
        for fact, question, query in (
            (lion, "How many legs do lions have?", "legs lions"),
            (lion, "How many legs has a lion?", "legs lion"),
            (lion, "How many legs?", "legs lion"),
            (person, "When was Marie Curie born?", "born year Marie Curie"),
            (person, "When was Curie born?", "born year Curie"),
        ):
            self.assertEqual(asking.query(fact, question), query)
        # After a space a name begins with the token that it begins with in the question.
        for conversation in samples.of("search"):
            ((function, _),) = samples.calls(conversation)
            name = function["arguments"]["query"].split()[-1]
            question = samples.contents(conversation, "user")[-1]
            self.assertIn(name.lower(), question.lower())

    def test_the_library_tells_every_withheld_fact(self):
        told = {}
        for document in search.library(world_seed=0):
            for id_ in document.facts:
                told.setdefault(id_, []).append(document)
        self.assertEqual(set(told), set(documents.withheld(0)))
        by_id = {fact.id: fact for fact in facts.load()}
        for id_, tellers in told.items():
            self.assertGreaterEqual(len(tellers), 2)
            for document in tellers:
                value = by_id[id_].value.lower()
                text = document.text.lower()
                self.assertTrue(value in text or english.plural(value) in text, id_)


class QuestionsTest(parameterized.TestCase):
    @parameterized.parameters(*chat.QUESTIONS)
    def test_questions_are_sound(self, kind: str):
        found = samples.questions(kind)
        self.assertGreaterEqual(len(found), 250)
        self.assertLen({question["id"] for question in found}, len(found))
        for question in found:
            self.assertEqual(question["kind"], kind)
            for message in question["messages"]:
                self.assertRegex(message["content"], r"^[A-Z0-9].*[.?!]\"?$|^\d")
                self.assertNotRegex(message["content"], r"[{}]|  ")

    @parameterized.parameters(*(k for k in chat.QUESTIONS if not k.startswith("invented")))
    def test_the_answer_is_right_and_a_decline_is_not(self, kind: str):
        for question in samples.questions(kind):
            self.assertTrue(grade.grade(question, question["answer"]), question)
            for decline in (*declines.DECLINES, *declines.NOT_FOUND):
                self.assertFalse(grade.grade(question, decline))

    @parameterized.parameters("known_asked", "known_told_only", "rare", "withheld")
    def test_sentences_are_right_and_those_with_another_value_are_wrong(self, kind: str):
        by_id = {}
        for fact in facts.load():
            by_id.setdefault(f"{fact.id.split('/')[1]}/{fact.relation}", fact)
        wrong = 0
        for question in samples.questions(kind)[:: 1 if kind.startswith("known") else 5]:
            if "/reverse/" in question["id"]:
                continue
            name, relation = question["id"].split("/")[1:3]
            fact = by_id.get(f"{name}/{relation}")
            if f"{fact.kind}.{relation}" != question["relation"]:
                continue
            right = samples.answer(fact)
            self.assertTrue(grade.grade(question, right), (question["id"], right))
            for value in question["reject"][:3]:
                wrong += 1
                self.assertFalse(grade.grade(question, f"It is {value}."))
                both = f"{right} It is also {value}."
                self.assertFalse(grade.grade(question, both), (question["id"], both))
        self.assertGreater(wrong, 200)

    def test_tools_are_offered_where_the_kind_says(self):
        for kind in chat.QUESTIONS:
            expected = {"letters": tools.PYTHON, "spelling": tools.PYTHON, "products": tools.PYTHON}
            expected |= {"withheld_search": tools.SEARCH, "invented_search": tools.SEARCH}
            for question in samples.questions(kind):
                offered = [expected[kind]] if kind in expected else []
                self.assertEqual(question.get("tools", []), offered)

    def test_counts_agree_with_a_count_by_hand(self):
        for question in samples.questions("letters"):
            text = question["messages"][0]["content"]
            letter = re.search(r'"(\w)"|\b(\w)\'s\b', text)
            count = sum(
                character in letter.groups()
                for character in max(re.findall(r'"(\w+)"', text), key=len)
            )
            self.assertEqual(question["answer"], str(count))

    def test_products_agree_with_long_multiplication(self):
        for question in samples.questions("products"):
            a, b = map(int, re.findall(r"\d+", question["messages"][0]["content"]))
            long = sum(a * int(digit) * 10**i for i, digit in enumerate(reversed(str(b))))
            self.assertEqual(question["answer"], str(long))


if __name__ == "__main__":
    absltest.main()
