"""The environment of a child process: nothing of the gateway's own, except where programs are found."""

import os
import sys
from collections.abc import Mapping

from toolgate.model.errors import ConfigError
from toolgate.ports import Secrets
from toolgate.rules import references

# Without PATH no `npx` or `uvx` is found; without SYSTEMROOT no Windows program can open a socket. HOME and all else
# must be declared: it is where programs look for credentials that were never meant for them.
_INHERITED = ("PATH", "SYSTEMROOT") if sys.platform == "win32" else ("PATH",)


def surroundings(server: str, declared: Mapping[str, str], secrets: Secrets) -> tuple[dict[str, str], tuple[str, ...]]:
    """The complete environment, and the secrets in it, which must never be logged. Raises ConfigError with one finding
    per reference that cannot be resolved."""
    environment: dict[str, str] = {}
    hidden: list[str] = []
    findings: list[str] = []
    for name, text in declared.items():
        try:
            environment[name] = value = references.render(text, secrets.resolve)
        except ConfigError as error:
            findings.extend(f"server {server}: env.{name}: {finding}" for finding in error.findings)
            continue
        reference = references.find(text)
        if reference is not None:
            hidden.append(value.removeprefix(f"{reference.scheme} ") if reference.scheme else value)
    if findings:
        raise ConfigError(tuple(findings))
    for name in _INHERITED:
        if name not in environment:
            environment[name] = _inherited(name, secrets)
    return environment, tuple(sorted(hidden, key=len, reverse=True))


def _inherited(name: str, secrets: Secrets) -> str:
    try:
        return secrets.resolve(f"env:{name}")
    except ConfigError:
        return os.defpath if name == "PATH" else ""
