"""Forms of conversations: made by hand, hostile, and real files where they are."""

import collections
import gzip
import io
import json
import pathlib
import sys
import tempfile
import types
from unittest import mock

import pyarrow
import pyarrow.parquet
from absl.testing import absltest, parameterized

from configs import defaults
from data import chat_sources, readers, sources
from data.errors import InputError
from tests.data.web.shared import DATA


def read(path, paths: str = "best") -> tuple[list[dict], collections.Counter]:
    config = defaults.get_config()
    config.sft.oasst_paths = paths
    dropped: collections.Counter = collections.Counter()
    return list(chat_sources.conversations(str(path), config, "", dropped)), dropped


class FilesTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, *records, name: str = "a.jsonl") -> pathlib.Path:
        path = self.folder / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return path

    def one(self, record: dict) -> list[dict]:
        """The messages of the one conversation that a record gives."""
        [conversation], dropped = read(self.write(record))
        self.assertEqual(dropped, {})
        return conversation["messages"]

    def reason(self, record) -> str:
        """Why a record gives no conversation."""
        found, dropped = read(self.write(record))
        self.assertEqual(found, [])
        [(reason, number)] = dropped.items()
        self.assertEqual(number, 1)
        return reason

    @parameterized.parameters(
        ({"instruction": "Add.", "input": "2, 3", "output": " 5\n"}, "Add.\n\n2, 3", "5"),
        ({"instruction": "Add.", "input": " ", "output": "5"}, "Add.", "5"),
        ({"instruction": "Add.", "context": "2, 3", "response": "5"}, "Add.\n\n2, 3", "5"),
        ({"prompt": "Add.", "completion": "5"}, "Add.", "5"),
        ({"question": "Add.", "answer": "5"}, "Add.", "5"),
        ({"query": "Add.", "response": "5"}, "Add.", "5"),
        ({"question": "Add.", "answer": "A\n#### 1\n\n#### 2"}, "Add.", "A\n#### 1\n\n#### 2"),
        ({"question": "Add.", "answer": "A\n#### B\nC"}, "Add.", "A\n#### B\nC"),
        (
            {
                "prompt": "Below is an instruction that describes a task.\n\n### Instruction:\n"
                "Add.\n\n### Input:\n2, 3\n\n### Response:",
                "answer": "5",
            },
            "Add.\n\n2, 3",
            "5",
        ),
    )
    def test_pairs(self, record, asked, answer):
        self.assertEqual(
            self.one(record),
            [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}],
        )

    def test_worked_solutions(self):
        answer = "She ate 48/2 = <<48/2=24>>24.\nSo $<<24+0=24>>24 << 30 are left.\n#### 24"
        self.assertEqual(
            self.one({"question": "How many?", "answer": answer})[1],
            {
                "role": "assistant",
                "content": "24",
                "reasoning_content": "She ate 48/2 = 24.\nSo $24 << 30 are left.",
            },
        )

    def test_longer_forms(self):
        asked, replied = {"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}
        told = {"role": "system", "content": "s"}
        for record, expected in (
            ({"system_prompt": "s", "question": "q", "response": "r"}, [told, asked, replied]),
            ({"prompt": [told, asked], "completion": [replied]}, [told, asked, replied]),
            ({"conversation": [asked, replied]}, [asked, replied]),
            ({"messages": [told | {"role": "developer"}, asked, replied]}, [told, asked, replied]),
            (
                {"instruction": "q", "output": "r", "history": [["q", "r"], ["q", "r"]]},
                [asked, replied] * 3,
            ),
        ):
            with self.subTest(sorted(record)):
                self.assertEqual(self.one(record), expected)

    def test_tools_as_a_string(self):
        asked, replied = {"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}
        for record in ({"messages": [asked, replied]}, {"prompt": "q", "completion": "r"}):
            [conversation], _ = read(self.write(record | {"tools": '[{"name": "w"}]'}))
            self.assertEqual(conversation["tools"][0]["function"]["name"], "w")

    def test_what_a_reply_has_as_text_of_control_tokens(self):
        messages = self.one(
            {
                "conversations": [
                    {"from": "system", "value": "Write <tool_call>."},
                    {"from": "human", "value": "<think>x</think> Weather?"},
                    {
                        "from": "gpt",
                        "value": "<think>\nI look.\n</think>\n\nI see.\n<tool_call>\n"
                        '{"name": "w", "arguments": {"x": 1}}\n</tool_call>\n<tool_call>'
                        '{"name": "v", "arguments": "{}"}</tool_call>',
                    },
                    {
                        "from": "tool",
                        "value": "<tool_response>\nrain\n</tool_response>\n"
                        "<tool_response>snow</tool_response>",
                    },
                    {"from": "gpt", "value": "Rain. A thought is written <think>so</think>."},
                ]
            }
        )
        calls = [
            {"type": "function", "function": {"name": name, "arguments": arguments}}
            for name, arguments in (("w", {"x": 1}), ("v", {}))
        ]
        self.assertEqual(
            messages,
            [
                {"role": "system", "content": "Write <tool_call>."},
                {"role": "user", "content": "<think>x</think> Weather?"},
                {
                    "role": "assistant",
                    "content": "I see.",
                    "reasoning_content": "I look.",
                    "tool_calls": calls,
                },
                {"role": "tool", "content": "rain"},
                {"role": "tool", "content": "snow"},
                {"role": "assistant", "content": "Rain. A thought is written <think>so</think>."},
            ],
        )

    @parameterized.parameters(
        ("<think>so", "reasoning does not end"),
        ("<think>so</think>", "a reply is empty"),
        ('<tool_call>{"name": "w", "arguments": {}}', "tool call does not end"),
        ("<tool_call>w(1)</tool_call>", "a tool call is not JSON"),
        ('<tool_call>{"name": "w", "arguments": 3}</tool_call>', "are not a JSON object"),
        ("<tool_call></tool_call>", "names no function"),
    )
    def test_control_tokens_that_stand_for_nothing(self, reply, reason):
        self.assertIn(reason, self.reason({"prompt": "Weather?", "completion": reply}))

    def test_replies_of_no_weight_are_kept_and_marked(self):
        record = {
            "conversations": [
                {"from": "human", "value": "q"},
                {"from": "gpt", "value": "bad", "weight": 0},
                {"from": "human", "value": "q"},
                {"from": "gpt", "value": "good", "weight": 1},
            ]
        }
        self.assertEqual([m.get("weight") for m in self.one(record)], [None, 0, None, None])
        record["conversations"] = record["conversations"][:2]
        self.assertEqual(self.reason(record), "it has no reply to learn from")

    def test_sharegpt_with_tools(self):
        [conversation], _ = read(
            self.write(
                {
                    "system": "Be brief.",
                    "conversations": [
                        {"from": "human", "value": "Weather?"},
                        {"from": "function_call", "value": '{"name": "w", "arguments": {"x": 1}}'},
                        {"from": "observation", "value": "rain"},
                        {"from": "gpt", "value": "Rain."},
                    ],
                    "tools": '[{"name": "w", "description": "Weather."}]',
                }
            )
        )
        call = {"type": "function", "function": {"name": "w", "arguments": {"x": 1}}}
        self.assertEqual(
            conversation["messages"],
            [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": "", "tool_calls": [call]},
                {"role": "tool", "content": "rain"},
                {"role": "assistant", "content": "Rain."},
            ],
        )
        self.assertEqual(conversation["tools"][0]["function"]["name"], "w")

    def tree(self) -> dict:
        def node(text, role, *replies, **more):
            return {"text": text, "role": role, "replies": list(replies)} | more

        answered = node("u2", "prompter", node("a3", "assistant", rank=0), rank=0)
        return {
            "prompt": node(
                "u1",
                "prompter",
                node("a1", "assistant", rank=2),
                node("bad", "assistant", rank=0, deleted=True),
                node("a2", "assistant", answered, node("u3", "prompter", rank=1), rank=1),
                node("a4", "assistant", node("u4", "prompter")),
            )
        }

    @parameterized.parameters(("best", ["u1 a2 u2 a3"]), ("all", ["u1 a2 u2 a3", "u1 a1", "u1 a4"]))
    def test_trees(self, paths, expected):
        found, dropped = read(self.write(self.tree()), paths)
        texts = [" ".join(m["content"] for m in c["messages"]) for c in found]
        self.assertEqual(texts, expected)
        self.assertEqual(dropped, {})

    @parameterized.parameters(
        ({"text": "no conversation"}, "no known form"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "no reply to learn from"),
        ({"messages": [{"role": "assistant", "content": " "}]}, "a reply is empty"),
        ({"messages": "Hi"}, "no list of messages"),
        ({"messages": [], "label": False}, "the answer is bad"),
        ({"instruction": "Add.", "output": ""}, "a reply is empty"),
        ({"instruction": "", "output": "5"}, "a user's turn is empty"),
        ({"instruction": ["Add."], "input": 3, "output": "5"}, "a content is not text"),
        ({"question": None, "answer": "x #### 5"}, "a user's turn is empty"),
        ({"question": "q", "answer": "A", "choices": ["x", "y"]}, "choices for an answer"),
        ({"instruction": "q", "output": "r", "history": [["q"]]}, "not a list of pairs"),
        ({"message_id": "1", "text": "q", "role": "prompter"}, "the export of whole trees"),
        ({"conversations": {"from": "human"}}, "not a list of turns"),
        ({"conversations": [{"from": ["human"], "value": "x"}]}, "none of the speakers"),
        ({"conversations": [{"from": "function_call", "value": "w(1)"}]}, "is not JSON"),
        ({"conversations": [{"from": "function_call", "value": "[[1]]"}]}, "names no function"),
        ({"conversations": [], "tools": "{"}, "tools are not JSON"),
        ({"prompt": {"text": "x", "role": "prompter", "replies": "many"}}, "not a list"),
        ({"prompt": {"text": "x", "role": "prompter", "replies": []}}, "no good reply"),
        ({"prompt": {"text": "x", "role": "king", "replies": []}}, "neither prompter nor"),
        (
            {
                "prompt": {
                    "text": "q",
                    "role": "prompter",
                    "deleted": True,
                    "replies": [{"text": "r", "role": "assistant", "rank": 0}],
                }
            },
            "prompt was deleted",
        ),
        ("a string", "not JSON objects"),
    )
    def test_every_record_is_kept_or_counted(self, record, reason):
        self.assertIn(reason, self.reason(record))

    def test_lone_surrogates_and_deep_nesting(self):
        self.assertEqual(self.one({"prompt": "a\ud800", "answer": "b"})[0]["content"], "a\ud800")
        path = self.folder / "deep.jsonl"
        path.write_text('{"messages": ' + "[" * 100_000 + "\n" + '{"prompt": "a", "answer": "b"}')
        found, dropped = read(path)
        self.assertLen(found, 1)
        self.assertEqual(dropped, {"records that are not JSON objects": 1})

    def test_packed_arrays_and_parquet_give_the_same(self):
        records = [{"prompt": f"{n} 日本語", "answer": "x" * n} for n in range(1, 50)]
        expected, _ = read(self.write(*records, name="lines.jsonl"))
        self.assertLen(expected, 49)
        (self.folder / "array.json").write_text(json.dumps(records, indent=1))
        (self.folder / "array.json.gz").write_bytes(gzip.compress(json.dumps(records).encode()))
        pyarrow.parquet.write_table(
            pyarrow.Table.from_pylist(records), self.folder / "rows.parquet"
        )
        for name in ("array.json", "array.json.gz", "rows.parquet"):
            with self.subTest(name):
                self.assertEqual(read(self.folder / name), (expected, {}))

    def test_damaged_array(self):
        for text in ('[{"prompt": "a"}, {"prom', "[{} {} nonsense]", "[1, 2"):
            (self.folder / "a.json").write_text(text)
            with self.assertRaisesRegex(InputError, "a.json cannot be read from its element"):
                read(self.folder / "a.json")

    def test_arrays_across_chunks(self):
        values = [{"text": "é" * n} for n in range(1, 400)]
        data = json.dumps(values, ensure_ascii=False).encode()
        with mock.patch.object(readers, "CHUNK_BYTES", 7):
            found = list(readers.json_records(io.BytesIO(data), "a", collections.Counter()))
        self.assertEqual(found, list(enumerate(values)))

    def test_what_holds_no_conversations(self):
        (self.folder / "a.txt").write_text("text")
        for spec, sentence in (
            (self.folder / "a.txt", "is plain text"),
            ("tfds:lm1b", "holds no conversations"),
            (self.folder / "missing.jsonl", "no file matches"),
        ):
            with self.assertRaisesRegex(InputError, sentence):
                read(spec)
        with self.assertRaisesRegex(InputError, "config.sft.sources names no source"):
            sources.parse(" ", "config.sft.sources")
        with self.assertRaisesRegex(InputError, 'oasst_paths is "some"'):
            read(self.write({}), "some")

    def test_the_world(self):
        made = [{"messages": [{"role": "assistant", "content": "Hi"}], "kind": "identity"}]
        world = types.ModuleType("data.world.chat")
        world.conversations = lambda config, tellings: iter(made)
        import data.world

        with (
            mock.patch.dict(sys.modules, {"data.world.chat": world}),
            mock.patch.object(data.world, "chat", world, create=True),
        ):
            self.assertEqual(read("world"), (made, {}))


class RealFilesTest(parameterized.TestCase):
    """Every record of a real file is a conversation or counted, in the numbers that were found by
    reading the files with json alone."""

    @parameterized.parameters(
        ("gsm8k/train.jsonl.gz", 7473, {}),
        ("oasst_en100/en_100_tree.jsonl.gz", 100, {}),
        ("llamafactory_demo/alpaca_en_demo.json.gz", 999, {}),
        ("llamafactory_demo/glaive_toolcall_en_demo.json.gz", 300, {}),
        ("llamafactory_demo/dpo_en_demo.json.gz", 300, {}),
        (
            "llamafactory_demo/kto_en_demo.json.gz",
            300,
            {"its label says that the answer is bad": 150},
        ),
        ("instruction_1100/instruction-data.json.gz", 1100, {}),
        ("gpteacher/*.json.gz", 8854, {}),
        ("fastchat/dummy_conversation.json.gz", 500, {}),
        ("code_alpaca/code_alpaca_2k.json.gz", 2017, {"a reply is empty": 2}),
        ("dolly_sample/dolly.jsonl.gz", 151, {}),
    )
    def test_every_record_is_counted(self, name, records, reasons):
        if not list(DATA.glob(name)):
            self.skipTest(f"needs {name} of the shared data")
        found, dropped = read(DATA / name)
        self.assertEqual(len(found) + sum(dropped.values()), records)
        self.assertEqual(dict(dropped), reasons)


if __name__ == "__main__":
    absltest.main()
