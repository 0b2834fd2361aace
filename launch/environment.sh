#!/usr/bin/env bash
# Makes .venv in the repository from a requirements file, unless it is there and up to date.
#
#   bash launch/environment.sh [requirements.txt | requirements-dev.txt]
#
# The other scripts source this file and call prepare_environment. What can be set:
#   PRIMER_PYTHON       the Python to build with (a name or a path); 3.11 or newer
#   PRIMER_ACCELERATOR  cpu, cuda or tpu, where the guess from the hardware is not wanted
#
# A finished install leaves .venv/installed-<requirements file>, which holds what it was made
# from: Python's version, the accelerator and the requirements themselves. An environment is up to
# date exactly if that text is what would be written now. An install in progress is marked
# by .venv/unfinished, so that one that was interrupted is made anew.

set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$root/.venv"

say() { printf 'primer: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 2
}

# Prints the comment that the script $1 opens with.
print_help() { sed -n '2,/^$/{s/^# \{0,1\}//;p;}' "$1"; }

# The version of the Python $1 as "3.12.1"; fails where it does not run or is older than 3.11.
python_version() {
  "$1" -c 'import sys
if sys.version_info < (3, 11): sys.exit(1)
print(".".join(map(str, sys.version_info[:3])))' 2>/dev/null
}

# Prints the Python to build with: the active one if it is new enough, else a newer one beside it.
# Prints nothing where there is none but uv can fetch one.
find_python() {
  if [ -n "${PRIMER_PYTHON:-}" ]; then
    python_version "$PRIMER_PYTHON" >/dev/null ||
      fail "PRIMER_PYTHON=$PRIMER_PYTHON is not a Python of version 3.11 or newer that runs here."
    command -v "$PRIMER_PYTHON"
    return
  fi
  local path
  while read -r path; do
    case "$path" in "$venv"/*) continue ;; esac # active, and perhaps about to be made anew
    if python_version "$path" >/dev/null; then
      echo "$path"
      return
    fi
  done < <(type -aP python3 python python3.12 python3.11 python3.13 python3.14)
  command -v uv >/dev/null ||
    fail "no Python of version 3.11 or newer was found: install one and name it with" \
      "PRIMER_PYTHON=/path/to/python3.12, or install uv, which fetches one."
}

# Prints the extra of jax for this machine: "", "cuda13", "cuda12" or "tpu".
jax_extra() {
  local accelerator="${PRIMER_ACCELERATOR:-}" driver_cuda
  if [ -z "$accelerator" ]; then
    if nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then
      accelerator=cuda
    elif compgen -G '/dev/accel[0-9]*' >/dev/null || compgen -G '/dev/vfio/[0-9]*' >/dev/null; then
      # Other devices have such names too: a TPU's maker is 0x1ae0 on the PCI bus.
      if grep -qs 0x1ae0 /sys/bus/pci/devices/*/vendor; then accelerator=tpu; fi
    fi
  fi
  case "${accelerator:-cpu}" in
    cpu) ;;
    tpu) echo tpu ;;
    cuda)
      # The newest CUDA that the driver can run, as nvidia-smi's heading says it; 13 where it
      # cannot be asked, as on a cluster's login node.
      driver_cuda="$(nvidia-smi 2>/dev/null | sed -n 's/.*CUDA Version: *\([0-9]*\)\..*/\1/p')"
      if [ "${driver_cuda:-13}" -ge 13 ]; then echo cuda13; else echo cuda12; fi
      ;;
    *) fail "PRIMER_ACCELERATOR=$accelerator is not one of cpu, cuda, tpu." ;;
  esac
}

# What .venv/installed-$1 says after an install with Python $2 and the extra $3 of jax.
installed_text() {
  printf 'python %s\njax extra: %s\n' "$2" "${3:-none}"
  cat "$root/requirements.txt"
  if [ "$1" != requirements.txt ]; then cat "$root/$1"; fi
}

is_installed() {
  [ ! -e "$venv/unfinished" ] && [ -e "$venv/installed-$1" ] &&
    [ "$(cat "$venv/installed-$1")" = "$(installed_text "$@")" ]
}

# Makes the empty environment with the Python $1 (or, where that is empty, one that uv fetches).
create_venv() {
  rm -rf "$venv"
  mkdir -p "$venv"
  touch "$venv/unfinished"
  say "making $venv with ${1:-a Python that uv fetches}"
  if command -v uv >/dev/null; then
    if uv venv --quiet --allow-existing --python "${1:-3.12}" "$venv"; then return; fi
    [ -n "$1" ] || fail "uv could not fetch a Python: install Python 3.11 or newer."
    say "uv could not make it; trying Python's own venv"
  fi
  "$1" -m venv "$venv" ||
    fail "$1 -m venv failed: install the venv module (python3-venv on Debian and Ubuntu), or uv."
}

# Installs the requirements file $1 and the extra $2 of jax, with uv where there is one, else pip.
install_requirements() {
  local python="$venv/bin/python" packages=(-r "$root/$1") quiet=()
  if [ -n "$2" ]; then packages+=("jax[$2]"); fi
  if [ ! -t 2 ]; then quiet=(--quiet); fi
  say "installing $1${2:+ and jax[$2]} (a few minutes, once)"
  if command -v uv >/dev/null; then
    if uv pip install ${quiet[@]+"${quiet[@]}"} --python "$python" "${packages[@]}"; then return; fi
    # uv does not read pip's configuration, where a mirror or a certificate may be set.
    say "uv could not install them; trying pip, which may be configured differently"
  fi
  "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip --default-pip >/dev/null
  # Without --no-compile, pip takes a minute on one core for modules that nobody imports.
  "$python" -m pip install ${quiet[@]+"${quiet[@]}"} \
    --disable-pip-version-check --no-compile "${packages[@]}" ||
    fail "the installation of $1 failed, as said above; if a package has no build for" \
      "Python $(python_version "$python"), choose another with PRIMER_PYTHON=python3.12."
}

# Makes .venv hold the requirements file $1; the work of prepare_environment, under its lock.
bring_up_to_date() {
  local requirements="$1" python="" version="" extra
  extra="$(jax_extra)"
  if [ ! -e "$venv/unfinished" ]; then
    version="$(python_version "$venv/bin/python" || true)"
  fi
  if [ -n "${PRIMER_PYTHON:-}" ]; then
    python="$(find_python)"
    if [ "$version" != "$(python_version "$python")" ]; then version=""; fi
  fi
  if [ -n "$version" ] && is_installed "$requirements" "$version" "$extra"; then
    say "using $venv (Python $version)"
    return
  fi
  if [ -z "$version" ]; then
    python="${python:-$(find_python)}"
    create_venv "$python"
    version="$(python_version "$venv/bin/python")" || fail "$venv/bin/python does not run."
  fi
  touch "$venv/unfinished"
  install_requirements "$requirements" "$extra"
  installed_text "$requirements" "$version" "$extra" >"$venv/installed-$requirements"
  # The development requirements contain the others.
  installed_text requirements.txt "$version" "$extra" >"$venv/installed-requirements.txt"
  rm "$venv/unfinished"
  say "$venv is ready (Python $version)"
}

# Makes .venv hold the requirements file $1 and sets $python to its interpreter.
prepare_environment() {
  case "$1" in
    requirements.txt | requirements-dev.txt) ;;
    *) fail "$1 is not a requirements file: give requirements.txt or requirements-dev.txt." ;;
  esac
  (
    # Two runs started together would install into each other; macOS has no flock.
    if command -v flock >/dev/null; then flock 9; fi
    bring_up_to_date "$1"
  ) 9>"$root/.venv.lock"
  # shellcheck disable=SC2034  # for the script that sourced this one
  python="$venv/bin/python"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  case "${1:-}" in
    -h | --help) print_help "$0" ;;
    *) prepare_environment "${1:-requirements.txt}" ;;
  esac
fi
