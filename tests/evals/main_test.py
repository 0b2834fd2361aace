"""The command, run as a person runs it."""

import gzip
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from absl.testing import absltest

from tests.serve import small_run

ROOT = pathlib.Path(__file__).resolve().parents[2]


def setUpModule():
    global FOLDER, RUN
    FOLDER = tempfile.TemporaryDirectory()
    RUN = pathlib.Path(FOLDER.name) / "run"
    shutil.copytree(small_run.folder() / "run", RUN)


def tearDownModule():
    FOLDER.cleanup()


def start(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "evals.main", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class MainTest(absltest.TestCase):
    def test_the_figures_of_training_again(self):
        recorded = json.loads((RUN / "report.json").read_text())
        spoiled = recorded | {"base/val_loss": 0.0, "base/bits_per_byte": 0.0}
        (RUN / "report.json").write_text(json.dumps(spoiled))
        program = start(f"--workdir={RUN}")
        out, errors = program.communicate(timeout=120)
        self.assertEqual((program.returncode, errors), (0, ""))
        self.assertEqual(json.loads((RUN / "report.json").read_text()), recorded)
        lines = [
            f"{name} {recorded[name]:.6f}\n" for name in ("base/val_loss", "base/bits_per_byte")
        ]
        self.assertEqual(out, "".join(lines))

    def test_weights_in_int8_have_figures_of_their_own(self):
        recorded = json.loads((RUN / "report.json").read_text())
        self.addCleanup((RUN / "report.json").write_text, json.dumps(recorded))
        out, errors = start(f"--workdir={RUN}", "--weights=int8").communicate(timeout=120)
        self.assertEqual(errors, "")
        found = json.loads((RUN / "report.json").read_text())
        self.assertEqual({name: found[name] for name in recorded}, recorded)
        self.assertIn(f"base/bits_per_byte_int8 {found['base/bits_per_byte_int8']:.6f}\n", out)
        cost = found["base/bits_per_byte_int8"] - recorded["base/bits_per_byte"]
        self.assertBetween(abs(cost), 1e-7, 1e-2)

    def test_a_text_is_measured_and_not_recorded(self):
        recorded = (RUN / "report.json").read_text()
        text = small_run.folder() / "held_out.txt"
        program = start(f"--workdir={RUN}", f"--text={text}")
        out, errors = program.communicate(timeout=120)
        self.assertEqual((program.returncode, errors), (0, ""))
        self.assertRegex(out, rf"\A{text}: val_loss [\d.]+\n{text}: bits_per_byte [\d.]+\n\Z")
        self.assertEqual((RUN / "report.json").read_text(), recorded)

    def test_tasks_from_files(self):
        recorded = json.loads((RUN / "report.json").read_text())
        self.addCleanup((RUN / "report.json").write_text, json.dumps(recorded))
        data = pathlib.Path(FOLDER.name) / "data"
        (data / "eval_tasks").mkdir(parents=True)
        row = {"query": "the cat", "choices": ["sat on a mat", "naïve 😀"], "gold": 0}
        rows = [row | {"query": f"the {animal}"} for animal in ("cat", "dogs", "hills")]
        (data / "eval_tasks" / "copa.jsonl").write_text("\n".join(map(json.dumps, rows)))
        with gzip.open(data / "eval_tasks" / "lambada_openai.jsonl.gz", "wt") as file:
            file.write(json.dumps({"context": "the cat sat on a", "continuation": "mat"}))
        program = start(f"--workdir={RUN}", "--tasks=core", f"--data={data}", "--limit=2")
        out, errors = program.communicate(timeout=120)
        self.assertEqual(program.returncode, 0, errors)
        self.assertIn("without arc_easy, ", errors)
        found = json.loads((RUN / "report.json").read_text())
        self.assertEqual({name: found[name] for name in recorded}, recorded)
        self.assertEqual(found["base/copa_items"], 2)
        self.assertIn(f"base/copa {found['base/copa']:.4f} (95%: ", out)
        mean = (2 * found["base/copa"] - 1 + found["base/lambada_openai"]) / 2
        self.assertAlmostEqual(found["base/centred_mean"], mean)
        self.assertIn("over 2 of CORE's tasks: copa, lambada_openai\n", out)
        told = json.loads((RUN / "evals" / "base" / "core.json").read_text())
        self.assertEqual(told["tasks"], ["copa", "lambada_openai"])
        lines = (RUN / "evals" / "base" / "copa.jsonl").read_text().splitlines()
        self.assertEqual([json.loads(line)["id"] for line in lines], ["0", "1"])

    def test_what_is_wrong_is_said_in_one_line(self):
        run = f"--workdir={RUN}"
        cases = {
            (): "no --workdir; give the folder of a run",
            (run, "--tasks=bits_per_bite"): "no task 'bits_per_bite'; did you mean 'bits_per_byte'",
            (run, "--stage=chat"): "the stage 'chat' of",
            (run, "--tasks=piqa"): "no --data; give the folder of the files that --tasks=piqa",
            (run, "--tasks=piqa", "--data=no"): "piqa wants the file eval_tasks/piqa.jsonl (or",
            (run, "book.txt"): "unexpected argument 'book.txt'",
        }
        programs = {arguments: start(*arguments) for arguments in cases}
        for arguments, sentence in cases.items():
            with self.subTest(sentence):
                out, errors = programs[arguments].communicate(timeout=120)
                self.assertEqual((programs[arguments].returncode, out), (2, ""))
                self.assertRegex(errors, r"\Aerror: [^\n]+\n\Z")
                self.assertIn(sentence, errors)

    def test_on_other_devices_than_training_s(self):
        """A run of eight devices is measured on one, and says so."""
        path = RUN / "base" / "config.json"
        config = json.loads(path.read_text())
        self.addCleanup(path.write_text, json.dumps(config))
        config["mesh"]["cpu_devices"] = 0
        path.write_text(json.dumps(config))
        recorded = json.loads((RUN / "report.json").read_text())
        program = start(f"--workdir={RUN}")
        out, errors = program.communicate(timeout=120)
        (RUN / "report.json").write_text(json.dumps(recorded))
        self.assertEqual(errors, "not on the mesh of training, but on 1 device(s)\n")
        values = dict(line.split() for line in out.splitlines())
        self.assertAlmostEqual(float(values["base/val_loss"]), recorded["base/val_loss"], places=4)


if __name__ == "__main__":
    absltest.main()
