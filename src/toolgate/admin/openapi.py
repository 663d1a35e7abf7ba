"""The OpenAPI 3.1 document, from the route table and the Structs that bodies and answers are made of."""

from collections.abc import Sequence
from typing import Any

import msgspec

from toolgate.admin.bodies import JSON, LIST, MERGE_PATCH, MOST_LISTED
from toolgate.admin.paths import BASE, HIDDEN
from toolgate.admin.routes import Access, Gives, Route, Takes
from toolgate.admin.schemas import components, name_of, problem_response, reference
from toolgate.admin.searching import QUERY
from toolgate.model.entities import Entity

ALWAYS = (400, 401, 403, 405, 413, 421, 500, 503)
"""Statuses that every route may answer beside its own; 403 is a wrong Origin, too."""

_ETAG = {"description": "The version of the record.", "schema": {"type": "string"}}
FORM_OF: dict[str, str] = {
    Takes.DECLARED: "PlanInput",
    Takes.PLANNED: "ApplyInput",
    Takes.BUNDLE: "Taking",
    Takes.ADDING: "Adding",
    Gives.PLANNED: "Planned",
    Gives.APPLIED: "Applied",
    Gives.EXPORTED: "Exported",
    Gives.BUNDLE: "Bundle",
    Gives.IMPORTED: "Imported",
    Gives.PRODUCTS: "ProductPage",
    Gives.PRODUCT: "Product",
    Gives.ADDED: "Added",
}
"""The schemas of what records declared as a whole, of bundles, and of the catalogue."""

_ANSWERS = {
    Gives.CLEAR_KEY: "ClearKey",
    Gives.CHANGES: "Changes",
    Gives.ME: "Me",
    Gives.REGISTERED: "Registered",
    Gives.LINTS: "Lints",
    Gives.ATTEMPT: "Attempt",
    Gives.HEALTH: "ServerHealth",
    Gives.HEALTH_PAGE: "ServerHealthPage",
    Gives.ROTATED: "Rotated",
    Gives.CALLS: "Calls",
    Gives.HITS: "Hits",
    Gives.TOOLS: "ToolPage",
    Gives.OFFERED: "OfferedPage",
    Gives.TOOL: "ToolView",
}
"""The schemas of answers that are neither a record, nor a page of records, nor the document."""

_LISTLESS = frozenset({"stamp", "settings", "headers"})


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(BASE + route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Toolgate", "version": version, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": components(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A Toolgate key."}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.path.split("/")[1]],
        "security": [] if route.access is Access.PUBLIC else [{"key": []}],
        "parameters": list(_parameters(route)),
        "responses": _responses(route),
    }
    if route.takes is not Takes.NOTHING:
        operation["requestBody"] = {"required": True, "content": _body(route)}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "{name}" in route.path:
        found.append({"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}})
    if route.gives in (Gives.PAGE, Gives.CHANGES, Gives.HEALTH_PAGE):
        limit = {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LIST}
        numbered = route.gives is Gives.CHANGES
        after = {"type": "integer", "minimum": 0, "default": 0} if numbered else {"type": "string"}
        found += [{"name": "limit", "in": "query", "schema": limit}, {"name": "after", "in": "query", "schema": after}]
    if route.gives is Gives.HEALTH_PAGE:
        found.append({"name": "state", "in": "query", "schema": reference("HealthState")})
    if route.gives is Gives.PAGE and route.entity is not None:
        found += [
            {"name": name, "in": "query", "schema": {"type": "string"}, "description": "Equal to, or holding, this."}
            for name in _filters(route.entity)
        ]
    if route.gives is Gives.EXPORTED:
        found.append({"name": "label", "in": "query", "schema": {"type": "string"}})
    if "{tool}" in route.path:
        found.append({"name": "tool", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}})
    found.extend(QUERY.get(route.gives, ()))
    if route.gives is Gives.CALLS:
        limit = {"type": "integer", "minimum": 0, "maximum": MOST_LISTED, "default": LIST}
        found.append({"name": "limit", "in": "query", "schema": limit})
    if route.version:
        described = "The version that you saw, from an ETag."
        required = route.version == "required"
        shape = {"type": "string", "pattern": '^"[0-9]{1,15}"$'}
        found.append(
            {"name": "If-Match", "in": "header", "required": required, "schema": shape, "description": described}
        )
    if route.repeatable:
        shape = {"type": "string", "minLength": 1, "maxLength": 255}
        described = "The same key with the same body is answered as the first time."
        found.append({"name": "Idempotency-Key", "in": "header", "schema": shape, "description": described})
    return found


def _filters(entity: type[Entity]) -> list[str]:
    hidden = _LISTLESS | HIDDEN.get(entity, frozenset())
    return [*(field.name for field in msgspec.structs.fields(entity) if field.name not in hidden), "managed_by"]


def _body(route: Route) -> dict[str, Any]:
    if route.takes in FORM_OF:
        return {JSON: {"schema": reference(FORM_OF[route.takes])}}
    if route.takes is Takes.PATCH:
        return {MERGE_PATCH: {"schema": {"type": "object"}}}
    return {JSON: {"schema": reference(f"{_entity(route)}Input")}}


def _responses(route: Route) -> dict[str, Any]:
    found = {str(status): _success(route, status) for status in route.statuses}
    errors = sorted({*ALWAYS, *route.errors} if route.access is Access.KEY else {421, 403})
    return {**found, **{str(status): problem_response(status) for status in errors}}


def _success(route: Route, status: int) -> dict[str, Any]:
    if route.gives is Gives.NOTHING:
        return {"description": "Done."}
    headers: dict[str, Any] = {}
    if route.gives in (Gives.RECORD, Gives.CLEAR_KEY, Gives.REGISTERED, Gives.TOOL, Gives.ADDED):
        headers["ETag"] = _ETAG
    if status == 201 and route.takes is not Takes.SECRET:
        headers["Location"] = {"description": "Where the record is.", "schema": {"type": "string"}}
    return {"description": "Well.", "headers": headers, "content": {JSON: {"schema": _answer(route)}}}


def _answer(route: Route) -> dict[str, Any]:
    if route.gives in FORM_OF:
        return reference(FORM_OF[route.gives])
    match route.gives:
        case Gives.PAGE:
            return reference(f"{_entity(route)}Page")
        case Gives.DOCUMENT:
            return {"type": "object"}
        case _:
            return reference(_ANSWERS.get(route.gives) or _entity(route))


def _entity(route: Route) -> str:
    assert route.entity is not None, route.name
    return name_of(route.entity)
