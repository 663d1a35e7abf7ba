"""One entry of a registry -> Found, as if a client had it in its file.

Whoever wrote the entry is a stranger. So what it may set is narrow: a package is pinned to one version and started by
its usual runner, without options of the runner's own; no argument comes from a secret; and no value leads to a variable
of this machine: what a person must give is asked for under a name that is made for it (`plan`).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec

from toolgate.control.clients.client import Found
from toolgate.control.importing.packages import NotTaken, plain, program, steers
from toolgate.control.importing.server_json import Listed, Named, Package, Transport, Value
from toolgate.rules import headers as header_rules

_HELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
_TRANSPORTS = {"streamable-http": "http", "sse": "sse"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def found_in(listed: Listed) -> Found:
    """The first remote or package that can be used, remotes first; else why none can."""
    server = listed.server
    note = f"{server.name} {server.version}"
    if listed.official.status != "active":
        said = f": {listed.official.status_message}" if listed.official.status_message else ""
        return Found(
            server.own, trouble=f"the registry says it is {listed.official.status[:40]}{said[:300]}", note=note
        )
    remotes = sorted(server.remotes, key=lambda remote: remote.type != "streamable-http")
    ways: list[Callable[[_Texts], Found]] = [
        *(partial(_remote, remote) for remote in remotes),
        *(partial(_package, package) for package in server.packages),
    ]
    troubles: list[str] = []
    for way in ways:
        texts = _Texts(server.own)
        try:
            found = way(texts)
        except NotTaken as trouble:
            troubles.append(str(trouble))
            continue
        remarks = [note, *texts.remarks, *(() if server.repository.url else ("names no source code",))]
        return msgspec.structs.replace(found, note="; ".join(remarks))
    why = "; ".join(dict.fromkeys(troubles)) or "it has neither a package nor a remote"
    return Found(server.own, trouble=why, note=note)


class _Texts:
    """The values of one server as a client's file would have them. `remarks` are for the person."""

    def __init__(self, own: str) -> None:
        self.own = own
        self.remarks: list[str] = []

    def all(self, values: Iterable[Named]) -> dict[str, str]:
        found: dict[str, str] = {}
        left: list[str] = []
        for one in values:
            text = self.of(one, one.name)
            if text is None:
                left.append(one.name)
            else:
                found[one.name] = text
        if left:
            self.remarks.append(f"without {', '.join(left)}, which may be left out")
        return found

    def of(self, value: Value, name: str) -> str | None:
        """The text; None where it may be left out and nothing says what it is. Raises NotTaken."""
        given = value.value
        if given is None and not value.is_secret:
            given = value.default
        if given is not None:
            return self._filled(given, value, name)
        return self._asked(name) if value.is_required else None

    def _filled(self, text: str, value: Value, name: str) -> str:
        """A text with its variables in place. At its end, one that a person must give may stay."""
        plain(name, text)
        parts: list[str] = []
        at = 0
        for found in _HELD.finditer(text):
            inner = value.variables.get(found[1])
            if inner is None:
                continue
            parts.append(text[at : found.start()])
            at = found.end()
            known = inner.value if inner.value is not None or inner.is_secret else inner.default
            if known is not None:
                plain(name, known)
                parts.append(known)
            elif found.end() == len(text):
                return "".join(parts) + self._asked(found[1])
            else:
                raise NotTaken(f"`{name}` is put together of what a person must give")
        return "".join(parts) + text[at:]

    @staticmethod
    def _asked(name: str) -> str:
        """What stands for a value that a person gives, as in files of VS Code."""
        return f"${{input:{re.sub('[^A-Za-z0-9]+', '_', name)}}}"


def _remote(remote: Transport, texts: _Texts) -> Found:
    transport = _TRANSPORTS.get(remote.type)
    if transport is None:
        raise NotTaken(f"its remote is of the unknown type {remote.type[:40]!r}")
    url = texts.of(Value(value=remote.url, variables=remote.variables), "url") or ""
    if "$" in url or _HELD.search(url):
        raise NotTaken("its `url` holds what a person must give")
    for header in remote.headers:
        if header_rules.flaw(header.name) is not None:
            raise NotTaken(f"it wants the header {header.name[:60]!r}, which is not one to be set")
    return Found(texts.own, transport, url=url, headers=texts.all(remote.headers))


def _package(package: Package, texts: _Texts) -> Found:
    made = program(package)
    for variable in made.variables:
        if not _VARIABLE.fullmatch(variable.name):
            raise NotTaken(f"it wants the variable {variable.name[:60]!r}, which is none")
        if steers(variable.name):
            raise NotTaken(f"it wants to set {variable.name[:60]}, which decides what its runner starts")
    env = texts.all(made.variables)
    passed: Sequence[str] = [word for name in env for word in ("-e", name)] if made.passes else ()
    texts.remarks += made.remarks
    return Found(texts.own, "stdio", (*made.before, *passed, *made.after, *made.arguments), env)
