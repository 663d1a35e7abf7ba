"""Names in an MCP registry: `namespace/name`, where the namespace is a domain written backwards (`com.example/desk`).

Shape by the schema of `server.json` of 2025-12-11: at most 200 characters, one slash.
"""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

LONGEST_NAMESPACE = 150
UNNAMED = "internal.toolgate"
"""The namespace of a gateway that has no domain: `.internal` is kept for private use."""

FULL = re.compile(r"[A-Za-z0-9.-]+/[A-Za-z0-9._-]+")

_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*")
_GLOB = re.compile(r"[a-z0-9*?-]{1,40}")


def namespace_of(public_url: str | None) -> str:
    """The domain of the gateway's own URL, backwards; UNNAMED where it has none."""
    host = "" if public_url is None else urlsplit(public_url).hostname or ""
    return ".".join(reversed(host.split("."))) if _is_domain(host) else UNNAMED


def _is_domain(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return "." in host and _is_namespace(host)
    return False


def _is_namespace(text: str) -> bool:
    return len(text) <= LONGEST_NAMESPACE and _NAMESPACE.fullmatch(text) is not None


def problems(namespace: str | None, public: Sequence[str]) -> list[tuple[str, str]]:
    """(setting, what is wrong and what to do)."""
    found: list[tuple[str, str]] = []
    if namespace is not None and not _is_namespace(namespace):
        found.append(("registry_namespace", "expected a domain written backwards, as com.example.tools"))
    if not all(_GLOB.fullmatch(glob) for glob in public):
        found.append(("registry_public", "expected names of servers, or globs over them, as desk or public-*"))
    return found
