import gzip
import pathlib
import pickle
import tempfile

import numpy as np
from absl.testing import absltest, parameterized
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from data.web import urls
from data.web.urls import Urls


class SplitTest(parameterized.TestCase):
    @parameterized.parameters(
        ("http://Example.COM/A/b/?q=1#top", "example.com", "/A/b/?q=1"),
        ("https://user:word@example.com:8080/a/", "example.com", "/a"),
        ("example.com", "example.com", ""),
        ("example.com?q=http://other.org/x", "example.com", "?q=http://other.org/x"),
        ("//example.com./x", "", "//example.com./x"),
        ("http://bücher.example/x", "xn--bcher-kva.example", "/x"),
        ("http://[2001:db8::1]:80/x", "[2001:db8::1]:80", "/x"),
        ("http://example.com\\a", "example.com", "\\a"),
        ("", "", ""),
    )
    def test_split(self, url, host, path):
        self.assertEqual(urls.split(url), (host, path))

    @given(st.text())
    def test_never_raises(self, text):
        urls.split(text)
        self.assertEqual(urls.check(text, Urls()), urls.check(text, Urls()))


class BlocklistTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
        for category, name, lines in (
            (
                "adult",
                "domains",
                "# a comment\nbad.example\n\nvery.bad.test\nBÜCHER.example\n1.2.3.4\n",
            ),
            ("adult", "urls", "mixed.example/~ann\nwww.mixed.example/a/b\n"),
            ("gambling", "domains.gz", "dice.example\n"),
        ):
            path = self.folder / "lists" / category / name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = lines.encode()
            path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        self.compiled = str(self.folder / "compiled.npy")

    def reason(self, url):
        drop = urls.check(url, Urls(), self.compiled)
        return drop and drop.reason

    @parameterized.parameters(
        ("http://bad.example/", "host"),
        ("https://BAD.example:8443", "host"),
        ("http://www.bad.example/x", "parent_host"),
        ("http://a.b.c.very.bad.test/x", "parent_host"),
        ("http://bad.test/", None),
        ("http://notbad.example/", None),
        ("http://example/", None),
        ("http://bücher.example/", "host"),
        ("http://1.2.3.4/x", "host"),
        ("http://9.1.2.3.4/x", None),
        ("http://mixed.example/", None),
        ("http://mixed.example/~ann", "url"),
        ("http://www.mixed.example/~ann/pictures?page=2", "url"),
        ("http://mixed.example/~anna", None),
        ("https://mixed.example/a/b/", "url"),
        ("https://mixed.example/a", None),
        ("https://dice.example/", "host"),
        ("https://archive.example/web/http://bad.example/", None),
    )
    def test_listed(self, url, reason):
        self.assertEqual(urls.compile_blocklists(str(self.folder / "lists"), self.compiled), 7)
        self.assertEqual(self.reason(url), reason)

    def test_categories(self):
        count = urls.compile_blocklists(str(self.folder / "lists"), self.compiled, ("gambling",))
        self.assertEqual(count, 1)
        with self.assertRaisesRegex(InputError, "no category 'dating'.*adult, gambling"):
            urls.compile_blocklists(str(self.folder / "lists"), self.compiled, ("dating",))
        with self.assertRaisesRegex(InputError, "no file named domains or urls"):
            urls.compile_blocklists(str(self.folder / "none"), self.compiled)

    def test_a_list_of_nothing_bars_nothing(self):
        (self.folder / "empty").mkdir()
        (self.folder / "empty" / "domains").write_text("# none yet\n")
        self.assertEqual(urls.compile_blocklists(str(self.folder / "empty"), self.compiled), 0)
        self.assertIsNone(self.reason("https://bad.example/"))

    def test_a_damaged_list_is_named(self):
        path = self.folder / "lists" / "gambling" / "domains.gz"
        path.write_bytes(gzip.compress(b"a.example\n" * 1000)[:20])
        with self.assertRaisesRegex(InputError, "domains.gz cannot be read"):
            urls.compile_blocklists(str(self.folder / "lists"), self.compiled)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["lists"])

    def test_is_mapped_and_not_read(self):
        urls.compile_blocklists(str(self.folder / "lists"), self.compiled)
        self.assertIsInstance(urls._mapped(self.compiled), np.memmap)

    def test_against_a_set_of_many(self):
        listed = {f"host{number * 7}.example" for number in range(20_000)}
        (self.folder / "many").mkdir()
        (self.folder / "many" / "domains").write_text("\n".join(sorted(listed)))
        compiled = str(self.folder / "many.npy")
        self.assertEqual(urls.compile_blocklists(str(self.folder / "many"), compiled), 20_000)
        for number in range(0, 140_100, 97):
            host = f"host{number}.example"
            dropped = urls.check(f"http://{host}/", Urls(), compiled) is not None
            self.assertEqual(dropped, host in listed, host)


class WordsTest(parameterized.TestCase):
    @parameterized.parameters(
        ("http://example.com/xxx/1", "banned_word", 1),
        ("http://example.com/%78xx", "banned_word", 1),
        ("http://example.com/Porn-star", "banned_word", 1),
        ("http://sexy-girls.example.com/", "soft_words", 2),
        ("http://casino.example.com/news", None, 0),
        ("http://casino.example.com/casino/casino", None, 0),
        ("http://myfreepornsite.example/", "banned_substring", 1),
        ("http://my-free-po-rn.example/", "banned_substring", 1),
        ("http://www.essex-girls-school.example/middlesex", None, 0),
        ("http://example.com/assassination-of-caesar", None, 0),
    )
    def test_words(self, url, reason, figure):
        drop = urls.check(url, Urls())
        self.assertEqual((drop.reason, drop.figure) if drop else (None, 0), (reason, figure))

    def test_a_file_adds_words(self):
        folder = self.enter_context(tempfile.TemporaryDirectory())
        path = pathlib.Path(folder, "mine.txt")
        path.write_text("# mine\nTurnips!\n")
        extended = Urls(banned_words=str(path))
        self.assertIsNone(urls.check("http://example.com/turnips", Urls()))
        self.assertEqual(urls.check("http://example.com/turnips", extended).reason, "banned_word")
        self.assertIsNotNone(urls.check("http://example.com/xxx", extended))
        with self.assertRaisesRegex(InputError, r"web\.urls\.soft_words names .*missing"):
            urls.check("http://example.com/", Urls(soft_words="missing.txt"))

    def test_soft_words_can_be_switched_off(self):
        self.assertIsNone(urls.check("http://sexy-girls.example.com/", Urls(min_soft_words=0)))

    def test_settings_pickle(self):
        self.assertEqual(pickle.loads(pickle.dumps(Urls())), Urls())


if __name__ == "__main__":
    absltest.main()
