"""One server of a client's file -> what it is in `toolgate.yaml`, or why it cannot be that."""

import re
import shlex
from collections.abc import Mapping
from pathlib import PurePath
from urllib.parse import urlsplit

import msgspec

from toolgate.control.clients.client import Found
from toolgate.control.clients.variables import Style
from toolgate.control.importing.secret_texts import (
    FromVariable,
    Literal,
    Meaning,
    Trouble,
    argument_flaw,
    meaning,
)
from toolgate.rules import plaintext

# Ours to set; clients' files have them from examples.
_OURS = frozenset({"accept", "content-type"})
_REMOTE = re.compile(r"mcp-remote(@.+)?")
# What the SDKs of MCP give to every program, and a gateway does not: where its settings and caches are.
_HOMES = {"win32": ("USERPROFILE", "APPDATA", "LOCALAPPDATA", "TEMP")}


class Server(msgspec.Struct, frozen=True):
    """A server to be: `settings` are of its kind and plain; `texts` are values by member (`env` or `headers`) and
    name, in the order of the file."""

    kind: str
    settings: Mapping[str, str | list[str]]
    member: str
    texts: Mapping[str, Meaning]

    def same_as(self, other: "Server") -> bool:
        """Whether both are one server, shown the same credentials."""
        return (self.kind, self.settings, self.texts) == (other.kind, other.settings, other.texts)


def translate(found: Found, style: Style, platform: str) -> Server | str:
    """The server, or the reason why it is left out."""
    if found.trouble:
        return found.trouble
    unwrapped = _without_bridge(found)
    if unwrapped.url:
        return _remote(unwrapped, style)
    return _program(unwrapped, style, platform)


def _program(found: Found, style: Style, platform: str) -> Server | str:
    flaw = argument_flaw(found.command, style)
    if flaw:
        return flaw
    settings: dict[str, str | list[str]] = {"command": list(found.command)}
    if found.cwd is not None:
        # A relative one starts where the client was started, which we do not know.
        if "$" in found.cwd or not _is_absolute(found.cwd, platform):
            return "its `cwd` depends on where the client is started: give an absolute one"
        settings["cwd"] = found.cwd
    texts = _texts(found.env, style)
    if isinstance(texts, str):
        return texts
    homes = {name: FromVariable(name) for name in _HOMES.get(platform, ("HOME",)) if name not in texts}
    return Server("stdio", settings, "env", {**homes, **texts})


def _remote(found: Found, style: Style) -> Server | str:
    if "${" in found.url:
        return "its `url` holds a variable, which only the client knows"
    if plaintext.url_flaw(found.url) is not None or plaintext.has_secret_shape(found.url):
        return "its `url` holds a secret: give it as a header"
    try:
        parts = urlsplit(found.url)
    except ValueError:
        return "its `url` is none"
    if parts.scheme not in ("http", "https"):
        return "its `url` does not begin with http:// or https://"
    older = found.transport == "sse" or (not found.transport and parts.path.rstrip("/").endswith("/sse"))
    kept = {
        name: text
        for name, text in found.headers.items()
        if name.lower() not in _OURS and not name.lower().startswith("mcp-")
    }
    texts = _texts(kept, style)
    if isinstance(texts, str):
        return texts
    return Server("legacy_sse" if older else "streamable_http", {"url": found.url}, "headers", texts)


def _texts(values: Mapping[str, str], style: Style) -> dict[str, Meaning] | str:
    texts: dict[str, Meaning] = {}
    for name, text in values.items():
        meant = meaning(name, text, style)
        if isinstance(meant, Trouble):
            return meant.reason
        if meant is not None:
            texts[name] = meant
    return texts


def _without_bridge(found: Found) -> Found:
    """`npx mcp-remote URL --header NAME:VALUE` is a bridge to a server that we reach ourselves. One with options that
    we do not know stays as it is."""
    words = list(found.command)
    place = next((place for place, word in enumerate(words[:4]) if _REMOTE.fullmatch(word)), None)
    if place is None or len(words) < place + 2 or not words[place + 1].startswith(("https://", "http://")):
        return found
    headers: dict[str, str] = {}
    rest = iter(words[place + 2 :])
    for word in rest:
        name, colon, text = next(rest, "").partition(":")
        if word != "--header" or not colon:
            return found
        # Its own references, `${NAME}`, are to its environment.
        held = re.fullmatch(r"(?P<before>.*?)\$\{(?P<name>\w+)\}", text.strip())
        if held is not None and held["name"] in found.env:
            text = held["before"] + found.env[held["name"]]
        headers[name.strip()] = text.strip()
    return msgspec.structs.replace(found, transport="", command=(), env={}, url=words[place + 1], headers=headers)


def _is_absolute(path: str, platform: str) -> bool:
    if platform == "win32":
        return re.match(r"[A-Za-z]:[\\/]|\\\\", path) is not None
    return PurePath(path).as_posix().startswith("/")


def whole(server: Server) -> str:
    """One line for people, with every word of a command and every value in its environment, or the whole URL."""
    if server.member == "headers":
        return str(server.settings["url"])
    given = [f"{name}={shlex.quote(meant.text)}" for name, meant in server.texts.items() if isinstance(meant, Literal)]
    return " ".join([*given, shlex.join(server.settings["command"])])


def described(server: Server) -> str:
    """One line for people: without values, arguments or queries, where secrets may be that nobody recognises."""
    if server.member == "headers":
        parts = urlsplit(str(server.settings["url"]))
        return f"{parts.scheme}://{parts.netloc}{parts.path}"
    program, *arguments = server.settings["command"]
    name = re.split(r"[\\/]", program)[-1]
    first = next((word for word in arguments if not word.startswith("-")), "")
    shown = [name, first[:60], "..." if len(arguments) > (first != "") else ""]
    return " ".join(word for word in shown if word)
