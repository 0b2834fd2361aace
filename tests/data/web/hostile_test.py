"""What crawls bring home: each kind is counted under its own reason, and harms nobody."""

import gzip
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zlib

from absl.testing import absltest, parameterized

from data.web import layout, responses, sinks, steps, warc
from tests.data.web import crawls
from tests.data.web.crawls import article

GOOD = crawls.html(article(1))
MEMORY_MEGABYTES = 60  # more than a crawl of one good page takes
CPU_SECONDS = 20


def laughs() -> bytes:
    """A billion of them, and a good page around."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    declared = f'<!DOCTYPE html [<!ENTITY l0 "ha">{entities}]>'.encode()
    page = crawls.html(article(3))
    return page.replace(b"<!doctype html>", declared).replace(b"arches", b"arches &l9;")


def misdeclared() -> bytes:
    text = article(2) + "\nÀ bientôt, chère élève, à côté du café."
    return crawls.html(text).decode().encode("latin-1")


def bomb(pack) -> bytes:
    return pack(b"<p>" + bytes(50_000_000))


# Kind -> the record, and why the page is dropped.
DROPPED = {
    "huge": (crawls.http(bytes(200_000_000)), warc.OVERSIZE),
    "nul": (crawls.http(GOOD.replace(b"river", b"ri\0ver")), "nul_bytes"),
    "gzip_bomb": (
        crawls.http(bomb(gzip.compress), "Content-Encoding: gzip"),
        responses.ENCODING_BOMB,
    ),
    "deflate_bomb": (
        crawls.http(bomb(zlib.compress), "Content-Encoding: deflate"),
        responses.ENCODING_BOMB,
    ),
    "bad_encoding": (
        crawls.http(b"\x1f\x8b\x08oh", "Content-Encoding: gzip"),
        responses.BAD_ENCODING,
    ),
    "deep": (
        crawls.http(b"<div>" * 10_000 + b"<p>x" + b"</div>" * 10_000),
        "too_deep",
    ),
    "no_text": (crawls.http(b"<html><script>1</script></html>"), "no_text"),
    "not_found": (crawls.http(GOOD, status="404 Not Found"), responses.STATUS),
    "no_http": (b"hello", responses.BAD_HTTP),
    "pdf": (crawls.http(b"%PDF", "Content-Type: application/pdf"), responses.CONTENT_TYPE),
    "pdf_as_html": (crawls.http(b"%PDF-1.7 " + b"x" * 99), "not_html"),
    "empty": (crawls.http(b" "), responses.EMPTY),
}
# Pages that come through, with what is noted of them.
KEPT = {
    "good": (crawls.http(GOOD), ""),
    "charset": (crawls.http(misdeclared()), steps.WRONG_CHARSET),
    "laughs": (crawls.http(laughs()), steps.OWN_ENTITIES),
}
# Damaged records: the bytes, and why.
DAMAGED = {
    "too_short": (
        crawls.record("http://too_short.example/", crawls.http(GOOD), length=10),
        warc.WRONG_LENGTH,
    ),
    "too_long": (
        crawls.record("http://too_long.example/", crawls.http(GOOD), length=10**9),
        warc.WRONG_LENGTH,
    ),
    "cut": (
        crawls.record("http://cut.example/", crawls.http(os.urandom(9000)))[:-4000],
        warc.TRUNCATED,
    ),
}


def hostile_crawl() -> bytes:
    content = crawls.record("x", b"software: y", kind="warcinfo")
    for kind, (block, _) in (KEPT | DROPPED).items():
        content += crawls.record(f"http://{kind}.example/", block)
    content += crawls.record("http://asked.example/", b"GET /", kind="request")
    return content + b"".join(record for record, _ in DAMAGED.values())


def measured(source: pathlib.Path, output: pathlib.Path) -> tuple[float, float]:
    """Filters; returns the most memory that it took, in MB, and CPU seconds, of all processes."""
    program = (
        "import atexit, resource, runpy, sys\n"
        f"sys.argv = ['data.main', '--input={source}', '--output={output}']\n"
        "def tell():\n"
        "    peak = [line for line in open('/proc/self/status') if 'VmHWM' in line]\n"
        "    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, "
        "resource.RUSAGE_CHILDREN)]\n"
        "    print('took', peak[0].split()[1], sum(u.ru_utime + u.ru_stime for u in uses))\n"
        "atexit.register(tell)\n"
        "runpy.run_module('data.main', run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=crawls.ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise AssertionError(done.stderr)
    kilobytes, seconds = re.search(r"took (\d+) ([\d.]+)", done.stdout).groups()
    return int(kilobytes) / 1024, float(seconds)


@absltest.skipUnless(os.path.exists("/proc/self/status"), "needs /proc to measure memory")
class HostileTest(parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        (folder / "good.warc.gz").write_bytes(
            crawls.record("http://good.example/", KEPT["good"][0])
        )
        (folder / "hostile.warc.gz").write_bytes(hostile_crawl())
        cls.honest = measured(folder / "good.warc.gz", folder / "honest")
        cls.hostile = measured(folder / "hostile.warc.gz", folder / "out")
        output = folder / "out"
        cls.account = sinks.read_json(f"{output}/{layout.STATS}")
        drops = sinks.folder_rows(f"{output}/{layout.DROPPED}", ["url", "reason"])
        cls.reasons = {row["url"]: row["reason"] for row in drops}
        kept = sinks.folder_rows(f"{output}/{layout.DOCUMENTS}", ["url", "text"])
        cls.texts = {row["url"]: row["text"] for row in kept}

    @parameterized.parameters(*DROPPED, *DAMAGED)
    def test_is_dropped_for_its_own_reason(self, kind):
        expected = (DROPPED | DAMAGED)[kind][1]
        self.assertEqual(self.reasons[f"http://{kind}.example/"], expected)

    @parameterized.parameters(*KEPT)
    def test_comes_through_and_is_noted(self, kind):
        self.assertIn("arches", self.texts[f"http://{kind}.example/"])
        if noted := KEPT[kind][1]:
            self.assertEqual(self.account["recovered"][noted], 1)

    def test_entities_are_not_expanded(self):
        text = self.texts["http://laughs.example/"]
        self.assertLess(len(text), 2000)
        self.assertNotIn("haha", text)

    def test_wrong_charset_is_read_right(self):
        self.assertIn("chère élève", self.texts["http://charset.example/"])

    def test_everything_is_accounted_for(self):
        responses_in = len(DROPPED) + len(KEPT) + len(DAMAGED)
        self.assertEqual(self.account["pages_in"], responses_in)
        self.assertEqual(len(self.reasons) + len(self.texts), responses_in)
        self.assertEqual(self.account["not_pages"], {"records: request": 1, "records: warcinfo": 1})

    def test_memory_and_time_stay_bounded(self):
        self.assertLess(self.hostile[0] - self.honest[0], MEMORY_MEGABYTES)
        self.assertLess(self.hostile[1], CPU_SECONDS)


if __name__ == "__main__":
    absltest.main()
