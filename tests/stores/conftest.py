"""Fixtures of the tests of stores: each kind of database."""

from __future__ import annotations

from tests.databases.fixtures import (
    emptied_postgres,
    empty_place,
    empty_postgres,
    migrated_postgres,
    own_place,
    own_postgres,
    place,
    postgres,
    store,
)

__all__ = [
    "emptied_postgres",
    "empty_place",
    "empty_postgres",
    "migrated_postgres",
    "own_place",
    "own_postgres",
    "place",
    "postgres",
    "store",
]
