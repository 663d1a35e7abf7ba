"""The records that files declare: one file, or several that are one declaration. Everything that is wrong with any of
them is found at once, with file, line, field and reason.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from toolgate.control.collections import COLLECTIONS
from toolgate.control.declared_access import Rule, Subjects, find_shadowed, read_grants, read_keys
from toolgate.control.declared_people import PEOPLE, read_people
from toolgate.control.declared_servers import Surroundings, read_servers
from toolgate.control.declared_virtual import read_virtual
from toolgate.control.filed import Filed
from toolgate.control.places import Names, Place
from toolgate.control.source import MOST_CHARACTERS, Findings, parse
from toolgate.model.declared import LOCAL_KEY
from toolgate.model.entities import Entity, Key, Secret, Server
from toolgate.model.errors import ConfigError
from toolgate.rules import permissions
from toolgate.rules.directory import Directory
from toolgate.rules.facts import Facts
from toolgate.rules.referrers import secrets_of

SECTIONS = (
    "version",
    "servers",
    "virtual",
    "teams",
    "users",
    "services",
    "roles",
    "bindings",
    "groups",
    "keys",
    "grants",
)
VERSION = 1
SUFFIXES = (".yaml", ".yml")
MOST_FILES = 1000


class Text(msgspec.Struct, frozen=True):
    """A file's text. `label` is what findings call the file; relative paths in it start from `base`."""

    label: str
    text: str
    base: Path


class Manifest(msgspec.Struct, frozen=True):
    """All records in the order of files and sections. `labels` says what the file of each is called, by `KIND.NAME`."""

    filed: tuple[Filed, ...]
    labels: Mapping[str, str] = {}

    def find(self, path: str) -> tuple[Filed, str] | None:
        """The record that a path (`team.sales.members[0]`) leads to, and the path within it."""
        for one in sorted(self.filed, key=lambda filed: -len(filed.record.name)):
            spot = f"{one.record.KIND}.{one.record.name}"
            if path == spot or path.startswith(f"{spot}."):
                return one, path[len(spot) + 1 :]
        return None


class _Sheet(msgspec.Struct, frozen=True):
    text: Text
    findings: Findings
    sections: Mapping[str, Place]


def texts_of(path: Path) -> tuple[Text, ...]:
    """A file, or all of a directory. Raises ConfigError."""
    if not path.is_dir():
        return (text_of(path),)
    files = files_of(path)
    if not files:
        raise ConfigError((f"{path}: there is no YAML file in it",))
    if len(files) > MOST_FILES:
        raise ConfigError((f"{path}: there are more than {MOST_FILES} files in it",))
    return tuple(text_of(file) for file in files)


def files_of(directory: Path) -> list[Path]:
    """Every YAML file in it and below, in the order of their names; hidden ones are left out."""
    return sorted(
        one
        for one in directory.rglob("*")
        if one.suffix in SUFFIXES and not any(part.startswith(".") for part in one.relative_to(directory).parts)
    )


def text_of(path: Path) -> Text:
    """Raises ConfigError for what cannot be read, or is no text."""
    label = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(4 * MOST_CHARACTERS + 1)
    except OSError as error:
        raise ConfigError((f"{label}: cannot be read: {error.strerror or type(error).__name__}",)) from None
    try:
        return Text(label, raw.decode("utf-8-sig"), path.parent.absolute())
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError((f"{label}:{line}: this is not text in UTF-8",)) from None


def read(texts: Sequence[Text], around: Surroundings) -> Manifest:
    """Raises ConfigError. Each text is read against `around` with its own base."""
    sheets = [_sheet(text) for text in texts]
    _judge_twice(sheets)
    names = {name: frozenset(one for sheet in sheets for one in _names(sheet.sections.get(name))) for name in SECTIONS}
    filed: list[Filed] = []
    labels: dict[str, str] = {}
    rules: list[Rule] = []
    for sheet in sheets:
        found, granted = _read_sections(sheet, names, around)
        labels |= {f"{one.record.KIND}.{one.record.name}": sheet.text.label for one in found}
        filed.extend(found)
        rules.extend(granted)
    _judge_names(rules)
    if not around.others:
        keys = [one.record for one in filed if isinstance(one.record, Key)]
        find_shadowed(rules, {key.name: key.teams for key in keys}, Names(names["servers"] | names["virtual"]))
        _judge(filed, around)
    lines = tuple(line for sheet in sheets for line in sheet.findings.error(sheet.text.label).findings)
    if lines:
        raise ConfigError(lines)
    return Manifest(tuple(filed), labels)


def _sheet(text: Text) -> _Sheet:
    findings = Findings()
    root = parse(text.text, findings)
    if root is None:
        return _Sheet(text, findings, {})
    sections = Place(root, "", findings).record(SECTIONS, required=("version",))
    version = sections.get("version")
    if version is not None and (type(version.node.value) is not int or version.node.value != VERSION):
        version.wrong(f"this Toolgate reads version {VERSION} of the file")
    return _Sheet(text, findings, sections)


def _names(section: Place | None) -> list[str]:
    """The names that a section declares, also those with findings: what refers to them is not wrong for that."""
    value = section.node.value if section is not None else None
    return list(value) if isinstance(value, dict) else []


def _judge_twice(sheets: Sequence[_Sheet]) -> None:
    """What two files both declare is declared by neither: each of them could be meant."""
    for name in SECTIONS[1:]:
        first: dict[str, tuple[_Sheet, int]] = {}
        for sheet in sheets:
            section = sheet.sections.get(name)
            for entry in _names(section):
                line = section.node.key_lines[entry] if section is not None else 0
                other, there = first.setdefault(entry, (sheet, line))
                if other is not sheet:
                    reason = f"is declared in {other.text.label}:{there} already"
                    sheet.findings.add(line, f"{name}.{entry}", reason)


def _read_sections(
    sheet: _Sheet, names: Mapping[str, frozenset[str]], around: Surroundings
) -> tuple[list[Filed], list[Rule]]:
    sections = sheet.sections
    others = around.others
    servers = Names(names["servers"] | names["virtual"], others)
    subjects = {
        "key": Names(names["keys"] | {LOCAL_KEY}, others),
        "user": Names(names["users"], others),
        "service": Names(names["services"], others),
        "team": Names(names["teams"], others),
        "role": Names(names["roles"] | frozenset(permissions.ROLES), others),
    }
    near = msgspec.structs.replace(around, base=sheet.text.base)
    rules = read_grants(sections["grants"], Subjects(subjects, servers)) if "grants" in sections else []
    found: list[Filed] = []
    if "servers" in sections:
        found += read_servers(sections["servers"], near)
    if "virtual" in sections:
        found += read_virtual(sections["virtual"], Names(names["servers"], others))
    for name in PEOPLE:
        if name in sections:
            found += read_people(name, sections[name])
    if "keys" in sections:
        found += read_keys(sections["keys"], Names(names["teams"], others), others=others)
    return [*found, *(rule.filed for rule in rules)], rules


def _judge_names(rules: Iterable[Rule]) -> None:
    """Grants are a list: their names are theirs to keep apart."""
    first: dict[str, Rule] = {}
    for rule in rules:
        other = first.setdefault(rule.grant.name, rule)
        if other is not rule and rule.filed.named:
            rule.filed.wrong("name", f"another grant is called `{rule.grant.name}` ({other.filed.place.path})")


def _judge(filed: Sequence[Filed], around: Surroundings) -> None:
    """By the rules of each kind, as if these were all the records that there are. What has a finding already is left
    out: it would be told twice."""
    records = [one.record for one in filed]
    kinds = around.kinds
    facts = Facts(
        directory=Directory((*records, *_secrets(records))),
        now=0.0,  # a moment that has passed is no reason to refuse the file on the next start
        kinds=tuple(kinds.names),
        fields=lambda kind: tuple(kinds.fields(kind)),
        judge_settings=lambda kind, settings: tuple(kinds.validate(kind, settings)),
    )
    for one in filed:
        path = one.place.path
        if any(field == path or field.startswith((f"{path}.", f"{path}[")) for field, _ in one.place.findings.places()):
            continue
        about = msgspec.structs.replace(facts.about(one.record), before=None)
        for spot, reason in COLLECTIONS[type(one.record)].findings(one.record, about):
            if not (spot == "name" and _is_judged(one)):
                one.wrong(spot, reason)


def _is_judged(one: Filed) -> bool:
    """Whether the name was judged where it stands, or is ours."""
    return not one.named or isinstance(one.record, Server)


def _secrets(records: Iterable[Entity]) -> Iterator[Secret]:
    """Whether a secret of the store is there is seen when its server is opened."""
    for record in records:
        if isinstance(record, Server):
            yield from (Secret(name=name, sealed="-", key_id="-") for name in secrets_of(record))
