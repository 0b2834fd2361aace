"""What the filters look up, blocklists and the classifier, where every worker finds it.

The launcher writes it into the run's folder; a worker on another machine fetches it once.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile

import fsspec
from fsspec.implementations.local import LocalFileSystem

from data.web import classifier, sinks, steps, urls
from data.web.settings import Settings

FOLDER = "lookups"
_BLOCKLIST = f"{FOLDER}/blocklist.npy"
_CLASSIFIER = f"{FOLDER}/classifier.zip"


def prepare(settings: Settings, folder: str) -> None:
    """Writes what the filters look up where every worker finds it: blocklists, the classifier."""
    with tempfile.TemporaryDirectory() as local:
        if settings.urls.blocklists and not _exists(f"{folder}/{_BLOCKLIST}"):
            compiled = os.path.join(local, "blocklist.npy")
            urls.compile_blocklists(settings.urls.blocklists, compiled, settings.urls.categories)
            _copy(compiled, f"{folder}/{_BLOCKLIST}")
        if classifies(settings) and not _exists(f"{folder}/{_CLASSIFIER}"):
            trained = settings.classifier.folder
            if not trained:
                trained = os.path.join(local, "classifier")
                classifier.train(settings.classifier_labels, settings.classifier, trained)
            classifier.load(trained)
            packed = shutil.make_archive(os.path.join(local, "packed"), "zip", trained)
            _copy(packed, f"{folder}/{_CLASSIFIER}")


def classifies(settings: Settings) -> bool:
    """Whether documents are scored."""
    return bool(settings.classifier.folder or settings.classifier_labels)


def chain(settings: Settings, folder: str) -> steps.Chain:
    """The filters with what `prepare` has written, fetched to this machine if it is not here."""
    blocklist = _local(f"{folder}/{_BLOCKLIST}") if settings.urls.blocklists else ""
    model = ""
    if classifies(settings):
        packed = _local(f"{folder}/{_CLASSIFIER}")
        model = _own_name(packed)
        if not os.path.isdir(model):
            partial = tempfile.mkdtemp()
            shutil.unpack_archive(packed, partial, "zip")
            with contextlib.suppress(OSError):  # another process was first
                os.replace(partial, model)
    return steps.Chain(settings, blocklist, model)


def _exists(path: str) -> bool:
    filesystem, name = fsspec.url_to_fs(path)
    return filesystem.exists(name)


def _copy(local: str, path: str) -> None:
    with open(local, "rb") as file:
        sinks.write_bytes(path, file.read())


def _local(path: str) -> str:
    """A file of this machine with the content of `path`."""
    filesystem, name = fsspec.url_to_fs(path)
    if isinstance(filesystem, LocalFileSystem):
        return name
    local = _own_name(path)
    if not os.path.exists(local):
        partial = f"{local}.{os.getpid()}"
        filesystem.get_file(name, partial)
        os.replace(partial, local)
    return local


def _own_name(path: str) -> str:
    """A name in this machine's folder for temporary files that belongs to `path` as it is now."""
    filesystem, name = fsspec.url_to_fs(path)
    about = f"{path} {filesystem.size(name)} {filesystem.modified(name)}"
    digest = hashlib.sha256(about.encode()).hexdigest()[:16]
    return os.path.join(tempfile.gettempdir(), f"primer-{os.getuid()}-{digest}")
