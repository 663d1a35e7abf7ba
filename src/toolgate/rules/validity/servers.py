"""Valid servers and virtual servers."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, cast

from toolgate.model.declared import Pick, PicksFrom
from toolgate.model.entities import Acceptance, Secret, Server, Virtual
from toolgate.rules import endpoints, globs, headers, lifecycle, plaintext, references
from toolgate.rules.facts import Facts, Finding
from toolgate.rules.names import LABEL, LABEL_RULE, meant
from toolgate.rules.nesting import too_deep
from toolgate.rules.validity import fields

SHORTEST_S, LONGEST_S = 0.01, 3600.0
OFTENEST_S, SELDOMEST_S = 1.0, 86400.0
LEAST_BYTES, MOST_BYTES = 1024, 1024**3

# What a tool or prompt may be called towards clients, many of which take no more (DESIGN section 7).
_PUBLIC = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PATHS = re.compile(r"path|cwd|.*_(file|dir)")
_PLAIN = "a secret must not stand here in plain text: give a reference, store:NAME, env:NAME or file:PATH"
_KINDS = ("tools", "prompts", "resources")
_MOST_UNKNOWN = 20
"""Settings of no kind that are named: what was meant is looked for each time."""


def server(value: Server, facts: Facts) -> Iterator[Finding]:
    yield from _served(value, facts)
    if value.name in facts.directory.all(Virtual):
        yield "name", "a virtual server has this name, and both would be served at the same URL"
    if value.kind not in facts.kinds:
        yield "kind", f"must be one of {', '.join(facts.kinds)}{meant(value.kind, facts.kinds)}"
    else:
        yield from _settings(value, facts)
    yield from _headers(value, facts)
    if not SHORTEST_S <= value.timeout <= LONGEST_S:
        yield "timeout", f"must be between {SHORTEST_S:g} and {LONGEST_S:g} seconds"
    if not OFTENEST_S <= value.probe_interval <= SELDOMEST_S:
        yield "probe_interval", f"must be between {OFTENEST_S:g} and {SELDOMEST_S:g} seconds"
    if not LEAST_BYTES <= value.max_bytes <= MOST_BYTES:
        yield "max_bytes", f"must be between {LEAST_BYTES} and {MOST_BYTES} bytes"
    yield from _overrides(value)


def acceptance(value: Acceptance, facts: Facts) -> Iterator[Finding]:
    if value.name not in facts.directory.servers:
        yield "name", f"there is no server of this name{meant(value.name, facts.directory.servers)}"


def _served(value: Server | Virtual, facts: Facts) -> Iterator[Finding]:
    """What servers and virtual servers share."""
    declared = facts.directory.declared
    yield from fields.name(value)
    yield from fields.undeclared(value, [spec.name for spec in (*declared.servers, *declared.virtual)], facts)
    yield from fields.team("owner", value.owner, facts)
    yield from fields.prose("description", value.description)
    yield from fields.labels("tags", value.tags)
    for label, url in value.links.items():
        yield from fields.words(f"links.{label}", label, 60)
        yield from fields.https(f"links.{label}", url)
    if value.icon is not None:
        yield from fields.https("icon", value.icon)
    if isinstance(facts.before, (Server, Virtual)):
        flaw = lifecycle.flaw(facts.before.state, value.state)
        if flaw is not None:
            yield "state", flaw


def _settings(value: Server, facts: Facts) -> Iterator[Finding]:
    if too_deep(value.settings):
        yield "settings", "are nested too deep"
        return
    known = facts.fields(value.kind)
    unknown = [name for name in value.settings if name not in known]
    for name in unknown[:_MOST_UNKNOWN]:
        yield f"settings.{name}", f"unknown setting of kind {value.kind}{meant(name, known)}"
    for name, setting in value.settings.items():
        if name not in known:
            continue
        if plaintext.is_document(value.kind, name):
            yield from _document(f"settings.{name}", name, setting)
            continue
        yield from _plain(f"settings.{name}", name, setting, facts)
        is_literal = isinstance(setting, str) and references.find(setting) is None
        if is_literal and _PATHS.fullmatch(name) and not _is_absolute(setting):
            yield f"settings.{name}", "expected an absolute path: there is no file that it could be relative to"
        if is_literal and name == "url" and not endpoints.is_remote(setting):
            yield f"settings.{name}", endpoints.REMOTE
    if not unknown:
        for path, reason in facts.judge_settings(value.kind, value.settings):
            inner = path.removeprefix("$").removeprefix(".")
            yield f"settings.{inner}" if inner else "settings", reason


def _is_absolute(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def _plain(path: str, name: str, value: Any, facts: Facts, in_list: bool = False) -> Iterator[Finding]:
    """Secrets among plain values. `name` is the nearest key above."""
    if isinstance(value, dict):
        for key, item in cast("Mapping[str, Any]", value).items():
            yield from _plain(f"{path}.{key}", key, item, facts)
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(cast("list[Any]", value)):
            yield from _plain(f"{path}[{place}]", name, item, facts, in_list=True)
    elif isinstance(value, str):
        yield from _text(path, name, value, facts, allowed=not in_list)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and plaintext.is_secret_name(name):
        yield path, _PLAIN


def _document(path: str, name: str, value: Any) -> Iterator[Finding]:
    """Secrets in a whole document. `name` is the nearest key above."""
    if isinstance(value, dict):
        for key, item in cast("Mapping[str, Any]", value).items():
            yield from _document(f"{path}.{key}", key, item)
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(cast("list[Any]", value)):
            yield from _document(f"{path}[{place}]", name, item)
    elif isinstance(value, str):
        flaw = plaintext.document_flaw(name, value)
        if flaw is not None:
            yield path, flaw


def _text(path: str, name: str, text: str, facts: Facts, *, allowed: bool) -> Iterator[Finding]:
    """What is wrong with a text as far as secrets go. `allowed` says whether a reference may stand here."""
    reference = references.find(text)
    if reference is None:
        flaw = plaintext.url_flaw(text)
        if flaw is not None:
            yield path, f"{flaw}: give it as a header or variable, by reference (store:NAME, env:NAME or file:PATH)"
        elif plaintext.has_secret_shape(text) or (allowed and plaintext.is_secret_name(name)):
            yield path, _PLAIN
        return
    if not allowed:
        yield (
            path,
            "a secret cannot stand in a list: everybody on the machine can read a program's arguments; use `env`",
        )
        return
    flaw = references.flaw(reference)
    if flaw is not None:
        yield path, flaw
    elif reference.source == "store" and facts.directory.get(Secret, reference.name) is None:
        yield path, f"there is no stored secret of this name{meant(reference.name, facts.directory.all(Secret))}"
    elif reference.source == "file" and not _is_absolute(reference.name):
        yield path, "expected an absolute path after `file:`: there is no file that it could be relative to"


def _headers(value: Server, facts: Facts) -> Iterator[Finding]:
    if value.headers and value.kind in facts.kinds and not facts.is_remote(value.kind):
        yield "headers", f"only a server with a `url` is shown headers; one of kind {value.kind} has none"
        return
    seen: set[str] = set()
    for name, text in value.headers.items():
        path = f"headers.{name}"
        flaw = headers.flaw(name)
        if flaw is not None:
            yield path, flaw
        elif name.lower() in seen:
            yield path, "this header was already given (their case does not count)"
        elif not text.isascii() or not text.isprintable():
            yield path, "a header holds printable ASCII characters only"
        else:
            yield from _text(path, name, text, facts, allowed=True)
        seen.add(name.lower())


def _overrides(value: Server) -> Iterator[Finding]:
    for tool, override in value.overrides.items():
        path = f"overrides.{tool}"
        if not tool or len(tool) > fields.LONGEST_GLOB:
            yield path, f"the name of a tool has 1 to {fields.LONGEST_GLOB} characters"
        yield from fields.prose(f"{path}.description", override.description or "")
        yield from fields.words(f"{path}.title", override.title)
        for name, text in override.parameters.items():
            yield from fields.words(f"{path}.parameters", name)
            yield from fields.prose(f"{path}.parameters.{name}", text)
        yield from fields.labels(f"{path}.tags", override.tags)
        if override.risk is not None and not LABEL.fullmatch(override.risk):
            yield f"{path}.risk", LABEL_RULE


def virtual(value: Virtual, facts: Facts) -> Iterator[Finding]:
    yield from _served(value, facts)
    if value.name in facts.directory.all(Server):
        yield "name", "a server has this name, and both would be served at the same URL"
    if not value.offers:
        yield "offers", "nothing is chosen: a virtual server offers what it lists, and only that"
    declared = facts.directory.declared
    servers = frozenset(facts.directory.all(Server)) | {spec.name for spec in declared.servers}
    given: dict[tuple[str, str], str] = {}
    for place, picks in enumerate(value.offers):
        path = f"offers[{place}]"
        if picks.server not in servers:
            yield f"{path}.server", f"there is no server of this name{meant(picks.server, servers)}"
        if not any(getattr(picks, kind) for kind in _KINDS):
            yield path, 'nothing is chosen: name tools, prompts or resources (["*"] for all)'
        yield from _picks(path, picks, given)


def _picks(path: str, picks: PicksFrom, given: dict[tuple[str, str], str]) -> Iterator[Finding]:
    """`given` are the names that the virtual server gives, by (kind, name), with the place of each."""
    for kind in _KINDS:
        chosen: tuple[Pick, ...] = getattr(picks, kind)
        for place, pick in enumerate(chosen):
            spot = f"{path}.{kind}[{place}]"
            yield from _pick(spot, pick, kind)
            earlier = next((other for other in chosen[:place] if globs.covers(other.name, pick.name)), None)
            if earlier is not None:
                yield spot, f"can never match: `{earlier.name}` before it already chooses all of this"
            elif globs.is_literal(pick.name):
                public = pick.rename or pick.name
                first = given.setdefault((kind, public), spot)
                if first != spot:
                    yield spot, f"another of the {kind} is called `{public}` here ({first})"


def _pick(path: str, pick: Pick, kind: str) -> Iterator[Finding]:
    yield from fields.glob(path, pick.name)
    if pick.rename is not None and kind == "resources":
        yield f"{path}.rename", "a resource is known by its URI, which cannot be changed"
    elif pick.rename is not None and not _PUBLIC.fullmatch(pick.rename):
        yield f"{path}.rename", "a name towards clients is 1 to 64 of A-Z, a-z, 0-9, _ and -"
    if not globs.is_literal(pick.name) and (pick.rename is not None or pick.description is not None):
        yield path, "a glob can match several; `rename` and `description` need the name of one"
    yield from fields.prose(f"{path}.description", pick.description or "")
