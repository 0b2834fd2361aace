"""Rows to files that are whole or absent: Parquet, or JSON Lines packed with gzip.

A file is written under a name of its own and gets its final name when it is complete. What is
written depends on the rows alone, so a shard written twice, by a retry or after a kill, is the same
byte for byte.
"""

import contextlib
import gzip
import json
import os
import uuid
from collections.abc import Iterator
from typing import Any, BinaryIO

import fsspec
import pyarrow
import pyarrow.parquet
from fsspec.implementations.local import LocalFileSystem

PARTIAL = ".partial"
# A row group: enough for a reader's sake, little enough to hold.
_GROUP_BYTES = 8 << 20
_GROUP_ROWS = 4096
SUFFIXES = {"parquet": ".parquet", "jsonl": ".jsonl.gz"}


class Table:
    """Takes rows, one dict each, and writes them a row group at a time."""

    def __init__(self, file, schema: pyarrow.Schema, format_: str):
        self._schema = schema
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        if format_ == "parquet":
            # Statistics of texts would be texts.
            indexed = [name for name in schema.names if name not in ("text", "bands")]
            self._writer = pyarrow.parquet.ParquetWriter(
                file, schema, compression="zstd", write_statistics=indexed
            )
        else:
            # No time and no name in the header: the same rows give the same bytes.
            self._writer = gzip.GzipFile("", "wb", 6, file, mtime=0)

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        self._bytes += sum(len(value) for value in row.values() if isinstance(value, str | bytes))
        if self._bytes >= _GROUP_BYTES or len(self._rows) >= _GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        """Writes what has been gathered."""
        if isinstance(self._writer, gzip.GzipFile):
            for row in self._rows:
                line = {name: row.get(name) for name in self._schema.names}
                self._writer.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        elif self._rows:
            batch = pyarrow.RecordBatch.from_pylist(self._rows, schema=self._schema)
            self._writer.write_batch(batch)
        self._rows, self._bytes = [], 0

    def close(self) -> None:
        self.flush()
        self._writer.close()


@contextlib.contextmanager
def table(path: str, schema: pyarrow.Schema, format_: str = "parquet") -> Iterator[Table]:
    """A table that becomes the file `path` when the block ends without an exception."""
    filesystem, final = fsspec.url_to_fs(path)
    filesystem.makedirs(filesystem._parent(final), exist_ok=True)
    partial = f"{final}.{uuid.uuid4().hex}{PARTIAL}"
    try:
        with filesystem.open(partial, "wb") as file:
            rows = Table(file, schema, format_)
            try:
                yield rows
            finally:
                rows.close()
            _sync(filesystem, file)
        filesystem.mv(partial, final)
    except BaseException:
        with contextlib.suppress(OSError):
            filesystem.rm(partial)
        raise


def folder_rows(folder: str, columns: list[str]) -> Iterator[dict[str, Any]]:
    """The rows of every file in a folder that `table` wrote, in the order of their names."""
    filesystem, root = fsspec.url_to_fs(folder)
    for path in sorted(filesystem.ls(root, detail=False)):
        if path.endswith(SUFFIXES["parquet"]):
            yield from rows(filesystem.unstrip_protocol(path), columns)
        elif path.endswith(SUFFIXES["jsonl"]):
            with (
                filesystem.open(path, "rb") as file,
                gzip.open(file, "rt", encoding="utf-8") as lines,
            ):
                for line in lines:
                    row = json.loads(line)
                    yield {name: row[name] for name in columns}


def _sync(filesystem: fsspec.AbstractFileSystem, file: BinaryIO) -> None:
    """A name given after a power cut must not stand for less than was written."""
    if isinstance(filesystem, LocalFileSystem):
        file.flush()
        os.fsync(file.fileno())


def rows(path: str, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file, few in memory at a time."""
    with fsspec.open(path, "rb") as file:
        parquet = pyarrow.parquet.ParquetFile(file)
        for batch in parquet.iter_batches(batch_size=64, columns=columns):
            yield from batch.to_pylist()


def write_json(path: str, value: Any) -> None:
    """Writes `value` so that a reader finds a whole file or none."""
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())


def write_bytes(path: str, content: bytes) -> None:
    """The same for bytes."""
    filesystem, final = fsspec.url_to_fs(path)
    filesystem.makedirs(filesystem._parent(final), exist_ok=True)
    partial = f"{final}.{uuid.uuid4().hex}{PARTIAL}"
    with filesystem.open(partial, "wb") as file:
        file.write(content)
        _sync(filesystem, file)
    filesystem.mv(partial, final)


def read_json(path: str) -> Any | None:
    """What `write_json` wrote, or None if there is no such file."""
    filesystem, name = fsspec.url_to_fs(path)
    if not filesystem.exists(name):
        return None
    with filesystem.open(name, "rb") as file:
        return json.loads(file.read())
