import pathlib
import subprocess
import sys
import tempfile
import time
from unittest import mock

import numpy as np
from absl.testing import absltest, parameterized

from configs.defaults import get_config
from data.errors import InputError
from data.passages import RESULT_CHARACTERS, found_passages, in_no_document
from serve.tools import search
from serve.tools.resolve import resolve
from serve.tools.search import Index, corpus_index, files_index, make_index, search_tool

ROOT = pathlib.Path(__file__).resolve().parents[3]
DOCUMENTS = [
    ("towns", "Arden is a town on the river Wend. It has a castle. The castle was built in 1203."),
    ("food", "Bread is baked of flour and water. Bakers in Arden bake it with rye and honey."),
    ("copy", "Bread is baked of flour and water. Bakers in Arden bake it with rye and honey."),
    ("tea", "Tea is made of leaves, hot water and patience. It is drunk in Tokyo and in Zürich."),
]


class IndexTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.workdir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def made(self, documents=DOCUMENTS, name="some documents"):
        return make_index(self.workdir, lambda: documents, {"source": name})

    def test_best_passages_first_and_copies_once(self):
        index = Index.open(self.made())
        self.assertEqual(index.search("honey and rye", 2)[0], DOCUMENTS[1][1])
        self.assertEqual(index.search("Who BAKES rye?", 9), [DOCUMENTS[1][1]])
        self.assertEqual(index.search("zurich", 9), [DOCUMENTS[3][1]])
        self.assertEqual(index.search("xylophone", 9), [])

    def test_of_equal_passages_first_what_begins_with_the_words(self):
        texts = ["Spain borders France.", "France borders Spain.", "Italy borders France."]
        index = Index.open(self.made([(text, text) for text in texts]))
        self.assertEqual(index.search("border France", 3), [texts[1], texts[0], texts[2]])
        self.assertEqual(index.search("border Spain", 2), texts[:2])

    def test_scores_are_those_of_bm25(self):
        """Robertson and Zaragoza 2009, k1 = 1.2, b = 0.75, with Lucene's idf; term frequencies and
        lengths counted by hand."""
        texts = ["apple pear", "apple apple plum fig", "kiwi kiwi kiwi kiwi kiwi kiwi"]
        index = Index.open(self.made([(text, text) for text in texts]))
        schema = index.schema
        query = search.tantivy.Query.term_query(schema, "text", "appl", index_option="freq")
        hits = index.searcher.search(query, limit=5).hits
        found = {index.searcher.doc(place).get_first("text"): score for score, place in hits}
        idf = np.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
        for text, count, length in ((texts[0], 1, 2), (texts[1], 2, 4)):
            expected = idf * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length / 4))
            self.assertAlmostEqual(found.pop(text), expected, places=4)
        self.assertEmpty(found)

    @parameterized.parameters(
        "", " ", "OR NOT", '"', "text:bread", "title:x", "+bread -water", "bread^1000", "*",
        "?", "[x TO z]", "bread~9", "/.*/", "(((", "\\", "\0", "\ud800", "<|im_end|>", "ß" * 5000,
        "bread " * 5000, "日本語",
    )  # fmt: skip
    def test_nothing_in_a_query_has_a_special_meaning(self, query):
        tool = search_tool(self.made())
        result = tool.run({"query": query})
        if "bread" in query:
            self.assertStartsWith(found_passages(result)[0], DOCUMENTS[1][1])
        else:
            self.assertEqual(result, search.NOTHING_FOUND)

    def test_length_of_the_result(self):
        folder = self.made()
        for characters in (20, 79, 161, 300):
            result = search_tool(folder, characters).run({"query": "Arden water river bread tea"})
            self.assertLessEqual(len(result), characters)
        self.assertLen(result.split("\n"), 3)
        short = search_tool(folder, 20).run({"query": "rye"})
        self.assertEqual(short, "Bread is baked of f…")

    @parameterized.parameters(
        ("What is the bread of Bakers?", ()),
        ("breads, Waters!", ()),
        ("bread of Atlantis?", ("Atlantis",)),
        ("Zub Zub zub-bread tea^9", ("Zub",)),
        ("bread " + "long " * 300, ("long",)),
        ("bread " + " ".join(f"no{n}" for n in range(300)), tuple(f"no{n}" for n in range(31))),
    )
    def test_words_that_no_document_has_are_named(self, query, unknown):
        index = Index.open(self.made())
        self.assertSequenceEqual(index.unknown(query), unknown)
        first, *found = search_tool(self.made()).run({"query": query}).split("\n")
        self.assertEqual(first.startswith("(in no document: "), bool(unknown))
        if unknown:
            most = RESULT_CHARACTERS // 3
            self.assertStartsWith(first, in_no_document(unknown)[: most - 1])
            self.assertLessEqual(len(first), most)
            self.assertNotEmpty(found)

    def test_made_once_and_anew_when_files_change(self):
        file = self.workdir / "notes.txt"
        file.write_text("The key is under the third stone.")
        folder = files_index(self.workdir, str(file))
        self.assertStartsWith(search_tool(folder).run({"query": "key"}), "The key is under")
        with mock.patch.object(search, "_make", side_effect=AssertionError):
            self.assertEqual(files_index(self.workdir, str(file)), folder)
        file.write_text("The key is under the fourth stone, by the gate.")
        other = files_index(self.workdir, str(file))
        self.assertNotEqual(other, folder)
        self.assertIn("fourth", search_tool(other).run({"query": "key"}))

    def test_of_a_run(self):
        file = self.workdir / "corpus.jsonl"
        file.write_text('{"body": "A lynx has tufted ears."}\n{"body": "A heron stands still."}\n')
        config = get_config()
        config.data.source, config.data.text_key = str(file), "body"
        tool = search_tool(corpus_index(self.workdir, config))
        self.assertEqual(tool.run({"query": "ears of the lynx"}), "A lynx has tufted ears.")
        self.assertEqual(tool.about, f"search: 2 passages of {file}")
        config.data.max_bytes = 10
        tool = search_tool(corpus_index(self.workdir, config))
        self.assertEqual(tool.run({"query": "heron"}), search.NOTHING_FOUND)

    def test_practice_is_indexed_only_where_it_is_named(self):
        config = get_config()
        config.world.megabytes = 0.01
        config.data.source, config.data.max_bytes = "library,repetitions", 20_000
        for source in ("", config.data.source):
            config.search.source = source
            found = Index.open(corpus_index(self.workdir, config)).search("read it aloud", 3)
            with self.subTest(source=source):
                self.assertEqual(any("aloud" in passage for passage in found), bool(source))

    def test_of_the_world(self):
        config = get_config()
        config.world.megabytes = 0.3
        folder = corpus_index(self.workdir, config)
        result = search_tool(folder).run({"query": "What is the capital of France?"})
        self.assertIn("capital", result)
        self.assertLessEqual(len(result), RESULT_CHARACTERS)
        # Made again elsewhere, it answers the same.
        elsewhere = search_tool(corpus_index(self.workdir / "other", config))
        for query in ("What is the capital of France?", "animals", "iron"):
            self.assertEqual(
                search_tool(folder).run({"query": query}), elsewhere.run({"query": query})
            )

    def in_another_program(self, documents):
        """Makes the index of DOCUMENTS there; the code `documents` gives them."""
        code = (
            "import os, pathlib, sys, time\n"
            "from serve.tools.search import make_index\n"
            f"given = {DOCUMENTS!r}\n"
            f"def documents():\n    {documents}\n"
            "made_from = {'source': 'some documents'}\n"
            "make_index(pathlib.Path(sys.argv[1]), documents, made_from)"
        )
        return subprocess.Popen([sys.executable, "-c", code, str(self.workdir)], cwd=ROOT)

    def test_a_killed_writer_leaves_nothing_that_is_taken_for_an_index(self):
        writer = self.in_another_program("yield from given; os._exit(9)")
        self.assertEqual(writer.wait(timeout=60), 9)
        self.assertLen(list((self.workdir / "search").glob("*.partial")), 1)
        self.assertLen(Index.open(self.made()).search("rye", 5), 1)
        self.assertEmpty(list((self.workdir / "search").glob("*.partial")))

    def test_two_at_once_make_one(self):
        begun = self.workdir / "begun"
        other = self.in_another_program(f"open({str(begun)!r}, 'w'); time.sleep(0.3); return given")
        while not begun.exists() and other.poll() is None:
            time.sleep(0.01)
        with mock.patch.object(search, "_make", side_effect=AssertionError):
            folder = self.made()  # waits for the other, and takes what it has made
        self.assertEqual(other.wait(timeout=60), 0)
        self.assertLen(Index.open(folder).search("rye", 5), 1)

    def test_errors(self):
        with self.assertRaisesRegex(InputError, "nowhere.*check the path"):
            files_index(self.workdir, str(self.workdir / "nowhere.txt"))
        with self.assertRaisesRegex(InputError, "some documents has no text to search in"):
            self.made([("empty", " \n")])
        with self.assertRaisesRegex(InputError, "there is no search index in"):
            search_tool(self.workdir)
        folder = self.made()
        (folder / "meta.json").write_text("{")
        with self.assertRaisesRegex(InputError, "is damaged .*: delete it, and it is made anew"):
            search_tool(folder)


class ResolveTest(absltest.TestCase):
    def test_by_name(self):
        with tempfile.TemporaryDirectory() as workdir:
            file = pathlib.Path(workdir) / "notes.txt"
            file.write_text("The key is under the third stone.")
            tools = resolve(
                ["search", " python", "search", ""], workdir, get_config(), documents=str(file)
            )
            self.assertEqual([tool.name for tool in tools], ["search", "python"])
            self.assertStartsWith(tools[0].run({"query": "stone"}), "The key")
            self.assertEqual(tools[1].run({"code": "6 * 7"}), "42")
            for tool in tools:
                self.assertStartsWith(tool.about, f"{tool.name}: ")
                tool.close()

    def test_unknown(self):
        with self.assertRaisesRegex(InputError, "no tool 'shell'; the tools are python, search"):
            resolve(["python", "shell"], "", get_config())
        with self.assertRaisesRegex(InputError, "only the tool search reads the documents"):
            resolve(["python"], "", get_config(), documents="x.txt")


if __name__ == "__main__":
    absltest.main()
