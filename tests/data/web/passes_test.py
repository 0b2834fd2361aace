import collections
import contextlib
import pathlib
import tempfile
from unittest import mock

from absl.testing import absltest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.web import funnel, pages, passes, sinks, steps
from data.web.settings import DUPLICATES, Settings
from tests.data.web import crawls
from tests.data.web.crawls import article

BLOCKS = {
    "good": lambda n: crawls.http(crawls.html(article(n))),
    "foreign": lambda n: crawls.http(
        crawls.html("Die alte Brücke über den Fluss wurde im Sommer nach der Flut gebaut. " * 9)
    ),
    "short": lambda n: crawls.http(crawls.html("This is a page with a few words only.")),
    "empty": lambda n: crawls.http(b""),
    "nul": lambda n: crawls.http(bytes(30)),
    "missing": lambda n: crawls.http(b"x", status="410 Gone"),
    "noise": lambda n: b"\x00\xff" * n,
}
KINDS = [*BLOCKS, "request", "metadata", "cut"]


def crawl(kinds: list[str]) -> bytes:
    content = b""
    for number, kind in enumerate(kinds):
        url = f"http://{kind}{number}.example/"
        if kind in BLOCKS:
            content += crawls.record(url, BLOCKS[kind](number))
        elif kind == "cut":
            content += crawls.record(url, crawls.http(b"<p>cut"), length=5)
        else:
            content += crawls.record(url, b"field: value", kind=kind)
    return content


class PassesTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.chain = steps.Chain(Settings())

    @settings(max_examples=30, deadline=None)
    @given(kinds=st.lists(st.sampled_from(KINDS), max_size=12), data=st.data())
    def test_account_adds_up(self, kinds, data):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "a.warc.gz"
            path.write_bytes(crawl(kinds))
            shard = pages.Shard(7, "warc", (str(path),))
            passes.filter_shard(shard, self.chain, folder)
            ids = sorted(
                {row for kind, _, row in passes.signatures(shard, folder) if kind == "text"}
            )
            copies = data.draw(st.lists(st.sampled_from(ids), unique=True) if ids else st.just([]))
            removed = {id_: (data.draw(st.sampled_from(DUPLICATES)), ids[0]) for id_ in copies}
            tally = passes.finish_shard(7, removed, self.chain, folder)
            account = funnel.stats(tally["counts"], self.chain.names)
            kept = list(sinks.folder_rows(f"{folder}/documents", ["id", "url"]))
            rows = list(sinks.folder_rows(f"{folder}/dropped.parquet", passes.LEDGER.names))
        others = collections.Counter(kind for kind in kinds if kind in ("request", "metadata"))
        responses = len(kinds) - others.total()
        self.assertEqual(account["pages_in"], responses)
        self.assertEqual(account["pages_kept"], len(kept))
        self.assertEqual(len(kept) + len(rows), responses)
        self.assertEqual(
            [row["id"] for row in sorted(kept + rows, key=lambda row: row["id"])],
            [7 << pages.PAGE_BITS | place for place in range(responses)],
        )
        self.assertEqual([row["id"] for row in rows], sorted(row["id"] for row in rows))
        by_step = collections.Counter((row["step"], row["reason"]) for row in rows)
        of_account = {
            (row["step"], reason): number
            for row in account["funnel"]
            for reason, number in row.get("dropped", {}).items()
        }
        self.assertEqual(by_step, of_account)
        expected = {f"records: {kind}": number for kind, number in others.items()}
        self.assertEqual(account["not_pages"], expected)
        for row in rows:
            if row["step"] in DUPLICATES:
                self.assertEqual(removed[row["id"]], (row["step"], row["kept_id"]))

    def test_an_account_that_does_not_add_up_is_refused(self):
        tally = funnel.Tally()
        for _ in range(3):
            tally.left(funnel.INPUT, 10, is_text=True)
        tally.left("read", 10, is_text=True)
        tally.dropped("read", "empty")
        with self.assertRaisesRegex(ArithmeticError, "3 pages reached the step read, but 1 were"):
            funnel.stats(tally.counts, ("read",))

    def test_a_step_that_fails_costs_one_page(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "a.warc.gz"
            path.write_bytes(crawl(["good", "good", "good"]))
            shard = pages.Shard(0, "warc", (str(path),))
            honest = steps.language.choose

            def choose(text, chosen):
                if "1901" in text:
                    raise ZeroDivisionError
                return honest(text, chosen)

            with mock.patch.object(steps.language, "choose", choose):
                passes.filter_shard(shard, self.chain, folder)
            tally = passes.finish_shard(0, {}, self.chain, folder)
        account = funnel.stats(tally["counts"], self.chain.names)
        self.assertEqual((account["pages_in"], account["pages_kept"]), (3, 2))
        dropped = {row["step"]: row["dropped"] for row in account["funnel"] if row.get("dropped")}
        self.assertEqual(dropped, {"language": {"failed_ZeroDivisionError": 1}})

    def test_a_step_that_fails_on_most_pages_stops_the_run(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "a.warc.gz"
            path.write_bytes(crawl(["short"] * 30))
            shard = pages.Shard(0, "warc", (str(path),))
            with mock.patch.object(steps.language, "choose", side_effect=ZeroDivisionError):
                with self.assertRaises(ZeroDivisionError):
                    passes.filter_shard(shard, self.chain, folder)
            self.assertEqual(list(pathlib.Path(folder).glob("*/*")), [])

    def test_crashes_stop_the_run_only_if_harmless_pages_crash_too(self):
        crash = steps.Drop("extraction", "crashed", 1)
        for harmless, expectation in (
            ("text", contextlib.nullcontext()),
            (crash, self.assertRaisesRegex(RuntimeError, "ends on every page")),
        ):
            chain = steps.Chain(Settings())

            def text_of(page, charset=None, harmless=harmless):
                return harmless if b"harms nobody" in page else crash

            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "a.warc.gz"
                path.write_bytes(crawl(["good"] * 30))
                with mock.patch.object(chain._sandbox, "text_of", text_of), expectation:
                    passes.filter_shard(pages.Shard(0, "warc", (str(path),)), chain, folder)

    def test_sums_of_tallies_do_not_depend_on_order(self):
        tallies = []
        for number in range(4):
            tally = funnel.Tally()
            for place in range(3):
                tally.left(funnel.INPUT, 4 * number, is_text=True)
                tally.example("urls", {"id": 10 * number + place})
            tallies.append(tally.to_dict())
        whole = funnel.merged(tallies)
        self.assertEqual(whole["counts"]["left/input/pages"], 12)
        self.assertEqual([page["id"] for page in whole["examples"]["urls"]], [0, 1, 2, 10, 11])
        self.assertEqual(funnel.merged(tallies[::-1]), whole)
        halves = [funnel.merged(tallies[::2]), funnel.merged(tallies[1::2])]
        self.assertEqual(funnel.merged(halves), whole)


class SketchTest(absltest.TestCase):
    def test_tells_the_similarity_of_the_signatures(self):
        words = [f"word{number}" for number in range(600)]
        one = steps.duplicates.signature(" ".join(words), Settings().minhash)
        for changed in (0, 20, 60, 200, 600):
            text = " ".join(["other"] * changed + words[changed:])
            other = steps.duplicates.signature(text, Settings().minhash)
            told = steps.sketched_similarity(steps.sketch(one), steps.sketch(other))
            self.assertAlmostEqual(told, steps.duplicates.similarity(one, other), delta=0.03)


if __name__ == "__main__":
    absltest.main()
