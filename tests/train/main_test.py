"""The front door: whole runs in their own process, killed, resumed, damaged and misused."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from absl.testing import absltest, parameterized

from tests.train.final_state import final_state

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEPS = 40
SETTINGS = (
    "--config=configs/defaults.py",
    "--config.tokenizer.vocab_size=300",
    "--config.data.validation_fraction=0.1",
    "--config.data.document_bytes=200",
    "--config.model.depth=1",
    "--config.model.width=32",
    "--config.model.context=32",
    "--config.train.batch=8",
    f"--config.train.steps={STEPS}",
    "--config.train.average=0.9",
    "--config.checkpoint.steps=5",
    "--config.watch.log_steps=1",
    "--config.watch.eval_steps=20",
    "--config.watch.sample_tokens=4",
)


def write_corpus(path: pathlib.Path) -> None:
    draw = random.Random(0)
    words = "a few words that come again and again in one order or another".split()
    lines = [" ".join(draw.choices(words, k=12)) + ".\n\n" for _ in range(600)]
    path.write_text("".join(lines))


def command(*settings: str) -> list[str]:
    return [sys.executable, "-m", "train.main", *SETTINGS, *settings]


def environment() -> dict[str, str]:
    return os.environ | {"XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"}


def run(*settings: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(*settings),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )


def parameters_of(workdir: pathlib.Path) -> dict[str, bytes]:
    """Every array of the last checkpoint's state, as bytes."""
    return final_state(workdir, "base", STEPS)


class WholeRunTest(absltest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.text = cls.folder / "text.txt"
        write_corpus(cls.text)
        cls.whole = cls.folder / "whole"
        begun = time.monotonic()
        done = run(f"--config.data.source={cls.text}", f"--workdir={cls.whole}")
        cls.seconds = time.monotonic() - begun
        if done.returncode:
            raise AssertionError(done.stderr)
        cls.printed = done.stdout

    def start(self, workdir: pathlib.Path, *settings: str) -> subprocess.Popen:
        return subprocess.Popen(
            command(f"--config.data.source={self.text}", f"--workdir={workdir}", *settings),
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def test_writes_what_the_design_promises(self):
        report = json.loads((self.whole / "report.json").read_text())
        for name in ("val_loss", "bits_per_byte", "tokens_per_second", "peak_fraction", "seconds"):
            self.assertGreater(report[f"base/{name}"], 0)
        self.assertLess(report["base/peak_fraction"], 1)
        # 26 letters at random are 4.7 bits; the words above are about 0.7 bits a byte.
        self.assertLess(report["base/bits_per_byte"], 2)
        resolved = json.loads((self.whole / "base" / "config.json").read_text())
        self.assertEqual(resolved["model"]["vocab_size"] % 64, 0)
        self.assertTrue((self.whole / "base" / "loss.png").read_bytes().startswith(b"\x89PNG"))
        self.assertTrue(list((self.whole / "base" / "events").iterdir()))
        self.assertIn("=== step 40", (self.whole / "base" / "samples.txt").read_text())

    def test_stages_are_announced_and_accounted_for(self):
        lines = self.printed.splitlines()
        for number, name in enumerate(("data.tokenizer", "data.tokens", "train.pretrain"), 1):
            said = f"stage {number} of 3: {name}"
            self.assertEqual(lines.count(said), 1)
            done = [line for line in lines if line.startswith(f"{said}: ")]
            self.assertLen(done, 1)
            self.assertRegex(done[0], r": done in [\d,.]+ s$")
        report = json.loads((self.whole / "report.json").read_text())
        seconds = [value for name, value in report.items() if name.startswith("seconds/")]
        self.assertLen(seconds, 3)
        self.assertAlmostEqual(report["total/seconds"], sum(seconds))
        self.assertLess(report["total/seconds"], self.seconds)
        self.assertGreater(report["seconds/train.pretrain"], report["base/seconds"])
        self.assertEqual(report["total/flops"], report["base/flops"])
        # 40 steps of 8 rows of 32 tokens, 6 and more for each of some thousands of weights.
        self.assertBetween(report["base/flops"], 40 * 8 * 32 * 6 * 5e3, 40 * 8 * 32 * 6 * 1e5)
        self.assertBetween(report["total/peak_memory_gb"], 0.1, 20)

    def test_says_what_can_be_done_with_the_run(self):
        self.assertIn(f"-m serve.chat --workdir={self.whole} --base --prompt=", self.printed)
        self.assertNotRegex(self.printed, rf"serve.chat --workdir={self.whole}\n")  # no chat stage
        self.assertIn("--config.sft.start=base", self.printed)

    def test_done_runs_are_left_alone(self):
        before = (self.whole / "base" / "metrics.jsonl").stat().st_mtime_ns
        report = (self.whole / "report.json").read_bytes()
        again = run(f"--config.data.source={self.text}", f"--workdir={self.whole}")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("stage 2 of 3: data.tokens: was done before", again.stdout)
        self.assertEqual((self.whole / "report.json").read_bytes(), report)
        self.assertEqual((self.whole / "base" / "metrics.jsonl").stat().st_mtime_ns, before)

    def test_killed_at_random_moments_ends_with_the_same_bits(self):
        workdir = self.folder / "killed"
        draw = random.Random(1)
        kills, seconds = 0, self.seconds
        while kills < 7:  # in as many runs as it takes
            if (workdir / "base" / "DONE").exists():
                self.assertEqual(parameters_of(workdir), parameters_of(self.whole))
                shutil.rmtree(workdir)
            begun = time.monotonic()
            process = self.start(workdir)
            try:
                # From before the first import to past the last step.
                process.wait(timeout=draw.uniform(0.05, 1.0) * seconds)
                # The first run of all compiled what the others find done.
                seconds = min(seconds, time.monotonic() - begun)
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
            process.communicate()
            self.assertIn(process.returncode, (0, -signal.SIGKILL))
        last = run(f"--config.data.source={self.text}", f"--workdir={workdir}")
        self.assertEqual(last.returncode, 0, last.stderr)
        self.assertEqual(parameters_of(workdir), parameters_of(self.whole))
        figures = [json.loads((w / "report.json").read_text()) for w in (workdir, self.whole)]
        for name in ("base/val_loss", "base/bits_per_byte"):
            self.assertEqual(figures[0][name], figures[1][name])

    def test_sigterm_and_sigint_save_and_say_how_to_go_on(self):
        for signum in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signum=signum):
                workdir = self.folder / f"signal-{signum}"
                process = self.start(workdir, "--config.checkpoint.steps=1000")
                for line in process.stderr:
                    if line.startswith("base 3/"):
                        process.send_signal(signum)
                        break
                _, rest = process.communicate(timeout=120)
                self.assertEqual(process.returncode, 128 + signum)
                self.assertRegex(rest, r"stopped by SIG\w+ after step \d+, which is saved")
                self.assertNotIn("Traceback", rest)
                if signum == signal.SIGINT:  # goes the same way from here
                    continue
                done = run(f"--config.data.source={self.text}", f"--workdir={workdir}")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("going on from the checkpoint of step", done.stderr)
                self.assertEqual(parameters_of(workdir), parameters_of(self.whole))


class BadInputTest(parameterized.TestCase):
    """One line that says what is wrong and what to do, and exit status 2."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.text = cls.folder / "text.txt"
        write_corpus(cls.text)
        (cls.folder / "empty.txt").write_text("")
        (cls.folder / "short.txt").write_text("Two.\n\n" * 4)

    @parameterized.named_parameters(
        ("unknown_section", ["--config.modle.depth=2"], "modle.*did you mean 'model'"),
        ("unknown_key", ["--config.train.stepz=2"], "stepz.*did you mean 'steps'"),
        ("unknown_flag", ["--wrokdir=x"], "wrokdir.*Did you mean: workdir"),
        ("unknown_variant", ["--config=configs/laptop.py:tiny"], "no variant 'tiny'.*'quick'"),
        ("missing_file", ["--config.data.source={f}/none.txt"], "none.txt"),
        ("empty_corpus", ["--config.data.source={f}/empty.txt"], "empty"),
        (
            "corpus_shorter_than_a_row",
            [
                "--config.data.source={f}/short.txt",
                "--config.data.validation={f}/text.txt",
                "--config.tokenizer.path=",
            ],
            "fewer than one row of 32",
        ),
        ("vocabulary_too_small", ["--config.tokenizer.vocab_size=100"], "vocab_size"),
        (
            "batch_and_mesh",
            ["--config.train.batch=7", "--config.mesh.cpu_devices=2"],
            "multiple of 2",
        ),
        ("mesh_and_devices", ["--config.mesh.tensor=3", "--config.mesh.data=1"], "does not fit"),
        ("context", ["--config.train.context=64"], "longer than the model's"),
        ("heads", ["--config.model.heads=3", "--config.model.kv_heads=2"], "multiple of"),
        ("family", ["--config.model.family=gpt9"], "gpt9.*qwen3"),
        ("attention", ["--config.model.attention=cudnn"], "cudnn.*GPU.*CPU"),
        ("counts", ["--config.watch.log_steps=0"], "config.watch.log_steps is 0.*at least 1"),
        ("fraction", ["--config.train.warmup=100"], "config.train.warmup is 100.*fraction"),
        (
            "sixteen_bits_over_tensor_devices",
            [
                "--config.model.dtype=bfloat16",
                "--config.mesh.cpu_devices=4",
                "--config.mesh.tensor=2",
            ],
            "model.dtype is bfloat16, which CPUs cannot",
        ),
        ("no_stage", ["--config.stages=('data.errors',)"], "data.errors.*which is no stage"),
        ("stage", ["--config.stages=('train.nothing',)"], "train.nothing"),
        (
            "exchanged_section",
            ["--config.stages=('data.tokenizer','train.sft:sft=sft_again')"],
            "'sft' .* has not been trained.*config.sft is config.sft_again in the stage train.sft",
        ),
        ("opening", ["--config.train.opening=2"], "config.train.opening is 2.*fraction"),
        ("hosts", ["--num_processes=2"], "--num_processes is for several hosts: add --distributed"),
        ("no_hosts", ["--distributed"], "does not find the other hosts.*--coordinator_address"),
        ("argument", ["configs/laptop.py"], "unexpected argument"),
    )
    def test_one_sentence(self, settings, expected):
        with tempfile.TemporaryDirectory() as workdir:
            done = run(
                f"--config.data.source={self.text}",
                f"--workdir={workdir}/run",
                *(setting.format(f=self.folder) for setting in settings),
            )
        self.assertNotIn("Traceback", done.stderr)
        self.assertIn(done.returncode, (1, 2))
        self.assertRegex(done.stderr.replace("\n", " "), expected)
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        self.assertLessEqual(len(lines), 2, done.stderr)

    def test_stages_are_all_looked_at_before_the_first(self):
        for last, expected in (("train.nothing", "no module"), ("train.sft:sft=sfd", "config.sfd")):
            with self.subTest(last), tempfile.TemporaryDirectory() as workdir:
                stages = f"--config.stages=('data.tokenizer','{last}')"
                done = run(f"--config.data.source={self.text}", f"--workdir={workdir}/run", stages)
                self.assertEqual(done.returncode, 2)
                self.assertRegex(done.stderr, expected)
                self.assertFalse((pathlib.Path(workdir) / "run" / "tokenizer").exists())

    def test_workdir_of_another_config(self):
        workdir = self.folder / "claimed"
        stages = "--config.stages=('data.tokenizer',)"
        source = f"--config.data.source={self.text}"
        self.assertEqual(run(source, stages, f"--workdir={workdir}").returncode, 0)
        other = run(source, stages, f"--workdir={workdir}", "--config.train.batch=16")
        self.assertEqual(other.returncode, 2)
        self.assertRegex(other.stderr, r"another config \(train.batch was 8, now 16\)")
        other = run(source, stages, f"--workdir={workdir}", "--config.web.c4.min_sentences=3")
        self.assertEqual(other.returncode, 2)
        self.assertRegex(other.stderr, r"another config \(web.c4.min_sentences was 5, now 3\)")
        elsewhere = run(source, stages, f"--workdir={workdir}", "--config.checkpoint.folder=/x")
        self.assertEqual(elsewhere.returncode, 2)
        self.assertIn("checkpoint.folder was , now /x", elsewhere.stderr)
        free = (
            "--config.watch.log_steps=3",
            "--config.web.processes=4",
            "--config.checkpoint.keep=3",
        )
        same = run(source, stages, f"--workdir={workdir}", *free)
        self.assertEqual(same.returncode, 0, same.stderr)

    def test_unreadable_shard(self):
        workdir = self.folder / "damaged"
        arguments = [f"--config.data.source={self.text}", f"--workdir={workdir}"]
        stages = "--config.stages=('data.tokenizer','data.tokens')"
        self.assertEqual(run(*arguments, stages).returncode, 0)
        shard = next((workdir / "data").rglob("*train*.array_record*"))
        content = shard.read_bytes()
        for name, damaged in {
            "short": content[:-1],
            "flipped": content[: len(content) // 2]
            + b"\0" * 64
            + content[len(content) // 2 + 64 :],
        }.items():
            with self.subTest(name):
                shard.write_bytes(damaged)
                done = run(*arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertNotIn("Traceback", done.stderr)
                self.assertRegex(done.stderr, "token shard.*(remove|restore)")

    def test_full_disk(self):
        disk = self.folder / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
        if subprocess.run(mount, capture_output=True).returncode:
            self.skipTest("needs the right to mount a small disk")
        try:
            done = run(f"--config.data.source={self.text}", f"--workdir={disk}/run")
        finally:
            subprocess.run(["umount", str(disk)], check=True)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertRegex(done.stderr, "disk .*full.*free some room")


if __name__ == "__main__":
    absltest.main()
