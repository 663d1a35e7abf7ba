"""Fixtures of the tests of stores: each kind of database."""

from __future__ import annotations

from tests.databases.fixtures import empty_place, empty_postgres, migrated_postgres, place, postgres, store

__all__ = ["empty_place", "empty_postgres", "migrated_postgres", "place", "postgres", "store"]
