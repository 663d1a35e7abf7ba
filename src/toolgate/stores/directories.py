"""Directories as the disk knows them."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Makes a new name in a directory outlast a power cut. Raises OSError. Windows has no such call and needs none."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
