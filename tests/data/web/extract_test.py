import gzip
import json
import tarfile

from absl.testing import absltest, parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import InputError
from data.web import extract
from data.web.extract import Extraction
from data.web.language import Language
from tests.data.web import shared
from tests.data.web.shared import GERMAN, PROSE, page


def drop(data: bytes, options: Extraction = Extraction(), **arguments) -> tuple[str, str]:  # noqa: B008
    found = extract.text_of(data, options, **arguments)
    return found.step, found.reason


class ExtractTest(parameterized.TestCase):
    @parameterized.parameters("trafilatura", "resiliparse")
    def test_main_text(self, engine):
        found = extract.text_of(page(PROSE).encode(), Extraction(engine=engine))
        self.assertEqual([line for line in found.split("\n") if line], PROSE)

    def test_charset(self):
        data = page(["Zażółć gęślą jaźń. " * 5]).encode("iso-8859-2")
        found = extract.text_of(data, Extraction(), "iso-8859-2")
        self.assertIn("Zażółć gęślą jaźń.", found)

    def test_nothing_is_kept_between_pages(self):
        data = page(PROSE).encode()
        first = extract.text_of(data, Extraction())
        for _ in range(5):
            self.assertEqual(extract.text_of(data, Extraction()), first)

    @parameterized.parameters(
        ("empty_page", b""),
        ("empty_page", b" \n\0\0"),
        ("not_html", b"%PDF-1.7 " + b"x" * 100),
        ("not_html", b"\x89PNG\r\n\x1a\n"),
        ("no_text", b"<html><body><script>1</script></body></html>"),
        ("no_text", b"<!-- " + b"x" * 100),
        ("too_deep", b"<html><body>" + b"<div>" * 10_000 + b"deep " * 50),
        ("too_deep", b"<table><tr><td>" * 10_000 + b"deep " * 50),
        ("too_deep", b"<b>" * 1_000_000),
    )
    def test_reason(self, reason, data):
        self.assertEqual(drop(data), ("extraction", reason))
        for_resiliparse = Extraction(engine="resiliparse")
        self.assertEqual(drop(data, for_resiliparse), ("extraction", reason))

    def test_too_large_is_not_read(self):
        self.assertEqual(drop(b"<p>x", Extraction(max_bytes=3)), ("extraction", "too_large"))
        self.assertEqual(drop(b"x" * (5 * 2**20 + 1)), ("extraction", "too_large"))

    def test_tags_within_tags_that_the_parser_follows(self):
        data = "<div>" * 200 + page(PROSE) + "</div>" * 200
        self.assertIn(PROSE[0], extract.text_of(data.encode(), Extraction()))

    def test_entities_of_the_page_are_not_expanded(self):
        entities = "".join(
            f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' for level in range(1, 10)
        )
        data = f'<?xml version="1.0"?><!DOCTYPE html [<!ENTITY l0 "lol">{entities}]>' + page(
            [*PROSE, "&l9;"]
        )
        found = extract.text_of(data.encode(), Extraction())
        self.assertIn(PROSE[2], found)
        self.assertLess(len(found), 1000)

    def test_nul_bytes_and_broken_tags(self):
        data = (
            page(PROSE).replace("river", "ri\0ver").replace("</p>", "").replace("</nav>", "</nav")
        )
        self.assertIn(PROSE[0], extract.text_of(data.encode(), Extraction()))

    def test_other_languages_are_dropped_early(self):
        data = page(GERMAN * 2).encode()
        options = Extraction()
        self.assertEqual(drop(data, languages=Language()), ("language", "other_language"))
        for wanted in (Language(("de",)), Language(()), Language(early_threshold=1.0), None):
            self.assertIn("Fluss", extract.text_of(data, options, languages=wanted))
        self.assertIn(PROSE[0], extract.text_of(page(PROSE).encode(), options, None, Language()))

    def test_a_declared_language_is_believed_until_the_text_is_known(self):
        declaring = page(GERMAN * 2).replace("<html>", "<html lang='en-GB'>").encode()
        self.assertIn("Fluss", extract.text_of(declaring, Extraction(), languages=Language()))
        for declared in ("de", "eng-lish", ""):
            data = declaring.replace(b"en-GB", declared.encode())
            self.assertEqual(drop(data, languages=Language()), ("language", "other_language"))

    def test_rescue_where_little_is_found(self):
        cards = "".join(
            f"<div><h3>{n}</h3><div>{PROSE[n % 3]} So it is told.</div></div>" for n in range(9)
        )
        data = f"<html><body><article><p>{PROSE[0]}</p><p>{PROSE[1]}</p></article><main>{cards}"
        found = {
            below: extract.text_of(data.encode(), Extraction(rescue_below=below))
            for below in (0, 100, 1000)
        }
        self.assertEqual(found[0].split("\n"), PROSE[:2])
        self.assertEqual(found[100], found[0])
        self.assertEqual(found[1000].count("So it is told."), 9)
        self.assertNotIn("\n\n", found[1000])
        unlike = Extraction(rescue_ratio=len(found[1000]) / len(found[0]))
        self.assertEqual(extract.text_of(data.encode(), unlike), found[0])

    def test_unknown_engine(self):
        with self.assertRaisesRegex(InputError, "web.extraction.engine is 'lynx': give trafil"):
            Extraction(engine="lynx")

    @settings(deadline=None, max_examples=50)
    @given(
        st.lists(
            st.sampled_from(
                b"<p> </p> <div > <table><td> &#0; &#xFFFF; <!-- \0 \xff\xfe <ul><li> <a\thref=' "
                b"<pre> ]]> <svg> <math><mi> <form> &lt; <article> \xf0\x9f <br/> word.".split(b" ")
            ),
            max_size=60,
        ).map(b"".join)
    )
    def test_never_raises_and_never_fails(self, data):
        for engine in extract.ENGINES:
            found = extract.text_of(data, Extraction(engine=engine))
            if isinstance(found, str):
                found.encode("utf-8")
            else:
                self.assertNotEqual(found.reason, "failed")


class AnnotatedPagesTest(absltest.TestCase):
    """Half of trafilatura's annotated pages; counted as its own evaluation counts."""

    def test_f1(self):
        folder = shared.DATA / "trafilatura_eval"
        if not folder.exists():
            self.skipTest("../shared/data/trafilatura_eval is absent")
        gold = json.loads(gzip.decompress((folder / "gold.json.gz").read_bytes()))
        entries = {entry["file"]: entry for entry in gold.values()}
        true = false = missed = 0
        with tarfile.open(folder / "pages.tar.gz") as archive:
            for member in archive.getmembers():
                entry = entries[member.name.rpartition("/")[2]]
                text = extract.text_of(archive.extractfile(member).read(), Extraction())
                text = text if isinstance(text, str) else ""
                found = sum(segment in text for segment in entry["with"])
                true += found
                missed += len(entry["with"]) - found
                false += sum(segment in text for segment in entry["without"])
        self.assertGreater(true + missed, 1000)
        self.assertGreaterEqual(2 * true / (2 * true + false + missed), 0.92)


if __name__ == "__main__":
    absltest.main()
