"""Definitions as servers write them, mended so far that no client loses a whole list over one of them: official clients
refuse a list in which any definition breaks the schema, and ours are merged from many servers.

Members that the schema knows and that are not as it says are left out; required ones are put right where it is clear
what is meant. What the schema does not know is carried as it is.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from toolgate.model.call import Fields
from toolgate.model.catalog import OfferKind
from toolgate.protocol import jsonrpc

_Text = str | msgspec.UnsetType


class _Icon(msgspec.Struct):
    src: str
    mimeType: _Text = msgspec.UNSET  # noqa: N815 - the wire's names
    sizes: list[str] | msgspec.UnsetType = msgspec.UNSET
    theme: Literal["dark", "light"] | msgspec.UnsetType = msgspec.UNSET


class _ToolAnnotations(msgspec.Struct):
    title: _Text = msgspec.UNSET
    readOnlyHint: bool | msgspec.UnsetType = msgspec.UNSET  # noqa: N815
    destructiveHint: bool | msgspec.UnsetType = msgspec.UNSET  # noqa: N815
    idempotentHint: bool | msgspec.UnsetType = msgspec.UNSET  # noqa: N815
    openWorldHint: bool | msgspec.UnsetType = msgspec.UNSET  # noqa: N815


class _Annotations(msgspec.Struct):
    audience: list[Literal["user", "assistant"]] | msgspec.UnsetType = msgspec.UNSET
    priority: Annotated[float, msgspec.Meta(ge=0, le=1)] | msgspec.UnsetType = msgspec.UNSET
    lastModified: _Text = msgspec.UNSET  # noqa: N815


class _Argument(msgspec.Struct):
    name: str
    title: _Text = msgspec.UNSET
    description: _Text = msgspec.UNSET
    required: bool | msgspec.UnsetType = msgspec.UNSET


class _Execution(msgspec.Struct):
    taskSupport: Literal["forbidden", "optional", "required"] | msgspec.UnsetType = msgspec.UNSET  # noqa: N815


class _Schema(msgspec.Struct, rename={"schema": "$schema"}):
    """What the revisions say of a schema's root; `properties` hold schemas, which may be true and false."""

    type: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    properties: dict[str, dict[str, msgspec.Raw] | bool] = {}
    required: list[str] = []
    schema: _Text = msgspec.UNSET


_ALL: dict[str, Any] = {"title": str, "description": str, "icons": list[_Icon], "_meta": dict[str, msgspec.Raw]}
_READ: dict[str, Any] = {**_ALL, "mimeType": str, "annotations": _Annotations}
_TYPES: Mapping[OfferKind, Mapping[str, Any]] = {
    OfferKind.TOOL: {
        **_ALL,
        "annotations": _ToolAnnotations,
        "execution": _Execution,
    },
    OfferKind.PROMPT: {**_ALL, "arguments": list[_Argument]},
    OfferKind.RESOURCE: {**_READ, "size": int},
    OfferKind.TEMPLATE: _READ,
}
_CHECKS = {
    kind: {member: msgspec.json.Decoder(shape).decode for member, shape in types.items()}
    for kind, types in _TYPES.items()
}
_decode_schema = msgspec.json.Decoder(_Schema).decode
_NO_PARAMETERS = msgspec.Raw(b'{"type":"object"}')


def mended(kind: OfferKind, name: str, definition: Fields) -> Fields | None:
    """The definition as every client can read it; the very same where nothing is wrong. None for a tool whose
    parameters are no object: there is no way to call it."""
    changed: dict[str, msgspec.Raw | None] = {}
    for member, check in _CHECKS[kind].items():
        raw = definition.get(member)
        if raw is not None and not _passes(check, raw):
            changed[member] = None
    if kind is OfferKind.TOOL:
        given, answered = definition.get("inputSchema"), definition.get("outputSchema")
        schema = _NO_PARAMETERS if given is None else _rooted(given, "object")
        if schema is None:
            return None
        if schema is not given:
            changed["inputSchema"] = schema
        if answered is not None and (result := _rooted(answered, None)) is not answered:
            changed["outputSchema"] = result
    elif jsonrpc.text(definition.get("name")) is None:
        changed["name"] = jsonrpc.encode_raw(name)
    if not changed:
        return definition
    return {member: raw for member, raw in {**definition, **changed}.items() if raw is not None}


def _passes(check: Any, raw: msgspec.Raw) -> bool:
    try:
        check(raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _rooted(raw: msgspec.Raw, kind: str | None) -> msgspec.Raw | None:
    """A JSON Schema whose root can be read by all. One that must be of a type, and names none, is of that type. None if
    it names another, or is no schema."""
    if not jsonrpc.is_object(raw):
        return None
    try:
        root = _decode_schema(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    changed: dict[str, Any] = {}
    if kind is not None:
        if root.type is msgspec.UNSET:
            changed["type"] = kind
        elif jsonrpc.text(root.type) != kind:
            return None
    if any(isinstance(schema, bool) for schema in root.properties.values()):
        # Older revisions have no true and false there; these say the same.
        plain: dict[bool, dict[str, Any]] = {True: {}, False: {"not": {}}}
        changed["properties"] = {
            name: plain[schema] if isinstance(schema, bool) else schema for name, schema in root.properties.items()
        }
    return jsonrpc.encode_raw({**jsonrpc.fields(raw, "schema"), **changed}) if changed else raw
