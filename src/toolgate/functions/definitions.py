"""From a decorated function to a tool: its definition, and how its arguments are read and its result is written."""

import inspect
import re
import types
import typing
from collections.abc import Callable
from typing import Any

import msgspec

from toolgate.functions import MARK, Audio, Context, Image, Offer, annotations, docstrings, wire
from toolgate.functions.annotations import Unfit

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HINTS = (
    ("readOnlyHint", "read_only"),
    ("destructiveHint", "destructive"),
    ("idempotentHint", "idempotent"),
    ("openWorldHint", "open_world"),
)
_BLOCKS = (Image, Audio)


class Tool(msgspec.Struct, frozen=True):
    """`read` makes the arguments of the JSON that was given; those that were not are UNSET. `context` names the
    parameter that is filled in. `check` is given the result as JSON where a schema of it was promised; None where the
    result is a text."""

    name: str
    function: Callable[..., Any]
    definition: dict[str, Any]
    parameters: tuple[str, ...]
    context: str | None
    read: Callable[[bytes], Any]
    check: Callable[[bytes], Any] | None
    waiting: bool

    def told(self) -> wire.Tool:
        hints = self.definition.get("annotations", {})
        repeatable = hints.get("readOnlyHint") is True or hints.get("idempotentHint") is True
        return wire.Tool(self.name, msgspec.json.encode(self.definition), repeatable, self.waiting)


class Findings(Exception):
    """What keeps functions from being tools, one line each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


def is_marked(value: Any) -> bool:
    return callable(value) and isinstance(getattr(value, MARK, None), Offer)


def tool(function: Callable[..., Any]) -> Tool:
    """Raises Findings, each naming the function and the parameter."""
    offer: Offer = getattr(function, MARK)
    if not inspect.isroutine(function):
        raise Findings([f"{function!r:.80}: is no function"])
    name = offer.name or function.__name__
    where = f"{function.__module__}.{function.__qualname__}"
    if not _NAME.fullmatch(name):
        raise Findings([f"{where}: the name {name[:70]!r} is not 1 to 64 of A-Z, a-z, 0-9, _ and -"])
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise Findings([f"{where}: is a generator: return a list"])
    said = docstrings.read(function.__doc__)
    hints = _hints(function, where)
    taken, context = _parameters(function, hints, where)
    struct, schema = _input(name, taken, said.parameters, where)
    output, check = _output(hints.get("return", Any), where)
    definition: dict[str, Any] = {
        "name": name,
        "title": offer.title or name.replace("_", " ").replace("-", " ").strip().capitalize(),
        "description": offer.description or said.description,
        "inputSchema": schema,
        "outputSchema": output,
        "annotations": {key: value for key, of in _HINTS if (value := getattr(offer, of)) is not None},
    }
    return Tool(
        name=name,
        function=function,
        definition={key: value for key, value in definition.items() if value},
        parameters=tuple(taken),
        context=context,
        read=msgspec.json.Decoder(struct, dec_hook=annotations.from_plain).decode,
        check=check,
        waiting=inspect.iscoroutinefunction(function),
    )


def _hints(function: Callable[..., Any], where: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:  # noqa: BLE001 - a type may be any expression
        raise Findings([f"{where}: a type in its signature cannot be found: {error}"]) from None


def _parameters(
    function: Callable[..., Any], hints: dict[str, Any], where: str
) -> tuple[dict[str, tuple[Any, Any, str | None]], str | None]:
    """(type, default, description) by name, and the parameter for the context."""
    taken: dict[str, tuple[Any, Any, str | None]] = {}
    context: str | None = None
    findings: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        kind = hints.get(name)
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            findings.append(f"{where}: parameter {name!r} takes any number: name each parameter, or take a list")
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            findings.append(f"{where}: parameter {name!r} has no name to be given by: leave out the `/`")
        elif _is_context(kind):
            context = name
        elif kind is None and parameter.annotation is parameter.empty:
            findings.append(f"{where}: parameter {name!r} has no type: write one, as `{name}: str`")
        else:
            fit, said = annotations.translated(kind)
            taken[name] = (fit, parameter.default, said)
    if findings:
        raise Findings(findings)
    return taken, context


def _is_context(kind: Any) -> bool:
    united = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return any(
        isinstance(one, type) and issubclass(one, Context) for one in (typing.get_args(kind) if united else (kind,))
    )


def _input(
    tool_name: str, taken: dict[str, tuple[Any, Any, str | None]], said: dict[str, str], where: str
) -> tuple[type[msgspec.Struct], dict[str, Any]]:
    """The Struct that arguments are read into, and its schema. A parameter with a default may be left out, and then the
    function's own default holds."""
    findings: list[str] = []
    for name, (kind, _, _) in taken.items():
        try:
            annotations.shape((kind,))
            msgspec.json.Decoder(kind, dec_hook=annotations.from_plain)
        except (Unfit, TypeError) as error:
            findings.append(f"{where}: parameter {name!r} has no schema: {error}")
    if findings:
        raise Findings(findings)
    schemas, definitions = annotations.shape(tuple(kind for kind, _, _ in taken.values()))
    properties: dict[str, Any] = {}
    required: list[str] = []
    fields: list[Any] = []
    for (name, (kind, default, described)), schema in zip(taken.items(), schemas, strict=True):
        properties[name] = schema
        description = described or said.get(name)
        if description:
            properties[name] = {**schema, "description": description}
        if default is inspect.Parameter.empty:
            required.append(name)
            fields.append((name, kind))
        else:
            properties[name].update(_default(default))
            fields.append((name, kind, msgspec.UNSET))
    struct = msgspec.defstruct(f"arguments of {tool_name}", fields, kw_only=True, forbid_unknown_fields=True)
    schema = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        "$defs": definitions,
    }
    if not required:
        del schema["required"]
    if not definitions:
        del schema["$defs"]
    return struct, schema


def _default(value: Any) -> dict[str, Any]:
    """Told where it is JSON; None is told by not being required."""
    if value is None:
        return {}
    try:
        return {"default": msgspec.to_builtins(value, enc_hook=annotations.to_plain)}
    except (TypeError, NotImplementedError):
        return {}


def _output(kind: Any, where: str) -> tuple[dict[str, Any] | None, Callable[[bytes], Any] | None]:
    """The schema of a result that is an object, and what such a result is held to. Everything else is a text."""
    if kind is bytes:
        raise Findings([f"{where}: returns bytes: return an Image, an Audio, or a text"])
    if kind in (Any, None, type(None), str) or _is_block(kind):
        return None, None
    fit, _ = annotations.translated(kind)
    try:
        (schema,), definitions = annotations.shape((fit,))
        check = msgspec.json.Decoder(fit, dec_hook=annotations.from_plain).decode
    except (Unfit, TypeError) as error:
        raise Findings([f"{where}: what it returns has no schema: {error}"]) from None
    if "$ref" in schema:
        named = schema["$ref"].rpartition("/")[2]
        schema = definitions[named]
        if f'"{annotations.REFERENCE.format(name=named)}"'.encode() not in msgspec.json.encode(definitions):
            del definitions[named]
    if schema.get("type") != "object":
        return None, None
    return {**schema, **({"$defs": definitions} if definitions else {})}, check


def _is_block(kind: Any) -> bool:
    """Whether a type is, or holds, a picture or a sound."""
    return kind in _BLOCKS or any(_is_block(one) for one in typing.get_args(kind))
