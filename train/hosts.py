"""What the hosts of a run agree on outside of the devices."""

import json
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from orbax.checkpoint import multihost

_LONGEST_MS = 7 * 24 * 3600 * 1000


def wait_for_all(key: str) -> None:
    """Returns once every host has called it with this key, which it may do a week apart.

    By JAX's coordination service: what the devices do together gives up after seconds (CPU) or
    minutes (GPU), and host 0 may prepare data for hours.
    """
    multihost.get_barrier_sync_fn()(key=key, timeout_ms=_LONGEST_MS)


def told_by_lead(key: str, find: Callable[[], Any]) -> Any:
    """What `find` gives on host 0, on every host; the others do not call it.

    Args:
        key: as of wait_for_all.
        find: -> what JSON can hold.
    """
    if jax.process_count() == 1:
        return find()
    from jax.experimental import multihost_utils

    text = json.dumps(find()).encode() if jax.process_index() == 0 else b""
    wait_for_all(key)
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(text))))
    told = np.frombuffer(text.ljust(size)[:size], np.uint8)
    return json.loads(np.asarray(multihost_utils.broadcast_one_to_all(told)).tobytes())
