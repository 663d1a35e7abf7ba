"""`toolgate.yaml` -> Declared, or one ConfigError with everything that is wrong with it.

    version: 1
    servers, virtual, teams, users, services, roles, bindings, groups, keys: mappings of names
    grants: a list

The reference is docs/reference/configuration.md. Nothing is half accepted: a file with one finding is refused whole.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from toolgate.control import manifest
from toolgate.control.declared_servers import Surroundings
from toolgate.control.filed import Filed
from toolgate.control.gathered import ANSWERING, grant_spec, server_spec, virtual_spec
from toolgate.control.kinds import Kinds
from toolgate.control.manifest import Text
from toolgate.model.declared import Declared, KeySpec, TeamSpec, VirtualSpec
from toolgate.model.entities import Entity, Grant, Key, Server, Stamp, Team, Virtual
from toolgate.ports import Secrets


def load(path: Path, kinds: Kinds, secrets: Secrets | None, *, stored: bool = False) -> Declared:
    """Reads a file. Raises ConfigError. Relative paths in it start from its own directory; `secrets` None skips looking
    whether referenced secrets are there (their form is checked all the same). `stored` says that there are records, and
    so secrets of the store."""
    text = manifest.text_of(path)
    declared = read(text.text, text.label, Surroundings(kinds, secrets, text.base, stored))
    return msgspec.structs.replace(declared, file=path)


def read(text: str, label: str, around: Surroundings) -> Declared:
    """Reads a file's text. `label` is what findings call the file. Raises ConfigError."""
    found = manifest.read((Text(label, text, around.base),), around)
    return _declared(found.filed, f"file:{Path(label).name}")


def _declared(filed: Sequence[Filed], label: str) -> Declared:
    """What is served stands as specifications, and everything else as records with the file's label."""
    records = [one.record for one in filed]
    servers = [one for one in records if isinstance(one, Server)]
    answering = {one.name for one in servers if one.state in ANSWERING}
    virtual = [(one, virtual_spec(one, answering)) for one in records if isinstance(one, Virtual)]
    others: list[Entity] = [one for one in servers if one.name not in answering]
    others += [one for one, spec in virtual if spec is None]
    others += [one for one in records if not isinstance(one, (Server, Virtual, Key, Grant))]
    teams = [one for one in records if isinstance(one, Team)]
    keys = [one for one in records if isinstance(one, Key) and not one.revoked]
    return Declared(
        servers=tuple(server_spec(one) for one in servers if one.name in answering),
        virtual=tuple(_served(virtual)),
        teams=tuple(TeamSpec(team.name, team.description or None) for team in teams),
        keys=tuple(_key_spec(key) for key in keys),
        grants=tuple(
            msgspec.structs.replace(grant_spec(one.record), name=one.record.name if one.named else "")
            for one in filed
            if isinstance(one.record, Grant)
        ),
        records=tuple(msgspec.structs.replace(one, stamp=Stamp(managed_by=label)) for one in others),
        served=_by_kind(records, others, label),
        lines={f"{one.record.KIND}.{one.record.name}": one.place.line for one in filed},
    )


def _by_kind(records: Sequence[Entity], others: Sequence[Entity], label: str) -> dict[str, dict[str, Entity]]:
    """What stands as specifications, as records."""
    left_out = {(one.KIND, one.name) for one in others}
    found: dict[str, dict[str, Entity]] = {}
    for one in records:
        if (one.KIND, one.name) not in left_out:
            stamped = msgspec.structs.replace(one, stamp=Stamp(managed_by=label))
            found.setdefault(one.KIND, {})[one.name] = stamped
    return found


def _served(virtual: Sequence[tuple[Virtual, VirtualSpec | None]]) -> Iterator[VirtualSpec]:
    return (spec for _, spec in virtual if spec is not None)


def _key_spec(key: Key) -> KeySpec:
    """Whom it stands for is resolved when the file is gathered with the records."""
    return KeySpec(
        name=key.name,
        digest=bytes.fromhex(key.digest),
        teams=key.teams,
        observer=key.observer,
        expires=key.expires,
        owner=key.owner,
        audiences=key.audiences,
        tools=key.tools,
        networks=key.networks,
        cost_center=key.cost_center,
    )
