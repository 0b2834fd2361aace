import base64
import gzip
import io
import os
import random
import time
import tracemalloc

from absl.testing import absltest, parameterized
from fastwarc.warc import ArchiveIterator
from hypothesis import given, settings
from hypothesis import strategies as st

from data.web import warc
from tests.data.web import crawls

LIMIT = 100_000


def read(content: bytes, limit: int = LIMIT) -> list[tuple[str, str, bytes]]:
    found = warc.records(io.BytesIO(content), limit)
    return [(record.url[-1:], record.problem, record.block) for record in found]


def outcomes(content: bytes) -> list[tuple[str, str]]:
    return [(url, problem) for url, problem, _ in read(content)]


def page(name: str, packed: bool = True, **claims) -> bytes:
    block = crawls.http(f"<p>{name * 50}</p>".encode())
    return crawls.record(f"http://x/{name}", block, packed=packed, **claims)


A, C = page("a"), page("c")
PLAIN_A, PLAIN_C = page("a", packed=False), page("c", packed=False)
AROUND = [("a", ""), ("c", "")]


class RecordsTest(parameterized.TestCase):
    @parameterized.named_parameters(
        ("a member a record", A + C),
        ("one member", gzip.compress(PLAIN_A + PLAIN_C)),
        ("not packed", PLAIN_A + PLAIN_C),
        ("zeros behind", A + C + bytes(512)),
        ("no blank lines at the end", PLAIN_A + PLAIN_C.rstrip()),
    )
    def test_layouts(self, content):
        self.assertEqual(outcomes(content), AROUND)

    def test_block_is_whole(self):
        block = crawls.http(os.urandom(50_000))
        self.assertEqual(read(crawls.record("http://x/b", block)), [("b", "", block)])

    @parameterized.product(length=(500, 20, 10**15, -5, "many", ""), packed=(True, False))
    def test_wrong_length_costs_that_record_alone(self, length, packed):
        bad = page("b", packed=packed, length=length)
        around = (A, C) if packed else (PLAIN_A, PLAIN_C)
        found = outcomes(around[0] + bad + around[1])
        if length == 10**15 and not packed:
            # What lies behind cannot be told from a block that is too long to hold.
            self.assertEqual(found[:2], [("a", ""), ("b", warc.TRUNCATED)])
        else:
            self.assertEqual(found, [("a", ""), ("b", warc.WRONG_LENGTH), ("c", "")])

    def test_cut_short(self):
        block = crawls.http(os.urandom(50_000))
        content = A + crawls.record("http://x/b", block)
        for lost in (20, 5_000, 40_000):
            self.assertEqual(outcomes(content[:-lost]), [("a", ""), ("b", warc.TRUNCATED)], lost)
        # Only the checksum is cut: the record is whole, the file is not.
        for lost in (1, 8):
            expected = [("a", ""), ("b", ""), ("", warc.TRUNCATED)]
            self.assertEqual(outcomes(content[:-lost]), expected, lost)

    def test_cut_anywhere_is_never_taken_for_whole(self):
        content = page("b") + page("b")
        honest = read(content)[0][2]
        for end in range(len(content)):
            for _, problem, block in read(content[:end]):
                self.assertTrue(problem or block == honest, end)

    def test_corrupt_member_costs_itself_alone(self):
        block = crawls.http(random.Random(0).randbytes(200_000))
        bad = bytearray(crawls.record("http://x/b", block))
        bad[1000:1100] = bytes(100)
        found = outcomes(A + bytes(bad) + C)
        self.assertEqual(found, [("a", ""), ("b", warc.CORRUPT), ("c", "")])

    def test_member_that_ends_early_is_named(self):
        text = base64.b64encode(os.urandom(9000))
        named = [("a", False), ("b", True), ("c", False)]
        for kept in (400, 900, 3000, 6000):
            cut = crawls.record("http://x/b", crawls.http(text))[:kept]
            found = outcomes(A + cut + C)
            self.assertEqual([(url, bool(problem)) for url, problem in found], named, kept)

    def test_wrong_checksum_is_noticed(self):
        bad = bytearray(A)
        bad[-6] ^= 1
        self.assertIn(warc.CORRUPT, [problem for _, problem in outcomes(bytes(bad) + C)])

    @parameterized.parameters(b"garbage" * 9, b"\x1f\x8b", b"\x1f\x8b\x08garbage", b"WARC/1.0\r\n")
    def test_garbage_between(self, garbage):
        found = outcomes(A + garbage + C)
        self.assertEqual((found[0], found[-1]), (("a", ""), ("c", "")))
        self.assertLen(found, 3)

    def test_no_warc(self):
        self.assertEqual(outcomes(b"not a warc at all"), [("", warc.TRUNCATED)])
        self.assertEqual(outcomes(b""), [])

    def test_huge_record_is_passed_over_in_bounded_memory(self):
        huge = crawls.record("http://x/b", crawls.http(bytes(200_000_000)))
        content = A + huge + C
        del huge
        tracemalloc.start()
        found = outcomes(content)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.assertEqual(found, [("a", ""), ("b", warc.OVERSIZE), ("c", "")])
        self.assertLess(peak, 2_000_000)

    def test_file_of_beginnings_takes_no_longer_than_its_length(self):
        beginning = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
        stored = b"\x00\x10\x00\xef\xff"  # a block of 16 bytes as they are
        content = (beginning + stored + b"x") * 100_000
        started = time.process_time()
        self.assertNotEmpty(outcomes(content))
        self.assertLess(time.process_time() - started, 20)

    def test_many_records_that_lie_are_each_found(self):
        lie = b"WARC/1.0\r\nContent-Length: %d\r\n\r\nx\r\n"
        for length, count in ((LIMIT // 2, 20_000), (2 * LIMIT, 2_000)):
            found = outcomes(gzip.compress(lie % length * count + PLAIN_A))
            self.assertEqual(found, [("", warc.WRONG_LENGTH)] * count + [("a", "")])

    def test_endless_header(self):
        bad = gzip.compress(b"WARC/1.0\r\nX: " + b"x" * 1_000_000)
        self.assertEqual(outcomes(A + bad + C), [("a", ""), ("", warc.BAD_HEADER), ("c", "")])

    @settings(max_examples=60, deadline=None)
    @given(
        blocks=st.lists(st.binary(max_size=300), max_size=5),
        packed=st.booleans(),
        noise=st.binary(max_size=40),
        place=st.integers(0, 2000),
    )
    def test_any_bytes_end_in_records(self, blocks, packed, noise, place):
        content = b"".join(
            crawls.record(f"http://x/{n}", b, packed=packed) for n, b in enumerate(blocks)
        )
        if not noise:
            self.assertEqual([block for _, _, block in read(content)], blocks)
        place = min(place, len(content))
        damaged = content[:place] + noise + content[place + len(noise) // 2 :]
        self.assertLessEqual(len(read(damaged)), len(blocks) + len(noise) + 1)

    def test_same_records_as_fastwarc_in_real_files(self):
        if not crawls.REAL.is_dir():
            self.skipTest(f"{crawls.REAL} is not there")
        for path in sorted(crawls.REAL.glob("*.gz")):
            with self.subTest(path.name), open(path, "rb") as file:
                mine = [(r.kind, r.url, r.block) for r in warc.records(file, 1 << 24)]
                theirs = [
                    (
                        record.headers["WARC-Type"],
                        record.headers.get("WARC-Target-URI", "").strip("<>"),
                        record.reader.read(),
                    )
                    for record in ArchiveIterator(str(path), parse_http=False)
                ]
                self.assertEqual(mine, theirs)


if __name__ == "__main__":
    absltest.main()
