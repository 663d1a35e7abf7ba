"""Which permissions a change needs, by kind. What a record leaves and where it goes are both asked for."""

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from toolgate.model.entities import Acceptance, Entity, Grant, Key, Secret, Server, ServerState, Team, Virtual
from toolgate.rules import lifecycle
from toolgate.rules.directory import Directory
from toolgate.rules.facts import Facts
from toolgate.rules.permissions import ORGANISATION
from toolgate.rules.referrers import references_of, referring, secrets_of
from toolgate.rules.scopes import Need, area, of_record, of_subject
from toolgate.rules.scopes import of_grant as scopes_of_grant
from toolgate.rules.scopes import of_server as scopes_of_server

E = TypeVar("E", bound=Entity)

_ORGANISATION = (ORGANISATION,)
# Words for people: whoever may write may change them on what is live too.
_ONLY_STATE = frozenset({"state"})
_DESCRIBING = frozenset({"description", "links", "icon", "state"})


class Edit(msgspec.Struct, Generic[E], frozen=True):
    """One change: `before` is None for a new record, `after` None for a removed one. `left` are the records before it,
    `reached` those after it."""

    before: E | None
    after: E | None
    left: Directory
    reached: Directory
    facts: Facts

    @property
    def entity(self) -> type[Entity]:
        return type(self.before or self.after)  # pyright: ignore[reportReturnType] # one of them is there


def of_owned(edit: Edit[Any]) -> Sequence[Need]:
    """Writing it where it is, and where it goes."""
    permission = f"{area(edit.entity)}:write"
    return tuple(Need(permission, scopes) for scopes in _both(edit))


def _both(edit: Edit[Any]) -> tuple[tuple[str, ...], ...]:
    found: list[tuple[str, ...]] = []
    if edit.before is not None:
        found.append(of_record(edit.left, edit.before))
    if edit.after is not None:
        found.append(of_record(edit.reached, edit.after))
    return tuple(dict.fromkeys(found))


def of_team(edit: Edit[Team]) -> Sequence[Need]:
    """A team that is put elsewhere, or made, needs the right to put teams there: being its owner is not enough."""
    needs: list[Need] = []
    if edit.before is not None:
        needs.append(Need("team:write", of_record(edit.left, edit.before)))
    if edit.after is not None and (edit.before is None or edit.before.parent != edit.after.parent):
        needs.append(Need("team:write", edit.left.team_scopes(edit.after.parent)))
    return needs


def of_key(edit: Edit[Key]) -> Sequence[Need]:
    """Beside the key itself: teams that its owner is not in, and the right to observe."""
    needs = list(of_owned(edit))
    before, after = edit.before, edit.after
    if after is None:
        return needs
    owners_teams = () if after.owner is None else edit.left.teams_of(after.owner)
    had = () if before is None or before.digest != after.digest else before.teams
    needs.extend(
        Need("team:write", of_subject(edit.left, f"team:{team}"))
        for team in after.teams
        if team not in owners_teams and team not in had
    )
    if after.observer and not (before is not None and before.observer and before.digest == after.digest):
        needs.append(Need("audit:read", _ORGANISATION))
    return needs


def of_grant(edit: Edit[Grant]) -> Sequence[Need]:
    """The right over every server that is named, before and after."""
    sides = [(edit.left, edit.before), (edit.reached, edit.after)]
    scopes = [one for directory, grant in sides if grant is not None for one in scopes_of_grant(directory, grant)]
    return tuple(Need("grant:write", one) for one in dict.fromkeys(scopes))


def of_server(edit: Edit[Server]) -> Sequence[Need]:
    needs = [*_writing(edit), *_publishing(edit)]
    before, after = edit.before, edit.after
    if after is None or (before is not None and _definition(before) == _definition(after)):
        return needs
    if not edit.facts.is_elsewhere(after) or reads_the_host(after):
        needs.append(Need("server:host", _ORGANISATION))
    for name in sorted(secrets_of(after)):
        secret = edit.left.get(Secret, name)
        needs.append(Need("secret:use", edit.left.team_scopes(None if secret is None else secret.owner)))
    return needs


def of_virtual(edit: Edit[Virtual]) -> Sequence[Need]:
    """Offers of a server that are shown under another name can be granted by that name: so whoever makes it live needs
    to publish the servers that they come from too."""
    needs = [*_writing(edit), *_publishing(edit)]
    before, after = edit.before, edit.after
    if after is None:
        return needs
    live = after.state is not ServerState.DRAFT
    if before is not None and before.offers == after.offers and live == (before.state is not ServerState.DRAFT):
        return needs
    permission = "server:publish" if live else "server:read"
    sources = dict.fromkeys(picks.server for picks in after.offers)
    return [*needs, *(Need(permission, scopes_of_server(edit.left, name)) for name in sources)]


def of_acceptance(edit: Edit[Acceptance]) -> Sequence[Need]:
    """Whoever may make a draft live decides what is offered of what is live. A draft is registered with what it offers,
    by whoever may write it."""
    record = edit.after or edit.before
    assert record is not None
    server = edit.reached.get(Server, record.name)
    permission = "server:write" if server is not None and server.state is ServerState.DRAFT else "server:publish"
    return (Need(permission, scopes_of_server(edit.reached, record.name)),)


def _writing(edit: Edit[Any]) -> Sequence[Need]:
    """Whoever only pauses or retires needs no right to write."""
    only_state = edit.before is not None and edit.after is not None and _changed(edit.before, edit.after) == _ONLY_STATE
    return () if only_state else of_owned(edit)


def _definition(server: Server) -> tuple[Any, ...]:
    """What decides which code runs and which secrets it is shown."""
    return server.kind, server.settings, server.headers


_FILES = frozenset({"ca_file", "path", "schema_file"})
"""Settings that name files of the gateway's own machine."""


def reads_the_host(server: Server) -> bool:
    """Whether a server, whatever its kind, uses variables or files of the gateway's own machine."""
    used = [*references_of(referring(server)), *references_of(server.headers)]
    files = not _FILES.isdisjoint(server.settings)
    return files or any(reference.source != "store" for reference in used)


def _publishing(edit: Edit[Server] | Edit[Virtual]) -> Iterator[Need]:
    """What a change of state needs, and a change of what is served."""
    before, after = edit.before, edit.after
    permission: str | None = None
    if before is None or after is None:
        one = before or after
        permission = None if one is None or one.state is ServerState.DRAFT else "server:publish"
    else:
        if before.state is not ServerState.DRAFT and _changed(before, after) - _DESCRIBING:
            yield from (Need("server:publish", scopes) for scopes in _both(edit))
        permission = lifecycle.permission(before.state, after.state)
    if permission is not None:
        yield from (Need(permission, scopes) for scopes in _both(edit))


def _changed(before: Entity, after: Entity) -> frozenset[str]:
    names = (field.name for field in msgspec.structs.fields(before) if field.name != "stamp")
    return frozenset(name for name in names if getattr(before, name) != getattr(after, name))
