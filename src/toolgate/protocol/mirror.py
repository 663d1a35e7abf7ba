"""Mirrored headers of the modern era: `Mcp-Method`, `Mcp-Name` and `Mcp-Param-*` repeat what the body says
(SPEC-DIGEST 2.3), so that outer balancers can route without reading bodies; whoever reads the body must compare
them."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from toolgate.model.errors import HeaderMismatch, InvalidParams
from toolgate.model.snapshot import MirroredParam

PARAM_PREFIX = "mcp-param-"
ANNOTATION = "x-mcp-header"

_SENTINEL = re.compile(r"=\?base64\?(.*)\?=", re.DOTALL)
_PLAIN = re.compile(r"[\x20-\x7e]*")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TYPES = frozenset({"string", "integer", "boolean"})
_NUMBER = re.compile(r"-?[0-9]{1,400}(?:\.0{1,400})?")

# Keywords of JSON Schema 2020-12 whose values are schemas themselves. Data (`default`, `enum`, `const`, `examples`) and
# references are absent: a walk never mistakes data for an annotation, and never follows a reference.
_ONE = ("items", "contains", "unevaluatedItems", "additionalProperties", "propertyNames", "unevaluatedProperties")
_CONDITIONAL = ("not", "if", "then", "else", "contentSchema")
_MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("patternProperties", "dependentSchemas", "$defs", "definitions")


def encode_value(value: str) -> str:
    """A header value for any text: as it is, or wrapped in `=?base64?...?=` when it would not survive."""
    if _PLAIN.fullmatch(value) and value == value.strip() and not _SENTINEL.fullmatch(value):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def decode_value(value: str) -> str:
    """The text behind a header value. Raises HeaderMismatch for a sentinel with a bad alphabet, padding or encoding."""
    value = value.strip(" \t")
    if not value.startswith("=?base64?"):
        return value
    match = _SENTINEL.fullmatch(value)
    if match is None:
        return value
    payload = match[1]
    try:
        decoded = base64.b64decode(payload, validate=True)
        canonical = base64.b64encode(decoded).decode() == payload
        text = decoded.decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        canonical, text = False, ""
    if not canonical:
        raise HeaderMismatch("a mirrored header holds malformed base64")
    return text


def check_name(header: str | None, expected: str) -> None:
    """Raises HeaderMismatch unless the `Mcp-Name` header says what the body says."""
    if header is None:
        raise HeaderMismatch("the Mcp-Name header is missing")
    if header != expected and decode_value(header) != expected:
        raise HeaderMismatch("the Mcp-Name header differs from the body")


def annotations(schema: Mapping[str, Any]) -> tuple[MirroredParam, ...]:
    """The mirrored parameters of a tool's `inputSchema`. Raises ValueError with the reason when one annotation is
    invalid: an HTTP client must then drop the whole tool."""
    found: dict[str, MirroredParam] = {}
    for path, node in _positions(schema):
        if ANNOTATION not in node:
            continue
        token = node[ANNOTATION]
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise ValueError(f"{ANNOTATION} must be a header token, not {token!r}")
        if not path:
            raise ValueError(f"{ANNOTATION} {token!r} is not reachable through `properties` alone")
        if not _named(node.get("type")):
            raise ValueError(f"{ANNOTATION} {token!r} needs type string, integer or boolean")
        if token.lower() in found:
            raise ValueError(f"{ANNOTATION} {token!r} stands twice")
        found[token.lower()] = MirroredParam(token, f"{PARAM_PREFIX}{token.lower()}".encode(), path, node["type"])
    return tuple(found.values())


def _named(kind: Any) -> bool:
    """Whether a `type` is one that can be mirrored; a list of types (which no set can hold) is none."""
    return isinstance(kind, str) and kind in _TYPES


def _positions(root: Any) -> Iterator[tuple[tuple[str, ...] | None, dict[str, Any]]]:
    """Every schema position with its chain of property names, None once anything but `properties` was crossed."""
    stack: list[tuple[tuple[str, ...] | None, Any]] = [((), root)]
    while stack:
        path, node = stack.pop()
        if not isinstance(node, dict):
            continue
        schema = cast("dict[str, Any]", node)
        yield path, schema
        for name, value in _mapping(schema.get("properties")).items():
            stack.append((None if path is None else (*path, name), value))
        stack.extend((None, schema[key]) for key in (*_ONE, *_CONDITIONAL) if key in schema)
        for key in _MANY:
            if isinstance(schema.get(key), list):
                stack.extend((None, value) for value in schema[key])
        for key in _NAMED:
            stack.extend((None, value) for value in _mapping(schema.get(key)).values())


def _mapping(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def check_params(
    headers: Mapping[bytes, bytes], params: tuple[MirroredParam, ...], arguments: msgspec.Raw | None
) -> None:
    """Raises HeaderMismatch unless each `Mcp-Param-*` header agrees with its argument, both ways; InvalidParams for
    arguments that cannot be read.

    `headers` are the request's, by lower-case name. Those that no annotation asks for are left alone.
    """
    values: Any = _decode(arguments) if params else {}
    for param in params:
        value = _at(values, param.path)
        text = _text(value)
        header = headers.get(param.header)
        if header is None and text is None:
            # Either absent, or nothing that a header could say: the server itself explains what is wrong with it.
            continue
        if header is None:
            raise HeaderMismatch(f"the header Mcp-Param-{param.token} is missing")
        if text is None or not _agrees(param, decode_value(header.decode("latin-1")), value, text):
            raise HeaderMismatch(f"the header Mcp-Param-{param.token} differs from the argument {'.'.join(param.path)}")


def headers_for(params: tuple[MirroredParam, ...], arguments: msgspec.Raw | None) -> list[tuple[str, str]]:
    """The `Mcp-Param-*` headers to send with these arguments, whether or not their values are of the declared type:
    what is wrong with them, the server itself explains. Objects and arrays have no header."""
    values = _decode(arguments)
    headers: list[tuple[str, str]] = []
    for param in params:
        text = _text(_at(values, param.path))
        if text is not None:
            headers.append((f"Mcp-Param-{param.token}", encode_value(text)))
    return headers


def _decode(arguments: msgspec.Raw | None) -> Any:
    """Raises InvalidParams for numbers that no float can hold: raw JSON may have them."""
    try:
        return {} if arguments is None else msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidParams(f"`arguments` cannot be read: {error}") from None


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(value, dict):
            return None
        value = cast("dict[str, Any]", value).get(name)
    return value


def _text(value: Any) -> str | None:
    """How a header says a value; None where no header can."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else None


def _agrees(param: MirroredParam, header: str, value: Any, text: str) -> bool:
    if header == text:
        return True
    whole = isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value)
    if param.type != "integer" or not whole or not _NUMBER.fullmatch(header):
        return False
    return int(header.partition(".")[0]) == int(value)
