#!/usr/bin/env bash
# Trains on a Cloud TPU slice: makes it, copies this tree to every worker, starts, follows, deletes.
#
#   bash launch/tpu_vm.sh COMMAND... --name=NAME [--flag=value] ... [--config.key=value] ...
#
# Commands, done in the order given:
#   create   makes the slice NAME (needs --type) and waits until it is there
#   setup    copies this tree to every worker and makes .venv there (again after every edit)
#   start    starts train.main on every worker (needs --config, and --bucket or --workdir),
#            detached, so that it outlives the connection; its output goes to ~/primer.log
#   follow   shows the log of one worker as it grows; Ctrl-C stops the showing, not the run
#   status   says of the slice and of every worker what it does
#   stop     asks the run to save and end (SIGTERM), and waits until it has; one that has not after
#            ten minutes, since it prepares data, say, is killed
#   delete   deletes the slice (asks first; with --yes it does not)
#
# Flags:
#   --name=NAME        the slice: lower-case letters, digits and hyphens
#   --zone=ZONE        for example us-west4-a (default: gcloud's own setting)
#   --project=PROJECT  (default: gcloud's own setting)
#   --type=TYPE        the slice's size: v4-8, v5e-16, v5p-32, v6e-64, ...
#   --version=IMAGE    the workers' system image (default: the one that goes with the type)
#   --spot             cheaper, and taken away when others need it: create, setup and start again,
#                      with the same bucket or workdir, to go on
#   --queued           asks for the slice through a queue (give it to delete, too)
#   --config=FILE      for example configs/llama_8b.py
#   --bucket=BUCKET    a Cloud Storage bucket that setup mounts on every worker, at ~/bucket, with
#                      gcsfuse; the run's folder is then runs/NAME in it
#   --workdir=DIR      the run's folder, if not that. Every worker has to see it: only a slice of
#                      one worker (v5e-8, v6e-8, v4-8) can use its own disk, and that goes with it
#   --worker=N         whose log follow shows (default: 0)
#   --yes              ask nothing
#   --dry-run          only prints the commands it would type, ready to be typed
#   --help
# --config.key=value, and all that stands after --, goes to train.main as it is.
#
# A whole run:
#   bash launch/tpu_vm.sh create setup start follow --name=first --zone=us-west4-a --type=v5e-16 \
#     --config=configs/gpt_small.py --bucket=my-bucket
#   bash launch/tpu_vm.sh stop delete --name=first --zone=us-west4-a
#
# Needs gcloud, logged in (gcloud auth login). With several workers, run `ssh-add
# ~/.ssh/google_compute_engine` before: gcloud talks to all of them at once and cannot ask.

set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
known_commands="create setup start follow status stop delete"
known_flags="--name --zone --project --type --version --spot --queued --config --bucket --workdir"
known_flags="$known_flags --worker --yes --dry-run --help"

fail() {
  printf 'primer: %s\n' "$*" >&2
  exit 2
}

# Prints the word of the list $2 that takes the fewest edits (Levenshtein) to become $1.
nearest() {
  awk -v word="$1" -v list="$2" '
    function min(a, b) { return a < b ? a : b }
    function distance(a, b,   i, j, d) {
      for (i = 0; i <= length(a); i++) d[i, 0] = i
      for (j = 0; j <= length(b); j++) d[0, j] = j
      for (i = 1; i <= length(a); i++)
        for (j = 1; j <= length(b); j++)
          d[i, j] = min(min(d[i - 1, j], d[i, j - 1]) + 1,
                        d[i - 1, j - 1] + (substr(a, i, 1) != substr(b, j, 1)))
      return d[length(a), length(b)]
    }
    BEGIN {
      n = split(list, words, " ")
      for (i = 1; i <= n; i++)
        if (i == 1 || distance(word, words[i]) < least) {
          least = distance(word, words[i]); best = words[i]
        }
      print best
    }'
}

# Prints the arguments as one line of shell that means them again.
quoted() {
  local word flag separator="" safe='^[A-Za-z0-9_@%+=:,./-]+$' option='^--[a-z][a-z_.-]*='
  local escaped="'\\''"
  for word in "$@"; do
    flag=""
    if ! [[ $word =~ $safe ]]; then
      if [[ $word =~ $option ]]; then flag="${word%%=*}=" word="${word#*=}"; fi
      word="'${word//\'/$escaped}'"
    fi
    printf '%s%s%s' "$separator" "$flag" "$word"
    separator=" "
  done
}

# Does one command, having printed it; with --dry-run, only prints it.
type_command() {
  if [ "$dry_run" = 1 ]; then
    quoted "$@"
    echo
  else
    printf '+ %s\n' "$(quoted "$@")" >&2
    "$@"
  fi
}

# ---- the command line

commands=() overrides=() where=() create_flags=() quiet=()
name="" zone="" project="" type="" version="" config="" bucket="" workdir=""
worker=0 queued=0 dry_run=0

take_switch() {
  case "$1" in
    --spot) create_flags+=(--spot) ;;
    --queued) queued=1 ;;
    --yes) quiet=(--quiet) ;;
    --dry-run) dry_run=1 ;;
    *) return 1 ;;
  esac
}

take_value() {
  case "$1" in
    --name) name="$2" ;;
    --zone) zone="$2" ;;
    --project) project="$2" ;;
    --type) type="$2" ;;
    --version) version="$2" ;;
    --config) config="$2" ;;
    --bucket) bucket="$2" ;;
    --workdir) workdir="$2" ;;
    --worker) worker="$2" ;;
    *) return 1 ;;
  esac
}

while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help)
      sed -n '2,/^$/{s/^# \{0,1\}//;p;}' "$0"
      exit
      ;;
    --)
      shift
      overrides+=("$@")
      break
      ;;
    --config.*) overrides+=("$1") ;;
    --*=*)
      flag="${1%%=*}"
      if ! take_value "$flag" "${1#*=}"; then
        case " $known_flags " in *" $flag "*) fail "$flag takes no value." ;; esac
        fail "there is no flag $flag; the nearest one is $(nearest "$flag" "$known_flags")."
      fi
      ;;
    -*)
      if ! take_switch "$1"; then
        case " $known_flags " in
          *" $1 "*) [ $# -gt 1 ] || fail "$1 needs a value: $1=..." ;;
          *) fail "there is no flag $1; the nearest one is $(nearest "$1" "$known_flags")." ;;
        esac
        take_value "$1" "$2"
        shift
      fi
      ;;
    *)
      case " $known_commands " in
        *" $1 "*) commands+=("$1") ;;
        *) fail "there is no command $1; the nearest one is $(nearest "$1" "$known_commands")." ;;
      esac
      ;;
  esac
  shift
done

[ ${#commands[@]} -gt 0 ] || fail "no command: give one or more of $known_commands, or --help."
[[ $name =~ ^[a-z][a-z0-9-]*$ ]] ||
  fail "--name=$name: give the slice a name of lower-case letters, digits and hyphens."
[[ $worker =~ ^[0-9]+$ ]] || fail "--worker=$worker is not a worker's number."
[[ -z $bucket || $bucket =~ ^[a-z0-9][a-z0-9._-]*$ ]] ||
  fail "--bucket=$bucket: give the bucket's name alone, without gs:// and folders."
if [ -n "$zone" ]; then where+=("--zone=$zone"); fi
if [ -n "$project" ]; then where+=("--project=$project"); fi

case "$type" in v5e-*) type="v5litepod-${type#v5e-}" ;; esac # the name that gcloud knows it by
if [ -z "$version" ]; then
  case "$type" in
    v2-* | v3-* | v4-*) version=tpu-ubuntu2204-base ;;
    v5litepod-*) version=v2-alpha-tpuv5-lite ;;
    v5p-*) version=v2-alpha-tpuv5 ;;
    v6e-*) version=v2-alpha-tpuv6e ;;
  esac
fi
for command in "${commands[@]}"; do
  case "$command" in
    create)
      [ -n "$type" ] || fail "create needs --type=TYPE, for example --type=v5e-16."
      [ -n "$version" ] || fail "--type=$type: no image is known for it; give --version=IMAGE" \
        "(gcloud compute tpus tpu-vm versions list)."
      ;;
    start)
      [ -n "$config" ] || fail "start needs --config=FILE, for example configs/llama_8b.py."
      [ -f "$root/${config%%:*}" ] ||
        fail "--config=$config: there is no file ${config%%:*} in $root."
      [ -n "$bucket$workdir" ] || fail "start needs --bucket=BUCKET, or --workdir=DIR."
      ;;
  esac
done
if [ "$dry_run" = 0 ]; then
  command -v gcloud >/dev/null || fail "gcloud is not installed; --dry-run shows what it would do."
fi

# ---- the commands

tpu() { type_command gcloud compute tpus "$@" ${where[@]+"${where[@]}"}; }

on_workers() { tpu tpu-vm ssh "$name" "--worker=$1" "--command=$2"; }

# True on a worker whose run is going on. A process number alone could be another program's by now.
# shellcheck disable=SC2016  # the worker's shell expands it
running='grep -qs train.main "/proc/$(cat primer.pid 2>/dev/null)/cmdline"'

create_slice() {
  if [ "$queued" = 0 ]; then
    tpu tpu-vm create "$name" "--accelerator-type=$type" "--version=$version" \
      ${create_flags[@]+"${create_flags[@]}"}
    return
  fi
  tpu queued-resources create "$name" "--node-id=$name" "--accelerator-type=$type" \
    "--runtime-version=$version" ${create_flags[@]+"${create_flags[@]}"}
  while true; do
    state="$(tpu queued-resources describe "$name" "--format=value(state.state)")"
    if [ "$dry_run" = 1 ]; then
      printf '%s  # every 30 seconds, until it says ACTIVE\n' "$state"
      return
    fi
    case "$state" in
      ACTIVE) return ;;
      FAILED | SUSPENDED | SUSPENDING | DELETING)
        fail "the request for $name is $state: delete it (--queued) and create it again."
        ;;
    esac
    printf 'primer: %s is %s\n' "$name" "$state" >&2
    sleep 30
  done
}

set_up() {
  local archive="${TMPDIR:-/tmp}/primer-$name.tar.gz" mount=""
  if [ -n "$bucket" ]; then
    # The stages finish a folder under another name: without a limit gcsfuse refuses to rename it.
    mount="
if ! command -v gcsfuse >/dev/null && ! sudo apt-get install -y gcsfuse >/dev/null; then
echo 'gcsfuse is not on the worker and apt-get does not know it: install it, or use --workdir' >&2
exit 3; fi
mkdir -p bucket && { mountpoint -q bucket ||
gcsfuse --implicit-dirs --rename-dir-limit=100000 $bucket bucket; } || exit 3"
  fi
  type_command tar -C "$root" -czf "$archive" --exclude=./.git --exclude='./.venv*' \
    --exclude=./runs --exclude=__pycache__ .
  tpu tpu-vm scp "$archive" "$name:primer.tar.gz" --worker=all
  type_command rm "$archive"
  # What an earlier setup left goes, so that no file deleted here lives on there; .venv stays. The
  # images have Python 3.10, which is too old: uv brings its own. PIP_BREAK_SYSTEM_PACKAGES lets
  # newer images install uv into the home folder; older ones do not know it.
  on_workers all "if $running; then echo 'a run is going on: stop it first' >&2; exit 3; fi$mount
mkdir -p primer &&
find primer -mindepth 1 -maxdepth 1 ! -name '.venv*' ! -name runs -exec rm -rf {} + &&
tar -xzf primer.tar.gz -C primer &&
export PATH=\"\$HOME/.local/bin:\$PATH\" PIP_BREAK_SYSTEM_PACKAGES=1 &&
{ command -v uv || python3 -m pip install --user --quiet uv; } &&
PRIMER_ACCELERATOR=tpu bash primer/launch/environment.sh"
}

start_run() {
  local arguments folder="--workdir=\"\$HOME/bucket/runs/$name\""
  if [ -n "$workdir" ]; then folder="$(quoted "--workdir=$workdir")"; fi
  arguments="$(quoted "--config=$config") $folder --distributed"
  arguments="$arguments $(quoted ${overrides[@]+"${overrides[@]}"})"
  on_workers all "if $running; then echo 'a run is going on: stop it first' >&2; exit 3; fi
cd primer && (nohup .venv/bin/python -m train.main $arguments >>../primer.log 2>&1 </dev/null &
echo \$! >../primer.pid)"
}

stop_run() {
  # Orbax may be writing tens of gigabytes to a bucket: it gets ten minutes.
  on_workers all "if ! $running; then echo 'no run is going on'; exit; fi
kill -TERM \"\$(cat primer.pid)\"
for second in \$(seq 600); do if ! $running; then echo 'stopped'; exit; fi; sleep 1; done
kill -KILL \"\$(cat primer.pid)\" &&
echo 'killed, not stopped after ten minutes: start goes on from the last checkpoint' >&2"
}

for command in "${commands[@]}"; do
  case "$command" in
    create) create_slice ;;
    setup) set_up ;;
    start) start_run ;;
    follow) on_workers "$worker" "tail -n 50 -F primer.log" ;;
    status)
      tpu tpu-vm describe "$name" "--format=value(state,health)"
      on_workers all "if $running; then echo running; else echo 'not running'; fi
if [ -e primer.log ]; then tail -n 1 primer.log; fi"
      ;;
    stop) stop_run ;;
    delete)
      if [ "$queued" = 1 ]; then
        tpu queued-resources delete "$name" --force ${quiet[@]+"${quiet[@]}"}
      else
        tpu tpu-vm delete "$name" ${quiet[@]+"${quiet[@]}"}
      fi
      ;;
  esac
done
