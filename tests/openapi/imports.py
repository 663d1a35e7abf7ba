"""A document to a connector, as the command does it, without the command; and what must hold of every one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from toolgate.control.openapi import making, yaml_text
from toolgate.control.openapi.document import Document, Operation
from toolgate.control.openapi.making import Imported, Plan
from toolgate.control.openapi.reading import parse
from toolgate.upstreams.connector import reading
from toolgate.upstreams.connector.definitions import definition
from toolgate.upstreams.connector.format import Connector

BASE = "https://api.acme.example"


def read(path: Path) -> Document:
    return Document(parse(path.read_bytes(), path.name), path.name)


def document(paths: dict[str, Any], **more: Any) -> Document:
    return Document({"openapi": "3.1.0", "info": {"title": "Things", "version": "1"}, "paths": paths, **more}, "things")


def made(found: Document, operations: Sequence[Operation] | None = None, **plan: Any) -> Imported:
    """All operations unless some are given, in search mode unless said otherwise: its size has no bound."""
    chosen = tuple(found.operations if operations is None else operations)
    return making.imported(found, Plan("things", "things.json", BASE, chosen, **{"search": True, **plan}))


def loaded(imported: Imported) -> Connector:
    """As the engine reads it: from the record, and the same from the file. Every lint must pass."""
    plain = msgspec.json.decode(msgspec.json.encode(imported.connector))
    connector, found = reading.judged(plain, None)
    assert connector is not None, [(reading.field_of(place), reason) for place, reason in found[:10]]
    return connector


def from_file(imported: Imported) -> Any:
    """What the file says."""
    text = yaml_text.text(imported.connector, "things.json")
    assert "&" not in "".join(line[:1] for line in text.splitlines())
    return yaml.safe_load(text)


def tool(found: Document, **plan: Any) -> dict[str, Any]:
    """The only tool of a document with one operation."""
    imported = made(found, **plan)
    assert imported.left_out == {}, imported.left_out
    loaded(imported)
    (only,) = imported.connector["tools"]
    return only


def size(connector: Connector) -> int:
    """Tokens of all schemas, four bytes each."""
    return sum(len(msgspec.json.encode(definition(connector, one))) for one in connector.tools) // 4
