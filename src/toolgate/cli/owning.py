"""The lock of the data directory, for commands that must be alone with it."""

from contextlib import ExitStack
from pathlib import Path

import typer

from toolgate.cli.exit_codes import NOT_READY
from toolgate.cli.output import say, write
from toolgate.stores.ownership import InUse, Ownership, own


def owning(stack: ExitStack, directory: Path) -> Ownership:
    """Owns the data directory as long as the stack is open. Where another process does, its URL is printed, and the
    command ends (3, not ready)."""
    try:
        return stack.enter_context(own(directory))
    except InUse as taken:
        say(str(taken))
        if taken.url is not None:
            write(taken.url)
        raise typer.Exit(NOT_READY) from None
