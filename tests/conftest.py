"""What every test runs with.

Eight simulated devices: meshes are tested on them, the rest runs on the first. What one test, or a
program that it starts, has compiled the others need not compile again: half of the time of the
tests is XLA's. Examples of hypothesis may take as long as they do, since machines differ.
"""

import os
import pathlib
import tempfile
import unittest

# Programs that tests start inherit both.
os.environ["JAX_COMPILATION_CACHE_DIR"] = os.path.join(
    tempfile.gettempdir(), f"primer-test-cache-{os.getuid()}"
)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"

import hypothesis
import jax
import pytest

# Must come before anything asks for a device, hence here and not in the tests of meshes.
jax.config.update("jax_num_cpu_devices", 8)

hypothesis.settings.register_profile("primer", deadline=None)
hypothesis.settings.load_profile("primer")


# The files that take a minute and more come first: one that was begun last would keep one core busy
# long after the others are done.
_LONGEST = (
    "tests/train/main_test.py",
    "tests/configs/laptop_test.py",
    "tests/rl/grpo_test.py",
    "tests/rl/unverified_test.py",
    "tests/serve/chat_test.py",
    "tests/rl/ppo_test.py",
    "tests/train/life_test.py",
    "tests/train/mesh_test.py",
    "tests/data/web/pipeline_test.py",
    "tests/serve/api_test.py",
    "tests/evals/report_test.py",
    "tests/serve/exported_test.py",
)

# Whole programs, and loops of a few steps: nearly all of their time is compilation, and whether the
# code is fast does not matter to them.
_COMPILED_QUICKLY = frozenset(
    (
        "tests/train/main_test.py",
        "tests/rl/grpo_test.py",
        "tests/rl/unverified_test.py",
        "tests/rl/ppo_test.py",
        "tests/serve/chat_test.py",
        "tests/serve/api_test.py",
        "tests/train/life_test.py",
        "tests/train/mesh_test.py",
    )
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {name: rank for rank, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: ranks.get(item.nodeid.split("::")[0], len(ranks)))


@pytest.fixture(autouse=True, scope="session")
def _programs_without_torch():
    """Not before tests begin: pytest-xdist's own processes would inherit it."""
    os.environ["PYTHONPATH"] = str(pathlib.Path(__file__).parent / "without_torch")


@pytest.fixture(autouse=True, scope="module")
def _module_cleanups():
    """pytest calls setUpModule, and forgets what that has asked to be cleaned up."""
    yield
    unittest.doModuleCleanups()


@pytest.fixture(autouse=True, scope="module")
def _compiled_quickly(request: pytest.FixtureRequest):
    """Programs that tests start inherit it."""
    if request.node.nodeid not in _COMPILED_QUICKLY:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
        jax.config.update("jax_disable_most_optimizations", True)
        yield
        jax.config.update("jax_disable_most_optimizations", False)
