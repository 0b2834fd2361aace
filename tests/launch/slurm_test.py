"""launch/slurm.sh with an srun that writes down its call."""

import shutil

from absl.testing import absltest, parameterized

from tests.launch import fake_programs


class SlurmTest(fake_programs.ScriptTest, parameterized.TestCase):
    arguments = ("--config=configs/big.py", "--workdir", "a b", "--config.name=it's *")

    def setUp(self):
        super().setUp()
        self.add("python3", fake_programs.PYTHON)
        self.add("srun")
        del self.environment["PRIMER_ACCELERATOR"]
        # Slurm runs a copy of the script from its own folder.
        (self.root / "spool").mkdir()
        shutil.copy(self.root / "launch/slurm.sh", self.root / "spool/slurm_script")
        self.environment["SLURM_SUBMIT_DIR"] = str(self.root)

    def test_starts_one_process_a_gpu(self):
        self.succeed("spool/slurm_script", *self.arguments)
        calls = self.calls()
        self.assertIn("jax[cuda13]", calls[-2])
        srun = ["srun", "--kill-on-bad-exit=1", "--gpu-bind=none"]
        train = [f"{self.venv}/bin/python", "-m", "train.main", "--distributed", *self.arguments]
        self.assertEqual(calls[-1], srun + train)
        flags = dict(
            line.removeprefix("#SBATCH --").split("=")
            for line in (self.root / "launch/slurm.sh").read_text().splitlines()
            if line.startswith("#SBATCH --") and "=" in line
        )
        # jax gives the process with local number n the GPU with number n.
        self.assertEqual(flags["ntasks-per-node"], flags["gpus-per-node"])

    @parameterized.parameters("--config", "--workdir")
    def test_refuses_without(self, missing):
        kept = "--workdir=x" if missing == "--config" else "--config=x"
        line = self.refuse("spool/slurm_script", kept, "--config.name=x")
        self.assertIn(f"{missing} is missing", line)
        self.assertEqual(self.calls(), [])

    def test_refuses_outside_of_slurm(self):
        line = self.refuse("launch/slurm.sh", *self.arguments, SLURM_SUBMIT_DIR="")
        self.assertIn("sbatch launch/slurm.sh", line)

    def test_refuses_another_folder(self):
        line = self.refuse("spool/slurm_script", *self.arguments, SLURM_SUBMIT_DIR=str(self.folder))
        self.assertIn(f"{self.folder} is not the repository's folder", line)

    def test_help(self):
        output = self.succeed("launch/slurm.sh", "--help")
        self.assertIn("sbatch --nodes=4 launch/slurm.sh", output)
        self.assertNotIn("#SBATCH --", output)


if __name__ == "__main__":
    absltest.main()
