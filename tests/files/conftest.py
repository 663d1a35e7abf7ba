"""Fixtures of the tests of the file server."""

from __future__ import annotations

from tests.npm.fixtures import npm_toolchain

__all__ = ["npm_toolchain"]
