"""The `servers` section of the file. What every server has is read here; the rest is the kind's own."""

import os
import re
from pathlib import Path
from typing import Any, cast, get_args

import msgspec

from toolgate.control.filed import Filed, read_fields
from toolgate.control.kinds import Kinds, flaws
from toolgate.control.places import Place, steps
from toolgate.control.source import locate, step
from toolgate.model.declared import MAX_BYTES, PROBE_INTERVAL_S, TIMEOUT_S, EraChoice, Override, Sharing
from toolgate.model.entities import Server
from toolgate.model.errors import ConfigError
from toolgate.ports import Secrets
from toolgate.rules import endpoints, headers, plaintext, references
from toolgate.rules.names import closest

DESCRIBING = ("owner", "description", "tags", "environment", "sensitivity", "links", "icon", "state")
COMMON = (
    "kind", "era", "sharing", "timeout", "max_bytes", "headers", "probe_interval", *DESCRIBING, "overrides",
)  # fmt: skip
"""The settings of every kind."""

_ERAS: tuple[str, ...] = get_args(EraChoice)
_SHARINGS: tuple[str, ...] = get_args(Sharing)
_SHORTEST_S, _LONGEST_S = 0.01, 3600.0
_OFTENEST_S, _SELDOMEST_S = 1.0, 86400.0
_LEAST_BYTES, _MOST_BYTES = 1024, 1024**3
_PATHS = re.compile(r"path|cwd|.*_(file|dir)")
_PART = re.compile(r"\[[0-9]+\]\.[^.\[\]]+")
"""From a setting that is a list of mappings to a key of one of them: `[0].path`."""


class Surroundings(msgspec.Struct, frozen=True):
    """What the file is read against. `base` is the directory that its relative paths start from. Without `secrets`,
    references are checked for their form only; where records are kept (`stored`), so are those to stored secrets, which
    come and go while the file stays: they are looked for when their server is opened. `others` says that there may be
    records beside what is read, to which it may refer: the gateway that has them judges that."""

    kinds: Kinds
    secrets: Secrets | None
    base: Path
    stored: bool = False
    others: bool = False


def read_servers(section: Place, around: Surroundings) -> list[Filed]:
    servers: list[Filed] = []
    for name, place in section.named().items():
        server = _read_server(name, place, around)
        if server is not None:
            servers.append(server)
    return servers


def _read_server(name: str, place: Place, around: Surroundings) -> Filed | None:
    entries = place.entries()
    if not entries and not place.is_empty():
        return None  # not a mapping, which is a finding already
    if "kind" not in entries:
        place.wrong(f"`kind` is missing (one of {', '.join(around.kinds.names)})")
        return None
    kind = entries["kind"].choice(around.kinds.names)
    if kind is None:
        return None
    known = (*COMMON, *around.kinds.fields(kind))
    for key in [key for key in entries if key not in known]:
        entries.pop(key).wrong(f"unknown key of kind {kind}", closest(key, known))
    era = entries["era"].choice(_ERAS) if "era" in entries else "auto"
    chosen = "sharing" in entries and entries["sharing"].node.value is not None
    sharing = entries["sharing"].choice(_SHARINGS) if chosen else None
    timeout = entries["timeout"].seconds(_SHORTEST_S, _LONGEST_S) if "timeout" in entries else TIMEOUT_S
    max_bytes = entries["max_bytes"].size(_LEAST_BYTES, _MOST_BYTES) if "max_bytes" in entries else MAX_BYTES
    interval = entries["probe_interval"].seconds(_OFTENEST_S, _SELDOMEST_S) if "probe_interval" in entries else None
    shown = _read_headers(entries["headers"], kind, "url" in entries, around) if "headers" in entries else ()
    own = {key: entry for key, entry in entries.items() if key not in COMMON}
    record = Server(
        name=name,
        kind=kind,
        settings=_read_settings(kind, place, own, around),
        headers=dict(shown),
        era=cast("EraChoice", era or "auto"),
        sharing=cast("Sharing | None", sharing),
        timeout=timeout or TIMEOUT_S,
        max_bytes=max_bytes or MAX_BYTES,
        probe_interval=interval or PROBE_INTERVAL_S,
        overrides=_read_overrides(entries["overrides"]) if "overrides" in entries else {},
        **read_fields(entries, Server, DESCRIBING),
    )
    # Without any of its own, a server has none: that is said by its kind.
    fields = frozenset(["settings", *(key for key in entries if key in COMMON)])
    return Filed(record, fields, place, {**entries, "settings": place})


def _read_overrides(section: Place) -> dict[str, Override]:
    found: dict[str, Override] = {}
    for tool, place in section.entries().items():
        entries = place.record([field.name for field in msgspec.structs.fields(Override)])
        values = {key: entry.node.plain() for key, entry in entries.items()}
        wrong = flaws(Override, values)
        for path, reason in wrong:
            top = next((str(one) for one in steps(path)), "")
            entries.get(top, place).wrong(reason)
        if not wrong:
            found[tool] = msgspec.convert(values, Override)
    return found


def _read_headers(section: Place, kind: str, is_remote: bool, around: Surroundings) -> tuple[tuple[str, str], ...]:
    if not is_remote:
        section.wrong(f"only a server with a `url` is shown headers; one of kind {kind} has none")
        return ()
    shown: list[tuple[str, str]] = []
    seen: set[str] = set()
    for name, place in section.entries().items():
        text = place.text()
        flaw = headers.flaw(name)
        if flaw is not None:
            place.wrong(flaw)
        elif name.lower() in seen:
            place.wrong("this header was already given (their case does not count)")
        elif text is not None:
            resolved = _judge_text(place, name, text, around, allowed=True)
            if not resolved.isascii() or not resolved.isprintable():
                place.wrong("a header holds printable ASCII characters only")
            shown.append((name, resolved))
        seen.add(name.lower())
    return tuple(shown)


def _read_settings(kind: str, place: Place, own: dict[str, Place], around: Surroundings) -> dict[str, Any]:
    """The kind's own settings as plain values, with absolute paths: judged by us for secrets, by the kind for the
    rest."""
    settings: dict[str, Any] = {
        key: _document(key, entry) if plaintext.is_document(kind, key) else _plain(key, entry, around, entry.path)
        for key, entry in own.items()
    }
    if place.node.value is None or not isinstance(place.node.value, dict):
        return settings
    for path, reason in around.kinds.validate(kind, settings):
        parts = steps(path)
        field = place.path
        for part in parts:
            field = f"{field}[{part}]" if isinstance(part, int) else step(field, part)
        line = locate(place.node, parts) if parts else place.line
        if (field, line) not in place.findings.places():
            place.findings.add(line, field, reason)
    return settings


def _plain(name: str, place: Place, around: Surroundings, top: str, in_list: bool = False) -> Any:
    """A plain value out of a place, its texts judged on the way. `name` is the nearest key above."""
    value = place.node.value
    if isinstance(value, dict):
        return {key: _plain(key, entry, around, top) for key, entry in place.entries().items()}
    if isinstance(value, tuple):
        return [_plain(name, item, around, top, in_list=True) for item in place.items()]
    if not isinstance(value, str):
        if isinstance(value, (int, float)) and not isinstance(value, bool) and plaintext.is_secret_name(name):
            place.wrong("a secret must not stand here in plain text: give a reference, env:NAME or file:PATH")
        return value
    text = _judge_text(place, name, value, around, allowed=not in_list)
    is_own = place.path == top or _PART.fullmatch(place.path.removeprefix(top)) is not None
    if name == "url" and is_own and references.find(text) is None and not endpoints.is_remote(text):
        place.wrong(endpoints.REMOTE)
    is_path = is_own and _PATHS.fullmatch(name) is not None and references.find(text) is None
    return absolute(text, around.base) if is_path else text


def _document(name: str, place: Place) -> Any:
    """The plain values of a whole document. `name` is the nearest key above."""
    value = place.node.value
    if isinstance(value, dict):
        return {key: _document(key, entry) for key, entry in place.entries().items()}
    if isinstance(value, tuple):
        return [_document(name, item) for item in place.items()]
    flaw = plaintext.document_flaw(name, value) if isinstance(value, str) else None
    if flaw is not None:
        place.wrong(flaw)
    return value


def _judge_text(place: Place, name: str, text: str, around: Surroundings, *, allowed: bool) -> str:
    """Reports what is wrong with a text as far as secrets go; answers it with the path of a `file:` made absolute.
    `allowed` says whether a reference may stand here."""
    reference = references.find(text)
    if reference is None:
        flaw = plaintext.url_flaw(text)
        if flaw is not None:
            place.wrong(f"{flaw}: give it as a header or variable, by reference (env:NAME or file:PATH)")
        elif plaintext.has_secret_shape(text) or (allowed and plaintext.is_secret_name(name)):
            place.wrong("a secret must not stand here in plain text: give a reference, env:NAME or file:PATH")
        return text
    if not allowed:
        place.wrong(
            "a secret cannot stand in a list: everybody on the machine can read a program's arguments; use `env`"
        )
        return text
    flaw = references.flaw(reference)
    if flaw is not None:
        place.wrong(flaw)
        return text
    shown = reference
    if reference.source == "file":
        reference = msgspec.structs.replace(reference, name=absolute(reference.name, around.base))
    if around.secrets is not None and not (around.stored and reference.source == "store"):
        try:
            around.secrets.resolve(reference.secret)
        except ConfigError as error:
            for finding in error.findings:
                place.wrong(finding.replace(reference.secret, shown.secret))
    return str(reference)


def absolute(path: str, base: Path) -> str:
    """A path of the file as an absolute one: `~` is the home directory, relative ones start at the file's directory."""
    return os.path.normpath(base / Path(path).expanduser())
