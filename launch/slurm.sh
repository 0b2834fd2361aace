#!/usr/bin/env bash
# Trains on a GPU cluster under Slurm: one process a GPU on every node of the job.
#
#   sbatch --nodes=4 launch/slurm.sh --config=configs/llama_8b.py --workdir=/shared/runs/llama \
#     [--config.key=value] ...
#
# Submit from the repository's folder, which every node has to see, as it has to see the workdir.
# Lines that start with #SBATCH are defaults: flags of sbatch, which stand before the script's
# name, win (--partition, --account, --time, --gpus-per-node with --ntasks-per-node).
# Two minutes before the time limit the run saves and ends; submitted again with the same workdir,
# it goes on. A job that Slurm puts back into the queue does so by itself.
# PRIMER_PYTHON and PRIMER_ACCELERATOR (here cuda where it is not set): see launch/environment.sh.
#
#SBATCH --job-name=primer
#SBATCH --nodes=1
#SBATCH --gpus-per-node=8
#SBATCH --ntasks-per-node=8
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=primer-%j.log

set -euo pipefail

case "${1:-}" in
  -h | --help)
    sed -n '2,/^#SBATCH/{/^#SBATCH/d;s/^# \{0,1\}//;p;}' "$0"
    exit
    ;;
esac

# Slurm runs a copy of this file from a folder of its own, so the tree is where sbatch was called.
repository="${SLURM_SUBMIT_DIR:-}"
if [ -z "$repository" ]; then
  echo "primer: this is a job for Slurm: sbatch launch/slurm.sh --config=FILE --workdir=DIR" >&2
  exit 2
fi
if [ ! -f "$repository/launch/environment.sh" ]; then
  echo "primer: $repository is not the repository's folder: call sbatch from there." >&2
  exit 2
fi
for needed in --config --workdir; do
  case " $* " in
    *" $needed="* | *" $needed "*) ;;
    *)
      echo "primer: $needed is missing: sbatch launch/slurm.sh --config=FILE --workdir=DIR" >&2
      exit 2
      ;;
  esac
done

# shellcheck source-path=SCRIPTDIR source=environment.sh
source "$repository/launch/environment.sh"
export PRIMER_ACCELERATOR="${PRIMER_ACCELERATOR:-cuda}"
prepare_environment requirements.txt
cd "$root"

# jax takes the coordinator, the process's number and its one GPU from Slurm's variables; all GPUs
# of a node stay visible to each of its processes, for NCCL and because jax counts them by their
# number on the node. One process that fails ends all, which would wait for it for ever.
say "job ${SLURM_JOB_ID:-?} on ${SLURM_JOB_NODELIST:-?}: $(printf '%q ' "$@")"
exec srun --kill-on-bad-exit=1 --gpu-bind=none "$python" -m train.main --distributed "$@"
