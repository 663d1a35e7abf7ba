"""JSON Schema of protobuf messages, by protobuf's own mapping to JSON (ProtoJSON): 64-bit numbers are texts, bytes are
base64, enums are names, and well-known types have forms of their own. What nests deeper than `DEPTH` is an object."""

from typing import Any

from toolgate.upstreams.grpc.library import unknown

VALUE = "value"
DEPTH = 5
MOST = 1000
_MOST_NAMES = 100
_FIELD_BEHAVIOR, _REQUIRED, _OUTPUT_ONLY = 1052, 2, 3
"""The option google.api.field_behavior, and two of its values (google/api/field_behavior.proto)."""

_SIGNED = {"type": "string", "pattern": "^-?[0-9]+$"}
_UNSIGNED = {"type": "string", "pattern": "^[0-9]+$"}
_INTEGER, _NUMBER = {"type": "integer"}, {"type": "number"}
_PLAIN: dict[str, dict[str, Any]] = {
    "int64": _SIGNED, "sint64": _SIGNED, "sfixed64": _SIGNED, "uint64": _UNSIGNED, "fixed64": _UNSIGNED,
    "int32": _INTEGER, "uint32": _INTEGER, "sint32": _INTEGER, "fixed32": _INTEGER, "sfixed32": _INTEGER,
    "float": _NUMBER, "double": _NUMBER,
    "bool": {"type": "boolean"},
    "string": {"type": "string"},
    "bytes": {"type": "string", "contentEncoding": "base64"},
}  # fmt: skip
_KINDS: tuple[str, ...] = (
    "", "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string", "group", "message",
    "bytes", "uint32", "enum", "sfixed32", "sfixed64", "sint32", "sint64",
)  # fmt: skip
"""By FieldDescriptor.type, which are the numbers of google.protobuf.FieldDescriptorProto.Type."""

_WELL_KNOWN: dict[str, dict[str, Any]] = {
    "Timestamp": {"type": "string", "format": "date-time"},
    "Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?s$", "description": "Seconds, as 1.5s."},
    "FieldMask": {"type": "string", "description": "Names of fields, with commas."},
    "Struct": {"type": "object"},
    "Value": {},
    "ListValue": {"type": "array"},
    "Empty": {"type": "object", "properties": {}, "additionalProperties": False},
    "Any": {
        "type": "object", "properties": {"@type": {"type": "string"}}, "required": ["@type"],
        "description": "A message of any type, named by `@type`.",
    },
    "DoubleValue": _PLAIN["double"], "FloatValue": _PLAIN["float"], "Int64Value": _PLAIN["int64"],
    "UInt64Value": _PLAIN["uint64"], "Int32Value": _PLAIN["int32"], "UInt32Value": _PLAIN["uint32"],
    "BoolValue": _PLAIN["bool"], "StringValue": _PLAIN["string"], "BytesValue": _PLAIN["bytes"],
}  # fmt: skip
_GOOGLE = "google.protobuf."


def schema(message: Any) -> dict[str, Any]:
    """Of a method's request, always an object."""
    own = _WELL_KNOWN.get(message.name) if message.full_name.startswith(_GOOGLE) else None
    if own is None:
        return _Writer().object(message, ())
    if own.get("type") == "object":
        return own
    return {"type": "object", "properties": {VALUE: own}, "required": [VALUE], "additionalProperties": False}


def is_value(message: Any) -> bool:
    """Whether the message as such is no object in JSON: it then stands in an object, as `value`."""
    own = _WELL_KNOWN.get(message.name) if message.full_name.startswith(_GOOGLE) else None
    return own is not None and own.get("type") != "object"


class _Writer:
    """Writes one schema. `left` are the fields and names that still may stand in it: types that use each other many
    times would grow without end, and nobody reads that."""

    def __init__(self) -> None:
        self.left = MOST

    def object(self, message: Any, above: tuple[str, ...]) -> dict[str, Any]:
        above = (*above, message.full_name)
        properties: dict[str, Any] = {}
        required: list[str] = []
        self.left -= len(message.fields)
        for field in message.fields:
            behavior = _behavior(field)
            if _OUTPUT_ONLY in behavior:
                continue
            properties[field.json_name] = self._field(field, above)
            if _REQUIRED in behavior or field.is_required:
                required.append(field.json_name)
        found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**found, "required": required} if required else found

    def _field(self, field: Any, above: tuple[str, ...]) -> dict[str, Any]:
        if _is_map(field):
            value = self._one(field.message_type.fields_by_name["value"], above)
            return {"type": "object", "additionalProperties": value}
        one = self._one(field, above)
        if field.is_repeated:
            return {"type": "array", "items": one}
        group = field.containing_oneof
        if group is not None and len(group.fields) > 1:
            others = ", ".join(f"`{other.json_name}`" for other in group.fields)
            told = f"{one['description']} " if "description" in one else ""
            return {**one, "description": f"{told}At most one of {others}."}
        return one

    def _one(self, field: Any, above: tuple[str, ...]) -> dict[str, Any]:
        """A single value of the field's type."""
        kind: str = _KINDS[int(field.type)]
        if kind == "enum":
            self.left -= len(field.enum_type.values)
            return _enum(field.enum_type)
        if kind not in ("message", "group"):
            return _PLAIN[kind]
        message = field.message_type
        if message.full_name.startswith(_GOOGLE) and message.name in _WELL_KNOWN:
            return _WELL_KNOWN[message.name]
        if message.full_name in above or len(above) >= DEPTH or self.left < len(message.fields):
            return {"type": "object", "description": f"A {message.full_name}."}
        return self.object(message, above)


def _enum(enum: Any) -> dict[str, Any]:
    if enum.full_name == "google.protobuf.NullValue":
        return {"type": "null"}
    names = [value.name for value in enum.values]
    return {"type": "string", "enum": names} if len(names) <= _MOST_NAMES else {"type": "string"}


def _is_map(field: Any) -> bool:
    options: Any = field.message_type.GetOptions() if _KINDS[int(field.type)] == "message" else None
    return field.is_repeated and options is not None and options.map_entry


def _behavior(field: Any) -> set[int]:
    """The values of google.api.field_behavior, which the pool does not know: packed or not, they are small numbers."""
    found: set[int] = set()
    if field.has_options:
        options: Any = unknown.UnknownFieldSet(field.GetOptions())
        for option in options:
            if option.field_number == _FIELD_BEHAVIOR:
                found |= {option.data} if isinstance(option.data, int) else set(option.data)
    return found
