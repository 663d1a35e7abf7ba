"""One entry of a client's file -> Found. Clients differ in the names of members; no two of them mean different things
by one name, so that one reader serves all, and files that people copied from one client to another."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from toolgate.control.clients.client import Found

_URLS = ("url", "serverUrl", "httpUrl")
_TRANSPORTS = {
    "stdio": "stdio",
    "local": "stdio",
    "http": "http",
    "streamable-http": "http",
    "streamable_http": "http",
    "streamablehttp": "http",
    "remote": "http",
    "sse": "sse",
}


def found_in(name: str, entry: Any) -> Found:
    """Whatever stands there, something is found: at least why it cannot be understood."""
    if not isinstance(entry, dict):
        return Found(name, trouble="the entry is not an object")
    members = cast("dict[str, Any]", entry)
    disabled = members.get("disabled") is True or members.get("enabled") is False
    kind = members.get("type", members.get("transport", ""))
    transport = _TRANSPORTS.get(kind.lower(), "") if isinstance(kind, str) else ""
    if kind and not transport:
        return Found(name, disabled=disabled, trouble="its `type` is not known")
    url = next((members[member] for member in _URLS if members.get(member)), None)
    command = members.get("command")
    if isinstance(url, str) and not command:
        # Gemini CLI: `httpUrl` is streamable HTTP.
        http = "httpUrl" in members or transport == "http"
        headers = _texts({**_mapping(members.get("headers")), **_mapping(members.get("http_headers"))})
        if headers is None:
            return Found(name, disabled=disabled, trouble="its `headers` are not texts")
        return Found(name, "http" if http else transport, url=url, headers=headers, disabled=disabled)
    return _program(name, members, command, disabled)


def _program(name: str, members: Mapping[str, Any], command: Any, disabled: bool) -> Found:
    args = members.get("args", [])
    # Zed once wrote {"path", "args", "env"} under `command`.
    if isinstance(command, dict):
        return _program(name, cast("dict[str, Any]", command), cast("dict[str, Any]", command).get("path"), disabled)
    words = [command, *cast("list[Any]", args)] if isinstance(args, list) else []
    texts = tuple(word for word in words if isinstance(word, str))
    if not command or not words or len(texts) != len(words):
        return Found(name, disabled=disabled, trouble="it has neither a `command` (with `args`) nor a `url`")
    env = _texts(_mapping(members.get("env")))
    if env is None:
        return Found(name, disabled=disabled, trouble="its `env` does not hold texts")
    if "envFile" in members:
        return Found(name, disabled=disabled, trouble="its `envFile` is not read here: declare what it needs in `env`")
    cwd = members.get("cwd")
    return Found(name, "stdio", texts, env, cwd if isinstance(cwd, str) and cwd else None, disabled=disabled)


def _mapping(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _texts(values: Mapping[str, Any]) -> dict[str, str] | None:
    """Numbers and flags become their text, as clients do it; None where a value is neither."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, (list, dict)) or value is None:
            return None
        found[name] = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return found
