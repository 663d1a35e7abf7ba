"""`toolgate.yaml` -> Declared, or one ConfigError with everything that is wrong with it.

    version: 1
    servers, virtual, teams, keys: mappings of names
    grants: a list

The reference is docs/reference/configuration.md. Nothing is half accepted: a file with one finding is refused whole.
"""

from pathlib import Path

import msgspec

from toolgate.control.declared_access import Subjects, find_shadowed, read_grants, read_keys, read_teams
from toolgate.control.declared_servers import Surroundings, read_servers
from toolgate.control.declared_virtual import read_virtual
from toolgate.control.kinds import Kinds
from toolgate.control.places import Place
from toolgate.control.source import MOST_CHARACTERS, Findings, parse
from toolgate.model.declared import Declared
from toolgate.model.errors import ConfigError
from toolgate.ports import Secrets

SECTIONS = ("version", "servers", "virtual", "teams", "keys", "grants")
VERSION = 1


def load(path: Path, kinds: Kinds, secrets: Secrets | None, *, stored: bool = False) -> Declared:
    """Reads a file. Raises ConfigError. Relative paths in it start from its own directory; `secrets` None skips looking
    whether referenced secrets are there (their form is checked all the same). `stored` says that there are records, and
    so secrets of the store."""
    label = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(4 * MOST_CHARACTERS + 1)
    except OSError as error:
        raise ConfigError((f"{label}: cannot be read: {error.strerror or type(error).__name__}",)) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError((f"{label}:{line}: this is not text in UTF-8",)) from None
    declared = read(text, label, Surroundings(kinds, secrets, path.parent.absolute(), stored))
    return msgspec.structs.replace(declared, file=path)


def read(text: str, label: str, around: Surroundings) -> Declared:
    """Reads a file's text. `label` is what findings call the file. Raises ConfigError."""
    findings = Findings()
    root = parse(text, findings)
    if root is None:
        raise findings.error(label)
    declared = _read_sections(Place(root, "", findings), around)
    if len(findings):
        raise findings.error(label)
    return declared


def _read_sections(root: Place, around: Surroundings) -> Declared:
    sections = root.record(SECTIONS, required=("version",))
    version = sections.get("version")
    if version is not None and (type(version.node.value) is not int or version.node.value != VERSION):
        version.wrong(f"this Toolgate reads version {VERSION} of the file")
    names = {name: set(_names(sections.get(name))) for name in SECTIONS}
    servers = names["servers"] | names["virtual"]
    known = Subjects(names["keys"], names["teams"], servers)
    rules = read_grants(sections["grants"], known) if "grants" in sections else []
    keys = read_keys(sections["keys"], names["teams"]) if "keys" in sections else []
    find_shadowed(rules, {key.name: key.teams for key in keys}, servers)
    return Declared(
        servers=tuple(read_servers(sections["servers"], around)) if "servers" in sections else (),
        virtual=tuple(read_virtual(sections["virtual"], names["servers"])) if "virtual" in sections else (),
        teams=tuple(read_teams(sections["teams"])) if "teams" in sections else (),
        keys=tuple(keys),
        grants=tuple(rule.grant for rule in rules),
    )


def _names(section: Place | None) -> list[str]:
    """The names that a section declares, also those with findings: what refers to them is not wrong for that."""
    value = section.node.value if section is not None else None
    return list(value) if isinstance(value, dict) else []
