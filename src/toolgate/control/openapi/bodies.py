"""The body of a request, flat: its members as arguments, those of small objects too. What is rarely used, and what the
format cannot say, goes into one object `extra`."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from toolgate.control.openapi import arguments
from toolgate.control.openapi.document import Body, is_json_media
from toolgate.control.openapi.nodes import Node
from toolgate.control.openapi.schemas import SCALARS, Shape, Shapes, in_words
from toolgate.rules import patterns

MOST = 25
"""Arguments of one body; what is beyond is in `extra`."""

_SMALL = 6
"""Members of an object that is taken apart."""

_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_LONGEST = 400


class LeftOut(Exception):
    """An operation that a connector cannot do. `reason` says what it would need."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Members(msgspec.Struct, frozen=True):
    """`params` by their place on the wire: `@` is the whole body, `@extra` what is beside the others."""

    params: dict[str, dict[str, Any]]
    shape: str
    content_type: str | None = None


def members(shapes: Shapes, body: Body, method: str) -> Members | None:
    """None where nothing is to be sent. Raises LeftOut."""
    media, schema = _chosen(shapes, body)
    if method == "GET":
        if body.required:
            raise LeftOut("it takes a body with GET, which a connector does not send")
        return None
    shape = shapes.shape(schema)
    if media == _FORM:
        return Members(_form(shapes, shape), "form")
    content_type = None if media in ("application/json", "*/*", "application/*", "text/json") else media
    if shape.kind in ("object", "any") and not shape.properties:
        said = arguments.cut(arguments.clean(body.description or shape.description), arguments.LONGEST)
        param: dict[str, Any] = {"type": "object", "in": "body", "description": said or "The body, whole."}
        return Members({"@": {**param, **({"required": True} if body.required else {})}}, "json", content_type)
    if shape.kind == "array":
        param = arguments.written(shapes, schema, "body", described=body.description, required=body.required)
        if not param:
            raise LeftOut("its body is a list of lists, or of values of any kind")
        return Members({"@": param}, "json", content_type)
    if shape.kind != "object":
        raise LeftOut(f"its body is a {shape.kind}, and not an object")
    return Members(_flat(shapes, shape, required=True), "json", content_type)


def _chosen(shapes: Shapes, body: Body) -> tuple[str, Node]:
    """JSON first, then a form. What takes a file, or bytes of another kind, is not sent."""
    for media, schema in body.schemas.items():
        if media.partition(";")[0] in ("application/json", "*/*", "application/*"):
            return "application/json", schema
    for media, schema in body.schemas.items():
        if is_json_media(media) and re.fullmatch(r"[a-z0-9.+/-]{1,80}", media):
            return media, schema
    for media, schema in body.schemas.items():
        if media.partition(";")[0] == _FORM:
            return _FORM, schema
    media = next(iter(body.schemas)).partition(";")[0]
    if media == _MULTIPART:
        files = any(
            _is_file(shapes, node) for node in shapes.shape(body.schemas[next(iter(body.schemas))]).properties.values()
        )
        raise LeftOut("it takes a file, which a connector does not send" if files else f"its body is {media}")
    raise LeftOut(f"its body is {media}, and not JSON or a form")


def _is_file(shapes: Shapes, node: Node) -> bool:
    shape = shapes.shape(node)
    inner = shapes.shape(shape.items or {}) if shape.kind == "array" else shape
    return inner.kind == "file"


def _flat(shapes: Shapes, whole: Shape, *, required: bool) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    rest: dict[str, Node] = {}
    wanted = _ordered(shapes, whole)
    for name, node in wanted.items():
        must = required and name in whole.required
        if len(found) >= MOST and not must:
            rest[name] = node
            continue
        made = _member(shapes, name, node, must, room=MOST - len(found))
        if made:
            found.update(made)
        else:
            rest[name] = node
    must = required and any(name in whole.required for name in rest)
    if rest or (whole.more and not found):
        found["@extra"] = _extra(shapes, rest, whole, must)
    return found


def _ordered(shapes: Shapes, whole: Shape) -> Mapping[str, Node]:
    """The members that are written, those first that must be, and those last that are on their way out."""
    shown = {name: shapes.shape(node) for name, node in whole.properties.items()}
    kept = [name for name, shape in shown.items() if not shape.read_only and name]
    kept.sort(key=lambda name: (name not in whole.required, shown[name].deprecated, not shown[name].description))
    return {name: whole.properties[name] for name in kept}


def _member(shapes: Shapes, name: str, node: Node, required: bool, room: int) -> dict[str, dict[str, Any]]:
    """The arguments that one member becomes; none for what has no place of its own."""
    if not _has_place(name):
        return {}
    shape = shapes.shape(node)
    fixed = arguments.constant(shape)
    if fixed is not None and required and isinstance(fixed, str):
        return {name: {"type": "string", "in": "body", "internal": True, "default": fixed}}
    if shape.kind == "object" and required and 0 < len(shape.properties) <= min(_SMALL, room):
        inner = {key: shapes.shape(one) for key, one in shape.properties.items()}
        written = {key: one for key, one in inner.items() if not one.read_only}
        if written and all(_has_place(key) and one.kind in (*SCALARS, "array") for key, one in written.items()):
            made = {
                f"{name}.{key}": arguments.written(
                    shapes, shape.properties[key], "body", required=key in shape.required, name=key
                )
                for key in written
            }
            if all(made.values()):
                return made
    param = arguments.written(shapes, node, "body", required=required, name=name)
    return {name: param} if param else {}


def _has_place(name: str) -> bool:
    """Whether a member can be named by `to`, where dots and numbers lead further in."""
    return name not in ("@", "") and "." not in name and not name.isdigit()


def _extra(shapes: Shapes, rest: Mapping[str, Node], whole: Shape, required: bool) -> dict[str, Any]:
    param: dict[str, Any] = {"type": "object", "in": "body"}
    if required:
        param["required"] = True
    said = [f"{name}: {in_words(shapes, node, 1)}" for name, node in rest.items()]
    text = "More members of the body: "
    for one in said:
        if len(text) + len(one) > _LONGEST - 6:
            text += "..., "
            break
        text += f"{one}, "
    param["description"] = arguments.clean_type(text.removesuffix(", ")) if said else "The members of the body."
    keys = "|".join(re.escape(name) for name in rest)
    if rest and not whole.more and len(keys) < 900 and patterns.flaw(f"^(?:{keys})$") is None:
        param["keys"] = keys
    return param


def _form(shapes: Shapes, whole: Shape) -> dict[str, dict[str, Any]]:
    """A form is flat; members of objects are named in brackets, as PHP, Rails and their friends read them."""
    if whole.kind not in ("object", "any"):
        raise LeftOut(f"its form is a {whole.kind}, and not an object")
    found: dict[str, dict[str, Any]] = {}
    for name, node in _ordered(shapes, whole).items():
        required = name in whole.required
        shape = shapes.shape(node)
        if len(found) >= MOST and not required:
            break
        if shape.kind == "object" and 0 < len(shape.properties) <= _SMALL:
            for key, inner in shape.properties.items():
                param = arguments.written(shapes, inner, "body", required=required and key in shape.required, name=key)
                if param and param["type"] in SCALARS and "." not in key:
                    found[f"{name}[{key}]"] = param
            continue
        param = arguments.written(shapes, node, "body", required=required, name=name) if _has_place(name) else {}
        if param and (param["type"] in SCALARS or (param["type"] == "array" and param["items"] != "object")):
            found[name] = param
        elif required:
            raise LeftOut(f"its form needs {name}, which is no plain value")
    return found
