"""The files that a running process watches: its configuration, its certificate. What is wrong with a changed one is
said, and the former stays in force."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType] - it names a type of a package we have not

from toolgate.assembly.http import load_certificate
from toolgate.model.declared import Declared
from toolgate.model.errors import ConfigError

logger = logging.getLogger(__name__)


async def watch_file(
    file: Path,
    take: Callable[[Declared], None],
    reload: Callable[[], Declared],
    problems: dict[str, str],
    published: Callable[[], Awaitable[None]],
) -> None:
    """Takes a changed configuration into force, or keeps the old and says so. `published` is when calls are judged by
    what was taken."""
    async for _ in awatch(file.parent, watch_filter=lambda change, path: _same(path, file), recursive=False):
        try:
            take(await asyncio.to_thread(reload))
            await published()
        except ConfigError as error:
            problems["configuration"] = f"{file} was changed but is refused; the former one is in force"
            logger.error("%s is refused, the former configuration stays in force:\n%s", file, error)
            continue
        except Exception:
            problems["configuration"] = f"{file} was changed and could not be read; the former one is in force"
            logger.exception("%s could not be read, the former configuration stays in force", file)
            continue
        problems.pop("configuration", None)
        logger.info("%s: the changed configuration is in force", file)


async def watch_certificate(context: Any, certificate: Path, key: Path, problems: dict[str, str]) -> None:
    """Takes a changed certificate into use, or keeps the old and says so."""
    async for _ in awatch(certificate.parent, key.parent, recursive=False):
        try:
            load_certificate(context, certificate, key)
        except ConfigError as error:
            problems["certificate"] = str(error)
            logger.error("the changed certificate is refused, the former stays in use: %s", error)
        else:
            problems.pop("certificate", None)
            logger.info("%s: the changed certificate is in use", certificate)


def _same(path: str, file: Path) -> bool:
    """Whether a changed path is the file, or may be what it points to (Kubernetes swaps a link beside it)."""
    changed = Path(path)
    return changed.name in (file.name, "..data")


async def stop(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Cancels background work, and waits until it has ended."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
