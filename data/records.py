"""Arrays in, a TFDS data set of ArrayRecord files out, one record after another.

TFDS's sequential writer, since its generator-based builders hold a split of up to 1 GB in memory
and spill what goes beyond through TensorFlow.
"""

import contextlib
import errno
import os
import pathlib
from collections.abc import Iterator

import numpy as np

from data.errors import InputError

SHARD_RECORDS = 1 << 14


class Writer:
    """Writes records of one-dimensional arrays into a new data set.

    Args:
        folder: a new folder, the data set's.
        splits: their names.
        features: dtype of each array of a record by its name.
        name, description: what the data set says of itself.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        splits: tuple[str, ...],
        features: dict[str, np.dtype],
        name: str,
        description: str,
    ):
        import tensorflow_datasets as tfds
        from tensorflow_datasets.core import sequential_writer

        encoding = tfds.features.Encoding.BYTES
        identity = tfds.core.DatasetIdentity(
            name=name,
            version=tfds.core.Version("1.0.0"),
            data_dir=os.fspath(folder),
            module_name=__name__,
        )
        info = tfds.core.DatasetInfo(
            builder=identity,
            description=description,
            features=tfds.features.FeaturesDict(
                {
                    key: tfds.features.Tensor(shape=(None,), dtype=dtype.type, encoding=encoding)
                    for key, dtype in features.items()
                }
            ),
            disable_shuffling=True,
        )
        folder.mkdir(parents=True)
        self._folder = folder
        self._key = next(iter(features))
        self._writer = sequential_writer.SequentialWriter(
            info, max_examples_per_shard=SHARD_RECORDS, file_format="array_record"
        )
        self._writer.initialize_splits(list(splits))
        self._records = dict.fromkeys(splits, 0)

    def add(self, split: str, records: list[dict[str, np.ndarray]]) -> None:
        """Appends records, none of which has an empty first array."""
        self._writer.add_examples({split: records})
        self._records[split] += len(records)

    def close(self) -> dict[str, int]:
        """Finishes the files and returns the number of records of each split.

        Raises:
            OSError: what was written cannot be read back: the library that writes the files does
                not always report a write that failed.
        """
        import tensorflow_datasets as tfds

        self._writer.close_all()
        builder = tfds.builder_from_directory(os.fspath(self._folder))
        for split, records in self._records.items():
            stored = builder.as_data_source(split=split) if records else ()
            if len(stored) != records or (records and not len(stored[records - 1][self._key])):
                raise OSError(errno.EIO, "records were not written whole", str(self._folder))
        return dict(self._records)


@contextlib.contextmanager
def full_disk_explained(folder: pathlib.Path) -> Iterator[None]:
    """Turns what is raised where the disk of `folder` is full into one sentence."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        # ArrayRecord raises RuntimeError with the system's sentence in it.
        codes = (errno.ENOSPC, errno.EDQUOT)
        number = getattr(error, "errno", None)
        if number not in codes and not any(os.strerror(code) in str(error) for code in codes):
            raise
        raise InputError(
            f"the disk of {folder} is full: free some room and start again; "
            "what is finished is kept"
        ) from error


def file_sizes(folder: pathlib.Path) -> dict[str, int]:
    """Bytes of every file of records in the data sets of `folder`, by its name in the folder."""
    return {
        str(file.relative_to(folder)): file.stat().st_size
        for file in sorted(folder.glob("*/*array_record*"))
    }


def check_sizes(folder: pathlib.Path, sizes: dict[str, int]) -> None:
    """Checks that files are there as `file_sizes` found them.

    Raises:
        InputError: one is missing or has another size.
    """
    for name, size in sizes.items():
        path = folder / name
        there = path.stat().st_size if path.exists() else None
        if there != size:
            state = "is missing" if there is None else f"has {there} bytes, not {size}"
            raise InputError(f"the token shard {path} {state}: {remake(folder)}")


def remake(folder: pathlib.Path) -> str:
    """What to do about a file in `folder` that cannot be used."""
    return f"restore it, or remove {folder} and start again to make it anew"
