"""What an administrator leaves of a connector: which tools, and which values of the arguments that it can be narrowed
by."""

from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any

from toolgate.model.errors import ConfigError
from toolgate.rules import globs
from toolgate.rules.names import meant
from toolgate.upstreams.connector import templates
from toolgate.upstreams.connector.format import Connector, Constraint, Tool
from toolgate.upstreams.connector.settings import Settings
from toolgate.upstreams.connector.trouble import Trouble

_MOST_TOLD = 10
"""Globs without a tool that are named: what was meant is looked for among all tools each time."""


def offered(connector: Connector, settings: Settings) -> tuple[Tool, ...]:
    """The tools that are left. Raises ConfigError where a choice leaves nothing, or names what is not there."""
    findings = [
        f"allow.{name}: {connector.title} cannot be narrowed by it{meant(name, connector.constraints)}"
        for name in settings.allow
        if name not in connector.constraints
    ]
    names = [tool.name for tool in connector.tools]
    unmatched = (glob for glob in settings.tools if not any(globs.matches(glob, name) for name in names))
    findings += [f"tools: {glob} matches no tool{meant(glob, names)}" for glob in islice(unmatched, _MOST_TOLD)]
    if findings:
        raise ConfigError(tuple(findings))
    left = tuple(tool for tool in connector.tools if _is_left(connector, settings, tool))
    if not left:
        raise ConfigError(("tools: none is left of those that are chosen here",))
    return left


def _is_left(connector: Connector, settings: Settings, tool: Tool) -> bool:
    if not any(globs.matches(glob, tool.name) for glob in settings.tools):
        return False
    if settings.read_only and not tool.hints.read_only:
        return False
    return all(_can_be_judged(connector, connector.constraints[name], tool) for name in settings.allow)


def _can_be_judged(connector: Connector, constraint: Constraint, tool: Tool) -> bool:
    return tool.name in constraint.exempt or _template(constraint, connector.params(tool)) is not None


def _template(constraint: Constraint, params: Collection[str]) -> str | None:
    """The one of its templates that this tool is judged by."""
    told = (constraint.value, *constraint.also)
    return next((template for template in told if set(templates.names(template)) <= set(params)), None)


def judge(
    connector: Connector, allow: Mapping[str, tuple[str, ...]], tool: Tool, values: Mapping[str, Any], *, bound: bool
) -> None:
    """Raises Trouble for what is not allowed; an argument that is not given is not allowed either. `bound` says that
    no step will bind any more: until then, what a step may yet find out is not missed."""
    for name, allowed in allow.items():
        constraint, params = connector.constraints[name], connector.params(tool)
        if tool.name in constraint.exempt:
            continue
        template = _template(constraint, params) or constraint.value
        parts = templates.names(template)
        if not bound and any(part not in values and part in params and params[part].internal for part in parts):
            continue
        beside = [one for one in constraint.beside if set(templates.names(one)) <= set(values)]
        for one in (template, *beside):
            given = {part: str(values.get(part, "")) for part in templates.names(one)}
            value = templates.render(one, given)
            if constraint.before is not None:
                value = value.partition(constraint.before)[0]
            if not all(given.values()) or not _matches(constraint, allowed, value):
                raise Trouble(f"{value[:200]} is not among the {name} that are allowed here: {', '.join(allowed)}")


def _matches(constraint: Constraint, allowed: tuple[str, ...], value: str) -> bool:
    if constraint.ignore_case:
        return any(globs.matches(glob.casefold(), value.casefold()) for glob in allowed)
    return any(globs.matches(glob, value) for glob in allowed)
