"""JSON Schemas of what goes in and out, from the Structs."""

from typing import Any

import msgspec

from toolgate.admin.bundles import BUNDLED
from toolgate.admin.forms import FORMS
from toolgate.admin.paths import HIDDEN, PLURALS
from toolgate.admin.problems import phrase
from toolgate.admin.special import SecretInput
from toolgate.admin.told import Attempt, ServerHealth, ServerHealthPage
from toolgate.model.entities import Change, Entity, Key, Server
from toolgate.model.found import Hits, OfferedPage, ToolPage, ToolView
from toolgate.model.products import Adding, Product, ProductPage
from toolgate.model.records import CallRecord
from toolgate.rules.linting import Lint

_PREFIX = "#/components/schemas/"

FOUND = (Hits, ToolPage, ToolView, OfferedPage, ProductPage, Product)


class Finding(msgspec.Struct, frozen=True):
    """What is wrong with one field; an empty `field` is the whole."""

    field: str
    reason: str


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457. `current` is the record as it is now, where another version was seen; `permission`, `scope` and
    `givers` say what is missing, where, and who could give it."""

    type: str
    title: str
    status: int
    detail: str
    findings: tuple[Finding, ...]
    current: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    permission: str | msgspec.UnsetType = msgspec.UNSET
    scope: str | msgspec.UnsetType = msgspec.UNSET
    givers: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class Held(msgspec.Struct, frozen=True):
    """Permissions in a scope, where they come from, and the Unix time from which they are gone."""

    permissions: tuple[str, ...]
    scope: str
    source: str
    expires: float | None


class Me(msgspec.Struct, frozen=True):
    """Who asks, the person or program it acts for, and what it holds. `powerless` says why it holds nothing."""

    id: str
    subject: str
    holdings: tuple[Held, ...]
    powerless: str


class Lints(msgspec.Struct, frozen=True):
    lints: tuple[Lint, ...]


class Rotated(msgspec.Struct, frozen=True):
    """The id of the data key in force, and how many secrets were sealed anew under it."""

    key: str
    secrets: int


def reference(name: str) -> dict[str, Any]:
    return {"$ref": f"{_PREFIX}{name}"}


def name_of(entity: type[Entity]) -> str:
    return entity.__name__


def components() -> dict[str, Any]:
    """All schemas by name. Of each kind: the record as it is answered (`Server`), as it is written (`ServerInput`), and
    a page of them (`ServerPage`)."""
    told = (Problem, Me, Lints, Change, Rotated, CallRecord, Attempt, ServerHealth, ServerHealthPage, *FOUND)
    _, found = msgspec.json.schema_components([*PLURALS, *told], ref_template=_PREFIX + "{name}")
    for entity in PLURALS:
        name = name_of(entity)
        answered = _without(found[name], HIDDEN.get(entity, frozenset()))
        answered["required"] = sorted(answered["properties"])
        written = _without(answered, frozenset({"stamp"}))
        written["required"] = [one for one in found[name]["required"] if one in written["properties"]]
        written["properties"]["stamp"] = {"description": "Counts for nothing: it may stay from an answer."}
        found[name], found[f"{name}Input"] = answered, written
        found[f"{name}Page"] = _page(reference(name), {"type": ["string", "null"]})
    _, secret = msgspec.json.schema_components([SecretInput], ref_template=_PREFIX + "{name}")
    _, declaring = msgspec.json.schema_components((*FORMS, *BUNDLED, Adding), ref_template=_PREFIX + "{name}")
    found |= secret | declaring
    key = found[name_of(Key)]
    clear = {"type": "string", "description": "The key in clear. It is in this answer and nowhere else."}
    found["ClearKey"] = {
        **key,
        "title": "ClearKey",
        "properties": {**key["properties"], "key": clear},
        "required": sorted([*key["properties"], "key"]),
    }
    found["Registered"] = _registered(found[name_of(Server)], found["Attempt"])
    found["Added"] = _added(found["Registered"])
    found["CallRecord"]["properties"]["client"] = {"type": ["object", "null"]}
    found["CallRecord"]["required"] = sorted(found["CallRecord"]["properties"])
    found["Calls"] = _holding("calls", reference("CallRecord"))
    found["Changes"] = _page(reference("Change"), {"type": ["integer", "null"]})
    found["Change"]["properties"] |= {"before": {"type": ["object", "null"]}, "after": {"type": ["object", "null"]}}
    return found


def _registered(server: dict[str, Any], attempt: dict[str, Any]) -> dict[str, Any]:
    properties = {**attempt["properties"], **server["properties"]}
    return {**server, "title": "Registered", "properties": properties, "required": sorted(properties)}


def _added(registered: dict[str, Any]) -> dict[str, Any]:
    more = {
        "secrets": {"type": "array", "items": {"type": "string"}, "description": "Those that were made with it."},
        "tested": {"type": "boolean", "description": "Whether its credential was tried."},
    }
    properties = {**registered["properties"], **more}
    return {**registered, "title": "Added", "properties": properties, "required": sorted(properties)}


def _holding(name: str, item: dict[str, Any]) -> dict[str, Any]:
    properties = {name: {"type": "array", "items": item}}
    return {"type": "object", "properties": properties, "required": [name], "additionalProperties": False}


def _page(item: dict[str, Any], following: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": item},
            "next": {**following, "description": "Where to go on: the `after` of the next page. Null at the end."},
        },
        "required": ["items", "next"],
        "additionalProperties": False,
    }


def _without(schema: dict[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    kept = {name: value for name, value in schema["properties"].items() if name not in fields}
    return {**schema, "properties": kept, "required": [one for one in schema["required"] if one not in fields]}


def problem_response(status: int) -> dict[str, Any]:
    return {
        "description": phrase(status),
        "content": {"application/problem+json": {"schema": reference("Problem")}},
    }
