"""The tasks of the evaluation suite: every module here has TASKS, and is found by being here."""

import functools
import importlib
import pkgutil

from evals.task import Task


@functools.cache
def tasks() -> dict[str, Task]:
    """All of them by name."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = [
        task for name in modules for task in importlib.import_module(f"{__name__}.{name}").TASKS
    ]
    by_name = {task.name: task for task in found}
    if len(by_name) < len(found):
        raise ValueError(f"two tasks have one name among {[task.name for task in found]}")
    return by_name
