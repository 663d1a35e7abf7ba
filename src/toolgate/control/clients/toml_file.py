"""Codex's file: TOML, one table `[mcp_servers.NAME]` per server. Edited as text, so that comments and order survive."""

import re
import tomllib
from typing import Any, cast

import msgspec

from toolgate.control.clients.client import Change, Edit, Found, Link, Unreadable
from toolgate.control.clients.entries import found_in

SECTION = "mcp_servers"
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)


class TomlFile(msgspec.Struct, frozen=True):
    """The file of Codex (openai/codex, codex-rs/config/src/mcp_types.rs)."""

    def read(self, text: str) -> list[Found]:
        return [found_in(name, _plainly(entry)) for name, entry in _servers(text).items()]

    def connect(self, text: str, name: str, link: Link) -> Change:
        wanted = _entry(link)
        present = _servers(text).get(name)
        if present == wanted:
            return Change(text)
        table = _table(name, wanted)
        if present is None:
            gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
            edit = Edit(len(text), len(text), gap + table)
        else:
            edit = Edit(*_span(text, name), table)
        return _checked(Change(text).after([edit]), {**_servers(text), name: wanted})

    def disconnect(self, text: str, name: str) -> Change:
        servers = _servers(text)
        if servers.pop(name, None) is None:
            return Change(text)
        start, end = _span(text, name)
        begin = start - 1 if text[max(0, start - 2) : start] == "\n\n" else start
        return _checked(Change(text).after([Edit(begin, end, "")]), servers)


def _checked(change: Change, servers: dict[str, Any]) -> Change:
    """TOML has many spellings; the edit counts only if the file then says what it should."""
    try:
        held = _servers(change.text) == servers
    except Unreadable:
        held = False
    if not held:
        raise Unreadable(f"`{SECTION}` is not written as tables: change it by hand (--print shows the entry)")
    return change


def _servers(text: str) -> dict[str, Any]:
    try:
        whole = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # The library's words name the place and the character, never a value.
        raise Unreadable(f"not TOML: {error}") from None
    section = whole.get(SECTION, {})
    return cast("dict[str, Any]", section) if isinstance(section, dict) else {}


class _Named(msgspec.Struct, frozen=True):
    """Members in which Codex names variables: for headers, for a bearer token, and those that a program inherits."""

    http_headers: dict[str, str] = {}
    env_http_headers: dict[str, str] = {}
    bearer_token_env_var: str | None = None
    env: dict[str, str] = {}
    env_vars: list[str | dict[str, str]] = []


def _plainly(entry: Any) -> Any:
    """The same as the references that other clients write into values."""
    try:
        named = msgspec.convert(entry, _Named)
    except msgspec.ValidationError:
        return entry
    headers = {**named.http_headers, **{name: f"${{{held}}}" for name, held in named.env_http_headers.items()}}
    if named.bearer_token_env_var:
        headers["Authorization"] = f"Bearer ${{{named.bearer_token_env_var}}}"
    inherited = [each if isinstance(each, str) else each.get("name", "") for each in named.env_vars]
    env = {**{variable: f"${{{variable}}}" for variable in inherited}, **named.env}
    return {**entry, "headers": headers, "http_headers": {}, "env": env, "type": "http" if "url" in entry else "stdio"}


def _entry(link: Link) -> dict[str, str | list[str]]:
    if link.command:
        return {"command": link.command[0], "args": list(link.command[1:])}
    return {"url": link.url, **({"bearer_token_env_var": link.variable} if link.variable else {})}


def _table(name: str, entry: dict[str, str | list[str]]) -> str:
    lines = [f"[{SECTION}.{_key(name)}]"]
    for member, value in entry.items():
        rendered = _quoted(value) if isinstance(value, str) else f"[{', '.join(map(_quoted, value))}]"
        lines.append(f"{member} = {rendered}")
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _quoted(name)


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's escapes are among its own."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def _span(text: str, name: str) -> tuple[int, int]:
    """From the header of the server's table to the next header that is not below it, without the blank lines and
    comments that belong to that."""
    spelled = rf"(?:{re.escape(name)}|\"{re.escape(name)}\"|'{re.escape(name)}')"
    own = re.compile(rf"^[ \t]*\[[ \t]*{SECTION}[ \t]*\.[ \t]*{spelled}[ \t]*(?P<below>\.[^\]\n]*)?\]", re.MULTILINE)
    first = own.search(text)
    if first is None or first["below"]:
        raise Unreadable(f"the entry `{name}` is not a table of its own: change it by hand (--print shows it)")
    end = len(text)
    for header in _HEADER.finditer(text, first.end()):
        if own.match(text, header.start()) is None:
            end = header.start()
            break
    else:
        return first.start(), end
    lines = text[first.start() : end].splitlines(keepends=True)
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return first.start(), first.start() + sum(map(len, lines))
