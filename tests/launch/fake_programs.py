"""A copy of the launch scripts among programs that only write down how they were called."""

import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile

from absl.testing import absltest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What a fake program does first: one line per call, its arguments parted by tabs.
_RECORD = """#!/bin/bash
{ printf '%s' "${0##*/}"; printf '\\t%s' "$@"; echo; } >>"$CALLS"
"""

# A Python of version $FAKE_VERSION (in a .venv: the one that made it) that can make
# environments, and whose pip does what $FAKE_PIP says.
PYTHON = """#!/bin/bash
version="$(cat "${0%/*}/version" 2>/dev/null || echo "${FAKE_VERSION:-3.12.1}")"
case "$1 $2" in
  "-c "*)
    case "$version" in 3.[0-9].* | 3.10.*) exit 1 ;; esac
    echo "$version"
    exit
    ;;
  "-m venv")
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    echo "$version" >"$3/bin/version"
    ;;
  "-m pip") if [ "$3" = --version ]; then exit; fi ;;
esac
{ printf 'python'; printf '\\t%s' "$@"; echo; } >>"$CALLS"
if [ "$1 $2" = "-m pip" ]; then
  case "${FAKE_PIP:-}" in
    fails) echo "no such package" >&2; exit 1 ;;
    is-killed) kill -KILL 0 ;;
  esac
fi
"""

# A uv that makes an environment from the Python it is given, and installs if $FAKE_UV lets it.
UV = (
    _RECORD
    + """
case "$1" in
  venv)
    mkdir -p "${@: -1}/bin"
    cp "$FAKE_BIN/python3" "${@: -1}/bin/python"
    ;;
  pip) [ "${FAKE_UV:-}" != fails ] ;;
esac
"""
)

# The programs the scripts use beside the ones under test.
_TOOLS = (
    "awk bash cat chmod cp dirname env find flock grep gzip mkdir nohup nproc rm "
    "sed seq sh sleep tail tar touch tr"
)


class ScriptTest(absltest.TestCase):
    """Runs launch scripts from a copy whose path has a space, with a PATH of fakes alone."""

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="launch scripts ")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.root = self.folder / "a tree"
        shutil.copytree(ROOT / "launch", self.root / "launch")
        for name in ("requirements.txt", "requirements-dev.txt"):
            shutil.copy(ROOT / name, self.root)
        self.venv = self.root / ".venv"
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        for tool in _TOOLS.split():
            found = shutil.which(tool)
            if found is not None:
                (self.bin / tool).symlink_to(found)
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(self.folder),
            "CALLS": str(self.folder / "calls"),
            "FAKE_BIN": str(self.bin),
            "PRIMER_ACCELERATOR": "cpu",
        }

    def add(self, name: str, program: str = _RECORD) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)  # or the machine's own program would be written through a link
        path.write_text(program)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def add_python(self, name: str, program: str) -> None:
        # Not by a first line that names the interpreter: its path may have a space.
        (self.bin / f"{name}.py").write_text(program)
        self.add(name, f'#!/bin/bash\nexec "{sys.executable}" "$0.py" "$@"\n')

    def run_script(self, script: str, *arguments: str, **environment: str):
        """Runs `bash script arguments` in another folder than the tree's, with a session of its
        own, so that a fake may kill all of it."""
        return subprocess.run(
            ["bash", str(self.root / script), *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            start_new_session=True,
            timeout=60,
        )

    def succeed(self, script: str, *arguments: str, **environment: str) -> str:
        """What the script writes to stdout and stderr; it has to succeed."""
        result = self.run_script(script, *arguments, **environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout + result.stderr

    def refuse(self, script: str, *arguments: str, **environment: str) -> str:
        """The last line of stderr; the script has to end with 2."""
        result = self.run_script(script, *arguments, **environment)
        self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
        return result.stderr.splitlines()[-1]

    def calls(self) -> list[list[str]]:
        """The calls of fakes since the last time this was asked."""
        path = pathlib.Path(self.environment["CALLS"])
        if not path.exists():
            return []
        lines = path.read_text().splitlines()
        path.unlink()
        return [line.split("\t") for line in lines]


def is_executable(path: pathlib.Path) -> bool:
    return os.access(path, os.X_OK)
