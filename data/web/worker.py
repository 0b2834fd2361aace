"""A worker process of the local runner: Beam's, but silent, and gone with its owner.

Beam's own command has each worker tell of its every connection, which no option prevents, and end
in tracebacks when the run is interrupted.
"""

import logging
import os
import shlex
import sys
import threading


def command() -> str:
    """The shell command that starts a worker with this process's modules."""
    program = f"import sys; sys.path[:] = {sys.path!r}; from data.web import worker; worker.main()"
    return f"exec {shlex.join([sys.executable, '-c', program])}"


def main() -> None:
    """Serves the owner that the environment names until it is done, or gone."""
    os.setsid()  # Ctrl-C is for the owner
    import grpc

    logging.disable(logging.WARNING)
    from apache_beam.runners.worker import sdk_worker_main

    # It would log what ends a worker. The owner is told of an error, and logs nothing when it ends.
    logging.getLogger(sdk_worker_main.__name__).setLevel(logging.CRITICAL + 1)
    threading.excepthook = _pass_over_a_lost_owner
    try:
        sdk_worker_main.main([])
    except grpc.RpcError:
        # Finished shards are on the disk; others that hold on to the connection need not be heard.
        os._exit(1)


def _pass_over_a_lost_owner(failed: threading.ExceptHookArgs) -> None:
    import grpc

    if not issubclass(failed.exc_type, grpc.RpcError):
        threading.__excepthook__(failed)
