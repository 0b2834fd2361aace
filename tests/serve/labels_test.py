import collections
import json
import os
import pathlib
import tempfile
from unittest import mock

import hypothesis
import hypothesis.strategies as st
from absl.testing import absltest, parameterized

from configs.defaults import get_config
from data.chat_sources import conversations
from data.errors import InputError
from serve.labels import Labels, ideal, parse_ranking, ranked, read_prompts, typed_prompt

TOOLS = [{"type": "function", "function": {"name": "python", "parameters": {}}}]


class RankingTest(parameterized.TestCase):
    @parameterized.parameters(
        ("2>1=3>4", [[1], [0, 2], [3]]),
        (" 1 = 2 = 3=4 ", [[0, 1, 2, 3]]),
        ("4>3>2>1", [[3], [2], [1], [0]]),
    )
    def test_ranking(self, text, expected):
        self.assertEqual(parse_ranking(text, 4), expected)

    @parameterized.parameters("", "2>1", "1>2>3>3", "1>2>3>5", "0>1>2>3", "1>>2", "1<2", "1>²", "a")
    def test_no_ranking(self, text):
        with self.assertRaisesRegex(InputError, "2>1=3"):
            parse_ranking(text, 4)


class PromptsTest(absltest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_lines_of_text(self):
        path = self.folder / "prompts.txt"
        path.write_bytes("Who?\n\n  Zoë?  \nWho?\r\n\xff\n".encode() + b"\xff\n")
        texts = [p["messages"][0]["content"] for p in read_prompts(str(path), None)]
        self.assertEqual(texts, ["Who?", "Zoë?", "ÿ", "\ufffd"])
        path = path.rename(self.folder / "PROMPTS.TXT")
        path.write_text("Who?", encoding="utf-8-sig")
        ((message,),) = [prompt["messages"] for prompt in read_prompts(str(path), None)]
        self.assertEqual(message["content"], "Who?")
        path.write_text("Who?", encoding="utf-16")
        with self.assertRaisesRegex(InputError, "UTF-16"):
            read_prompts(str(path), None)

    def test_records(self):
        asked = [{"role": "system", "content": "Be."}, {"role": "user", "content": "Who?"}]
        answered = [*asked, {"role": "assistant", "content": "I."}]
        records = [
            {"messages": answered, "tools": TOOLS},
            {"messages": asked},
            {"prompt": "Who?"},
            {"prompt": " "},
            {"messages": asked[:1]},
            {"text": "Who?"},
        ]
        path = self.folder / "prompts.jsonl"
        path.write_text("\n".join(map(json.dumps, records)))
        dropped = collections.Counter()
        first, *others = read_prompts(str(path), dropped)
        self.assertEqual(first["messages"], asked)
        self.assertEqual(first["tools"][0]["function"]["name"], "python")
        self.assertEqual(others, [{"messages": asked}, typed_prompt("Who?")])
        self.assertEqual(dropped.total(), 3)
        path.write_text(json.dumps({"text": 1}))
        with self.assertRaisesRegex(InputError, "holds no prompt .*1 times: it has no list of"):
            read_prompts(str(path), collections.Counter())


class LabelsTest(absltest.TestCase):
    def setUp(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.path = folder / "new" / "labels.jsonl"

    def opened(self) -> Labels:
        labels = Labels(self.path)
        self.addCleanup(labels.close)
        return labels

    def test_undo_and_start_again(self):
        who, what = typed_prompt("Who?"), typed_prompt("What?") | {"tools": TOOLS}
        labels = Labels(self.path)
        labels.append(ideal(who, "I\nam."))
        before = self.path.read_bytes()
        labels.append(ranked(what, ["a", "b"], [[1], [0]]))
        self.assertIn(what, labels)
        labels.undo()
        self.assertNotIn(what, labels)
        self.assertEqual(self.path.read_bytes(), before)
        labels.append(ranked(what, ["a", "b"], [[0, 1]]))
        labels.close()
        labels = self.opened()
        self.assertLen(labels, 2)
        self.assertIn(who, labels)
        self.assertIn(typed_prompt("What?") | {"tools": TOOLS}, labels)
        self.assertNotIn(typed_prompt("What?"), labels)

    def test_a_file_as_it_was_left_is_not_read_again(self):
        path, label = self.path, ideal(typed_prompt("a"), "b")

        def add(known):
            labels = Labels(path, known)
            labels.append(label)
            known = labels.known()
            labels.close()
            return known, len(labels)

        known, _ = add(None)
        with mock.patch.object(Labels, "_read", side_effect=AssertionError("it is read")):
            known, lines = add(known)
        self.assertEqual(lines, 2)
        path.write_text(path.read_text().splitlines(keepends=True)[0])
        self.assertEqual(add(known)[1], 2)
        path.write_text("x" * (known.size - 1) + "\n")
        with self.assertRaisesRegex(InputError, "line 1 of .* is no label"):
            add(known)

    def test_a_line_cut_off_is_taken_away(self):
        labels = Labels(self.path)
        labels.append(ideal(typed_prompt("Who?"), "I."))
        labels.close()
        whole = self.path.read_bytes()
        for cut in (whole + whole[:-2], whole + b"{"):
            self.path.write_bytes(cut)
            labels = Labels(self.path)
            self.assertTrue(labels.cut)
            labels.append(ideal(typed_prompt("What?"), "It."))
            labels.close()
            first, second = self.path.read_text().splitlines()
            self.assertEqual((first + "\n").encode(), whole)
            self.assertIn("What?", second)

    def test_what_is_no_cut_line_stays(self):
        labels = Labels(self.path)
        labels.append(ideal(typed_prompt("Who?"), "I."))
        labels.close()
        whole = self.path.read_bytes()
        for other in (b"my notes", b'{"depth": 4}', b"[1, 2", whole + b"\xff"):
            self.path.write_bytes(other)
            with self.assertRaisesRegex(InputError, "is no label"):
                Labels(self.path)
            self.assertEqual(self.path.read_bytes(), other)
        self.path.write_bytes(whole[:-1])  # as an editor may leave it
        labels = self.opened()
        self.assertFalse(labels.cut)
        self.assertLen(labels, 1)
        labels.append(ideal(typed_prompt("What?"), "It."))
        self.assertLen(self.path.read_bytes().splitlines(), 2)

    def test_a_full_disk_leaves_no_part_of_a_line(self):
        labels = self.opened()
        labels.append(ideal(typed_prompt("Who?"), "I."))
        before, write = self.path.read_bytes(), os.write
        with mock.patch.object(os, "write", lambda file, data: write(file, data[:9])):
            with self.assertRaisesRegex(OSError, f"No space left.*{self.path.name}"):
                labels.append(ideal(typed_prompt("What?"), "It."))
        self.assertEqual(self.path.read_bytes(), before)
        self.assertNotIn(typed_prompt("What?"), labels)

    def test_refuses(self):
        labels = self.opened()
        with self.assertRaisesRegex(InputError, "another program is writing"):
            Labels(self.path)
        labels.append(ideal(typed_prompt("Who?"), "I."))
        for line in ('{"text": "a"}', "[]", "1", "{", '{"messages": []}', "[" * 10**5):
            other = self.path.with_name("other.jsonl")
            other.write_text(self.path.read_text() + line + "\n")
            before = other.read_bytes()
            with self.assertRaisesRegex(InputError, "line 2 of .* is no label"):
                Labels(other)
            self.assertEqual(other.read_bytes(), before)
        with self.assertRaisesRegex(InputError, "cannot be written"):
            Labels(self.path.parent)

    @hypothesis.given(st.text(st.characters()), st.text(st.characters()))
    def test_any_text_is_read_by_fine_tuning(self, asked, answer):
        """As it was written, but for the space around an answer and what is no Unicode."""
        hypothesis.assume(asked.strip() and answer.strip())
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "labels.jsonl"
            labels = Labels(path)
            labels.append(ideal(typed_prompt(asked), answer))
            labels.append(ranked(typed_prompt(answer), ["a", "b"], [[0], [1]]))
            labels.close()
            dropped = collections.Counter()
            [read] = conversations(str(path), get_config(), folder, dropped)
            again = Labels(path)
            self.assertIn(typed_prompt(asked), again)
            again.close()
        texts = [message["content"] for message in read["messages"]]
        expected = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
                    for text in (asked, answer.strip())]  # fmt: skip
        self.assertEqual(texts, expected)
        self.assertEqual(dropped, {"it ranks answers, which is for a reward model": 1})


if __name__ == "__main__":
    absltest.main()
