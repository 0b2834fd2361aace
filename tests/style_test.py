"""Of every file: ruff is content, no folder imports upward, nothing names a workplace."""

import ast
import importlib.metadata
import pathlib
import re
import subprocess
import sys

from absl.testing import absltest

ROOT = pathlib.Path(__file__).resolve().parents[1]

# From the ground to the roof. A folder imports from floors below its own, and from itself; the two
# on the ground do not import each other. train/main.py is a floor of its own.
FLOORS = (
    ("model", "data"),
    ("train",),
    ("serve",),
    ("evals",),
    ("rl",),
    ("train.main",),
    ("configs",),
    ("launch",),
)

# Imported where it is asked for by name, with a sentence that says how to install it.
ON_DEMAND = {"libtpu", "reasoning_gym"}

# Put together here so that this file does not name them itself.
REGISTRIES = re.compile("|".join((r"pypi\." + "org", "python" + "hosted", r"conda\." + "anaconda")))
# A folder of somebody's machine at the start of a path, not the end of an address.
WORKPLACE = re.compile(r"(?<![\w.~$}/-])/(?:home|root|work|Users)/\w")

# A section of a docstring whose entries are not indented by four spaces.
SECTION = re.compile(r"^( *)(?:Args|Attributes|Raises|Returns|Yields):\n(?!\1    \S)", re.MULTILINE)


def project_files() -> list[pathlib.Path]:
    """Every file that git knows or does not ignore; without git, all but what tools leave."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        paths = [
            path
            for path in ROOT.rglob("*")
            if not {".venv", ".git", "runs", "__pycache__"} & set(path.relative_to(ROOT).parts)
        ]
    return sorted(path for path in paths if path.is_file())


def python_files() -> dict[str, ast.Module]:
    """Module name -> syntax tree, of every Python file."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text("utf-8"))
        for path in project_files()
        if path.suffix == ".py"
    }


def floor(module: str) -> int | None:
    """The floor that a module stands on; None: it is not in the house."""
    for name in (module, module.split(".")[0]):
        for number, folders in enumerate(FLOORS):
            if name in folders:
                return number
    return None


def imports(tree: ast.Module) -> set[str]:
    """The modules that a file imports, wherever in it. `from a import b` gives "a" and "a.b"."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def upward(module: str, imported: set[str]) -> list[str]:
    """Which of the imports a module on its floor may not make."""
    own = floor(module)
    if own is None:
        return []
    wrong = []
    for name in sorted(imported):
        if name.startswith("."):
            wrong.append(name)  # imports are absolute here: a floor is read off the name
            continue
        other = floor(name)
        if other is None or (name.split(".")[0] == module.split(".")[0] and other <= own):
            continue
        if other >= own:
            wrong.append(name)
    return wrong


class RuffTest(absltest.TestCase):
    def ruff(self, *arguments: str) -> None:
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, str(ROOT)], capture_output=True, text=True
        )
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_check(self):
        self.ruff("check", "--no-cache", "--output-format=concise")

    def test_format(self):
        self.ruff("format", "--no-cache", "--check")


class FloorsTest(absltest.TestCase):
    def test_no_folder_imports_upward(self):
        modules = python_files()
        self.assertGreaterEqual(
            {module.split(".")[0] for module in modules}, {"model", "data", "train", "launch"}
        )
        wrong = {
            module: names
            for module, tree in modules.items()
            if (names := upward(module, imports(tree)))
        }
        self.assertEqual(wrong, {})

    def test_upward(self):
        for module, source, wrong in [
            ("model.layers", "import data.loader", ["data.loader"]),
            ("data.loader", "def f():\n    from model import config", ["model", "model.config"]),
            ("data.world.facts", "from data.errors import InputError", []),
            ("train.loop", "import model.layers, data.loader, jax", []),
            ("train.loop", "from train import main", ["train.main"]),
            ("train.loop", "from . import state", [".", "..state"]),
            ("train.main", "from train import loop\nimport rl.grpo", []),
            ("train.main", "import configs.laptop", ["configs.laptop"]),
            ("rl.grpo", "from serve.engine import decode", []),
            ("serve.chat", "import evals.report", ["evals.report"]),
            ("configs.laptop", "from configs import defaults", []),
            ("launch.plan", "from train.main import run", []),
            ("tests.model.layers_test", "import launch.plan", []),
        ]:
            with self.subTest(f"{module}: {source}"):
                self.assertEqual(upward(module, imports(ast.parse(source))), wrong)

    def test_what_is_imported_is_in_the_requirements(self):
        """No part of the product needs a package that only the tests install."""
        required = {
            re.split(r"[^\w.-]", line, maxsplit=1)[0].lower().replace("_", "-")
            for line in (ROOT / "requirements.txt").read_text().splitlines()
            if line and not line.startswith("#")
        }
        required |= {"jaxlib"}  # jax's own other half
        distributions = importlib.metadata.packages_distributions()
        for module, tree in python_files().items():
            if floor(module) is None:
                continue
            for name in {name.split(".")[0] for name in imports(tree)}:
                if name in sys.stdlib_module_names or floor(name) is not None or name in ON_DEMAND:
                    continue
                with self.subTest(f"{module} imports {name}"):
                    owners = {d.lower().replace("_", "-") for d in distributions.get(name, [])}
                    self.assertTrue(owners & required, f"{name} is not in requirements.txt")


class DocstringTest(absltest.TestCase):
    def test_sections_are_indented_alike(self):
        for module in python_files():
            text = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text("utf-8")
            found = [text.count("\n", 0, match.start()) + 1 for match in SECTION.finditer(text)]
            self.assertEqual(found, [], module)

    def test_section(self):
        self.assertRegex("    Args:\n      x: [B].", SECTION)
        self.assertNotRegex("    Args:\n        x: [B].", SECTION)


class PlacesTest(absltest.TestCase):
    def test_no_file_names_a_registry_or_a_workplace(self):
        found = []
        for path in project_files():
            try:
                text = path.read_text("utf-8")
            except UnicodeDecodeError:
                continue  # a picture or an archive
            for number, line in enumerate(text.splitlines(), 1):
                if REGISTRIES.search(line) or WORKPLACE.search(line):
                    found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
        self.assertEqual(found, [])

    def test_patterns(self):
        for text in (
            "/ho" + "me/ann/x",
            'path="/wo' + 'rk/main"',
            "cd /ro" + "ot/x",
            "a:/Us" + "ers/b",
        ):
            self.assertRegex(text, WORKPLACE)
        for text in (
            "example.com/home/x",
            "../work/x",
            "$x/work/y",
            "/homeward",
            "~/work/x",
            "/root",
        ):
            self.assertNotRegex(text, WORKPLACE)
        self.assertRegex("https://pypi." + "org/simple", REGISTRIES)


if __name__ == "__main__":
    absltest.main()
