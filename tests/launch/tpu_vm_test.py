"""launch/tpu_vm.sh with a gcloud that writes down its calls, and one whose worker is a folder."""

import json
import os
import shlex
import time

from absl.testing import absltest, parameterized

from tests.launch import fake_programs

# Writes each call's arguments as a line of JSON, since they hold newlines. What it answers to
# "describe" is the next line of $STATES.
GCLOUD = """import json, os, pathlib, sys
with open(os.environ["CALLS"], "a") as f:
    f.write(json.dumps(sys.argv[1:]) + "\\n")
if "describe" in sys.argv:
    states = pathlib.Path(os.environ["STATES"])
    first, *rest = states.read_text().splitlines()
    states.write_text("\\n".join(rest))
    print(first)
"""

# One worker, whose home is the folder $HOME/worker: scp copies there and ssh runs bash there.
WORKER = """import os, pathlib, shutil, subprocess, sys
worker = pathlib.Path(os.environ["HOME"]) / "worker"
arguments = dict(word.split("=", 1) for word in sys.argv if word.startswith("--"))
if "scp" in sys.argv:
    shutil.copy(sys.argv[5], worker / sys.argv[6].split(":")[1])
if "ssh" in sys.argv:
    sys.exit(subprocess.run(
        ["bash", "-c", arguments["--command"]], cwd=worker, env=os.environ | {"HOME": str(worker)}
    ).returncode)
"""

# A worker's Python: a run that ends a moment after SIGTERM, having said what it was started with.
RUN = """#!/bin/bash
printf '%s\\n' "$@"
trap 'echo saved; exit' TERM
for i in $(seq 300); do sleep 0.1; done
"""


class TpuVmTest(fake_programs.ScriptTest, parameterized.TestCase):
    script = "launch/tpu_vm.sh"
    start = ("start", "--config=configs/big.py:smoke", "--workdir=/shared/a b")

    def setUp(self):
        super().setUp()
        self.add_python("gcloud", GCLOUD)
        self.environment["STATES"] = str(self.folder / "states")
        self.environment["TMPDIR"] = str(self.folder)
        (self.root / "configs").mkdir()
        (self.root / "configs/big.py").touch()

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for (line,) in super().calls()]

    def test_create(self):
        self.succeed(
            self.script, "create", "--name=one", "--zone", "us-west4-a", "--type=v5e-16", "--spot"
        )
        self.assertEqual(
            self.calls(),
            [
                shlex.split(
                    "compute tpus tpu-vm create one --accelerator-type=v5litepod-16 "
                    "--version=v2-alpha-tpuv5-lite --spot --zone=us-west4-a"
                )
            ],
        )

    @parameterized.parameters(
        ("v4-8", "tpu-ubuntu2204-base"),
        ("v5p-32", "v2-alpha-tpuv5"),
        ("v6e-64", "v2-alpha-tpuv6e"),
    )
    def test_image_goes_with_the_type(self, kind, image):
        self.succeed(self.script, "create", "--name=one", f"--type={kind}")
        (call,) = self.calls()
        self.assertIn(f"--version={image}", call)
        self.assertIn(f"--accelerator-type={kind}", call)

    def test_queued_waits_until_the_slice_is_there(self):
        (self.folder / "states").write_text("WAITING_FOR_RESOURCES\nPROVISIONING\nACTIVE\n")
        self.add("sleep", "#!/bin/bash\n")
        output = self.succeed(self.script, "create", "--name=one", "--type=v6e-8", "--queued")
        self.assertIn("one is PROVISIONING", output)
        kinds = [call[2:4] for call in self.calls()]
        self.assertEqual(
            kinds, [["queued-resources", "create"], *[["queued-resources", "describe"]] * 3]
        )

    def test_queued_request_that_failed_is_said(self):
        (self.folder / "states").write_text("PROVISIONING\nFAILED\n")
        self.add("sleep", "#!/bin/bash\n")
        line = self.refuse(self.script, "create", "--name=one", "--type=v6e-8", "--queued")
        self.assertIn("the request for one is FAILED", line)

    def test_a_failed_command_ends_the_sequence(self):
        self.add("gcloud", '#!/bin/bash\necho "[\\"$3\\"]" >>"$CALLS"\nexit 7\n')
        result = self.run_script(self.script, "create", *self.start, "--name=one", "--type=v4-8")
        self.assertEqual(result.returncode, 7)
        self.assertLen(self.calls(), 1)

    def test_dry_run_types_exactly_what_a_run_types(self):
        """The printed lines, run by a shell, call gcloud as the script itself does."""
        arguments = (
            "create setup follow status stop delete --name=one --zone=z --project=p "
            "--type=v5p-8 --spot --yes --worker=3"
        ).split()
        arguments += [*self.start, '--config.data.source=it\'s "a" $HOME *', "--", "--v=1"]
        (self.folder / "states").write_text("READY\n")
        self.succeed(self.script, *arguments)
        typed = self.calls()
        self.assertLen(typed, 9)

        result = self.run_script(self.script, "--dry-run", *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(self.calls(), [], "a dry run types nothing")
        (self.root / "printed.sh").write_text(result.stdout)
        (self.folder / "states").write_text("READY\n")
        self.succeed("printed.sh")
        self.assertEqual(self.calls(), typed)

    def test_dry_run_needs_no_gcloud(self):
        (self.bin / "gcloud").unlink()
        output = self.succeed(self.script, "stop", "delete", "--name=one", "--dry-run", "--queued")
        self.assertIn("gcloud compute tpus queued-resources delete one --force", output)
        self.assertIn("gcloud is not installed", self.refuse(self.script, "stop", "--name=one"))

    @parameterized.parameters(
        ("--nam=one", "there is no flag --nam; the nearest one is --name"),
        ("--dryrun", "there is no flag --dryrun; the nearest one is --dry-run"),
        ("--sport", "there is no flag --sport; the nearest one is --spot"),
        ("strat", "there is no command strat; the nearest one is start"),
        ("--zone", "--zone needs a value"),
        ("--spot=yes", "--spot takes no value"),
        ("--name=One", "--name=One: give the slice a name of lower-case letters"),
        ("--worker=all", "--worker=all is not a worker's number"),
    )
    def test_refuses(self, argument, message):
        line = self.refuse(self.script, "create", "--name=one", "--type=v4-8", argument)
        self.assertIn(message, line)
        self.assertEqual(self.calls(), [])

    @parameterized.parameters(
        ("--name=one", "no command: give one or more of create"),
        ("create --name=one", "create needs --type"),
        ("create --name=one --type=tpu7x-8", "no image is known for it; give --version"),
        ("create", "give the slice a name"),
        ("start --name=one --workdir=/r", "start needs --config"),
        ("start --name=one --config=configs/big.py", "start needs --bucket"),
        ("start --name=one --config=configs/no.py --bucket=b", "no file configs/no.py"),
        ("setup --name=one --bucket=gs://b/runs", "give the bucket's name alone"),
        # What cannot be done is said before the first command costs anything.
        ("create start --name=one --type=v4-8", "start needs --config"),
    )
    def test_refuses_without(self, arguments, message):
        self.assertIn(message, self.refuse(self.script, *arguments.split()))
        self.assertEqual(self.calls(), [])

    def test_help_tells_every_flag_and_command(self):
        output = self.succeed(self.script, "--help")
        text = (self.root / self.script).read_text()
        for line in text.splitlines():
            if line.startswith(("known_commands=", "known_flags=")):
                for word in line.split('"')[1].split():
                    if not word.startswith("$"):
                        self.assertIn(word, output)


class WorkerTest(fake_programs.ScriptTest):
    """What the commands do on a worker, in a folder that stands for its home."""

    def setUp(self):
        super().setUp()
        self.add_python("gcloud", WORKER)
        self.add("python3", fake_programs.PYTHON)
        self.add("uv", fake_programs.UV)
        self.environment["TMPDIR"] = str(self.folder)
        self.worker = self.folder / "worker"
        self.worker.mkdir()
        (self.root / "configs").mkdir()
        (self.root / "configs/big.py").touch()
        self.addCleanup(self.tpu, "stop")

    def tpu(self, *arguments: str):
        return self.run_script("launch/tpu_vm.sh", *arguments, "--name=one")

    def log(self) -> list[str]:
        return (self.worker / "primer.log").read_text().splitlines()

    def wait_for(self, line: str) -> None:
        for _ in range(100):
            if line in self.log():
                return
            time.sleep(0.05)
        self.fail(f"{line!r} is not in the log: {self.log()}")

    def test_set_up_copies_the_tree_and_makes_the_environment(self):
        (self.root / "runs").mkdir()
        (self.root / "runs/here").touch()
        (self.worker / "primer/runs/there").mkdir(parents=True)
        (self.worker / "primer/deleted_here.py").touch()
        result = self.tpu("setup")
        self.assertEqual(result.returncode, 0, result.stderr)
        copy = self.worker / "primer"
        self.assertEqual(
            sorted(os.listdir(copy)),
            ".venv .venv.lock configs launch requirements-dev.txt requirements.txt runs".split(),
        )
        self.assertEqual(os.listdir(copy / "runs"), ["there"])
        (install,) = (call for call in self.calls() if "install" in call)
        self.assertIn("jax[tpu]", install)
        self.assertTrue((copy / ".venv/installed-requirements.txt").exists())
        self.assertEmpty(list(self.folder.glob("*.tar.gz")))

    def test_set_up_mounts_the_bucket_once(self):
        self.add("gcsfuse", '#!/bin/bash\necho "$@" >>"$HOME/mounts"\n')
        self.add("mountpoint", '#!/bin/bash\n[ -e "$HOME/mounts" ]\n')
        for _ in range(2):
            result = self.tpu("setup", "--bucket=my-bucket")
            self.assertEqual(result.returncode, 0, result.stderr)
        (mount,) = (self.worker / "mounts").read_text().splitlines()
        self.assertEqual(mount.split()[-2:], ["my-bucket", "bucket"])

    def test_set_up_without_gcsfuse_says_so(self):
        result = self.tpu("setup", "--bucket=my-bucket")
        self.assertEqual(result.returncode, 3)
        self.assertIn("gcsfuse is not on the worker", result.stderr)

    def test_a_bucket_holds_the_run(self):
        self.run_with(RUN)
        start = self.tpu("start", "--config=configs/big.py", "--bucket=my-bucket")
        self.assertEqual(start.returncode, 0)
        self.wait_for(f"--workdir={self.worker}/bucket/runs/one")

    def run_with(self, program: str) -> None:
        python = self.worker / "primer/.venv/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text(program)
        python.chmod(0o755)

    def test_start_status_and_stop(self):
        self.run_with(RUN)
        start = ["start", "--config=configs/big.py", "--workdir=/shared/a b"]
        start += ["--config.x=it's $HOME"]

        self.assertIn("not running", self.tpu("status").stdout)
        self.assertEqual(self.tpu(*start).returncode, 0)
        self.wait_for("--config.x=it's $HOME")
        options = ["--config=configs/big.py", "--workdir=/shared/a b", "--distributed"]
        self.assertEqual(self.log(), ["-m", "train.main", *options, "--config.x=it's $HOME"])
        self.assertIn("running", self.tpu("status").stdout.splitlines())

        for command in (start, ["setup"]):
            again = self.tpu(*command)
            self.assertEqual(again.returncode, 3)
            self.assertIn("a run is going on: stop it first", again.stderr)

        self.assertIn("stopped", self.tpu("stop").stdout)
        self.assertEqual(self.log()[-1], "saved")
        self.assertIn("no run is going on", self.tpu("stop").stdout)

    def test_a_run_that_does_not_stop_is_killed(self):
        self.run_with("#!/bin/bash\ntrap '' TERM\necho deaf\nwhile true; do sleep 0.1; done\n")
        self.add("seq", "#!/bin/bash\necho 1\n")  # a second, for ten minutes
        start = self.tpu("start", "--config=configs/big.py", "--workdir=/shared/a")
        self.assertEqual(start.returncode, 0)
        self.wait_for("deaf")
        stop = self.tpu("stop")
        self.assertEqual(stop.returncode, 0, stop.stderr)
        self.assertIn("killed, not stopped after ten minutes", stop.stderr)
        self.assertIn("not running", self.tpu("status").stdout)

    def test_a_number_that_another_program_has_now_is_no_run(self):
        (self.worker / "primer.pid").write_text(str(os.getpid()))
        self.assertIn("no run is going on", self.tpu("stop").stdout)


if __name__ == "__main__":
    absltest.main()
