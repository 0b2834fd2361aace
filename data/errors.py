"""The error that a user caused and can put right, and how a command ends with one line for it."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator

# Of files and folders that a user has named.
_WRONG_PLACES = (
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
)


class InputError(ValueError):
    """A file, a setting or a place named by the user cannot be used.

    The message is one sentence: what is wrong, where, and what to do. The commands print it without
    a traceback.
    """


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Ends the program as a command does when it cannot go on, without a traceback.

    Exit status: 2 for an InputError, a full disk and a path that cannot be used, 130 for Ctrl-C,
    141 (as of a program ended by SIGPIPE) where whoever reads standard output has gone. Any other
    exception is a fault of the program, and shows where it is.
    """
    try:
        yield
    except InputError as error:
        _leave(f"error: {error}", 2)
    except BrokenPipeError:
        # What is still buffered would raise once more when Python closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _leave(f"error: the disk is full ({error.filename}): free some room and start again", 2)
        if error.filename is None or error.errno not in _WRONG_PLACES:
            raise
        _leave(f"error: {error.filename} cannot be used ({error.strerror}): give another path", 2)
    except KeyboardInterrupt:
        _leave("interrupted", 130)


def _leave(sentence: str, status: int) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(status)
