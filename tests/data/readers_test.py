import codecs
import collections
import gzip
import io
import json
import random
from unittest import mock

import hypothesis
import hypothesis.strategies as st
import pyarrow
import pyarrow.parquet
import zstandard
from absl.testing import absltest, parameterized

from data import readers
from data.errors import InputError


class Trickle(io.RawIOBase):
    """A stream that gives at most `size` bytes a read, as networks do."""

    def __init__(self, data: bytes, size: int):
        self._data, self._size = io.BytesIO(data), size

    def readable(self):
        return True

    def readinto(self, buffer):
        data = self._data.read(min(self._size, len(buffer)))
        buffer[: len(data)] = data
        return len(data)


def plain(data: bytes, document_bytes: int = 64, size: int = 1 << 30):
    problems = collections.Counter()
    stream = readers.plain_text(Trickle(data, size), "a.txt", document_bytes, problems)
    return [text for _, text in stream], problems


PARAGRAPH = st.text(st.sampled_from("ab é\U0001f600.\t\n\r"), max_size=40)


class PlainTextTest(parameterized.TestCase):
    @hypothesis.settings(max_examples=200, deadline=None)
    @hypothesis.given(
        paragraphs=st.lists(PARAGRAPH, max_size=30),
        document_bytes=st.integers(1, 120),
        size=st.integers(1, 50),
    )
    def test_documents_joined_are_the_file(self, paragraphs, document_bytes, size):
        data = "\n\n".join(paragraphs).encode()
        texts, problems = plain(data, document_bytes, size)
        # What is passed over is white space between documents, never text.
        rest = data.decode()
        for text in texts:
            before, found, rest = rest.partition(text)
            self.assertTrue(found)
            self.assertEqual(before.strip(), "")
        self.assertEqual(rest.strip(), "")
        if not problems:
            self.assertEqual("".join(texts).encode(), data)
        self.assertEqual(set(problems) - {"documents of white space"}, set())

    @hypothesis.settings(max_examples=50, deadline=None)
    @hypothesis.given(
        st.lists(PARAGRAPH, max_size=20), st.integers(1, 40), st.integers(1, 60), st.integers(1, 60)
    )
    def test_how_the_bytes_arrive_does_not_matter(self, paragraphs, document_bytes, one, other):
        data = "\n\n".join(paragraphs).encode()
        self.assertEqual(plain(data, document_bytes, one), plain(data, document_bytes, other))

    def test_cut_at_the_first_blank_line_after_the_size(self):
        texts, _ = plain(b"aaaa\n\nbbbb\n \n\ncc\ndd\n\nee", 8)
        self.assertEqual(texts, ["aaaa\n\nbbbb\n \n\n", "cc\ndd\n\nee"])

    def test_text_without_blank_lines_is_cut_at_lines_then_words_then_anywhere(self):
        lines = b"x" * 60 + b"\n"
        texts, _ = plain(lines * 40, 32)
        self.assertEqual({text[-1] for text in texts}, {"\n"})
        self.assertLessEqual(max(map(len, texts)), 8 * 32)
        texts, _ = plain(b"word " * 400, 32)
        self.assertEqual({text[-5:] for text in texts}, {"word "})
        texts, problems = plain("é\U0001f600€".encode() * 400, 32)
        self.assertEqual("".join(texts), "é\U0001f600€" * 400)
        self.assertFalse(problems)
        self.assertLessEqual(max(len(text.encode()) for text in texts), 8 * 32)

    def test_separators(self):
        texts, _ = plain(b"one\n\n1\n<|endoftext|>\ntwo<|endoftext|><|endoftext|>three\n", 1)
        self.assertEqual(texts, ["one\n\n1", "two", "three"])
        texts, _ = plain(b"ab<|endoftext|>" * 5000, 8, size=7)
        self.assertEqual(texts, ["ab"] * 5000)

    def test_a_separator_found_late_still_ends_a_document(self):
        with (
            mock.patch.object(readers, "PEEK_BYTES", 10),
            mock.patch.object(readers, "CHUNK_BYTES", 10),
        ):
            texts, _ = plain(b"aaaaaaaaaaaaaaaaaaaa\n<|endoftext|>\nbb", 100)
        self.assertEqual(texts, ["aaaaaaaaaaaaaaaaaaaa", "bb"])

    def test_a_document_never_exceeds_the_bound(self):
        with mock.patch.object(readers, "MAX_DOCUMENT_BYTES", 1000):
            texts, _ = plain(b"a<|endoftext|>" + b"b" * 5000, 100)
        self.assertEqual(texts[0], "a")
        self.assertEqual("".join(texts[1:]), "b" * 5000)
        self.assertLessEqual(max(map(len, texts)), 1000)

    def test_bytes_that_are_not_utf8_are_replaced_and_counted(self):
        texts, problems = plain(b"good\n\n\n" * 20 + b"b\xffd\n\n" + b"good\n\n" * 20, 16)
        self.assertIn("b�d", "".join(texts))
        self.assertEqual(problems["documents with bytes that are not UTF-8, replaced"], 1)

    def test_byte_order_marks(self):
        self.assertEqual(plain(b"\xef\xbb\xbfhello")[0], ["hello"])
        with self.assertRaisesRegex(InputError, "a.txt is UTF-16"):
            plain("hello".encode("utf-16"))

    def test_no_text(self):
        self.assertEqual(plain(b"")[0], [])
        texts, problems = plain(b" \n\n \n")
        self.assertEqual(texts, [])
        self.assertEqual(problems["documents of white space"], 1)


class PackedTest(parameterized.TestCase):
    CONTENT = random.Random(0).randbytes(3_000_000)

    def read(self, packed: bytes, name: str) -> bytes:
        return readers.decompressed(io.BytesIO(packed), name).read()

    @parameterized.parameters(
        ("a.txt.gz", gzip.compress), ("a.txt.zst", zstandard.ZstdCompressor().compress)
    )
    def test_whole_in_several_parts_and_damaged(self, name, pack):
        packed = pack(self.CONTENT)
        self.assertEqual(self.read(packed, name), self.CONTENT)
        self.assertEqual(self.read(packed + packed, name), self.CONTENT * 2)
        flipped = bytearray(packed)
        flipped[0] ^= 0xFF
        for bad in (packed[:-1], packed[:-9], packed[: len(packed) // 2], bytes(flipped)):
            with self.assertRaisesRegex(InputError, f"{name} is damaged or cut short"):
                self.read(bad, name)


class JsonLinesTest(absltest.TestCase):
    def read(self, data: bytes, key: str = "text"):
        problems = collections.Counter()
        stream = readers.json_lines(io.BytesIO(data), "a.jsonl", key, problems)
        return list(stream), problems

    def test_what_cannot_be_used_is_counted(self):
        lines = [
            b'{"text": "one"}',
            b"{not json}",
            b"",
            b"[1, 2]",
            b'{"text": 5}',
            b'{"other": "x"}',
            b'{"text": " \\n"}',
            b'{"text": "\\u00e9\\ud83d\\ude00"}',
            b"\xff\xfe",
            b"[" * 100_000,
        ]
        found, problems = self.read(b"\n".join(lines))
        self.assertEqual(found, [(0, "one"), (7, "é\U0001f600")])
        self.assertEqual(
            dict(problems),
            {
                "lines that are not JSON objects": 4,
                "records without text": 2,
                "documents of white space": 1,
            },
        )

    def test_a_line_over_the_bound_is_skipped_and_counted(self):
        with mock.patch.object(readers, "MAX_LINE_BYTES", 1000):
            long = json.dumps({"text": "x" * 5000}).encode()
            found, problems = self.read(b'{"text": "a"}\n' + long + b'\n{"text": "b"}\n' + long)
        self.assertEqual(found, [(0, "a"), (2, "b")])
        self.assertEqual(problems["lines longer than 64 MB"], 2)

    def test_a_wrong_key_names_those_that_are_there(self):
        with self.assertRaisesRegex(InputError, r"no text under the key 'body' .*keys: text, url"):
            self.read(b'{"text": "a", "url": "b"}\n', "body")
        # It does not take the whole file to find out.
        endless = io.BufferedReader(Trickle(b'{"text": "a"}\n' * 2000, 100))
        with self.assertRaises(InputError):
            list(readers.json_lines(endless, "a", "body", collections.Counter()))
        self.assertTrue(endless.read())

    def test_a_file_that_is_not_json_lines(self):
        with self.assertRaisesRegex(InputError, "one object a line"):
            self.read(b'[\n"a",\n"b"\n]\n')
        self.assertEqual(self.read(b"")[0], [])


class JsonRecordsTest(parameterized.TestCase):
    @parameterized.product(
        before=(b"", b" \n" * 500_000, codecs.BOM_UTF8, codecs.BOM_UTF8 + b"\n\t "),
        content=(b'[{"a": 1}, {"a": 2}]', b'{"a": 1}\n{"a": 2}\n'),
    )
    def test_an_array_or_lines_whatever_stands_before(self, before, content):
        problems = collections.Counter()
        file = io.BytesIO(before + content)
        found = [value for _, value in readers.json_records(file, "a", problems)]
        self.assertEqual(found, [{"a": 1}, {"a": 2}])
        self.assertEmpty(problems)

    def test_an_array_with_a_number_too_long_for_an_integer(self):
        content = b'[{"a": 1}, {"a": ' + b"1" * 5000 + b'}, {"a": 3}]'
        found = readers.json_records(io.BytesIO(content), "a", collections.Counter())
        self.assertEqual([v["a"] for _, v in found], [1, float("inf"), 3])

    def test_an_array_nested_too_deep_says_so(self):
        content = b'[{"a": 1}, {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]"
        with self.assertRaisesRegex(InputError, "element 1 of the JSON array a is nested too deep"):
            list(readers.json_records(io.BytesIO(content), "a", collections.Counter()))

    def test_what_only_begins_like_a_byte_order_mark_is_no_object(self):
        problems = collections.Counter()
        file = io.BytesIO(b'\xef\xbbx\n{"a": 1}\n')
        self.assertEqual([v for _, v in readers.json_records(file, "a", problems)], [{"a": 1}])
        self.assertEqual(problems["records that are not JSON objects"], 1)


class ParquetTest(absltest.TestCase):
    def read(self, table: pyarrow.Table, key: str = "text"):
        file = io.BytesIO()
        pyarrow.parquet.write_table(table, file, row_group_size=100)
        problems = collections.Counter()
        return list(readers.parquet(file, "a.parquet", key, problems)), problems

    def test_every_kind_of_text_column(self):
        texts = [f"text {number} é" for number in range(350)]
        for kind in (
            pyarrow.string(),
            pyarrow.large_string(),
            pyarrow.binary(),
            pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
        ):
            column = pyarrow.array(texts).cast(kind)
            found, problems = self.read(pyarrow.table({"id": range(350), "text": column}))
            self.assertEqual(found, list(enumerate(texts)))
            self.assertFalse(problems)

    def test_fields_that_only_other_rows_have_are_absent(self):
        rows = [
            {"call": {"name": "f", "arguments": {"x": 1}}, "some": [None, 1]},
            {"call": {"name": "g", "arguments": {"city": "P"}}},
        ]
        file = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
        self.assertEqual([row for _, row in readers.parquet_records(file, "a.parquet")], rows)

    def test_nulls_are_counted(self):
        found, problems = self.read(pyarrow.table({"text": ["a", None, " "]}))
        self.assertEqual(found, [(0, "a")])
        self.assertEqual(problems["records without text"], 1)

    def test_errors(self):
        with self.assertRaisesRegex(InputError, "keys: id, body"):
            self.read(pyarrow.table({"id": [1], "body": ["a"]}))
        with self.assertRaisesRegex(InputError, "holds int64, not text"):
            self.read(pyarrow.table({"text": [1]}))
        with self.assertRaisesRegex(InputError, "a.parquet is not a whole Parquet file"):
            list(readers.parquet(io.BytesIO(b"x" * 99), "a.parquet", "text", {}))


if __name__ == "__main__":
    absltest.main()
