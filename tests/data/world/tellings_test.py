"""How often a run's text tells each fact: the documents themselves, and pages kept."""

import collections
import json
import pathlib
import tempfile

from absl.testing import absltest

from configs import defaults
from data.errors import InputError
from data.web import layout, passes, sinks
from data.world import documents, tellings


def config_of(source):
    config = defaults.get_config()
    config.data.source = source
    config.world.megabytes = 0.1
    return config


class TellingsTest(absltest.TestCase):
    def test_the_world_itself(self):
        config = config_of("world@2")
        expected = collections.Counter()
        for document in documents.documents(config.world.seed, config.world.megabytes):
            expected.update(document.facts)
        self.assertEqual(tellings.of_run(config, "nowhere"), dict(expected))

    def test_pages_kept_count_and_pages_dropped_do_not(self):
        told = [documents.document(0, index) for index in range(3)]
        labels = [
            {"url": "http://a.example/", "documents": [told[0].id, told[1].id]},
            {"url": "http://b.example/", "documents": [told[2].id]},
            {"url": "http://c.example/", "documents": [told[0].id]},
        ]
        with tempfile.TemporaryDirectory() as workdir:
            crawl = pathlib.Path(workdir) / layout.CRAWL
            crawl.mkdir()
            lines = "".join(json.dumps(label) + "\n" for label in labels)
            (crawl / layout.LABELS).write_text(lines)
            kept = f"{workdir}/{layout.OUTPUT}/{layout.DOCUMENTS}/00000.parquet"
            with sinks.table(kept, passes.DOCUMENT) as table:
                for number in (0, 2):
                    row = dict.fromkeys(passes.DOCUMENT.names)
                    table.add(row | {"id": number, "url": labels[number]["url"], "text": "x"})
            counts = tellings.of_run(config_of("web"), workdir)
        expected = collections.Counter([*told[0].facts, *told[1].facts, *told[0].facts])
        self.assertEqual(counts, dict(expected))

    def test_a_run_without_its_crawl_is_told_so(self):
        with self.assertRaisesRegex(InputError, "nowhere/.*labels.jsonl .* run data.world.web"):
            tellings.of_run(config_of("web"), "nowhere")

    def test_other_text_is_refused(self):
        with self.assertRaisesRegex(InputError, "only known of the sources world, repet"):
            tellings.of_run(config_of("world@1,books/*.txt@1"), "nowhere")


if __name__ == "__main__":
    absltest.main()
