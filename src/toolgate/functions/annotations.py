"""Types of parameters and results, beyond what msgspec knows by itself: paths, pydantic's models, and
constraints in the words of other libraries."""

import datetime as dt
import sys
import types
import typing
from pathlib import Path, PurePath
from typing import Annotated, Any, cast

import msgspec

REFERENCE = "#/$defs/{name}"

_BOUNDS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")


class Unfit(Exception):
    """There is no schema for a type; the message says why."""


def shape(kinds: tuple[Any, ...]) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """The JSON schemas of types, and what these refer to as `#/$defs/NAME`. Raises Unfit."""
    definitions: dict[str, Any] = {}

    def other(kind: Any) -> dict[str, Any]:
        if _is_path(kind):
            return {"type": "string", "format": "path"}
        if is_pydantic(kind):
            found: dict[str, Any] = kind.model_json_schema()
            inner: dict[str, Any] = found.pop("$defs", {})
            for name, definition in inner.items():
                if definitions.setdefault(name, definition) != definition:
                    raise Unfit(f"two types are called {name}")
            return found
        raise NotImplementedError

    try:
        schemas, named = msgspec.json.schema_components(kinds, schema_hook=other, ref_template=REFERENCE)
    except TypeError as error:
        raise Unfit(_reason(error)) from None
    for name, definition in named.items():
        if definitions.setdefault(name, definition) != definition:
            raise Unfit(f"two types are called {name}")
    return tuple(_honest(schema) for schema in schemas), _honest(definitions)


def _honest(schema: Any) -> Any:
    """A schema that also says what msgspec takes without saying so: numbers as decimals."""
    if isinstance(schema, dict):
        known = cast("dict[str, Any]", schema)
        changed = {"type": ["string", "number"]} if known.get("format") == "decimal" else {}
        return {**{key: _honest(value) for key, value in known.items()}, **changed}
    if isinstance(schema, list):
        return [_honest(value) for value in cast("list[Any]", schema)]
    return schema


def from_plain(kind: Any, value: Any) -> Any:
    """msgspec's `dec_hook`. Raises ValueError with what is wrong, without the value."""
    if _is_path(kind):
        if not isinstance(value, str):
            raise ValueError("Expected `str`")
        return Path(value)
    if is_pydantic(kind):
        try:
            return kind.model_validate(value)
        except ValueError as error:
            raise ValueError(_told(error)) from None
    raise NotImplementedError


def to_plain(value: Any) -> Any:
    """msgspec's `enc_hook`. Raises NotImplementedError for what is no JSON."""
    if isinstance(value, PurePath):
        return str(value)
    if is_pydantic(cast("object", type(value))):
        return value.model_dump(mode="json", by_alias=True)
    raise NotImplementedError(f"a {type(value).__name__} is no JSON")


def is_pydantic(kind: object) -> bool:
    """Whether it is a model of pydantic's, which somebody else has imported in that case."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def _is_path(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, PurePath)


def translated(kind: Any) -> tuple[Any, str | None]:
    """The type in words that msgspec understands, and the description that stands in it."""
    said: str | None = None
    if typing.get_origin(kind) is Annotated:
        inner, *notes = typing.get_args(kind)
        inner, said = translated(inner)
        for note in notes:
            said = _description(note) or said
            meta = _meta(note)
            inner = inner if meta is None else Annotated[inner, meta]
        return inner, said
    if kind is dt.datetime:
        # msgspec says `date-time` of moments with an offset only.
        return Annotated[kind, msgspec.Meta(extra_json_schema={"format": "date-time"})], None
    return _inside(kind), said


def _inside(kind: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if not arguments or origin is typing.Literal or isinstance(arguments[0], list):
        return kind
    inner = tuple(one if one is ... else translated(one)[0] for one in arguments)
    if inner == arguments:
        return kind
    if origin in (typing.Union, types.UnionType):
        return typing.Union[inner]  # noqa: UP007 - made of parts that are known when it runs
    return origin[inner] if origin is not None else kind


def _description(note: Any) -> str | None:
    """A text beside a type; `description` of msgspec's Meta and pydantic's Field; PEP 727's Doc."""
    if isinstance(note, str):
        return note
    for name in ("description", "documentation"):
        said = getattr(note, name, None)
        if isinstance(said, str):
            return said
    return None


def _meta(note: Any) -> msgspec.Meta | None:
    """Bounds in the words of msgspec, of annotated-types, and of pydantic's Field, which holds a list of those."""
    if isinstance(note, msgspec.Meta):
        return note
    bounds: dict[str, Any] = {}
    for one in (note, *getattr(note, "metadata", ())):
        for name in _BOUNDS:
            value = getattr(one, name, None)
            if isinstance(value, (int, float, str)):
                bounds[name] = value
    return msgspec.Meta(**bounds) if bounds else None


def _told(error: ValueError) -> str:
    """What pydantic found wrong, in one line, without the values."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    found = errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in found)


def _reason(error: Exception) -> str:
    """msgspec's reason in one line; where it only advises how to teach it, the type is what matters."""
    text = " ".join(str(error).split())
    _, advice, kind = text.rpartition("type <class ")
    if advice and kind.endswith("> is not supported"):
        return f"the type {kind.partition('>')[0].strip(chr(39))} is not supported"
    return text
