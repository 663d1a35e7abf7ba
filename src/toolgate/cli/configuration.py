"""The configuration that a command means, and how it is read."""

import os
from collections.abc import Callable
from pathlib import Path

from toolgate import extensions
from toolgate.control import declarative
from toolgate.credentials.references import References
from toolgate.model.declared import Declared

DEFAULT_CONFIG = "toolgate.yaml"


def chosen(config: Path | None) -> Path | None:
    """The file that was chosen, else toolgate.yaml if it is there; None for the demo."""
    default = Path(DEFAULT_CONFIG)
    return config or (default if default.is_file() else None)


def reader(config: Path, *, stored: bool) -> Callable[[], Declared]:
    """Reads the file, each time it is called. `stored` says whether secrets of the store may stand in it. Raises
    ConfigError then."""

    def read() -> Declared:
        secrets = References(os.environ, config.absolute().parent)
        return declarative.load(config, extensions.kinds(), secrets, stored=stored)

    return read
