"""Tensors in the files of a Hugging Face folder, read and written one at a time.

The format: 8 bytes with the length of a JSON header, the header with each tensor's dtype, shape and
place, then the bytes of one tensor after another. The `safetensors` library reads it here, and
would write it, but only from all tensors of a file at once.
"""

import contextlib
import json
import math
import pathlib
import struct
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
import safetensors

from data.errors import InputError

# Names of the format, and of this project's, for the dtypes that weights have.
DTYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": jnp.bfloat16}
_FORMAT = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
_READABLE = ("F64", "F32", "F16", "BF16")

ONE_FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"


def write(
    folder: pathlib.Path,
    names: Sequence[str],
    shapes: Sequence[tuple[int, ...]],
    value: Callable[[int], np.ndarray],
    dtype: str,
    shard_bytes: int,
) -> None:
    """Writes tensors into `folder`: one file, or where they come to more than `shard_bytes`
    several, with an index. A tensor larger than that has a file of its own.

    Args:
        value: number of a tensor -> its value [shapes[number]], which is cast to `dtype`.
        dtype: a key of DTYPES.

    Raises:
        InputError: a number is not finite, or not any more in `dtype`.
    """
    size = np.dtype(DTYPES[dtype]).itemsize
    sizes = [size * math.prod(shape) for shape in shapes]
    shards: list[list[int]] = [[]]
    for number, tensor_bytes in enumerate(sizes):
        held = sum(sizes[other] for other in shards[-1])
        if shards[-1] and held + tensor_bytes > shard_bytes:
            shards.append([])
        shards[-1].append(number)
    files = [ONE_FILE]
    if len(shards) > 1:
        files = [
            f"model-{shard:05d}-of-{len(shards):05d}.safetensors"
            for shard in range(1, len(shards) + 1)
        ]
        index = {
            "metadata": {"total_size": sum(sizes)},
            "weight_map": {
                names[number]: file
                for file, shard in zip(files, shards, strict=True)
                for number in shard
            },
        }
        (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    for file, shard in zip(files, shards, strict=True):
        header: dict[str, dict] = {"__metadata__": {"format": "pt"}}
        end = 0
        for number in shard:
            start, end = end, end + sizes[number]
            header[names[number]] = {
                "dtype": _FORMAT[dtype],
                "shape": list(shapes[number]),
                "data_offsets": [start, end],
            }
        described = json.dumps(header, separators=(",", ":")).encode("utf-8")
        described += b" " * (-len(described) % 8)  # the format's readers want aligned data
        with (folder / file).open("wb") as stream:
            stream.write(struct.pack("<Q", len(described)) + described)
            for number in shard:
                array = np.ascontiguousarray(value(number), DTYPES[dtype])
                if array.shape != shapes[number]:
                    raise ValueError(f"{names[number]} is {array.shape}, not {shapes[number]}")
                if not np.isfinite(array).all():
                    raise InputError(
                        f"{names[number]} has numbers that are not finite in {dtype}: export it "
                        "with --dtype=float32 or bfloat16"
                    )
                stream.write(array.view(np.uint8).data)


class Reader:
    """The tensors of a folder.

    `names` are those there are.

    Raises:
        InputError: there are no safetensors, a file is damaged, or the index names what is not
            there.
    """

    def __init__(self, folder: pathlib.Path, closing: contextlib.ExitStack) -> None:
        self._folder = folder
        self._files: dict[str, safetensors.safe_open] = {}
        index = folder / INDEX
        files = [ONE_FILE]
        if index.is_file():
            files = sorted(set(self._weight_map(index).values()))
        elif not (folder / ONE_FILE).is_file():
            raise InputError(
                f"{folder} has no {ONE_FILE}: weights in other formats are not read; save the "
                "model with safetensors"
            )
        for file in files:
            try:
                opened = closing.enter_context(safetensors.safe_open(folder / file, "np"))
            except (safetensors.SafetensorError, OSError) as error:
                raise InputError(
                    f"{folder / file} cannot be read as safetensors ({str(error)[:200]}): download "
                    "or export it again"
                ) from error
            self._files |= dict.fromkeys(opened.keys(), opened)
        self.names = set(self._files)

    def _weight_map(self, index: pathlib.Path) -> dict[str, str]:
        try:
            files = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
            # The names of files in this folder, and of no other.
            whole = all(file == pathlib.PurePath(file).name for file in files.values())
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"{index} is no index of safetensors ({error})") from error
        if not whole or not files:
            raise InputError(f"{index} names files that are not in its folder")
        return files

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        """Looks at the header of a tensor.

        Raises:
            InputError: it has another shape, or no floating-point numbers.
        """
        header = self._files[name].get_slice(name)
        found = tuple(header.get_shape())
        if found != shape:
            raise InputError(
                f"{self._folder} has {name} of shape {list(found)}, where its config.json makes it "
                f"{list(shape)}"
            )
        if header.get_dtype() not in _READABLE:
            raise InputError(
                f"{self._folder} has {name} in {header.get_dtype()}; weights are read in "
                f"{', '.join(_READABLE)}"
            )

    def read(self, name: str) -> np.ndarray:
        """The value of one tensor."""
        return self._files[name].get_tensor(name)
