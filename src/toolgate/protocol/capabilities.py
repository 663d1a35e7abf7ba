"""Capabilities: what an endpoint of many servers can honour, and what of a caller's may be shown to an upstream."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

_RELAYED: Mapping[str, Mapping[str, Any]] = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"context": {}, "tools": {}},
    "roots": {"listChanged": True},
}
"""Client capabilities whose requests we carry back to a caller of the same era, with what they may say in detail."""


def merge_server(discovered: Iterable[bytes], *, kinds: frozenset[str]) -> dict[str, Any]:
    """The union of what the servers of one endpoint can do, as far as we relay it. List changes are always announced:
    they come from the snapshot itself. `kinds` are the top members for which there are offers (`tools`, ...)."""
    merged: dict[str, Any] = {}
    for raw in discovered:
        capabilities = _object(raw)
        for name in ("tools", "prompts"):
            if name in capabilities or name in kinds:
                merged[name] = {"listChanged": True}
        if "resources" in capabilities or "resources" in kinds:
            _merge_resources(merged, capabilities)
        for name in ("completions", "logging"):
            if name in capabilities:
                merged[name] = {}
    return merged


def merge_all(discovered: Iterable[bytes]) -> dict[str, Any]:
    """What the endpoint of everything can do: it has lists of every kind, whether or not there is something in them, so
    that an empty one tells nothing of what others see."""
    return merge_server((b"{}", *discovered), kinds=frozenset({"tools", "prompts", "resources"}))


def _merge_resources(merged: dict[str, Any], capabilities: Mapping[str, Any]) -> None:
    known = merged.setdefault("resources", {"listChanged": True})
    own = capabilities.get("resources")
    if isinstance(own, dict) and cast("dict[str, Any]", own).get("subscribe"):
        known["subscribe"] = True


def relayed(capabilities: bytes) -> bytes:
    """The subset of a caller's capabilities that an upstream of the caller's own era may use, in a fixed order, so that
    equal sets have equal bytes. Only what the revisions define is in it: whoever could add to it at will could have a
    session of its own begun with every call."""
    declared = _object(capabilities)
    shown: dict[str, dict[str, Any]] = {}
    for name, flags in _RELAYED.items():
        own = declared.get(name)
        if isinstance(own, dict):
            given = cast("dict[str, Any]", own)
            shown[name] = {flag: value for flag, value in flags.items() if _is_set(given.get(flag))}
    return msgspec.json.encode(shown)


def _is_set(value: Any) -> bool:
    """Whether a flag is declared: as an object, or as true."""
    return value is True or isinstance(value, dict)


def _object(raw: bytes) -> dict[str, Any]:
    """A JSON object; anything else is empty, also numbers beyond all bounds, which raw JSON may hold."""
    try:
        value: Any = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
