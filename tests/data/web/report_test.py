import html.parser
import pathlib
import tempfile

from absl.testing import absltest

from data.web import funnel, layout, report, sinks


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.open = [], "", []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def folder_of_a_run(folder: str) -> str:
    tally = funnel.Tally()
    attack = "<script>alert(1)</script>"
    for number in range(4):
        tally.left(funnel.INPUT, 100, is_text=True)
        if number < 3:
            tally.dropped("read", attack)
    tally.left("read", 100, is_text=True)
    page = {"id": 1, "url": f"http://x/{attack}", "text": attack, "reason": attack, "figure": 0.5}
    tally.example("read", page)
    tally.example(funnel.KEPT, {"id": 2, "url": "", "text": "a kept page & more"})
    tally.counts[f"records: {attack}"] += 2
    account = funnel.stats(tally.counts, ("read",))
    sinks.write_json(f"{folder}/{layout.STATS}", account)
    sinks.write_json(f"{folder}/{funnel.EXAMPLES_FILE}", tally.examples)
    return folder


class ReportTest(absltest.TestCase):
    def test_shows_everything_and_runs_nothing(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        figures = {"web/language_precision": 0.99, "web/pages_per_second": 12.3, "sft/x": 5.0}
        section = report.section(folder_of_a_run(str(folder)), figures)
        reader = Reader()
        reader.feed(section)
        self.assertEqual(reader.open, [])
        tags = {tag for tag, _ in reader.tags}
        self.assertNoCommonElements(tags, ["script", "iframe", "a", "link"])
        pictures = [attributes for tag, attributes in reader.tags if tag == "svg"]
        self.assertLen(pictures, 1)
        self.assertStartsWith(pictures[0]["aria-label"], "Three bar charts")
        for shown in (
            "1 of 4 pages",
            "25.0%",
            "12.3 pages a second",
            "0.9900",
            "–",
            "a kept page & more",
        ):
            self.assertIn(shown, reader.text)
        self.assertEqual(reader.text.count("<script>alert(1)</script>"), 5)

    def test_page_stands_by_itself_on_any_screen(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        figures = {"web/loose_copies_removed": 0.0125, "web/urls_recall": 1.0}
        page = report.page(report.section(folder_of_a_run(str(folder)), figures))
        reader = Reader()
        reader.feed(page)
        self.assertEqual(reader.open, [])
        for tag, attributes in reader.tags:
            self.assertNotIn("href", attributes)
            self.assertNotIn("src", attributes)
            if tag == "svg":
                self.assertGreater(len(attributes["aria-label"]), 20)
        self.assertIn("color-scheme: light dark", page)
        self.assertNotRegex(page, r"@import|url\((?!#)")
        self.assertIn("1.25% of the copies were removed", reader.text)


if __name__ == "__main__":
    absltest.main()
