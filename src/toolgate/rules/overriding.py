"""A tool's definition with what the registry says instead of its server."""

from collections.abc import Mapping
from typing import Any, cast

from toolgate.model.declared import Override


def texts(override: Override) -> dict[str, str]:
    """The members of the definition that are replaced."""
    return {
        name: text
        for name in ("description", "title")
        if (text := cast(str | None, getattr(override, name))) is not None
    }


def schema(known: Any, parameters: Mapping[str, str]) -> Any:
    """An input schema whose properties are described by these texts. What it does not know stays out: a server may have
    dropped a parameter since."""
    outer = _object(known)
    properties = None if outer is None else _object(outer.get("properties"))
    if outer is None or properties is None:
        return known
    described = dict(properties)
    for name, text in parameters.items():
        inner = _object(properties.get(name))
        if inner is not None:
            described[name] = {**inner, "description": text}
    return {**outer, "properties": described}


def _object(value: Any) -> dict[str, Any] | None:
    return cast(dict[str, Any], value) if isinstance(value, dict) else None
