"""Documents are deterministic, tell what they claim and nothing withheld, in sound English."""

import ast
import functools
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

from absl.testing import absltest, parameterized

from data.world import documents, english, facts, plan

_ROOT = Path(__file__).resolve().parents[3]
_SAMPLE = 2000


@functools.cache
def _sample(seed: int) -> tuple[documents.Document, ...]:
    return tuple(documents.document(seed, index) for index in range(_SAMPLE))


@functools.cache
def _facts() -> dict[str, facts.Fact]:
    return {fact.id: fact for fact in facts.load()}


@functools.cache
def _names() -> dict[str, tuple[str, ...]]:
    """Fact id to the names under which its entity may appear."""
    return {
        fact.id: tuple(entity.forms[form] for form in ("e", "s", "k") if form in entity.forms)
        for entity in facts.entities()
        for fact in entity.facts
    }


def _holds(text: str, phrase: str) -> bool:
    """Whether the phrase or its plural stands in the text as words of their own.

    Case counts in one or two letters, which are symbols: As is not "as".
    """
    case = re.NOFLAG if len(phrase) <= 2 else re.IGNORECASE
    forms = "|".join(re.escape(form) for form in (phrase, english.plural(phrase)))
    return re.search(rf"(?<!\w)(?:{forms})(?!\w)", text, case) is not None


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[a-z\d)][.!?])[\"]?\s+", text)


class DeterminismTest(absltest.TestCase):
    def test_same_text_under_other_hash_seeds(self):
        program = (
            "import hashlib; from data.world import documents as d; h = hashlib.sha256()\n"
            "for x in d.documents(7, 0.1): h.update(repr(x).encode())\n"
            "h.update(repr(sorted(d.withheld(7))).encode()); print(h.hexdigest())"
        )
        digests = set()
        for hash_seed in ("0", "1", "4242"):
            environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(_ROOT)}
            run = [sys.executable, "-c", program]
            result = subprocess.run(
                run, env=environment, cwd=_ROOT, capture_output=True, text=True, check=True
            )
            digests.add(result.stdout)
        self.assertLen(digests, 1)

    def test_documents_depend_on_their_index_alone(self):
        expected = list(documents.documents(3, 0.02))
        found = [documents.document(3, i) for i in reversed(range(len(expected)))]
        self.assertEqual(found[::-1], expected)

    def test_seeds_differ(self):
        texts = [
            hashlib.sha256("".join(d.text for d in documents.documents(seed, 0.02)).encode())
            for seed in (0, 1, 2)
        ]
        self.assertLen({text.digest() for text in texts}, 3)
        self.assertNotEqual(documents.withheld(0), documents.withheld(1))

    def test_size_is_what_was_asked_for(self):
        size = sum(len(document.text.encode()) for document in documents.documents(5, 2.0))
        self.assertBetween(size, 1.9e6, 2.1e6)


class TellingsTest(parameterized.TestCase):
    @parameterized.parameters(0, 1)
    def test_documents_hold_name_and_value_of_the_facts_they_claim(self, seed: int):
        for document in _sample(seed):
            for fact_id in document.facts:
                value = _facts()[fact_id].value
                names = _names()[fact_id]
                self.assertTrue(
                    any(_holds(document.text, name.removeprefix("the ")) for name in names),
                    (fact_id, document.text),
                )
                self.assertTrue(_holds(document.text, value), (fact_id, document.text))

    def test_tellings_count_the_documents(self):
        counts = Counter(fact for d in documents.documents(1, 0.5) for fact in d.facts)
        tellings = documents.tellings(1, 0.5)
        self.assertEqual(set(tellings), {fact.id for fact in facts.load()})
        self.assertEqual({id_: n for id_, n in tellings.items() if n}, dict(counts))

    def test_tellings_have_a_head_a_middle_and_a_tail(self):
        tellings = documents.tellings(0, 24.0)
        best = defaultdict(int)
        for entity in facts.entities():
            best[entity.id] = max(tellings[fact.id] for fact in entity.facts)
        self.assertGreaterEqual(sum(n >= 200 for n in best.values()), 80)
        self.assertGreaterEqual(sum(20 <= n < 200 for n in best.values()), 50)
        self.assertGreaterEqual(sum(0 < n < 20 for n in best.values()), 200)
        self.assertGreaterEqual(sum(n == 0 for n in best.values()), 40)

    @parameterized.parameters(0, 104)
    def test_documents_have_the_subjects_that_their_genre_needs(self, seed: int):
        for index in range(20_000):
            made = plan.plan(seed, index)
            self.assertGreaterEqual(len(made.subjects), made.genre.subjects[0], index)

    @parameterized.parameters(0, 1)
    def test_withheld_facts_are_never_claimed_nor_told(self, seed: int):
        hidden = documents.withheld(seed)
        by_name = defaultdict(list)
        for fact_id in hidden:
            for name in _names()[fact_id]:
                by_name[name.removeprefix("the ")].append(_facts()[fact_id])
        for document in _sample(seed):
            self.assertEmpty(hidden.intersection(document.facts))
            told = " / ".join(
                f"{_facts()[id_].entity} {_facts()[id_].value}" for id_ in document.facts
            )
            for text in _sentences(document.text):
                for name in [name for name in by_name if name in text]:
                    for fact in by_name[name]:
                        if _holds(told, fact.value) or _holds(fact.entity, fact.value):
                            continue
                        self.assertFalse(_holds(text, fact.value), (fact.id, text))

    @parameterized.parameters(0, 1, 2)
    def test_withheld_entities_are_never_mentioned(self, seed: int):
        hidden = plan.withheld_entities(seed)
        self.assertGreaterEqual(len(hidden), 40)
        entities = [entity for entity in facts.entities() if entity.id in hidden]
        text = "\n".join(document.text for document in _sample(seed)[:1500])
        for entity in entities:
            self.assertNotIn(entity.id, text)
            for form in ("e", "s"):
                name = entity.forms.get(form, entity.name).removeprefix("the ")
                found = re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)
                self.assertIsNone(found, (name, found and text[found.start() - 60 : found.end()]))

    def test_names_in_the_genres_own_sentences_are_known(self):
        prose = []
        for path in (_ROOT / "data" / "world").rglob("*.py"):
            # Conversations are no documents: they may name what no document tells of.
            if path.name not in ("plan.py", "facts.py") and "chat" not in path.parts:
                prose += _string_constants(ast.parse(path.read_text(encoding="utf-8")))
        prose = "\n".join(prose)
        for entity in facts.entities():
            if entity.kind in ("animal", "element", "thing") and entity.name not in plan.IN_PROSE:
                for name in {entity.name, entity.forms.get("s", entity.name)}:
                    found = re.search(rf"\b{re.escape(name)}\b", prose, re.IGNORECASE)
                    self.assertIsNone(found, name)


def _string_constants(tree: ast.Module) -> list[str]:
    """All strings of a module but its docstrings."""
    documented = (ast.Module, ast.FunctionDef, ast.ClassDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
    ]


class EnglishTest(parameterized.TestCase):
    @parameterized.parameters(
        ("double space", r"  "),
        ("placeholder", r"[{}\[\]|]"),
        ("space before a stop", r" [.,;:!?]"),
        ("two stops", r"[.,;:?!][.,;:]|\?\?|!!"),
        ("a before a vowel", r"\b[Aa] (?![Uu]ni|[Ee]u|[Uu]se|[Oo]ne)[aeioAEIO]\w"),
        ("an before a consonant", r"\b[Aa]n (?!hour|honou?r)[bcdfghjklmnpqrstvwyz]\w"),
        ("doubled word", r"\b(\w+) \1\b"),
        ("lower case after a stop", r"(?<![A-Z][.])(?<=[.!]) [a-z]"),
        ("an article before an article", r"\b(a|an|the) (a|an|the)\b(?! )"),
        ("wrong agreement", r"\b(They|We|You) (is|was|has)\b|\b(It|He|She) (are|were|have)\b"),
    )
    def test_no_slip(self, name: str, pattern: str):
        for document in _sample(0):
            found = re.search(pattern, document.text)
            near = found and document.text[max(0, found.start() - 60) : found.end() + 30]
            self.assertIsNone(found, (name, near))

    def test_documents_look_like_documents(self):
        genres = Counter(document.genre for document in _sample(0))
        self.assertLen(genres, len(plan.GENRES))
        short = 0
        for document in _sample(0):
            text = document.text
            self.assertBetween(len(text), 150, 3500, text)
            self.assertTrue(document.title)
            for paragraph in text.split("\n\n"):
                self.assertEqual(paragraph.count('"') % 2, 0, paragraph)
            for line in filter(None, text.split("\n")):
                self.assertIn(line[-1], '.!?"', line)
                self.assertGreaterEqual(len(line.split()), 3, line)
            self.assertGreaterEqual(len(re.findall(r"[.!?]\"?(?=\s|$)", text)), 4, text)
            short += len(text.split()) < 50
        self.assertLess(short, 0.01 * _SAMPLE)

    def test_documents_are_not_near_copies(self):
        seen = defaultdict(list)
        close = 0
        for document in _sample(0):
            words = re.sub(r"\W+", " ", document.text.lower()).split()
            shingles = {" ".join(words[i : i + 5]) for i in range(len(words) - 4)}
            for other in seen[document.genre]:
                close += len(shingles & other) > 0.5 * len(shingles | other)
            seen[document.genre].append(shingles)
        self.assertLess(close, 0.005 * _SAMPLE)

    @parameterized.parameters(
        ("owl", "an owl"), ("unit", "a unit"), ("European", "a European"), ("hour", "an hour")
    )
    def test_article(self, noun: str, expected: str):
        self.assertEqual(english.with_article(noun), expected)

    @parameterized.parameters(
        ("fox", "foxes"), ("puppy", "puppies"), ("piece of cutlery", "pieces of cutlery")
    )
    def test_plural(self, noun: str, expected: str):
        self.assertEqual(english.plural(noun), expected)


class ArithmeticTest(absltest.TestCase):
    def test_every_result_is_right(self):
        checked = 0
        for document in _sample(0) + _sample(1):
            if document.genre == "arithmetic":
                for a, sign, b, result in re.findall(
                    r"So (\d+) (plus|minus) (\d+) is (\d+)\.", document.text
                ):
                    expected = int(a) + int(b) if sign == "plus" else int(a) - int(b)
                    self.assertEqual(int(result), expected)
                    checked += 1
                for x, y, total in re.findall(
                    r"\b(\d+) and (\d+) (?:make|which make) (\d+)", document.text
                ):
                    self.assertEqual(int(x) + int(y), int(total), document.text)
                    checked += 1
                for x, y, rest in re.findall(r"(\d+) take away (\d+) leaves (\d+)", document.text):
                    self.assertEqual(int(x) - int(y), int(rest), document.text)
                    checked += 1
        self.assertGreater(checked, 200)


if __name__ == "__main__":
    absltest.main()
