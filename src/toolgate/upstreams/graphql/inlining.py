"""Settings that name files -> settings that hold what is in them: so that a record means the same on every replica."""

from collections.abc import Mapping
from typing import Any

import msgspec

from toolgate.model.errors import ConfigError
from toolgate.upstreams.graphql import definitions, operations, reducing
from toolgate.upstreams.graphql.declared import Declared
from toolgate.upstreams.graphql.flaws import Flaw
from toolgate.upstreams.graphql.operations import Prepared


class Inlined(msgspec.Struct, frozen=True):
    """`settings` are plain values; `tools` are (name, whether it is a query, about how many tokens)."""

    settings: dict[str, Any]
    tools: tuple[tuple[str, bool, int], ...]


def inlined(given: Mapping[str, Any]) -> Inlined:
    """Raises ConfigError with everything that is wrong with the operations and the schema."""
    try:
        declared = msgspec.convert(given, Declared)
    except msgspec.ValidationError as error:
        raise ConfigError((str(error),)) from None
    tools, findings = operations.prepared(declared)
    wrong = [text if place in ("path", "") else f"{place}: {text}" for place, text in findings]
    if wrong:
        raise ConfigError(tuple(wrong))
    chosen = operations.read(declared, [])
    settings = {name: value for name, value in given.items() if name not in ("path", "schema_file", "schema")}
    settings["operations"] = {tool.name: _operation(tool) for tool in tools}
    if chosen.types:
        settings["types"] = chosen.types
    if chosen.schema is not None:
        try:
            settings["schema"] = reducing.reduced(chosen.schema, [tool.document for tool in tools])
        except Flaw as flaw:
            raise ConfigError((f"schema: {flaw}",)) from None
    return Inlined(settings, tuple((tool.name, tool.document.reads, definitions.tokens(tool)) for tool in tools))


def _operation(tool: Prepared) -> dict[str, Any]:
    """With the document as it is sent, and with what its comments said."""
    told: dict[str, Any] = msgspec.to_builtins(tool.declared)
    blank: dict[str, Any] = msgspec.to_builtins(type(tool.declared)())
    found = {name: value for name, value in told.items() if value != blank[name]}
    found["document"] = tool.document.text
    description = tool.declared.description or tool.document.description
    if description:
        found["description"] = description
    variables = {name: _variable(tool, name) for name in {**tool.inputs, **tool.declared.variables}}
    found["variables"] = {name: one for name, one in variables.items() if one}
    return {name: value for name, value in found.items() if value not in ({}, None)}


def _variable(tool: Prepared, name: str) -> dict[str, Any]:
    declared = tool.declared.variables.get(name)
    said: dict[str, Any] = {} if declared is None else msgspec.to_builtins(declared)
    if name in tool.inputs and "description" in tool.inputs[name].schema:
        said["description"] = tool.inputs[name].schema["description"]
    return {key: value for key, value in said.items() if value not in (None, [], ())}
