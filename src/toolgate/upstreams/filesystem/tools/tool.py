"""What a tool of this kind is: its arguments as a Struct, from which its schema is made, and a function of them."""

from collections.abc import Callable
from typing import Any, cast

import msgspec

from toolgate.upstreams.filesystem.files import Files
from toolgate.upstreams.filesystem.places import Places
from toolgate.upstreams.filesystem.settings import Settings
from toolgate.upstreams.filesystem.workers import Pulse
from toolgate.upstreams.filesystem.writing import Writer

Json = dict[str, Any]


class Desk(msgspec.Struct, frozen=True):
    """What tools work with."""

    files: Files
    writer: Writer

    @property
    def settings(self) -> Settings:
        return self.files.settings

    @property
    def places(self) -> Places:
        return self.files.places


class Answer(msgspec.Struct, frozen=True):
    """`content` are MCP content blocks; `structured` is given exactly where the tool has an output schema."""

    content: list[Json]
    structured: Json | None = None


class Tool(msgspec.Struct, frozen=True):
    """`run` is called in a thread, and raises Failure. A tool that `writes` is offered only where something may be
    written; `offered`, if given, decides beyond that. `long` ones run apart from the others."""

    name: str
    title: str
    description: str
    arguments: type[msgspec.Struct]
    run: Callable[[Desk, Any, Pulse], Answer]
    output: Json | None = None
    writes: bool = False
    destructive: bool = False
    idempotent: bool = True
    long: bool = False
    offered: Callable[[Settings], bool] | None = None

    def definition(self) -> Json:
        annotations = {
            "title": self.title,
            "readOnlyHint": not self.writes,
            "destructiveHint": self.destructive,
            "idempotentHint": self.idempotent,
            "openWorldHint": False,
        }
        known = {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": schema(self.arguments),
            "annotations": annotations,
        }
        return known if self.output is None else {**known, "outputSchema": self.output}


def said(text: str) -> Json:
    return {"type": "text", "text": text}


def shape(properties: Json, *optional: str) -> Json:
    """The schema of an object; all properties but the optional ones are always there."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def schema(struct: type[msgspec.Struct]) -> Json:
    """The JSON schema of a Struct, in one piece: many clients do not follow references."""
    whole = msgspec.json.schema(struct)
    definitions = cast("Json", whole["$defs"])
    return cast("Json", _inlined(definitions[struct.__name__], definitions))


def _inlined(part: Any, definitions: Json) -> Any:
    if isinstance(part, list):
        return [_inlined(item, definitions) for item in cast("list[Any]", part)]
    if not isinstance(part, dict):
        return part
    mapping = cast("Json", part)
    reference = mapping.get("$ref")
    if isinstance(reference, str):
        return _inlined(definitions[reference.rpartition("/")[2]], definitions)
    return {
        key: _inlined(value, definitions)
        for key, value in mapping.items()
        if not (key == "title" and isinstance(value, str))
    }
