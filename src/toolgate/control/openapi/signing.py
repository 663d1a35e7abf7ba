"""Security schemes -> ways to sign in: headers as templates, whose fields an administrator fills in by reference.

A key in the query is not taken: URLs stand in logs. One in a cookie is not, either.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from toolgate.control.openapi.document import Document, Operation
from toolgate.control.openapi.naming import words
from toolgate.control.openapi.nodes import Node, mapping, sequence, text, texts
from toolgate.control.openapi.words import clean, cut
from toolgate.rules import headers

_MOST = 4
_BEARER = re.compile(r"\bbearer\b", re.IGNORECASE)
_PREFIX = re.compile(r"[`'\"](?P<word>[A-Za-z][A-Za-z-]{1,19}) +[<{\[(A-Za-z]")


class Signing(msgspec.Struct, frozen=True):
    """`auth` as a connector says it, the way that most operations take first. `hidden` are (place, name in lower case)
    of parameters that are credentials. `scopes` by operation key. `remarks` tell what could not be taken."""

    auth: tuple[dict[str, Any], ...]
    hidden: frozenset[tuple[str, str]]
    scopes: dict[str, tuple[str, ...]]
    remarks: tuple[str, ...]


class _Way(msgspec.Struct, frozen=True):
    """How one scheme is shown: field -> help, headers, or the two fields of RFC 7617."""

    fields: dict[str, dict[str, Any]]
    headers: dict[str, str] = {}
    basic: tuple[str, str] | None = None


def signing(document: Document, operations: Sequence[Operation]) -> Signing:
    """What these operations need."""
    schemes = document.schemes()
    hidden = frozenset(
        (text(node.get("in")), text(node.get("name")).lower())
        for node in schemes.values()
        if node.get("type") == "apiKey"
    )
    counted: dict[tuple[str, ...], int] = {}
    scopes: dict[str, tuple[str, ...]] = {}
    open_ones = 0
    for operation in operations:
        wanted = list(_requirements(document, operation))
        open_ones += () in [names for names, _ in wanted] or not wanted
        for names, found in wanted:
            counted[names] = counted.get(names, 0) + 1
            if found and operation.key not in scopes:
                scopes[operation.key] = found[:3]
    counted.pop((), None)
    auth: list[dict[str, Any]] = []
    remarks: list[str] = []
    for names in sorted(counted, key=lambda names: (-counted[names], names)):
        if len(auth) < _MOST:
            made = _auth(names, schemes, remarks)
            if made is not None and made["id"] not in [other["id"] for other in auth] and not _is_there(made, auth):
                auth.append(made)
    if open_ones and auth:
        remarks.append(f"{open_ones} of the operations can be called without a credential, by what the document says")
    return Signing(tuple(auth), hidden, scopes, tuple(dict.fromkeys(remarks)))


def bearer() -> dict[str, Any]:
    """For a document that says nothing of how to sign in."""
    return {
        "id": "token", "title": "Bearer token", "fields": {"token": {"help": "The token that its API asks for"}},
        "headers": {"Authorization": "Bearer {token}"},
    }  # fmt: skip


def _requirements(document: Document, operation: Operation) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The alternatives: names of schemes that are needed together, and their scopes."""
    said = operation.node.get("security", document.root.get("security"))
    for value in sequence(said):
        needed = mapping(value)
        scopes = tuple(scope for one in needed.values() for scope in texts(one) if 0 < len(scope) <= 100)
        yield tuple(sorted(needed)), scopes


def _is_there(made: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> bool:
    """Whether another way is shown alike: OAuth and a bearer token are, for a gateway that is given a token."""
    same = ("headers", "basic")
    return any(all(made.get(key) == other.get(key) for key in same) for other in others)


def _auth(names: Sequence[str], schemes: Mapping[str, Node], remarks: list[str]) -> dict[str, Any] | None:
    ways: list[_Way] = []
    for name in names:
        way = _way(name, schemes.get(name), len(names) == 1, remarks)
        if way is None:
            return None
        if not ways or not set(way.headers) <= {header for other in ways for header in other.headers}:
            ways.append(way)  # two flows of OAuth end in one token
    fields = {name: field for way in ways for name, field in way.fields.items()}
    shown = {name: value for way in ways for name, value in way.headers.items()}
    basic = next((way.basic for way in ways if way.basic is not None), None)
    if basic is not None and "Authorization" in shown:
        return None
    ident = "-".join(words("-".join(names)))[:40].strip("-") or "key"
    title = " and ".join(" ".join(words(name)) for name in names).capitalize()[:60].strip() or "Key"
    made: dict[str, Any] = {"id": ident, "title": title, "fields": fields}
    return {**made, **({"headers": shown} if shown else {}), **({"basic": list(basic)} if basic else {})}


def _way(name: str, node: Node | None, alone: bool, remarks: list[str]) -> _Way | None:
    if not node:
        remarks.append(f"the way to sign in {_told(name)} is not described in the document")
        return None
    kind, scheme = text(node.get("type")), text(node.get("scheme")).lower()
    said = cut(clean(text(node.get("description"))), 200)
    field = "token" if alone else ("_".join(words(name)) or "token")[:40].strip("_")
    if not field[0].isalpha():
        field = "token"
    if kind == "basic" or (kind == "http" and scheme == "basic"):
        user, password = "username", "password"
        about = {"help": said or "The user's name", "secret": False}
        return _Way({user: about, password: {"help": "The password, or what stands for it"}}, {}, (user, password))
    if (kind == "http" and scheme in ("bearer", "token", "")) or kind in ("oauth2", "openIdConnect"):
        help_ = said or ("An access token" if kind != "http" else "The token")
        return _Way({field: {"help": help_}}, {"Authorization": f"Bearer {{{field}}}"})
    if kind == "apiKey" and node.get("in") == "header":
        return _in_header(name, node, field, said, remarks)
    where = {"query": "the query, and URLs stand in logs", "cookie": "a cookie"}.get(text(node.get("in")), kind)
    remarks.append(f"the way to sign in {_told(name)} is not taken: its key would stand in {where or 'no known place'}")
    return None


def _in_header(name: str, node: Node, field: str, said: str, remarks: list[str]) -> _Way | None:
    header = text(node.get("name")).strip()
    if headers.flaw(header) is not None or header.lower() == "cookie":
        remarks.append(f"the way to sign in {_told(name)} is not taken: the header {_told(header)} is Toolgate's own")
        return None
    value = f"{{{field}}}"
    raw = text(node.get("description"))
    if header.lower() == "authorization":
        header = "Authorization"
        prefix = _PREFIX.search(raw)
        if prefix is not None and prefix["word"].lower() not in ("the", "a", "your", "in"):
            value = f"{prefix['word']} {value}"
        elif _BEARER.search(f"{name} {raw}") or "bearer" in "".join(words(name)):
            value = f"Bearer {value}"
    return _Way({field: {"help": said or f"The value of the header {header}"}}, {header: value})


def _told(name: str) -> str:
    return repr(name[:60])
