"""Checkpoints: saved by orbax in the background, sealed by checksums, restored only if intact.

A checkpoint holds the state (parameters, optimizer, moving average, step), and a record: the data
position and whatever else the loop must know to go on, with the run's config. When orbax has
finished writing one, the checksum of each of its files is written beside it; that is its seal.
A checkpoint without a seal is one whose writing was cut short. One whose files no longer match
the seal is damaged. Neither is ever used, and the one before it is.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import jax
import orbax.checkpoint as ocp
import xxhash
from absl import logging
from etils import epath

from data.errors import InputError
from train import hosts

_BLOCK = 1 << 24  # bytes read at a time while hashing
_HASHERS = 8  # files hashed at a time


class Checkpoints:
    """The checkpoints of one stage, in `folder`/checkpoints with seals in `folder`/seals.

    Args:
        folder: a local path, or one that orbax can write to (gs://...).
        keep: how many of the newest to keep; two at least.

    Raises:
        InputError: there is a file in the folder's place.
    """

    def __init__(self, folder: str, keep: int):
        self._steps, self._seals = _places(folder)
        if jax.process_index() == 0:
            try:
                self._seals.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError) as error:
                raise InputError(
                    f"checkpoints cannot be kept in {folder}: there is a file in its place"
                ) from error
        self._manager = ocp.CheckpointManager(
            self._steps,
            options=ocp.CheckpointManagerOptions(
                # Until the newest is sealed, the one before it is what a run goes on from.
                max_to_keep=max(2, keep),
                cleanup_tmp_directories=True,
            ),
            item_names=("state", "record"),
        )
        self._sealer = futures.ThreadPoolExecutor(1)
        self._saving: futures.Future[None] | None = None

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        """Waits for the save in progress."""
        self._settle()
        self._sealer.shutdown()
        self._manager.close()

    def save(self, step: int, state: Any, record: dict[str, Any]) -> None:
        """Starts to save; returns once `state` may be overwritten.

        Raises:
            InputError: the disk is too full for another checkpoint.
        """
        self._settle()
        self._check_room(state)
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(state), record=ocp.args.JsonSave(record)
        )
        with self._explained():
            self._manager.save(step, args=args)
        self._saving = self._sealer.submit(self._finish)

    def restore(self, like: Any) -> tuple[Any, dict[str, Any]] | None:
        """The newest intact checkpoint's state and record, or None if none was ever finished.

        Args:
            like: a tree of jax.ShapeDtypeStruct with the shardings to restore to, which need not be
                those it was saved with.

        Raises:
            InputError: every checkpoint is damaged, or the model in it has other shapes.
        """
        step = self.newest_intact()
        if step is None:
            return None
        args = ocp.args.Composite(
            state=ocp.args.StandardRestore(like), record=ocp.args.JsonRestore()
        )
        try:
            saved = self._manager.restore(step, args=args)
        except ValueError as error:
            raise InputError(
                f"the checkpoint of step {step} in {self._steps} is of another model "
                f"({str(error).splitlines()[0][:200]}): give another --workdir"
            ) from error
        return saved["state"], saved["record"]

    def newest_intact(self) -> int | None:
        """The step of the newest intact checkpoint. Newer ones are reported and set aside.

        Raises:
            InputError: there are finished checkpoints, and all are damaged.
        """
        self._settle()
        # Read by one host: the others need not read all of it, too, and must do the same.
        good, faults = hosts.told_by_lead(f"checkpoints of {self._steps}", self._looked_through)
        self._set_aside(faults)
        damaged = [(step, why) for step, why in faults if why]
        if good is None and damaged:
            raise InputError(
                f"every checkpoint in {self._steps} is damaged ("
                + "; ".join(f"step {step}: {why}" for step, why in damaged)
                + "); they were renamed to damaged-*: delete the folder to start anew"
            )
        for step, why in damaged:
            logging.warning(
                "checkpoint of step %d is damaged (%s); going on from step %d", step, why, good
            )
        return good

    def last_good(self) -> int | None:
        """The step of the newest intact checkpoint, or None. Changes nothing, and each host may ask
        alone."""
        self._settle()
        return self._looked_through()[0]

    def _looked_through(self) -> tuple[int | None, list[tuple[int, str]]]:
        """The newest intact checkpoint's step or None, and the newer ones with their faults."""
        faults = []
        for step in sorted(self._manager.all_steps(), reverse=True):
            fault = _fault(self._steps, self._seals, step)
            if fault is None:
                return step, faults
            faults.append((step, fault))
        return None, faults

    def _settle(self) -> None:
        """Waits for the save in progress and raises what went wrong in it."""
        if self._saving is not None:
            saving, self._saving = self._saving, None
            with self._explained():
                saving.result()

    def _finish(self) -> None:
        self._manager.wait_until_finished()
        self._seal()

    def _seal(self) -> None:
        """Writes the seals that are missing and removes those of deleted checkpoints."""
        if jax.process_index() != 0:
            return
        steps = {int(path.name): path for path in self._steps.iterdir() if path.name.isdigit()}
        for step, path in steps.items():
            seal = self._seals / f"{step}.json"
            if not seal.exists():
                temporary = self._seals / f"{step}.partial"
                temporary.write_text(json.dumps(_checksums(path), indent=1))
                temporary.rename(seal)
        for seal in self._seals.iterdir():
            if seal.stem.isdigit() and int(seal.stem) not in steps:
                seal.unlink(missing_ok=True)

    def _set_aside(self, faults: list[tuple[int, str]]) -> None:
        """Renames damaged checkpoints; deletes those whose writing was cut short, without a fault's
        name."""
        if not faults:
            return
        if jax.process_index() == 0:
            for step, fault in faults:
                target = self._steps / f"damaged-{step}"
                if fault:
                    if target.exists():
                        target.rmtree()
                    (self._steps / str(step)).rename(target)
                else:
                    (self._steps / str(step)).rmtree()
                (self._seals / f"{step}.json").unlink(missing_ok=True)
        hosts.wait_for_all(f"set aside in {self._steps}")
        self._manager.reload()

    def _check_room(self, state: Any) -> None:
        needed = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state))
        if "://" in str(self._steps):
            return
        free = shutil.disk_usage(self._steps).free
        if free < needed:
            raise self._full(f"a checkpoint needs {needed / 1e6:.0f} MB, {free / 1e6:.0f} are left")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # orbax and tensorstore raise several kinds for a full disk
            if "No space left" in str(error) or "ENOSPC" in str(error):
                raise self._full(str(error).splitlines()[0][:200]) from error
            raise

    def _full(self, detail: str) -> InputError:
        return InputError(
            f"the disk under {self._steps} is full: {detail}; free some room and run the same "
            "command again, which goes on from the last checkpoint"
        )


def read_newest(folder: str, like: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
    """A part of the newest intact checkpoint's state, or None if no checkpoint was ever finished.

    Only reads: damaged checkpoints stay where they are, and another process may be training in
    the same folder.

    Args:
        folder: as of Checkpoints.
        like: the part to read, such as {"params": ...}, as a tree of jax.ShapeDtypeStruct with the
            shardings to restore to.

    Returns:
        The checkpoint's step, and the part.

    Raises:
        InputError: every finished checkpoint is damaged.
    """
    steps, seals = _places(folder)
    damaged: dict[int, str] = {}

    def untried() -> list[int]:
        # Anew each time: a training in progress adds new ones and deletes old ones.
        sealed = [int(seal.stem) for seal in seals.glob("*.json") if (steps / seal.stem).exists()]
        return [step for step in sealed if step not in damaged]

    while left := untried():
        step = max(left)
        try:
            fault = _fault(steps, seals, step)
            if fault is None:
                with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
                    part = checkpointer.restore(
                        steps / str(step) / "state",
                        args=ocp.args.PyTreeRestore(
                            item=like,
                            restore_args=ocp.checkpoint_utils.construct_restore_args(like),
                            partial_restore=True,
                        ),
                    )
                return step, part
        except Exception:
            if step in untried():
                raise
            continue  # deleted while it was being read, since there are newer ones
        damaged[step] = fault
        logging.warning("checkpoint of step %d is damaged (%s); not using it", step, fault)
    if damaged:
        raise InputError(
            f"every checkpoint in {steps} is damaged ("
            + "; ".join(f"step {step}: {why}" for step, why in damaged.items())
            + "): train again, or restore them from a copy"
        )
    return None


def _places(folder: str) -> tuple[epath.Path, epath.Path]:
    """Where the checkpoints and the seals of a stage are; orbax wants paths that are absolute."""
    root = epath.Path(folder if "://" in folder else os.path.abspath(folder))
    return root / "checkpoints", root / "seals"


def _fault(steps: epath.Path, seals: epath.Path, step: int) -> str | None:
    """What is wrong with a checkpoint: None if nothing, "" if it was never finished."""
    seal = seals / f"{step}.json"
    if not seal.exists():
        return ""
    try:
        expected = dict(json.loads(seal.read_text()))
    except (ValueError, TypeError):  # cut short by a power cut
        return "its seal cannot be read"
    found = _checksums(steps / str(step))
    if missing := sorted(set(expected) - set(found)):
        return f"{missing[0]} is missing"
    for name, checksum in expected.items():
        if found[name] != checksum:
            return f"{name} has changed since it was written"
    return None


def _checksums(folder: epath.Path) -> dict[str, str]:
    """The checksum of every file under the folder, by its path there."""
    files = dict(_files(folder))
    with futures.ThreadPoolExecutor(_HASHERS) as pool:  # hashing and reading leave Python's lock
        return dict(zip(files, pool.map(_checksum, files.values()), strict=True))


def _files(folder: epath.Path, prefix: str = "") -> Iterator[tuple[str, epath.Path]]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from _files(path, f"{prefix}{path.name}/")
        else:
            yield prefix + path.name, path


def _checksum(path: epath.Path) -> str:
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
