#!/usr/bin/env bash
# From nothing to a trained model on this machine: makes .venv and runs configs/laptop.py.
#
#   bash launch/laptop.sh [--workdir=DIR] [--config.key=value] ...
#
# Arguments go to train.main as they are; --config=FILE runs another config. Stopped at any moment
# and started again, it goes on where it was. Relative paths are read from the repository's folder.
# PRIMER_PYTHON and PRIMER_ACCELERATOR: see launch/environment.sh.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

config=(--config=configs/laptop.py)
for argument in "$@"; do
  case "$argument" in
    -h | --help) print_help "$0" && exit ;;
    --config | --config=*) config=() ;;
  esac
done

prepare_environment requirements.txt
cd "$root"
# On a CPU, XLA allocates at every step what it computes with. In huge pages the kernel gives that at
# once, and not in thousands of small ones: worth a tenth of the time of training.
export GLIBC_TUNABLES="${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1}"
command=("$python" -m train.main ${config[@]+"${config[@]}"} "$@")
say "in $root: $(printf '%q ' "${command[@]}")"
exec "${command[@]}"
