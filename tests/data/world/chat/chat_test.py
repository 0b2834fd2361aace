"""Conversations are deterministic and sound, and contain nothing that is kept for measuring."""

import collections
import contextlib
import functools
import hashlib
import io
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import ml_collections
from absl.testing import absltest, parameterized

from data.errors import InputError
from data.world import chat, documents, english, facts, phrasings, telling
from data.world.chat import asking, declines, grade, letters, products, tools
from data.world.chat.phrasings import ASKED, FRAMES, identity
from data.world.chat.search import library
from data.world.draw import Draw

_ROOT = Path(__file__).resolve().parents[4]
_SAMPLE = 4000


@functools.cache
def _tellings() -> dict[str, int]:
    return documents.tellings(seed=0, megabytes=12)


def _config(**changes) -> ml_collections.ConfigDict:
    config = ml_collections.ConfigDict({"world": {"seed": 0}, "world_chat": chat.defaults()})
    config.world_chat.count = _SAMPLE
    config.world_chat.update(changes)
    return config


@functools.cache
def _setting() -> chat.Setting:
    return chat.setting(_config(), _tellings())


@functools.cache
def _sample() -> tuple[dict, ...]:
    return tuple(chat.conversations(_config(), _tellings()))


def _of(kind: str) -> list[dict]:
    return [conversation for conversation in _sample() if conversation["kind"] == kind]


@functools.cache
def _questions(kind: str) -> tuple[dict, ...]:
    return tuple(chat.questions(_config(), _tellings(), kind))


def _contents(conversation: dict, *roles: str) -> list[str]:
    return [m["content"] for m in conversation["messages"] if m["role"] in roles]


def _calls(conversation: dict) -> list[tuple[dict, str]]:
    """(function, output) of each tool call."""
    messages = conversation["messages"]
    return [
        (message["tool_calls"][0]["function"], messages[i + 1]["content"])
        for i, message in enumerate(messages)
        if message.get("tool_calls")
    ]


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
        expected = hashlib.sha256(json.dumps(_sample()[:300]).encode()).hexdigest()
        self.assertEqual(result.stdout.strip(), expected)

    def test_another_seed_makes_other_conversations(self):
        config = _config(seed=1, count=50)
        self.assertNotEqual(list(chat.conversations(config, _tellings())), list(_sample()[:50]))

    def test_without_a_count_they_never_end(self):
        endless = chat.conversations(_config(count=0), _tellings())
        made = list(itertools.islice(endless, 20))
        self.assertEqual(made, list(_sample()[:20]))

    def test_kinds_come_as_often_as_their_weights_say(self):
        weights = chat.defaults().weights
        for kind, weight in weights.items():
            share = weight / sum(weights.values())
            self.assertAlmostEqual(len(_of(kind)) / _SAMPLE, share, delta=0.025, msg=kind)

    def test_messages_are_in_order_and_short(self):
        follow = {
            "start": {"system", "user"},
            "system": {"user"},
            "user": {"assistant"},
            "assistant": {"user", "tool"},
            "tool": {"assistant"},
        }
        for conversation in _sample():
            before = "start"
            for message in conversation["messages"]:
                self.assertIn(message["role"], follow[before], conversation)
                before = message["role"]
                if message["role"] == "tool":
                    self.assertLessEqual(len(message["content"]), 220)
                else:
                    self.assertTrue(message["content"] or message.get("tool_calls"))
                    self.assertLessEqual(len(message["content"]), 230, message)
            self.assertEqual(before, "assistant")

    def test_language(self):
        wrong = re.compile(r"\{|\}|\[|\]|  |\ba a\b|\ban an\b|\bthe the\b|\ba an\b| [.,?!]")
        for conversation in _sample():
            for text in _contents(conversation, "system", "user", "assistant"):
                # A blank to be filled ends in " ...".
                self.assertNotRegex(text.replace(" ...", "").replace(" = ?", ""), wrong)
            for text in _contents(conversation, "assistant"):
                if conversation["kind"] in ("facts", "identity", "problems", "products") and text:
                    self.assertRegex(text, r"^[A-Z0-9].*[.!?]$")

    def test_tools_are_called_only_where_they_are_offered(self):
        for conversation in _sample():
            offered = {tool["function"]["name"] for tool in conversation.get("tools", ())}
            called = {function["name"] for function, _ in _calls(conversation)}
            self.assertLessEqual(called, offered)

    def test_tools_are_used_where_they_help_and_only_there(self):
        for conversation in _sample():
            offered = {tool["function"]["name"] for tool in conversation.get("tools", ())}
            called = {function["name"] for function, _ in _calls(conversation)}
            kind = conversation["kind"]
            expected = {"search"} if kind == "search" else set()
            if kind in ("letters", "products"):
                expected = {"python"} & offered
            self.assertEqual(called, expected, conversation)

    def test_with_and_without_the_tool(self):
        for kind in ("letters", "products"):
            share = sum("tools" in c for c in _of(kind)) / len(_of(kind))
            self.assertBetween(share, 0.6, 0.95, kind)

    def test_a_corpus_that_tells_nothing_is_refused(self):
        with self.assertRaisesRegex(InputError, "no fact is told by 60 documents"):
            chat.setting(_config(), {})

    def test_nothing_or_all_held_out_is_refused(self):
        for share in (0.0, 1.0):
            with self.assertRaisesRegex(InputError, "held_out is [01].0: it is a share between"):
                chat.setting(_config(held_out=share), _tellings())

    def test_unknown_questions_are_refused(self):
        with self.assertRaisesRegex(ValueError, "no questions of kind 'riddles'; there are known"):
            chat.questions(_config(), _tellings(), "riddles")


class ToolsTest(absltest.TestCase):
    def test_output_is_what_the_code_gives(self):
        calls = [call for kind in ("letters", "products") for c in _of(kind) for call in _calls(c)]
        self.assertGreater(len(calls), 400)
        for function, output in calls:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                value = eval(function["arguments"]["code"], {})  # our own code
            self.assertEqual(printed.getvalue().strip() or str(value), output)
            self.assertTrue(printed.getvalue() or isinstance(value, int))

    def test_answers_hold_the_output(self):
        for conversation in _of("letters") + _of("products"):
            for _, output in _calls(conversation):
                self.assertIn(output, _contents(conversation, "assistant")[-1])

    def test_passages_hold_the_answer_or_it_is_not_found(self):
        values = {f"{f.kind}.{f.relation}" for f in facts.load()}
        self.assertEqual(values, set(ASKED))
        answers = collections.defaultdict(set)
        for fact in facts.load():
            sentence = asking.sentence(_always(), fact, 0.0)
            for answer in (sentence, _completed(fact), asking.bare(fact)):
                answers[answer] |= {fact.value.lower(), english.plural(fact.value).lower()}
        found = 0
        for conversation in _of("search"):
            ((function, passage),) = _calls(conversation)
            answer = _contents(conversation, "assistant")[-1]
            self.assertLess(len(function["arguments"]["query"]), 80)
            if answer in declines.NOT_FOUND:
                continue
            found += 1
            self.assertTrue(any(v in passage.lower() for v in answers[answer]), conversation)
        self.assertBetween(found / len(_of("search")), 0.7, 0.9)

    def test_the_library_tells_every_withheld_fact(self):
        told = {}
        for document in library(world_seed=0):
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


def _always():
    """A draw that is never by chance: of the two sentences, the one that leads to the value."""
    return Draw("any")


def _completed(fact: facts.Fact) -> str:
    template = ASKED[f"{fact.kind}.{fact.relation}"].get("blank_answer", "{bare}")
    return english.sentence(template.format_map(asking.fields(fact)))


class HeldOutTest(parameterized.TestCase):
    def test_topics_are_divided(self):
        split = _setting().split
        parts = [split.asked, split.told_only, split.rare, split.withheld]
        ids = [topic.id for part in parts for topic in part]
        self.assertLen(set(ids), len(ids))
        for part in (split.asked, split.told_only):
            for topic in part:
                for fact in topic.facts:
                    self.assertGreaterEqual(_tellings()[fact.id], 60)
        for topic in split.rare:
            self.assertLess(max(_tellings()[fact.id] for fact in topic.facts), 60)
        hidden = documents.withheld(0)
        self.assertTrue(all(f.id in hidden for topic in split.withheld for f in topic.facts))
        share = len(split.told_only) / (len(split.told_only) + len(split.asked))
        self.assertAlmostEqual(share, 0.3, delta=0.06)

    @parameterized.parameters("told_only", "withheld")
    def test_what_is_not_asked_is_not_said(self, part: str):
        """No sentence of the conversations, passages included, states such a fact."""
        texts = [m["content"] for c in _sample() for m in c["messages"]]
        said = {english.sentence(s.strip()) for t in texts for s in re.split(r"(?<=[.!?])\s|: ", t)}
        for topic in getattr(_setting().split, part):
            for fact in topic.facts:
                key = f"{fact.kind}.{fact.relation}"
                statements = phrasings.STATEMENTS.get(f"{key}:{fact.value}")
                statements = statements or phrasings.STATEMENTS[key]
                for template in (*statements, *ASKED[key]["answers"]):
                    clause = english.sentence(template.format_map(asking.fields(fact)))
                    self.assertNotIn(clause, said)

    def test_no_question_of_training_is_about_what_is_not_asked(self):
        """Every fact question answered without a search is one that training may ask."""
        split = _setting().split
        answers = set()
        for topic in split.asked:
            for fact in topic.facts:
                answers |= {asking.sentence(_always(), fact, 0.0), asking.bare(fact)}
                answers |= {_completed(fact), english.sentence(topic.entity.name)}
                if telling.has_reverse_question(fact):
                    answers.add(asking.sentence(_always(), fact, 0.0, reverse=True))
        for conversation in _of("facts"):
            for text in _contents(conversation, "assistant"):
                self.assertIn(text, answers)

    def test_borders_do_not_give_away_the_other_side(self):
        split = _setting().split
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
            self.assertGreaterEqual(len(held_out), 4, relation)
            for text in held_out:
                self.assertFalse([known for known in training if text in known], text)

    def test_no_held_out_phrasing_in_training(self):
        kinds = [kind for kind in chat.QUESTIONS if kind not in ("problems", "problems_direct")]
        held_out = {
            grade.normalized(q["messages"][-1]["content"]) for k in kinds for q in _questions(k)
        }
        for conversation in _sample():
            for text in _contents(conversation, "user"):
                self.assertNotIn(grade.normalized(text), held_out)

    def test_identity_phrasings_are_apart(self):
        asked = {grade.normalized(t) for topic in identity.ASKED.values() for t in topic["asked"]}
        kept = {grade.normalized(t) for topic in identity.ASKED.values() for t in topic["held_out"]}
        self.assertFalse({k for k in kept for a in asked if f" {k.strip()} " in a or k == a})
        for topic in identity.ASKED.values():
            self.assertGreaterEqual(len(topic["asked"]), 10)
            self.assertGreaterEqual(len(topic["held_out"]), 4)
        self.assertFalse(set(identity.SYSTEM) & set(identity.SYSTEM_HELD_OUT))

    def test_words_and_names_are_apart(self):
        trained = {
            word
            for conversation in _of("letters")
            for text in _contents(conversation, "user")
            for word in re.findall(r'"(\w{3,})"', text)
        }
        self.assertGreater(len(trained), 200)
        measured = {q["ignore"][0] for kind in ("letters", "spelling") for q in _questions(kind)}
        self.assertFalse(trained & measured)
        given = [m["content"] for c in _of("identity") for m in c["messages"][:1]]
        for question in _questions("identity_named"):
            name = re.search(r"\b(?:are|is|name) ([A-Z]\w+)", question["messages"][0]["content"])
            self.assertIsNotNone(name)
            self.assertFalse([text for text in given if re.search(rf"\b{name[1]}\b", text)])

    def test_numbers_are_apart(self):
        trained = {
            n for c in _of("products") for t in _contents(c, "user") for n in grade.numbers(t)
        }
        for question in _questions("products"):
            for number in grade.numbers(question["messages"][0]["content"]):
                self.assertBetween(number, 1000, 9999)
                self.assertNotIn(number, trained)

    def test_problems_are_apart(self):
        def numbers(text: str) -> tuple[str, ...]:
            return tuple(sorted(re.findall(r"\d+", text)))

        trained = {numbers(_contents(c, "user")[0]) for c in _of("problems")}
        measured = {numbers(q["messages"][-1]["content"]) for q in _questions("problems")}
        self.assertGreater(len(measured), 250)
        self.assertFalse(trained & measured)

    def test_withheld_practice_and_measuring_share_no_entity(self):
        entities = [
            {q["id"].rsplit("/", 2)[0] for q in _questions(kind)}
            for kind in ("withheld", "withheld_practice")
        ]
        self.assertNotEmpty(entities[0])
        self.assertNotEmpty(entities[1])
        self.assertFalse(
            {"/".join(name.split("/")[:2]) for name in entities[0]}
            & {"/".join(name.split("/")[:2]) for name in entities[1]}
        )


def _phrasings(fact: facts.Fact) -> tuple[set[str], set[str]]:
    """All ways to ask for the fact in training, and all that are held out, normalized."""
    entry = asking.entry(fact)
    key = f"{fact.kind}.{fact.relation}"
    asked = {frame: entry[frame] for frame in ("about", "clauses", "blanks", "next")}
    asked["question"] = phrasings.QUESTIONS[key] + phrasings.REVERSE_QUESTIONS.get(key, ())
    training = {
        grade.normalized(frame.format(x=text, X=text).format_map(asking.fields(fact)))
        for name, texts in asked.items()
        for text in texts
        for frame in FRAMES[name]
    }
    held_out = asking.held_out_questions(fact) + asking.held_out_questions(fact, reverse=True)
    return training, {grade.normalized(text) for text in held_out}


class QuestionsTest(parameterized.TestCase):
    @parameterized.parameters(*chat.QUESTIONS)
    def test_questions_are_sound(self, kind: str):
        found = _questions(kind)
        self.assertGreaterEqual(len(found), 250)
        self.assertLen({question["id"] for question in found}, len(found))
        for question in found:
            self.assertEqual(question["kind"], kind)
            for message in question["messages"]:
                self.assertRegex(message["content"], r"^[A-Z0-9].*[.?!]$|^\d")
                self.assertNotRegex(message["content"], r"[{}]|  ")

    @parameterized.parameters(*(k for k in chat.QUESTIONS if k != "invented"))
    def test_the_answer_is_right_and_a_decline_is_not(self, kind: str):
        for question in _questions(kind):
            self.assertTrue(grade.grade(question, question["answer"]), question)
            for decline in (*declines.DECLINES, *declines.NOT_FOUND):
                self.assertFalse(grade.grade(question, decline))

    @parameterized.parameters("known_asked", "known_told_only", "rare", "withheld")
    def test_sentences_are_right_and_those_with_another_value_are_wrong(self, kind: str):
        by_id = {}
        for fact in facts.load():
            by_id.setdefault(f"{fact.id.split('/')[1]}/{fact.relation}", fact)
        wrong = 0
        for question in _questions(kind)[:: 1 if kind.startswith("known") else 5]:
            if "/reverse/" in question["id"]:
                continue
            name, relation = question["id"].split("/")[1:3]
            fact = by_id.get(f"{name}/{relation}")
            if f"{fact.kind}.{relation}" != question["relation"]:
                continue
            right = asking.sentence(_always(), fact, 0.0)
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
            expected["withheld_search"] = tools.SEARCH
            for question in _questions(kind):
                offered = [expected[kind]] if kind in expected else []
                self.assertEqual(question.get("tools", []), offered)

    def test_counts_agree_with_a_count_by_hand(self):
        for question in _questions("letters"):
            text = question["messages"][0]["content"]
            quoted = sorted(re.findall(r'"(\w+)"', text), key=len)
            self.assertLen(quoted, 2)
            count = sum(letter == quoted[0] for letter in quoted[1])
            self.assertEqual(question["answer"], str(count))

    def test_products_agree_with_long_multiplication(self):
        for question in _questions("products"):
            a, b = grade.numbers(question["messages"][0]["content"])
            long = sum(a * int(digit) * 10**i for i, digit in enumerate(reversed(str(b))))
            self.assertEqual(question["answer"], str(long))

    def test_held_out_phrasings_are_enough(self):
        for task in (letters.COUNT, letters.LENGTH, letters.SPELL, letters.REVERSE):
            self.assertGreaterEqual(len(task.held_out), 4)
            self.assertFalse(set(task.asked) & set(task.held_out))
        for task in products.TASKS:
            self.assertGreaterEqual(len(task.held_out), 4)
            self.assertFalse(set(task.asked) & set(task.held_out))


if __name__ == "__main__":
    absltest.main()
