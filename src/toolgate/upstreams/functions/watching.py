"""Looks for changed files of the code, and has it loaded anew."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

from watchfiles import Change, awatch  # pyright: ignore[reportUnknownVariableType] - it names a type of a package we have not

from toolgate.upstreams.functions.server import FunctionServer

log = logging.getLogger(__name__)

AGAIN_SECONDS = 5.0
"""After which a directory is looked at again that could not be watched."""

_SWAPPED = "..data"
"""The link by which Kubernetes exchanges all files of a mounted directory at once."""


async def watch(server: FunctionServer, path: Path) -> None:
    """Until cancelled. Of a package every Python file counts, of a file itself and what it imports from beside it."""
    while True:
        try:
            async for changed in _changes(path):
                if not _is_file(path) or any(file == _SWAPPED or server.concerns(file) for file in changed):
                    await server.reload()
        except OSError as error:
            log.warning("%s cannot be watched for changes: %s", path, error.strerror or error)
        await asyncio.sleep(AGAIN_SECONDS)


async def _changes(path: Path) -> AsyncIterator[list[str]]:
    folder = path.parent if _is_file(path) else path
    async for found in awatch(folder, watch_filter=_is_code, recursive=not _is_file(path)):
        yield [os.path.basename(file) for _, file in found]


def _is_file(path: Path) -> bool:
    return path.suffix == ".py"


def _is_code(change: Change, file: str) -> bool:
    return file.endswith(".py") or os.path.basename(file) == _SWAPPED
