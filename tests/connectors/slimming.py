"""An OpenAPI document without what a connector does not ask for: a few operations, and the components that these need.

The official documents are large (GitHub's has 13 MB), and Prism takes half a minute and hundreds of megabytes for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Endpoint = tuple[str, str]
"""A method in upper case, and a path with `{placeholders}` from the root of the host."""

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_REF = re.compile(r"#/components/([^/]+)/([^/]+)")


def shape(path: str) -> str:
    """A path with its placeholders without names: they differ between a connector and a document."""
    return _PLACEHOLDER.sub("{}", path).rstrip("/")


def slimmed(
    documents: Sequence[Mapping[str, Any]], endpoints: Sequence[Endpoint]
) -> tuple[dict[str, Any], set[Endpoint]]:
    """One document with these operations of all of them, and the endpoints that are in none. The names of components
    get the number of their document, since two documents may use one name for different things."""
    first = documents[0]
    made: dict[str, Any] = {"openapi": first["openapi"], "info": {"title": "slimmed", "version": "1"}, "paths": {}}
    made["components"] = {}
    missing = set(endpoints)
    for number, document in enumerate(documents):
        waiting: list[tuple[str, str]] = []
        for method, ours in sorted(missing):
            path = _known(document, method, ours)
            if path is None:
                continue
            missing.discard((method, ours))
            item = document["paths"][path]
            kept = made["paths"].setdefault(path, {})
            kept["parameters"] = _renamed(item.get("parameters", []), number, waiting)
            kept[method.lower()] = _renamed(item[method.lower()], number, waiting)
        _components(document, made["components"], number, waiting)
        schemes = document.get("components", {}).get("securitySchemes", {})
        made["components"].setdefault("securitySchemes", {}).update(schemes)
        if "security" in document:
            made.setdefault("security", document["security"])
    return made, missing


def _known(document: Mapping[str, Any], method: str, ours: str) -> str | None:
    """The document's path for one of ours: the same, or one whose last placeholder stands for the rest of it."""
    of_method = [path for path, item in document["paths"].items() if method.lower() in item]
    same = (path for path in of_method if shape(path) == shape(ours))
    wider = (path for path in of_method if shape(path).endswith("{}") and shape(ours).startswith(shape(path)[:-2]))
    return next(same, None) or max(wider, key=len, default=None)


def _components(document: Mapping[str, Any], made: dict[str, Any], number: int, waiting: list[tuple[str, str]]) -> None:
    """Puts in what is referred to, and what that refers to."""
    while waiting:
        group, name = waiting.pop()
        key = f"{name}_{number}"
        if key not in made.setdefault(group, {}):
            made[group][key] = None
            made[group][key] = _renamed(document["components"][group][name], number, waiting)


def _renamed(value: Any, number: int, waiting: list[tuple[str, str]]) -> Any:
    if isinstance(value, list):
        return [_renamed(item, number, waiting) for item in value]
    if not isinstance(value, dict):
        return value
    ref = value.get("$ref")
    if isinstance(ref, str) and (found := _REF.fullmatch(ref)):
        waiting.append((found[1], found[2]))
        return {"$ref": f"#/components/{found[1]}/{found[2]}_{number}"}
    return {key: _renamed(item, number, waiting) for key, item in value.items() if key != "discriminator"}


def operation(document: Mapping[str, Any], method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    """The operation that a request is for, with the parameters of its path, and the path as the document has it: there,
    a placeholder is one segment. None where there is none."""
    for rest in ("[^/]+", ".+?"):
        for known, item in sorted(document["paths"].items(), key=lambda one: -len(shape(one[0]))):
            if method.lower() not in item:
                continue
            *before, last = map(re.escape, _PLACEHOLDER.split(known.rstrip("/")))
            pattern = "[^/]+".join([*before, last]) if last else "[^/]+".join(before) + f"(?P<rest>{rest})"
            found = re.fullmatch(pattern + "/?", path)
            if found is not None:
                start, end = (len(path),) * 2 if last else found.span("rest")
                whole = path[:start] + path[start:end].replace("/", "%2F") + path[end:]
                here = item[method.lower()]
                return whole, {**here, "parameters": [*item.get("parameters", []), *here.get("parameters", [])]}
    return None


def query_names(document: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """The names of an operation's parameters in the query."""
    for parameter in found["parameters"]:
        resolved = resolve(document, parameter)
        if resolved.get("in") == "query":
            yield resolved["name"]


def resolve(document: Mapping[str, Any], value: Any) -> Any:
    ref = _REF.fullmatch(value["$ref"]) if "$ref" in value else None
    return value if ref is None else document["components"][ref[1]][ref[2]]
