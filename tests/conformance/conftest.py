"""Fixtures of the conformance tests."""

from __future__ import annotations

from tests.npm.fixtures import npm_toolchain

__all__ = ["npm_toolchain"]
