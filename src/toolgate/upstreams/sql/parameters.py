"""The values of a named query: what the model gives, held to what was declared, and what is known of the caller."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from toolgate.model.identity import Principal
from toolgate.rules import callers
from toolgate.rules.names import meant
from toolgate.upstreams.sql.database import Trouble
from toolgate.upstreams.sql.settings import CALLER, CALLER_PREFIX, Parameter, Query, fits, moment
from toolgate.upstreams.sql.speech import Speech

_FORMATS = {"date": "date", "datetime": "date-time"}
_FORMS = {"date": "a day as 2027-01-31", "datetime": "a moment as 2027-01-31T12:00:00Z", "integer": "a whole number"}


def schema(query: Query) -> dict[str, Any]:
    """The input schema of the tool. What is bound to the caller is not in it."""
    properties = {name: _property(parameter) for name, parameter in query.parameters.items()}
    required = [
        name
        for name, parameter in query.parameters.items()
        if parameter.default is msgspec.UNSET and not parameter.optional
    ]
    found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, "required": required} if required else found


def _property(parameter: Parameter) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": parameter.type}
    if parameter.type in _FORMATS:
        shape = {"type": "string", "format": _FORMATS[parameter.type]}
    elif parameter.type == "string" and not parameter.enum:
        shape["maxLength"] = parameter.max_length
    for key, value in (
        ("description", parameter.description),
        ("enum", list(parameter.enum) or None),
        ("minimum", parameter.minimum),
        ("maximum", parameter.maximum),
    ):
        if value is not None:
            shape[key] = value
    if parameter.default is not msgspec.UNSET:
        shape["default"] = parameter.default
    return shape


def values(
    names: tuple[str, ...], given: Mapping[str, Any], query: Query | None, principal: Principal | None, speech: Speech
) -> tuple[Any, ...]:
    """One value per name, in the types of the driver. Raises Trouble."""
    declared = {} if query is None else query.parameters
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise Trouble(f"there is no argument {unknown[0][:60]!r}{meant(unknown[0], declared)}")
    found = {name: _driven(_value(name, parameter, given), parameter, speech) for name, parameter in declared.items()}
    return tuple(found[name] if name in found else _of_caller(name, principal) for name in names)


def _value(name: str, parameter: Parameter, given: Mapping[str, Any]) -> Any:
    value = given.get(name)
    if value is None:
        if parameter.default is not msgspec.UNSET:
            return parameter.default
        if parameter.optional:
            return None
        raise Trouble(f"the argument {name!r} is missing")
    if not fits(parameter.type, value):
        raise Trouble(f"{name}: expected {_FORMS.get(parameter.type, f'a {parameter.type}')}")
    if parameter.enum and value not in parameter.enum:
        raise Trouble(f"{name}: must be one of {', '.join(str(choice) for choice in parameter.enum)}")
    if isinstance(value, str) and len(value) > parameter.max_length:
        raise Trouble(f"{name}: longer than {parameter.max_length} characters")
    if isinstance(value, str) and "\0" in value:
        raise Trouble(f"{name}: holds a NUL character")
    if parameter.minimum is not None and isinstance(value, (int, float)) and value < parameter.minimum:
        raise Trouble(f"{name}: must be at least {parameter.minimum}")
    if parameter.maximum is not None and isinstance(value, (int, float)) and value > parameter.maximum:
        raise Trouble(f"{name}: must be at most {parameter.maximum}")
    return value


def _driven(value: Any, parameter: Parameter, speech: Speech) -> Any:
    if value is None:
        return None
    if parameter.type == "number" and speech.name != "sqlite":
        return Decimal(str(value))
    if parameter.type in ("date", "datetime"):
        when = moment(parameter.type, value)
        assert when is not None
        return _when(when, speech)
    return value


def _when(when: date | datetime, speech: Speech) -> Any:
    """A moment without an offset is in UTC. SQLite keeps texts; MySQL's moments have no offset."""
    if isinstance(when, datetime):
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
        if speech.name != "postgres":
            when = when.replace(tzinfo=None)
    if speech.name != "sqlite":
        return when
    return when.isoformat(" ") if isinstance(when, datetime) else when.isoformat()


def _of_caller(name: str, principal: Principal | None) -> str:
    """What is known of the caller. Raises Trouble where it is not known: nothing is made up."""
    field = name.removeprefix(CALLER_PREFIX)
    known = {} if principal is None else callers.certain(principal)
    value = known.get(field)
    if field not in CALLER or value is None:
        who = "the caller" if principal is None else principal.id
        raise Trouble(f"this is bound to the caller's {field.replace('_', ' ')}, and {who} has none that is certain")
    return value
