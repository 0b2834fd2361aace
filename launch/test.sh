#!/usr/bin/env bash
# Runs the tests: makes .venv with the development requirements and starts pytest.
#
#   bash launch/test.sh [pytest's arguments] ...
#
# For example: bash launch/test.sh tests/model -k attention. The tests run on the CPU, where
# several devices can be simulated; JAX_PLATFORMS=cuda,cpu bash launch/test.sh -n 0 uses a GPU.
# PRIMER_PYTHON and PRIMER_ACCELERATOR: see launch/environment.sh.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

if [ "${1:-}" = -h ] || [ "${1:-}" = --help ]; then print_help "$0" && exit; fi

# One worker a core: what a test waits for is mostly Python and XLA's compiler, and neither gains
# from a second core. More than 8 would each hold jax and PyTorch in memory for a few seconds' work.
cores="$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)"
workers=$((cores < 8 ? cores : 8))

prepare_environment requirements-dev.txt
cd "$root"
export JAX_PLATFORMS="${JAX_PLATFORMS:-cpu}"
# A file stays with one worker, since its tests share compiled functions and fixtures; files are
# taken in the order of tests/conftest.py, not by their number of tests.
command=("$python" -m pytest -n "$workers" --dist=loadfile --no-loadscope-reorder "$@")
say "in $root: $(printf '%q ' "${command[@]}")"
exec "${command[@]}"
