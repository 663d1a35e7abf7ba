"""What an operation takes, as one flat object: parameters of path, query and headers, and the members of the body
beside them. What shows a credential or a version is set by the connector, never by a model."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec

from toolgate.control.openapi import arguments
from toolgate.control.openapi.bodies import LeftOut, Members, members
from toolgate.control.openapi.document import Body, Operation, Parameter
from toolgate.control.openapi.naming import snake
from toolgate.control.openapi.nodes import Node, text
from toolgate.control.openapi.schemas import SCALARS, Shape, Shapes
from toolgate.control.openapi.words import clean
from toolgate.rules import headers

_PLACEHOLDER = re.compile(r"\{([^{}]{1,200})\}")
_LITERAL = "/:@!$&'()*+,;=~%-._"
_VERSION = re.compile(r"(?:^|-)(?:api-?)?version$|^x-api-version|^accept-version$", re.IGNORECASE)
_UNSAID = frozenset({
    "authorization", "cookie", "accept", "content-type", "user-agent", "host", "accept-language", "accept-encoding",
    "x-request-id", "x-correlation-id", "request-id", "traceparent", "tracestate", "if-none-match", "if-modified-since",
    "x-api-key", "api-key", "x-auth-token", "x-csrf-token", "x-amz-security-token", "x-amz-date", "x-amz-signature",
    "x-amz-credential", "x-amz-signedheaders", "x-amz-content-sha256", "x-amz-algorithm", "proxy-authorization",
    "x-access-token", "token", "apikey", "idempotency-key",
})  # fmt: skip
_VERSION_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")


class Inputs(msgspec.Struct, frozen=True):
    """`params`, and what the request says. `variables` are for an administrator to set, by name: (header, help)."""

    params: dict[str, dict[str, Any]]
    path: str
    body: str | None = None
    content_type: str | None = None
    headers: dict[str, str] = {}
    variables: dict[str, str] = {}


class Asked(msgspec.Struct, frozen=True):
    """What is known of an operation before its arguments are written. `hidden` are (place, name) that show a
    credential; `taken` what the pagination sets."""

    operation: Operation
    parameters: Sequence[Parameter]
    body: Body | None
    hidden: frozenset[tuple[str, str]]
    taken: frozenset[str]
    reserved: frozenset[str]
    version: str


def inputs(shapes: Shapes, asked: Asked) -> Inputs:
    """Raises LeftOut."""
    writing = _Writing(shapes, asked)
    path = writing.path()
    for parameter in asked.parameters:
        if parameter.place in ("query", "header"):
            writing.outside(parameter)
    found = None if asked.body is None else members(shapes, asked.body, asked.operation.method)
    if found is not None:
        writing.body(found)
    return Inputs(
        writing.params,
        path,
        None if found is None else found.shape,
        None if found is None else found.content_type,
        writing.headers,
        writing.variables,
    )


class _Writing:
    def __init__(self, shapes: Shapes, asked: Asked) -> None:
        self._shapes = shapes
        self._asked = asked
        self.params: dict[str, dict[str, Any]] = {}
        self.headers: dict[str, str] = {}
        self.variables: dict[str, str] = {}

    def path(self) -> str:
        """The path as a template over the arguments. What it spells out is encoded where it must be."""
        said = self._asked.operation.path
        said, mark, query = said.partition("?")
        if not said.startswith("/") or "#" in said or (mark and not self._fixed(query)):
            raise LeftOut("its path holds a fragment, or a query that is not spelled out, or does not begin with /")
        declared = {one.name: one for one in self._asked.parameters if one.place == "path"}
        made, end = "", 0
        for found in _PLACEHOLDER.finditer(said):
            made += _literal(said[end : found.start()])
            made += f"{{{self._in_path(found[1], declared)}}}"
            end = found.end()
        made += _literal(said[end:])
        if len(made) > 500:
            raise LeftOut("its path is longer than 500 characters")
        return made

    def _fixed(self, query: str) -> bool:
        """A query that belongs to the path is sent as it is."""
        pairs = parse_qsl(query, keep_blank_values=True)
        for name, value in pairs:
            self._claim(name, "query", {"type": "string", "in": "query", "internal": True, "default": value})
        return bool(pairs) and not any(mark in query for mark in "#{}") and all(value for _, value in pairs)

    def _in_path(self, said: str, declared: Mapping[str, Parameter]) -> str:
        plain = said.strip("+*;?").partition("=")[0].partition(":")[0] or said
        parameter = declared.get(said) or declared.get(plain)
        name = snake(plain)
        if name in self.params:
            return name
        shape = Shape("string") if parameter is None else self._shapes.shape(parameter.schema)
        fixed = arguments.constant(shape)
        if fixed is not None:
            self.params[name] = {"type": _type_of(fixed), "in": "path", "internal": True, "default": fixed}
            return name
        described = "" if parameter is None else parameter.description
        node: Node = {"type": "string"} if parameter is None else parameter.schema
        param = arguments.written(self._shapes, node, "path", described=described, required=True)
        if shape.kind not in SCALARS or not param:
            param = {"type": "string", "in": "path", "required": True}
            if shape.kind == "array":
                param["description"] = "Several with commas between them."
        marked = parameter is not None and parameter.schema.get("x-multi-segment") is True
        if marked or said.startswith("+") or said.endswith("*") or "=" in said:
            param["multi_segment"] = True
        self.params[name] = param
        return name

    def outside(self, parameter: Parameter) -> None:
        """One of the query or a header."""
        place, lower = parameter.place, parameter.name.lower()
        if (place, lower) in self._asked.hidden or (place == "query" and parameter.name in self._asked.taken):
            return
        shape = self._shapes.shape(parameter.schema)
        fixed = arguments.constant(shape) if parameter.required else None
        if _VERSION.search(parameter.name) and (place == "header" or parameter.required):
            self._version(parameter, shape)
        elif place == "header" and (lower in _UNSAID or headers.flaw(parameter.name) is not None):
            return
        elif fixed is not None:
            kind = _type_of(fixed)
            self._claim(parameter.name, place, {"type": kind, "in": place, "internal": True, "default": fixed})
        elif place == "query":
            self._query(parameter, shape)
        else:
            self._plain(parameter, shape)

    def _version(self, parameter: Parameter, shape: Shape) -> None:
        """A version is a choice of the connector's: the newest that the document names, or one to be set."""
        named = [value for value in shape.enum if isinstance(value, str)]
        value = text(shape.default) or (named[-1] if named else "") or text(shape.example)
        if not value and parameter.place == "query":
            value = self._asked.version
        if not parameter.required and not (text(shape.default) or named):
            return
        if _VERSION_VALUE.fullmatch(value) and parameter.place == "header":
            self.headers[parameter.name] = value
        elif _VERSION_VALUE.fullmatch(value):
            self._claim(parameter.name, "query", {"type": "string", "in": "query", "internal": True, "default": value})
        elif parameter.required:
            name = snake(parameter.name)
            self.variables[name] = f"The value of {parameter.name}: {clean(parameter.description) or 'a version'}"[:400]
            self._claim(
                parameter.name, parameter.place,
                {"type": "string", "in": parameter.place, "internal": True, "variable": name},
            )  # fmt: skip

    def _query(self, parameter: Parameter, shape: Shape) -> None:
        if shape.kind == "object" and shape.properties and not parameter.is_json and not shape.more:
            self._spread(parameter, shape)
        elif shape.kind in ("object", "any") or parameter.is_json:
            self._as_text(parameter, shape)
        elif shape.kind == "array":
            self._list(parameter)
        else:
            self._plain(parameter, shape)

    def _spread(self, parameter: Parameter, shape: Shape) -> None:
        """An object of the query becomes an argument for each of its members."""
        deep = parameter.style == "deepObject"
        for name, node in list(shape.properties.items())[:12]:
            wire = f"{parameter.name}[{name}]" if deep else name
            required = parameter.required and name in shape.required
            param = arguments.written(self._shapes, node, "query", required=required)
            if param and param["type"] != "array":
                self._claim(wire, "query", param)

    def _list(self, parameter: Parameter) -> None:
        param = arguments.written(
            self._shapes, parameter.schema, "query", described=parameter.description, required=parameter.required
        )
        if not param or param["items"] == "object":
            self._as_text(parameter, Shape("any"))
            return
        if parameter.style in ("spaceDelimited", "pipeDelimited") and not parameter.explode:
            between = {"spaceDelimited": "spaces", "pipeDelimited": "|"}[parameter.style]
            said = f"{param.get('description', '')} Several with {between} between them.".strip()
            param = {"type": "string", "in": "query", "description": said[:400]}
            param |= {"required": True} if parameter.required else {}
        elif not parameter.explode:
            param["transform"] = "join_comma"
        self._claim(parameter.name, "query", param)

    def _as_text(self, parameter: Parameter, shape: Shape) -> None:
        """What is no plain value is given as its JSON."""
        said = arguments.cut(arguments.clean(parameter.description), arguments.LONGEST)
        form = "As JSON." if shape.kind != "any" or parameter.is_json else ""
        param: dict[str, Any] = {"type": "string", "in": parameter.place}
        if parameter.required:
            param["required"] = True
        if said or form:
            param["description"] = f"{said} {form}".strip()
        self._claim(parameter.name, parameter.place, param)

    def _plain(self, parameter: Parameter, shape: Shape) -> None:
        param = arguments.written(
            self._shapes, parameter.schema, parameter.place,
            described=parameter.description, required=parameter.required,
        )  # fmt: skip
        if param and param["type"] == "array":
            said = f"{param.get('description', '')} Several with commas between them.".strip()
            param = {"type": "string", "in": parameter.place, "description": said[:400]}
            param |= {"required": True} if parameter.required else {}
        if param:
            self._claim(parameter.name, parameter.place, param)
        else:
            self._as_text(parameter, shape)

    def body(self, found: Members) -> None:
        for wire, param in found.params.items():
            if not (param["in"] == "body" and wire in self._asked.taken):
                self._claim(wire, "body", param)

    def _claim(self, wire: str, place: str, param: dict[str, Any]) -> None:
        """Puts an argument under a name of its own: what comes later gives way, as `body_id` does."""
        wanted = "extra" if wire == "@extra" else "body" if wire == "@" else snake(wire)
        if wanted in self.params or wanted in self._asked.reserved:
            wanted = snake(f"{place}_{wire}")
        if wanted in self.params:
            wanted = snake(f"{wanted[:30]} {place} {wire}")
        if wanted in self.params:
            return
        to = {"@extra": "@"}.get(wire, wire)
        self.params[wanted] = {**param, **({"to": to} if to != wanted else {})}


def _literal(said: str) -> str:
    """The part of a path that is spelled out."""
    if "{" in said or "}" in said:
        raise LeftOut("its path has braces that belong to no argument")
    if any(segment in (".", "..") for segment in said.split("/")):
        raise LeftOut("its path leads upwards")
    return quote(said, safe=_LITERAL)


def _type_of(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "integer" if isinstance(value, int) else "number"
