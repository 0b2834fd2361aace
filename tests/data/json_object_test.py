"""What is an object of JSON, and what is not and is said so."""

import pathlib
import tempfile

from absl.testing import absltest

from data.errors import InputError
from data.json_object import read_object


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


if __name__ == "__main__":
    absltest.main()
