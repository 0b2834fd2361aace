"""Forms of preferences, made by hand and real; and the rows that a model is given of them."""

import collections
import json
import pathlib
import tempfile

import numpy as np
from absl.testing import absltest, parameterized

from configs import defaults
from data import chat_tokens, conversations, preference_rows, preferences
from data.errors import InputError
from tests.data.web.shared import DATA
from tests.serve import small_model

ASK = [{"role": "user", "content": "Who are you?"}]


def ranked(answers: list[str], ranking: list[list[int]]) -> dict:
    return {"messages": ASK, "answers": answers, "ranking": ranking}


def sharegpt(text: str, speaker: str = "gpt") -> dict:
    return {"from": speaker, "value": text}


class FormsTest(parameterized.TestCase):
    def read(self, *records) -> tuple[list[dict], collections.Counter]:
        path = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "a.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        dropped: collections.Counter = collections.Counter()
        return list(preferences.rankings(str(path), dropped)), dropped

    @parameterized.named_parameters(
        ("ranking", ranked(["A", "B"], [[0], [1]])),
        ("prompt", {"prompt": "Who are you?", "chosen": "A", "rejected": "B"}),
        ("messages", {"messages": ASK, "chosen": "A", "rejected": "B"}),
        (
            "instruction",
            {"instruction": "Who are you?", "input": "", "output": "A", "chosen": "A"}
            | {"rejected": "B"},
        ),
        (
            "conversations",
            {"conversations": [sharegpt("Who are you?", "human")]}
            | {"chosen": sharegpt("A"), "rejected": sharegpt("B")},
        ),
        (
            "two_lists",
            {
                side: [*ASK, {"role": "assistant", "content": text}]
                for side, text in (("chosen", "A"), ("rejected", "B"))
            },
        ),
        (
            "dialogues",
            {
                side: f"\n\nHuman: Who are you?\n\nAssistant: {text}"
                for side, text in (("chosen", "A"), ("rejected", "B"))
            },
        ),
        (
            "outputs",
            {"instruction": "Who are you?", "output_1": "A", "output_2": "B", "preference": 1},
        ),
        (
            "scored",
            {
                "text": [f"## Human:\nWho are you?\n\n## Assistant:\n{text}" for text in "AB"],
                "score": [1.5, 0.5],
            },
        ),
    )
    def test_reads(self, record):
        found, dropped = self.read(record)
        self.assertEqual(found, [ranked(["A", "B"], [[0], [1]])])
        self.assertEmpty(dropped)

    def test_dialogues_of_several_turns(self):
        before = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Who are you?\n\nAssistant:"
        [found], _ = self.read({"chosen": f"{before} A", "rejected": f"{before} B"})
        self.assertEqual(
            [(message["role"], message["content"]) for message in found["messages"]],
            [("user", "Hi"), ("assistant", "Hello."), ("user", "Who are you?")],
        )
        self.assertEqual(found["answers"], ["A", "B"])

    def test_trees_rank_the_replies_of_a_message(self):
        def said(role, text, *replies, **more):
            return {"role": role, "text": text, "replies": list(replies)} | more

        deep = said(
            "prompter",
            "More?",
            said("assistant", "Yes", rank=1),
            said("assistant", "No", rank=0),
            said("assistant", "Spam", rank=2, deleted=True),
        )
        tree = said(
            "prompter",
            "Who are you?",
            said("assistant", "B", rank=1),
            said("assistant", "A", deep, rank=0),
            said("assistant", "C"),
        )
        found, dropped = self.read({"prompt": tree})
        self.assertEmpty(dropped)
        self.assertEqual(found[0], ranked(["A", "B"], [[0], [1]]))
        self.assertEqual(
            [message["content"] for message in found[1]["messages"]][-2:], ["A", "More?"]
        )
        self.assertEqual((found[1]["answers"], found[1]["ranking"]), (["No", "Yes"], [[0], [1]]))

    @parameterized.parameters(
        (ranked(["A", "B"], [[0, 1]]), "all of its answers are equally good"),
        (ranked(["A", "B"], [[0], [2]]), "its ranking does not name each answer once"),
        (ranked(["A", "B"], [[0], [True]]), "its ranking does not name each answer once"),
        (ranked(["A", "B"], [0, 1]), "its ranking is not a list of lists of places"),
        (ranked(["A", 7], [[0], [1]]), "its answers are not texts"),
        ({"messages": "x", "ranking": [[0]]}, "it has no list of messages"),
        ({"prompt": 7, "chosen": "A", "rejected": "B"}, "known form of a prompt"),
        ({"prompt": "x", "chosen": "A", "rejected": None}, "its answers are not texts"),
        ({"prompt": "x"}, "no known form of preference"),
        (
            {"instruction": "x", "output_1": "A", "output_2": "B", "preference": 1.5},
            "it prefers neither output",
        ),
        ({"text": ["no marks", "at all"], "score": [1, 0]}, "not dialogues of one prompt"),
        ({"text": ["a"], "score": "b"}, "not lists of one length"),
        ({"chosen": ASK, "rejected": ASK[:1]}, "its last message is no reply"),
        ({"prompt": "x", "chosen": "A", "rejected": " "}, "a reply is empty"),
        (
            {"chosen": "\n\nHuman: x\n\nAssistant: A", "rejected": "\n\nHuman: y\n\nAssistant: B"},
            "differ before their last messages",
        ),
        ({"message_id": "1", "text": "q", "role": "prompter"}, "the export of whole trees"),
        (
            {"chosen": [*ASK, {"role": "assistant", "content": "A"}]}
            | {"rejected": [{"role": "assistant", "content": "B"}]},
            "differ before their last messages",
        ),
    )
    def test_counts_what_it_cannot_use(self, record, reason):
        found, dropped = self.read(record)
        self.assertEmpty(found)
        self.assertEqual(dropped.total(), 1)
        self.assertIn(reason, next(iter(dropped)))

    @parameterized.parameters(
        ("webgpt_comparisons/webgpt.test.json.gz", 656, 656),
        ("oasst_en100/en_100_tree.jsonl.gz", 212, 754),
        ("instruction_1100/instruction-data-with-preference.json.gz", 1100, 1100),
        ("llamafactory_demo/dpo_en_demo.json.gz", 300, 300),
    )
    def test_real_files(self, name, rankings, pairs):
        if not (DATA / name).exists():
            self.skipTest(f"needs {name} of the shared data")
        dropped: collections.Counter = collections.Counter()
        found = list(preferences.rankings(str(DATA / name), dropped))
        sizes = [[len(group) for group in one["ranking"]] for one in found]
        self.assertLen(found, rankings)
        self.assertEqual(
            sum((sum(row) ** 2 - sum(n * n for n in row)) // 2 for row in sizes), pairs
        )
        if "webgpt" in name:
            self.assertEqual(dropped, {"all of its answers are equally good": 245})


class RowsTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.tokenizer = small_model.tokenizer()
        self.end = self.tokenizer.special[conversations.END]
        self.counts: collections.Counter = collections.Counter()

    def encoded(self, answers, ranking, most=96):
        one = ranked(answers, ranking)
        return preference_rows.encoded(self.tokenizer, one, most, self.counts)

    def test_an_answer_is_the_chat_templates_rendering(self):
        found = self.encoded(["the cat", "", "a mat"], [[2], [0, 1]])
        self.assertEqual(found.ranks.tolist(), [2, 2, 1])
        prompt = conversations.prompt_ids(self.tokenizer, ASK)
        for text, tokens in zip(["the cat", "", "a mat"], found.answers, strict=True):
            np.testing.assert_array_equal(tokens[: found.start], prompt)
            self.assertEqual(tokens[-1], self.end)
            said = conversations.parse_assistant(self.tokenizer, tokens[found.start :])
            self.assertEqual(said["content"], text)
        whole = chat_tokens.rendered(
            self.tokenizer, {"messages": [*ASK, {"role": "assistant", "content": "a mat"}]}
        )
        np.testing.assert_array_equal(found.answers[2], whole.tokens)
        self.assertEmpty(self.counts)

    def test_long_answers_are_cut_and_longer_ones_left_out(self):
        start = len(conversations.prompt_ids(self.tokenizer, ASK))
        found = self.encoded(["the cat", "1" * 50, "2" * 500], [[0], [1], [2]], most=start + 30)
        self.assertLen(found.answers, 2)
        self.assertLen(found.answers[1], start + 30)
        self.assertEqual(found.answers[1][-1], self.end)
        self.assertEqual(self.counts["answers cut"], 1)
        self.assertEqual(self.counts.total(), 2)
        self.assertIsNone(self.encoded(["1" * 500, "the"], [[0], [1]], most=start + 30))
        self.assertEqual(self.counts["rankings of which too little fits"], 1)

    def test_a_prompt_without_room_is_left_out(self):
        self.assertIsNone(self.encoded(["the cat", "the mat"], [[0], [1]], most=5))

    def test_batches_hold_every_answer_once(self):
        made = [
            self.encoded(["the cat", f"{n}", "dogs"][: 2 + n % 2], [[1], [0], [2]][: 2 + n % 2])
            for n in range(5)
        ]
        batches = list(preference_rows.in_order(made, 3, 64, 2))
        self.assertLen(batches, 3)
        for number, ranking in enumerate(made):
            batch, place = batches[number // 2], number % 2
            for k in range(3):
                length = batch["lengths"][place, k]
                if k == len(ranking.answers):
                    self.assertEqual((length, batch["ranks"][place, k]), (0, 0))
                    continue
                np.testing.assert_array_equal(
                    batch["tokens"][place, k, :length], ranking.answers[k]
                )
                self.assertEqual(batch["starts"][place, k], ranking.start)
                self.assertEqual(batch["ranks"][place, k], ranking.ranks[k])
        self.assertEqual(batches[2]["ranks"][1].sum(), 0)
        self.assertEqual(batches[2]["lengths"][1].sum(), 0)

    def test_the_reference_comes_through_as_it_is(self):
        made = [self.encoded(["the cat", "dogs"], [[1], [0]])] * 3
        given = np.float32([[-1.5, -2e-30], [np.pi, 0], [-1e30, 7]])
        rows = preference_rows.PreferenceRows(made, 2, 64, given)
        batch = preference_rows.arrange(np.stack([rows[n] for n in range(3)]))
        np.testing.assert_array_equal(batch["reference"], given)

    def test_the_runs_own_rankings_must_be_there(self):
        with self.assertRaisesRegex(InputError, "name that stage in config.stages"):
            preferences.files(preferences.RANKINGS, "nowhere", "train")

    def test_what_no_split_can_use_is_counted_once(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        records = [
            {"prompt": f"the cat {n}", "chosen": "dog", "rejected": "mat"} for n in range(40)
        ]
        preferences.write(folder / "a.jsonl", [*records, {"prompt": "x"}, {"ranking": 3}])
        config = defaults.get_config()
        config.reward.sources, config.reward.validation_fraction = str(folder / "a.jsonl"), 0.3
        preference_rows.open_sources(config, "reward", "", self.tokenizer, self.counts)
        self.assertEqual(self.counts.total(), 2)

    def test_rows_are_as_long_as_in_fine_tuning(self):
        config = defaults.get_config()
        config.train.context = 64
        for section in ("sft", "reward", "dpo"):
            self.assertEqual(chat_tokens.row_context(config, section), 64)
            config[section].context = 48
            self.assertEqual(chat_tokens.row_context(config, section), 48)

    def test_errors_name_the_section(self):
        config = defaults.get_config()
        config.dpo.name = "dpo_again"
        for key, value in (
            ("sources", " "),
            ("validation_fraction", 0.0),
            ("context", config.model.context + 1),
        ):
            config.dpo[key] = value
            with self.assertRaisesRegex(InputError, rf"config\.dpo\.{key}"):
                preference_rows.open_sources(config, "dpo", "", self.tokenizer, self.counts)

    def test_no_prompt_is_on_both_sides(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        records = [
            {"prompt": f"Question {n // 2}?", "chosen": f"{n}", "rejected": "no"}
            for n in range(200)
        ]
        preferences.write(folder / "a.jsonl", records)
        split = {
            split: {
                one["messages"][0]["content"]
                for one in preferences.of_split(
                    str(folder / "a.jsonl"), "", split, 0.3, self.counts
                )
            }
            for split in preferences.SPLITS
        }
        self.assertEqual(split["train"] & split["held_out"], set())
        self.assertLen(split["train"] | split["held_out"], 100)
        self.assertBetween(len(split["held_out"]), 15, 45)


if __name__ == "__main__":
    absltest.main()
