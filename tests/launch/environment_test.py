"""launch/environment.sh, and laptop.sh and test.sh, which stand on it."""

import subprocess

from absl.testing import absltest, parameterized

from tests.launch import fake_programs
from tests.launch.fake_programs import PYTHON, ROOT, UV


class EnvironmentTest(fake_programs.ScriptTest, parameterized.TestCase):
    script = "launch/environment.sh"

    def installs(self) -> list[list[str]]:
        """What pip or uv was asked to install since the last time, without its own flags."""
        return [
            [word for word in call if not word.startswith("--")]
            for call in self.calls()
            if "install" in call
        ]

    def pip_install(self, *packages: str) -> list[str]:
        return ["python", "-m", "pip", "install", *packages]

    def base(self) -> list[str]:
        return self.pip_install("-r", str(self.root / "requirements.txt"))

    def dev(self) -> list[str]:
        return self.pip_install("-r", str(self.root / "requirements-dev.txt"))

    def test_installs_once(self):
        self.add("python3", PYTHON)
        output = self.succeed(self.script)
        self.assertIn(f"making {self.venv} with {self.bin}/python3", output)
        self.assertEqual(self.installs(), [self.base()])
        output = self.succeed(self.script)
        self.assertIn(f"using {self.venv} (Python 3.12.1)", output)
        self.assertEqual(self.calls(), [])

    def test_changed_requirements_are_installed_into_what_is_there(self):
        self.add("python3", PYTHON)
        self.succeed(self.script)
        (self.venv / "kept").touch()
        with (self.root / "requirements.txt").open("a") as f:
            f.write("another\n")
        self.calls()
        self.succeed(self.script)
        self.assertEqual(self.installs(), [self.base()])
        self.assertTrue((self.venv / "kept").exists())

    def test_a_killed_install_is_made_anew(self):
        self.add("python3", PYTHON)
        result = self.run_script(self.script, FAKE_PIP="is-killed")
        self.assertEqual(result.returncode, -9)
        (self.venv / "half a package").touch()
        self.calls()
        self.succeed(self.script)
        self.assertFalse((self.venv / "half a package").exists())
        self.assertEqual(self.installs(), [self.base()])
        self.assertIn("using", self.succeed(self.script))

    def test_a_killed_update_is_made_anew(self):
        self.add("python3", PYTHON)
        self.succeed(self.script)
        self.run_script(self.script, "requirements-dev.txt", FAKE_PIP="is-killed")
        self.calls()
        self.succeed(self.script)
        self.assertEqual(self.installs(), [self.base()])

    def test_a_failed_install_says_what_to_do_and_is_not_recorded(self):
        self.add("python3", PYTHON)
        line = self.refuse(self.script, FAKE_PIP="fails")
        self.assertIn("the installation of requirements.txt failed", line)
        self.assertIn("PRIMER_PYTHON", line)
        self.calls()
        self.succeed(self.script)
        self.assertEqual(self.installs(), [self.base()])

    def test_development_requirements_contain_the_others(self):
        self.add("python3", PYTHON)
        self.succeed(self.script, "requirements-dev.txt")
        self.assertEqual(self.installs(), [self.dev()])
        self.assertIn("using", self.succeed(self.script))
        self.assertIn("using", self.succeed(self.script, "requirements-dev.txt"))

    def test_the_others_do_not_contain_the_development_requirements(self):
        self.add("python3", PYTHON)
        self.succeed(self.script)
        self.calls()
        self.succeed(self.script, "requirements-dev.txt")
        self.assertEqual(self.installs(), [self.dev()])

    def test_another_python_makes_it_anew(self):
        self.add("python3", PYTHON)
        self.add("other", PYTHON)
        self.succeed(self.script)
        (self.venv / "old").touch()
        output = self.succeed(self.script, PRIMER_PYTHON="other", FAKE_VERSION="3.11.7")
        self.assertIn("(Python 3.11.7)", output)
        self.assertFalse((self.venv / "old").exists())
        # Without a wish, what is there stays.
        self.assertIn("using", self.succeed(self.script))

    def test_a_python_that_is_gone_makes_it_anew(self):
        self.add("python3", PYTHON)
        self.succeed(self.script)
        (self.venv / "bin/python").unlink()
        self.assertIn("making", self.succeed(self.script))

    def test_a_python_that_is_too_old_is_passed_over(self):
        self.add("python3", "#!/bin/bash\nexit 1\n")
        self.add("python3.12", PYTHON)
        self.assertIn(f"with {self.bin}/python3.12", self.succeed(self.script))

    def test_the_active_environment_is_not_built_from_itself(self):
        self.add("python3", PYTHON)
        self.succeed(self.script)
        (self.venv / "bin/python3").symlink_to("python")
        (self.venv / "unfinished").touch()
        output = self.succeed(self.script, PATH=f"{self.venv}/bin:{self.bin}")
        self.assertIn(f"with {self.bin}/python3", output)

    def test_no_python(self):
        line = self.refuse(self.script)
        self.assertIn("no Python of version 3.11 or newer", line)
        self.assertIn("PRIMER_PYTHON=", line)

    @parameterized.parameters("3.10.13", "3.8.1")
    def test_a_wish_for_an_old_python_is_refused(self, version):
        self.add("python3", PYTHON)
        self.add("old", PYTHON)
        line = self.refuse(self.script, PRIMER_PYTHON="old", FAKE_VERSION=version)
        self.assertIn("PRIMER_PYTHON=old is not a Python of version 3.11 or newer", line)

    def test_uv_is_used_where_there_is_one(self):
        self.add("python3", PYTHON)
        self.add("uv", UV)
        self.succeed(self.script)
        calls = self.calls()
        self.assertEqual([call[:2] for call in calls], [["uv", "venv"], ["uv", "pip"]])
        self.assertIn(str(self.bin / "python3"), calls[0])
        self.assertIn(str(self.root / "requirements.txt"), calls[1])

    def test_uv_that_cannot_install_gives_way_to_pip(self):
        self.add("python3", PYTHON)
        self.add("uv", UV)
        output = self.succeed(self.script, FAKE_UV="fails")
        self.assertIn("uv could not install them; trying pip", output)
        self.assertEqual(self.installs()[-1], self.base())

    def test_uv_fetches_a_python_where_there_is_none(self):
        self.add("python3", PYTHON.replace("3.12.1", "3.10.13"))
        self.add("uv", UV.replace('"$FAKE_BIN/python3"', '"$FAKE_BIN/fetched"'))
        self.add("fetched", PYTHON)
        self.succeed(self.script)
        self.assertEqual(
            self.calls()[0],
            [*"uv venv --quiet --allow-existing --python 3.12".split(), str(self.venv)],
        )

    @parameterized.parameters(("tpu", "jax[tpu]"), ("cuda", "jax[cuda13]"))
    def test_accelerator_by_wish(self, accelerator, extra):
        self.add("python3", PYTHON)
        self.succeed(self.script, PRIMER_ACCELERATOR=accelerator)
        self.assertEqual(self.installs(), [[*self.base(), extra]])
        # The CPU's environment is another one.
        self.succeed(self.script)
        self.assertEqual(self.installs(), [self.base()])

    @parameterized.parameters(("12.8", "jax[cuda12]"), ("13.1", "jax[cuda13]"))
    def test_accelerator_by_the_gpus_driver(self, cuda, extra):
        self.add("python3", PYTHON)
        self.add(
            "nvidia-smi",
            f'#!/bin/bash\nif [ "$1" = -L ]; then echo "GPU 0: H100"; else '
            f'echo "| Driver Version: 580.65    CUDA Version: {cuda}   |"; fi\n',
        )
        self.succeed(self.script, PRIMER_ACCELERATOR="")
        self.assertEqual(self.installs(), [[*self.base(), extra]])

    def test_unknown_accelerator(self):
        self.add("python3", PYTHON)
        line = self.refuse(self.script, PRIMER_ACCELERATOR="gpu")
        self.assertIn("PRIMER_ACCELERATOR=gpu is not one of cpu, cuda, tpu", line)

    def test_unknown_requirements(self):
        self.assertIn("setup.py is not a requirements file", self.refuse(self.script, "setup.py"))


class StartTest(fake_programs.ScriptTest):
    def setUp(self):
        super().setUp()
        self.add("python3", PYTHON)

    def test_laptop_passes_arguments_on_as_they_are(self):
        arguments = ["--workdir=a b", "--config.name=it's", "", "*"]
        self.succeed("launch/laptop.sh", *arguments)
        self.assertEqual(
            self.calls()[-1],
            ["python", "-m", "train.main", "--config=configs/laptop.py", *arguments],
        )

    def test_laptop_takes_another_config(self):
        self.succeed("launch/laptop.sh", "--config=configs/shakespeare.py")
        self.assertEqual(
            self.calls()[-1], ["python", "-m", "train.main", "--config=configs/shakespeare.py"]
        )

    def test_huge_pages_are_asked_for_where_nothing_else_is(self):
        says = 'printf "tunables=%s\\n" "$GLIBC_TUNABLES" >>"$CALLS"\n'
        self.add("python3", PYTHON + says)
        self.succeed("launch/laptop.sh")
        self.assertEqual(self.calls()[-1], ["tunables=glibc.malloc.hugetlb=1"])
        self.succeed("launch/laptop.sh", GLIBC_TUNABLES="glibc.malloc.check=3")
        self.assertEqual(self.calls()[-1], ["tunables=glibc.malloc.check=3"])

    def test_test_passes_arguments_on_as_they_are(self):
        self.succeed("launch/test.sh", "tests/a b", "-k", "x or y")
        call = self.calls()[-1]
        self.assertEqual(call[:4], ["python", "-m", "pytest", "-n"])
        self.assertBetween(int(call[4]), 1, 8)
        self.assertEqual(call[-3:], ["tests/a b", "-k", "x or y"])

    def test_help_makes_nothing(self):
        for script in ("laptop.sh", "test.sh", "environment.sh"):
            self.assertIn(f"bash launch/{script}", self.succeed(f"launch/{script}", "--help"))
        self.assertFalse(self.venv.exists())
        self.assertEqual(self.calls(), [])


class SyntaxTest(absltest.TestCase):
    def test_every_script_parses(self):
        scripts = [*ROOT.glob("launch/*.sh"), ROOT / ".ci/run"]
        self.assertGreaterEqual(len(scripts), 6)
        for script in scripts:
            with self.subTest(script.name):
                subprocess.run(["bash", "-n", str(script)], check=True)
                self.assertTrue(fake_programs.is_executable(script))


class FakesTest(fake_programs.ScriptTest):
    def test_a_fake_does_not_write_through_the_link_that_it_takes_the_place_of(self):
        real = self.folder / "real"
        real.write_text("the machine's own")
        (self.bin / "tool").symlink_to(real)
        self.add("tool")
        self.assertEqual(real.read_text(), "the machine's own")
        self.assertFalse((self.bin / "tool").is_symlink())


if __name__ == "__main__":
    absltest.main()
