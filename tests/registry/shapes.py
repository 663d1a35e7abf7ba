"""What the registry API answers, as JSON Schema: the members that Toolgate writes, with the limits of `server.json` of
2025-12-11 and of the official registry's OpenAPI document. Nothing else may be there."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

_TEXT = {"type": "string", "minLength": 1}
_YES = {"const": True}
_INPUT = {"description": _TEXT, "isRequired": _YES, "isSecret": _YES}


def _object(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_HEADER = _object(
    {
        "name": {"const": "Authorization"},
        **_INPUT,
        "value": {"const": "Bearer {toolgate_key}"},
        "variables": _object({"toolgate_key": _object(_INPUT)}),
    }
)
_REMOTE = _object(
    {
        "type": {"const": "streamable-http"},
        "url": {"type": "string", "pattern": r"^https?://[^\s{}]+/servers/[a-z0-9-]+/mcp$"},
        "headers": {"type": "array", "items": _HEADER, "minItems": 1, "maxItems": 1},
    },
    ("headers",),
)
SERVER = _object(
    {
        "$schema": {"const": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"},
        "name": {
            "type": "string", "pattern": "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$", "minLength": 3, "maxLength": 200,
        },
        "description": {**_TEXT, "maxLength": 100},
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$", "maxLength": 255},
        "websiteUrl": {"type": "string", "pattern": "^https://", "maxLength": 255},
        "icons": {
            "type": "array",
            "items": _object({"src": {"type": "string", "pattern": "^https://", "maxLength": 255}}),
        },
        "remotes": {"type": "array", "items": _REMOTE, "minItems": 1, "maxItems": 1},
    },
    ("websiteUrl", "icons"),
)  # fmt: skip
_MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
_OFFICIAL = _object(
    {"status": {"const": "active"}, "publishedAt": _MOMENT, "updatedAt": _MOMENT, "isLatest": _YES},
)
ONE = _object({"server": SERVER, "_meta": _object({"io.modelcontextprotocol.registry/official": _OFFICIAL})})
LIST = _object(
    {
        "servers": {"type": "array", "items": ONE},
        "metadata": _object({"count": {"type": "integer", "minimum": 0}, "nextCursor": _TEXT}, ("nextCursor",)),
    }
)


def conforms(value: Any, schema: dict[str, Any]) -> None:
    """Raises jsonschema.ValidationError."""
    Draft202012Validator(schema).validate(value)
