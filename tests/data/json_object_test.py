"""What is an object of JSON, what is not and is said so, and what objects differ in."""

import pathlib
import tempfile

from absl.testing import absltest

from data.errors import InputError
from data.json_object import differences, read_object


class ReadObjectTest(absltest.TestCase):
    def test_objects_and_everything_else(self):
        path = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "config.json"
        path.write_text('{"a": [1]}')
        self.assertEqual(read_object(path), {"a": [1]})
        for content, why in (
            (b"", "is no JSON"),
            (b"{", "is no JSON"),
            (b"\xff{}", "is no JSON"),
            (b"[" * 100_000, "is no JSON"),
            (b"[]", "is no JSON object"),
            (b"null", "is no JSON object"),
        ):
            path.write_bytes(content)
            with self.assertRaisesRegex(InputError, f"config.json {why}"):
                read_object(path)


class DifferencesTest(absltest.TestCase):
    def test_of_two_and_more(self):
        configs = ({"seed": 0, "a": {"b": 1, "c": {}}}, {"seed": 0, "a": {"b": 2, "c": {}}})
        self.assertEqual(differences(configs), [("a.b", [1, 2])])
        self.assertEqual(
            differences((*configs, {"seed": 1, "a": configs[0]["a"]})),
            [
                ("seed", [0, 0, 1]),
                ("a.b", [1, 2, 1]),
            ],
        )
        self.assertEqual(differences(({"x": 1}, {})), [("x", [1, None])])
        self.assertEqual(differences(({"x": {"y": 1}}, {})), [("x", [{"y": 1}, None])])
        self.assertEqual(differences(configs[:1] * 3), [])


if __name__ == "__main__":
    absltest.main()
