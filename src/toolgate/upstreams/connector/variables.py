"""What an administrator set of a connector's variables, and the defaults of the others."""

from collections.abc import Mapping

from toolgate.rules import patterns
from toolgate.rules.facts import Finding
from toolgate.rules.names import meant
from toolgate.upstreams.connector.format import Variable


def resolved(
    title: str, variables: Mapping[str, Variable], given: Mapping[str, str]
) -> tuple[dict[str, str], tuple[Finding, ...]]:
    """The values, and what is wrong with those that were given as (path, reason)."""
    findings = [
        (f"variables.{name}", f"{title} has none of this name{meant(name, variables)}")
        for name in given
        if name not in variables
    ]
    values: dict[str, str] = {}
    for name, variable in variables.items():
        value = given.get(name, variable.default)
        if value is None:
            findings.append((f"variables.{name}", f"is missing: {variable.help}"))
        elif not patterns.searches(f"^(?:{variable.pattern})$")(value):
            findings.append((f"variables.{name}", f"does not have the form {variable.pattern}: {variable.help}"))
        else:
            values[name] = value
    return values, tuple(findings)
