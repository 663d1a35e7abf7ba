"""What every test may need: the policy for real parts that are missing, and the check of promise ids."""

import os

import pytest
from hypothesis import settings

from tests.promises import PROMISES

pytest_plugins = ["pytester", "tests.databases.fixtures"]

LONGEST = (
    "tests/docs/test_pages.py",
    "tests/house/test_style.py",
    "tests/journeys/",
    "tests/registry/",
    "tests/catalog/",
    "tests/hostile/",
)
"""What several processes begin with, so that none of it is what all wait for in the end."""

# How long an example takes is the machine's mood; what must be fast has a bound of its own.
settings.register_profile("toolgate", deadline=None)
settings.load_profile("toolgate")


def require(condition: object, what: str) -> None:
    """Skips the test, saying so, where a real part is missing on a person's machine; with CI=true it fails instead.

    `what` names the missing part and how to get it, as in "Node.js (apt-get install nodejs)".
    """
    if condition:
        return
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"missing in CI, where nothing may be missing: {what}", pytrace=False)
    pytest.skip(f"missing on this machine: {what}")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """What `-n auto` of pyproject.toml means: a process for each processor where everything is run, and one, without
    workers to start, where files or folders are named."""
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        return 0
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that names a promise which is in no list is an error at once, wherever it stands. The longest come first:
    the order within them, and of the rest, is left as it is."""
    items.sort(key=lambda item: next((at for at, begin in enumerate(LONGEST) if item.nodeid.startswith(begin)), 99))
    for item in items:
        for mark in item.iter_markers("promise"):
            unknown = [name for name in mark.args if name not in PROMISES]
            if unknown or not mark.args:
                raise pytest.UsageError(
                    f"{item.nodeid}: no such promise in tests/promises.py: {unknown or '(none named)'}"
                )
