"""Every test of the outgoing client runs on each event loop that Toolgate runs on."""

import asyncio
import importlib
from collections.abc import Callable, Mapping
from contextlib import suppress

import pytest


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    with suppress(ImportError):  # Windows has none
        loops["uvloop"] = importlib.import_module("uvloop").new_event_loop
    return loops
