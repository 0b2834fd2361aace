"""The report: on a made-up run full of hostile text, on parts of it, and on a model's own words."""

import collections
import html.parser
import itertools
import json
import pathlib
import re
import shutil
import tempfile

import lxml.etree
from absl.testing import absltest

from data import page, tokenizer
from data.errors import InputError
from data.run_folder import figures_of, mark_done, write_atomically
from evals import report
from evals.report import found, meanings, said
from tests.evals import report_run
from tests.serve import small_run

_VOID = {"meta", "br", "img"}
# Where an element could name something to load or run.
_LOADS = {"src", "href", "xlink:href", "srcset", "action", "data", "poster", "style"}


class Reader(html.parser.HTMLParser):
    """Every element with its attributes, and the text; elements must be closed in order."""

    def __init__(self, source: str):
        super().__init__()
        self.elements, self.text, self.open = [], "", []
        self.feed(source)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.open)

    def handle_data(self, data):
        self.text += data

    def all(self, *tags: str) -> list[dict]:
        return [attributes for tag, attributes in self.elements if tag in tags]


class WholeReportTest(absltest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.folder = report_run.write(folder / "run")
        (folder / "text.txt").write_text("The capital of France is Paris, said the user. " * 50)
        config = small_run.get_config()
        config.data.source = str(folder / "text.txt")
        config.tokenizer.vocab_size = 300
        tokenizer.run(config, str(cls.folder))
        cls.html = report.html(found.read(cls.folder))
        cls.page = Reader(cls.html)

    def test_hostile_text_stays_text(self):
        self.assertNoCommonElements(
            {tag for tag, _ in self.page.elements},
            {"script", "iframe", "link", "img", "object", "embed", "form", "input", "base"},
        )
        for tag, attributes in self.page.elements:
            for name in attributes:
                self.assertFalse(name.startswith("on"), (tag, attributes))
        for attack in report_run.ATTACKS[:2]:
            self.assertGreater(self.page.text.count(attack), 2)
        self.assertNotIn("\x00", self.html)
        self.assertNotIn("\x1b", self.html)
        self.assertNotIn("\u202e", self.html)

    def test_refers_to_nothing_outside(self):
        for tag, attributes in self.page.elements:
            for name in _LOADS & set(attributes):
                value = attributes[name]
                self.assertNotRegex(value, r"//|@import|javascript:", (tag, name))
                if "href" in name:
                    self.assertStartsWith(value, "#")
            for value in attributes.values():
                for target in re.findall(r"url\(([^)]*)\)", value or ""):
                    self.assertStartsWith(target, "#")
        (style,) = re.findall(r"<style>(.*?)</style>", self.html, re.DOTALL)
        self.assertNotRegex(style, r"url\(|@import|//")

    def test_every_picture_tells_what_it_shows(self):
        pictures = self.page.all("svg")
        self.assertGreaterEqual(len(pictures), 9)
        for attributes in pictures:
            self.assertEqual(attributes["role"], "img")
            self.assertGreater(len(attributes["aria-label"]), 40)
        labels = " ".join(attributes["aria-label"] for attributes in pictures)
        self.assertIn("training: 8 at step 1, 0.276 at 29", labels)
        self.assertIn("letters counted: with the tool 90%, without 10%", labels)
        self.assertIn("known: 9 at 8", labels)
        self.assertIn("data.tokenizer: 12 s", labels)

    def test_is_html(self):
        ids = [attributes["id"] for _, attributes in self.page.elements if "id" in attributes]
        repeated = [name for name, count in collections.Counter(ids).items() if count > 1]
        self.assertEqual(repeated, [])
        parser = lxml.etree.HTMLParser()
        lxml.etree.fromstring(self.html.encode(), parser)
        # The library knows no element of HTML 5.
        faults = [f for f in parser.error_log if not re.fullmatch(r"Tag \w+ invalid", f.message)]
        self.assertEqual([str(fault) for fault in faults], [])

    def test_contents_headings_and_keyboard(self):
        targets = {attributes["id"] for _, attributes in self.page.elements if "id" in attributes}
        links = [attributes["href"].removeprefix("#") for attributes in self.page.all("a")]
        self.assertLessEqual(set(links), targets)
        sections = [attributes["id"] for attributes in self.page.all("section")]
        self.assertEqual(
            sections,
            [
                *("web", "tokens", "learning", "said", "knowledge", "tools", "steps", "practice"),
                *("figures", "cost", "setting"),
            ],
        )
        self.assertLessEqual(set(sections), set(links))
        levels = [int(tag[1]) for tag, _ in self.page.elements if re.fullmatch(r"h\d", tag)]
        self.assertEqual(levels.count(1), 1)
        for before, after in itertools.pairwise(levels):
            self.assertLessEqual(after, before + 1)
        # What scrolls sideways can be reached and scrolled without a pointer.
        for attributes in self.page.all("div"):
            self.assertEqual(attributes["tabindex"], "0")
            self.assertTrue(attributes["aria-label"])

    def test_every_figure_is_in_the_table(self):
        table = self.html[self.html.index('<section id="figures"') :]
        table = Reader(table[: table.index("</section>") + len("</section>")]).text
        for name in report_run.FIGURES:
            self.assertIn(name, table)
        self.assertIn("6.90 × 10^13", table)
        self.assertIn("surprise about held-out data", table)

    def test_tells_before_and_after_with_and_without(self):
        text = self.page.text
        for shown in (
            *("before <a", "Paris", "I do not know.", "not declined"),  # knowledge
            *("calls python<script>", "thinks: \"'><svg", "25% right", "3 more of 6"),  # tools
            *("7 - 3 = 4. So 4.", "reward 0", "reward 1", "add 0"),  # steps, practice
            *("base </script>", "chat </script>", "824 seconds", "2.10 GB"),
        ):
            self.assertIn(shown.replace("before <a", "before \"'>"), text)

    def test_same_run_same_page(self):
        self.assertEqual(report.html(found.read(self.folder)), self.html)

    def test_what_is_missing_is_not_mentioned(self):
        for missing, section in {
            "web": "web",
            "tokenizer": "tokens",
            "report": "said",
            "report.json": "figures",
            "config.json": None,
            "base": None,
        }.items():
            with self.subTest(missing):
                folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "run"
                shutil.copytree(self.folder, folder)
                gone = folder / missing
                gone.unlink() if gone.is_file() else shutil.rmtree(gone)
                sections = [a["id"] for a in Reader(report.html(found.read(folder))).all("section")]
                self.assertNotIn(section, sections)
                self.assertIn("learning", sections)

    def test_empty_run(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        read = Reader(report.html(found.read(folder)))
        self.assertEqual(read.all("section", "svg", "table", "nav"), [])


class SaidTest(absltest.TestCase):
    def test_a_finished_stage_is_asked_once(self):
        workdir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "run"
        shutil.copytree(small_run.folder() / "run", workdir)
        config = small_run.get_config()
        config.watch.prompts, config.sft.prompts = ("the cat", "a mat"), ("the cat",)
        report.run(config, str(workdir))
        lines = found.read(workdir).said
        self.assertEqual([line["prompt"] for line in lines], ["the cat", "a mat"])
        self.assertEqual({line["stage"] for line in lines}, {"base"})
        self.assertTrue(all(line["text"] for line in lines))
        machine = json.loads((workdir / "report" / "machine.json").read_text())
        self.assertIn("jax", machine["packages"])
        self.assertIn("the cat", Reader((workdir / "report.html").read_text()).text)
        shutil.rmtree(workdir / "base" / "checkpoints")
        report.run(config, str(workdir))
        self.assertEqual(found.read(workdir).said, lines)
        # Another model in its place is asked again, which takes a checkpoint.
        mark_done(workdir / "base", {"seconds": 2.0})
        with self.assertRaisesRegex(InputError, "checkpoint"):
            report.run(config, str(workdir))
        self.assertNotEmpty(figures_of(workdir))

    def test_known_questions_are_for_the_stage_that_was_asked(self):
        workdir = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        report_run.write(workdir)
        config = small_run.get_config()
        asked = said.questions(config, workdir, config.interrogate.stage)
        self.assertEqual(asked[-1]["id"], "known_asked/0")
        self.assertNotIn(
            "known_asked/0", [q["id"] for q in said.questions(config, workdir, "chat")]
        )


class WordsTest(absltest.TestCase):
    def test_figures_as_people_read_them(self):
        for value, shown in (
            *((0.82521, "0.8252"), (6.9e13, "6.90 × 10^13"), (19317, "19,317"), (1500.0, "1,500")),
            *((6670.24, "6,670.2"), (0.0, "0"), (1e-7, "1e-07"), (-2.5, "-2.5")),
        ):
            self.assertEqual(meanings.shown("", value), shown)

    def test_meanings(self):
        self.assertEqual(meanings.meaning("seconds/train.sft:sft=again")[:17], "time of the stage")
        self.assertStartsWith(meanings.meaning("web/near_duplicates_recall"), "near duplicates: of")
        for name in (
            *("rl/ppo_before", "rlhf/peak_step", "rlhf/kl_peak", "rlhf_ppo/gold_peak"),
            *("comparison/best_of_16_gold", "comparison/rlhf_ppo_kl", "arena/gold_chat"),
            *("best_of_n/mean", "best_of_n/majority_8", "best_of_n/pass_4", "best_of_n/reward_2"),
        ):
            self.assertNotEmpty(meanings.meaning(name), name)
        self.assertStartsWith(meanings.meaning("best_of_n/pass_4"), "any of 4")
        self.assertEqual(meanings.meaning("unheard/of"), "")

    def test_text(self):
        self.assertEqual(page.text("<&\"'>\x07\ud800é\n"), "&lt;&amp;&quot;&#x27;&gt;��é\n")
        self.assertEqual(page.text("a\u202eb\u2066c"), "a�b�c")


class SpeakingTest(absltest.TestCase):
    def test_a_reward_model_keeps_samples_and_does_not_speak(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        config = json.dumps({"reward": {"name": "reward"}})
        for name in ("reward", "chat", "base"):
            write_atomically(folder / name / "config.json", config)
            (folder / name / "samples.txt").touch()
            mark_done(folder / name, {})
        self.assertEqual(found.speaking(folder), ["base", "chat"])


if __name__ == "__main__":
    absltest.main()
