"""What a command says before it ends, and with which status."""

import contextlib
import io
import pathlib
import tempfile

from absl.testing import absltest

from data.errors import InputError, one_line_errors


class OneLineErrorsTest(absltest.TestCase):
    def left(self, action) -> tuple[str, object]:
        """(what is said, the exit status) of a command that does something."""
        with (
            contextlib.redirect_stderr(io.StringIO()) as said,
            self.assertRaises(SystemExit) as left,
            one_line_errors(),
        ):
            action()
        return said.getvalue(), left.exception.code

    def test_what_a_user_can_put_right_is_one_line(self):
        file = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "a file"
        file.touch()

        def refuse():
            raise InputError("no")

        self.assertEqual(self.left(refuse), ("error: no\n", 2))
        for action, why in (
            (lambda: (file / "x").mkdir(), "Not a directory"),
            (lambda: file.mkdir(), "File exists"),
            (lambda: file.parent.read_text(), "Is a directory"),
        ):
            said, status = self.left(action)
            self.assertRegex(said, rf"^error: .* cannot be used \({why}\): give another path\n$")
            self.assertEqual(status, 2)

    def test_faults_of_the_program_show_where_they_are(self):
        for action in (lambda: [][0], lambda: pathlib.Path("/no/such/file").read_text()):
            with self.assertRaises((IndexError, FileNotFoundError)), one_line_errors():
                action()


if __name__ == "__main__":
    absltest.main()
