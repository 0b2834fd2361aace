import collections
import gzip
import io
import json
import pathlib
import tempfile
from unittest import mock

import pyarrow
import pyarrow.parquet
from absl.testing import absltest, parameterized

from data.errors import InputError
from data.web import pages, responses, warc
from tests.data.web import crawls

LIMIT = 10_000


def read(spec: str) -> tuple[list[pages.Page], collections.Counter]:
    problems = collections.Counter()
    found = [
        page for shard in pages.shards(spec) for page in pages.read(shard, LIMIT, "text", problems)
    ]
    return found, problems


class PagesTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)

    def test_warc(self):
        path = self.write(
            "CC-MAIN-2024-18-a.warc.gz",
            crawls.record("x", b"software: s", kind="warcinfo")
            + crawls.record("http://a/", b"GET / HTTP/1.1\r\n\r\n", kind="request")
            + crawls.response("http://a/", "hello")
            + crawls.record("http://b/", crawls.http(bytes(LIMIT)))
            + crawls.record("http://c/", crawls.http(b"no", status="500 Oh")),
        )
        found, problems = read(path)
        self.assertEqual(
            [(page.url, page.problem, page.figure) for page in found],
            [
                ("http://a/", "", 0),
                ("http://b/", warc.OVERSIZE, LIMIT + len(crawls.http(b""))),
                ("http://c/", responses.STATUS, 500),
            ],
        )
        self.assertIn(b"<p>hello</p>", found[0].html)
        self.assertEqual((found[0].charset, found[0].date), ("utf-8", crawls.DATE))
        self.assertEqual(problems, {"records: warcinfo": 1, "records: request": 1})
        self.assertEqual(pages.shards(path)[0].dump, "CC-MAIN-2024-18")

    def test_wet(self):
        path = self.write(
            "a.warc.wet.gz",
            crawls.record("x", b"info", kind="warcinfo")
            + crawls.record("http://a/", "hé\n".encode(), kind="conversion"),
        )
        found, problems = read(path)
        self.assertEqual(
            [(page.url, page.text, page.html) for page in found], [("http://a/", "hé\n", None)]
        )
        self.assertEqual(problems, {"records: warcinfo": 1})

    def test_html_folder(self):
        for name in ("site/b/two.HTM", "site/one.html", "site/empty.html", "site/skip.css"):
            self.write(name, b"" if "empty" in name else f"<p>{name}".encode())
        self.write("site/big.html", b"<" * (LIMIT + 1))
        found, _ = read(str(self.folder / "site"))
        self.assertEqual(
            [(page.url, page.problem) for page in found],
            [
                ("b/two.HTM", ""),
                ("big.html", warc.OVERSIZE),
                ("empty.html", responses.EMPTY),
                ("one.html", ""),
            ],
        )
        self.assertEqual(found[0].html, b"<p>site/b/two.HTM")

    @parameterized.parameters("a.jsonl", "a.jsonl.gz")
    def test_json_lines(self, name):
        lines = [
            json.dumps({"url": "http://a/", "timestamp": "2024", "text": "one \ud800"}),
            "",
            "no json",
            json.dumps({"id": 7, "text": None}),
            json.dumps({"text": "x" * LIMIT}),
            "[" * 5000,
            json.dumps({"text": "last"}),
        ]
        content = "\n".join(lines).encode()
        found, problems = read(
            self.write(name, gzip.compress(content) if "gz" in name else content)
        )
        self.assertEqual(
            [(page.url, page.text, page.problem) for page in found],
            [
                ("http://a/", "one ?", ""),
                ("", None, pages.BAD_JSON),
                ("7", None, pages.NO_TEXT),
                ("", None, warc.OVERSIZE),
                ("", None, pages.BAD_JSON),
                ("", "last", ""),
            ],
        )
        self.assertEqual(found[0].date, "2024")
        self.assertEqual(problems, {})

    def test_json_lines_cut_short(self):
        lines = b"".join(b'{"text": "%d"}\n' % n for n in range(400_000))
        found, problems = read(self.write("a.jsonl.gz", gzip.compress(lines)[:-2000]))
        self.assertGreater(len(found), 200_000)
        self.assertEqual(problems, {"damage: corrupt_gzip": 1})

    def test_parquet(self):
        table = pyarrow.table(
            {"text": ["one", None, "x" * (LIMIT + 1)], "url": ["http://a/", "", None]}
        )
        pyarrow.parquet.write_table(table, self.folder / "a.parquet")
        self.write("b.parquet", b"no parquet")
        found, problems = read(str(self.folder))
        self.assertEqual(
            [(page.url, page.text, page.problem) for page in found],
            [("http://a/", "one", ""), ("", None, pages.NO_TEXT), ("", None, warc.OVERSIZE)],
        )
        self.assertEqual(problems, {"damage: not_parquet": 1})

    def test_ids_are_unique_and_in_reading_order(self):
        for name in ("b.warc.gz", "a.warc.gz"):
            self.write(name, crawls.response("http://x/", "x") * 3)
        self.write("c.jsonl", b'{"text": "x"}\n' * 2)
        self.write("d.html", b"<p>x")
        found, _ = read(f"{self.folder}/*.gz,{self.folder}/c.jsonl,{self.folder}/d.html")
        ids = [page.id for page in found]
        self.assertEqual(ids, sorted(set(ids)))
        self.assertEqual([id_ >> pages.PAGE_BITS for id_ in ids], [0, 0, 0, 1, 1, 1, 2, 2, 3])

    def test_lists_of_files(self):
        there = self.folder / "crawl-data" / "CC-MAIN-2024-10"
        there.mkdir(parents=True)
        names = [f"crawl-data/CC-MAIN-2024-10/{name}.warc.gz" for name in "ba"]
        names += [f"{self.folder}/far.warc.gz", "https://a.example/crawl-data/x.warc.gz"]
        (there / "warc.paths.gz").write_bytes(gzip.compress("\n".join(names).encode()))
        found = pages.shards(f"{there}/warc.paths.gz")
        expected = [f"{self.folder}/{name}" for name in names[:2]] + names[2:]
        self.assertEqual([shard.paths for shard in found], [(path,) for path in expected])
        self.assertEqual([shard.dump for shard in found], ["CC-MAIN-2024-10"] * 2 + [""] * 2)
        (self.folder / "my.paths").write_text("\nd/c.warc.gz\n")
        (shard,) = pages.shards(f"{self.folder}/my.paths")
        self.assertEqual(shard.paths, (f"{self.folder}/d/c.warc.gz",))

    @parameterized.parameters(
        ("", "no input is named"),
        ("{}/none.paths", "none.paths cannot be opened"),
        ("{}/empty.paths", "empty.paths names no file"),
        ("{}/odd.paths", "odd.paths names .*/thesis.doc, whose suffix is none of"),
        ("{}/torn.paths.gz", "torn.paths.gz"),
        ("{}/nothing/*.warc", "no file matches the input .*nothing"),
        ("{}/a.docx", "suffix of .*a.docx says nothing"),
        ("nowhere://x", "the input nowhere://x cannot be reached"),
    )
    def test_errors(self, spec, sentence):
        self.write("a.docx", b"x")
        self.write("empty.paths", b"\n")
        self.write("odd.paths", b"thesis.doc")
        self.write("torn.paths.gz", gzip.compress(b"a.warc.gz")[:-9])
        with self.assertRaisesRegex(InputError, sentence):
            pages.shards(spec.format(self.folder))

    @parameterized.parameters("a.warc.gz", "a.jsonl", "a.jsonl.gz")
    def test_a_place_that_stops_answering_is_no_damage(self, name):
        class Stopping(io.RawIOBase):
            def readable(self):
                return True

            def readinto(self, buffer):
                raise ConnectionError("503, Slow Down")

        path = self.write(name, b"x" * 100)
        with (
            mock.patch.object(pages, "_opened", lambda path: Stopping()),
            self.assertRaisesRegex(
                pages.Unreadable, f"{name} could not be read to its end .*503, Slow Down.*again"
            ),
        ):
            read(path)

    def test_what_a_made_crawl_says_of_itself_is_no_page(self):
        self.write("web_crawl/a.jsonl", b'{"text": "x"}\n')
        for name in ("labels.jsonl", "quality.jsonl"):
            self.write(f"web_crawl/{name}", b"{}\n")
            self.write(f"mine/{name}", b'{"text": "x"}\n')
        self.assertLen(pages.shards(f"{self.folder}/web_crawl"), 1)
        self.assertLen(pages.shards(f"{self.folder}/mine"), 2)

    def test_wrong_key_is_found_before_work_begins(self):
        path = self.write("a.jsonl", b'{"content": "x"}\n')
        with self.assertRaisesRegex(
            InputError, r"no text under the key 'text' \(its keys: content\)"
        ):
            pages.check_text_key(pages.shards(path), "text")
        pages.check_text_key(pages.shards(path), "content")


if __name__ == "__main__":
    absltest.main()
