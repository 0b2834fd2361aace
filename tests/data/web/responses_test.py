import gzip
import tracemalloc
import zlib

import brotli
import zstandard
from absl.testing import absltest, parameterized

from data.web import responses
from tests.data.web import crawls

LIMIT = 1_000_000
PAGE = b"<!doctype html><p>" + b"words " * 100


def body(block: bytes) -> responses.Body:
    return responses.body(block, LIMIT)


def encoded(name: str, content: bytes, *more: str) -> bytes:
    return crawls.http(content, "Content-Type: text/html", f"Content-Encoding: {name}", *more)


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


class BodyTest(parameterized.TestCase):
    def test_plain(self):
        found = body(crawls.http(PAGE, "Content-Type: Text/HTML; charset=ISO-8859-5"))
        self.assertEqual((found.content, found.charset), (PAGE, "iso-8859-5"))
        self.assertEqual(found.problem, "")

    @parameterized.parameters(*PACKERS)
    def test_encodings(self, name):
        self.assertEqual(body(encoded(name, PACKERS[name](PAGE))).content, PAGE)
        # The crawler has unpacked it and left the header.
        self.assertEqual(body(encoded(name, PAGE)).content, PAGE)

    def test_chunks(self):
        chunks = (
            b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (PAGE[:9], PAGE[9:])) + b"0\r\n\r\n"
        )
        header = "Transfer-Encoding: chunked"
        self.assertEqual(body(crawls.http(chunks, "Content-Type: text/html", header)).content, PAGE)
        self.assertEqual(body(crawls.http(PAGE, "Content-Type: text/html", header)).content, PAGE)

    def test_chunks_of_gzip(self):
        packed = gzip.compress(PAGE)
        chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
        found = body(encoded("gzip", chunks, "Transfer-Encoding: chunked"))
        self.assertEqual(found.content, PAGE)

    @parameterized.parameters(*PACKERS)
    def test_bomb(self, name):
        packed = encoded(name, PACKERS[name](b"<p>" + bytes(20_000_000)))
        tracemalloc.start()
        found = body(packed)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.assertEqual(found.problem, responses.ENCODING_BOMB)
        self.assertEqual(found.content, b"")
        self.assertLess(peak, 5 * LIMIT)

    @parameterized.parameters(
        ("gzip", b"\x1f\x8b\x08damaged" * 9),
        ("br", b"\xff\xfe damaged" * 9),
        ("zstd", b"damaged" * 9),
        ("deflate", b"damaged" * 9),
        ("rot13", b"qnzntrq" * 9),
    )
    def test_damaged_or_unknown(self, name, content):
        self.assertEqual(body(encoded(name, content)).problem, responses.BAD_ENCODING)

    @parameterized.parameters(
        (crawls.http(PAGE, status="404 Not Found"), responses.STATUS, 404),
        (crawls.http(b"%PDF", "Content-Type: application/pdf"), responses.CONTENT_TYPE, 0),
        (crawls.http(b"%PDF", "Server: x"), responses.CONTENT_TYPE, 0),
        (crawls.http(b" \n "), responses.EMPTY, 0),
        (b"", responses.BAD_HTTP, 0),
        (PAGE, responses.BAD_HTTP, len(PAGE)),
        (bytes(300), responses.BAD_HTTP, 300),
    )
    def test_no_page(self, block, problem, figure):
        found = body(block)
        self.assertEqual((found.content, found.problem, found.figure), (b"", problem, figure))

    def test_untyped_html_is_recognised(self):
        self.assertEqual(body(crawls.http(PAGE, "Server: x")).content, PAGE)


if __name__ == "__main__":
    absltest.main()
