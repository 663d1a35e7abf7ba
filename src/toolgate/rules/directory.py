"""All records at one moment, and what follows from them: who is in which team, and who has which role.

Beside the records stands what a file declares (`Declared`): it can be referred to, but is nobody's to change here. Of
that, people, teams and roles are found like records; where a record has the same name, the record is found.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from toolgate.model.declared import Declared
from toolgate.model.entities import (
    Binding,
    Entity,
    GroupMapping,
    Key,
    Role,
    Server,
    ServiceAccount,
    Team,
    User,
    Virtual,
)
from toolgate.rules import permissions
from toolgate.rules.permissions import ORGANISATION, Holding

E = TypeVar("E", bound=Entity)

LOCAL = "key:local"
"""The bootstrap key: owner of the organisation in the control plane, and nothing special elsewhere."""


class Directory:
    """Records by kind and name. Immutable by agreement: `with_` and `without` answer another one."""

    def __init__(self, records: Iterable[Entity], declared: Declared | None = None) -> None:
        self._by_kind: dict[str, dict[str, Entity]] = {}
        self.declared = Declared() if declared is None else declared
        for record in (*self.filed, *records):
            self._by_kind.setdefault(record.KIND, {})[record.name] = record

    @property
    def filed(self) -> Iterator[Entity]:
        """What the file declares as records."""
        return (record for record in self.declared.records if isinstance(record, Entity))

    def all(self, entity: type[E]) -> Mapping[str, E]:
        return self._by_kind.get(entity.KIND, {})  # pyright: ignore[reportReturnType] # each kind is one class

    def get(self, entity: type[E], name: str) -> E | None:
        return self.all(entity).get(name)

    def records(self) -> Iterable[Entity]:
        return (record for kind in self._by_kind.values() for record in kind.values())

    def with_(self, record: Entity) -> "Directory":
        return self._replaced(record.KIND, {**self._by_kind.get(record.KIND, {}), record.name: record})

    def without(self, entity: type[Entity], name: str) -> "Directory":
        kept = {other: record for other, record in self._by_kind.get(entity.KIND, {}).items() if other != name}
        return self._replaced(entity.KIND, kept)

    def _replaced(self, kind: str, records: dict[str, Entity]) -> "Directory":
        other = Directory(())
        other.declared = self.declared
        other._by_kind = {**self._by_kind, kind: records}
        return other

    @cached_property
    def teams(self) -> frozenset[str]:
        """Every team's name, also of those in the file."""
        return frozenset(self.all(Team)) | {team.name for team in self.declared.teams}

    @cached_property
    def servers(self) -> frozenset[str]:
        """Every server's and virtual server's name, also of those in the file."""
        filed = (spec.name for spec in (*self.declared.servers, *self.declared.virtual))
        return frozenset(self.all(Server)) | frozenset(self.all(Virtual)) | frozenset(filed)

    @cached_property
    def keys(self) -> frozenset[str]:
        return frozenset(self.all(Key)) | {key.name for key in self.declared.keys}

    def above(self, team: str) -> tuple[str, ...]:
        """The team and those above it, the nearest first. A cycle, which is refused when it is written, ends it."""
        found: list[str] = []
        at: str | None = team
        while at is not None and at not in found:
            found.append(at)
            record = self.get(Team, at)
            at = None if record is None else record.parent
        return tuple(found)

    @cached_property
    def _direct(self) -> Mapping[str, Sequence[str]]:
        """The teams that name a subject, by subject; those whose owner it is among them."""
        direct: dict[str, list[str]] = {}
        for _ in self._by_member(direct):
            pass
        return direct

    def _by_member(self, direct: dict[str, list[str]]) -> Iterator[None]:
        """Fills `direct`, one team at a time."""
        for team in self.all(Team).values():
            for subject in dict.fromkeys((*team.members, *team.owners)):
                direct.setdefault(subject, []).append(team.name)
            yield

    @cached_property
    def _owned(self) -> Mapping[str, tuple[str, ...]]:
        owned: dict[str, list[str]] = {}
        for team in self.all(Team).values():
            for subject in dict.fromkeys(team.owners):
                owned.setdefault(subject, []).append(team.name)
        return {subject: tuple(teams) for subject, teams in owned.items()}

    @cached_property
    def _bound(self) -> Mapping[str, tuple[Binding, ...]]:
        bound: dict[str, list[Binding]] = {}
        for binding in self.all(Binding).values():
            bound.setdefault(binding.subject, []).append(binding)
        return {subject: tuple(bindings) for subject, bindings in bound.items()}

    def tables(self) -> Iterator[None]:
        """Sorts by subject what is looked up by subject, a little at a time; else that is done when it is first looked
        up."""
        yield
        direct: dict[str, list[str]] = {}
        yield from self._by_member(direct)
        self._direct = direct
        yield
        _ = self._bound
        yield

    def groups_of(self, subject: str) -> tuple[str, ...]:
        kind, _, name = subject.partition(":")
        user = self.get(User, name) if kind == "user" else None
        return () if user is None else user.groups

    def teams_of(self, subject: str) -> tuple[str, ...]:
        """Every team that a `user:` or `service:` is in: as a member, by its groups, and those above; sorted."""
        direct = list(self._direct.get(subject, ()))
        for group in self.groups_of(subject):
            mapping = self.get(GroupMapping, group)
            direct.extend(() if mapping is None else mapping.teams)
        return tuple(sorted({team for name in direct for team in self.above(name)}))

    def is_active(self, subject: str) -> bool:
        """Whether a `user:` or `service:` is there and not deactivated."""
        kind, _, name = subject.partition(":")
        record = self.get(User, name) if kind == "user" else self.get(ServiceAccount, name)
        return kind in ("user", "service") and record is not None and record.active

    def bindings_of(self, subject: str, teams: Iterable[str]) -> tuple[Binding, ...]:
        """The bindings that hold for a subject in these teams, expired ones too."""
        subjects = (subject, *(f"team:{team}" for team in teams), *(f"group:{one}" for one in self.groups_of(subject)))
        return tuple(binding for one in subjects for binding in self._bound.get(one, ()))

    def permissions_of(self, role: str) -> frozenset[str]:
        """What a role includes; a custom role's unknown permissions count for nothing."""
        built_in = permissions.ROLES.get(role)
        if built_in is not None:
            return built_in
        record = self.get(Role, role)
        return frozenset() if record is None else frozenset(record.permissions) & permissions.PERMISSIONS.keys()

    def holdings_of(self, subject: str) -> tuple[Holding, ...]:
        """What a `user:` or `service:` has beyond its own name: by bindings, memberships, and teams that it owns."""
        if not self.is_active(subject):
            return ()
        teams = self.teams_of(subject)
        return (
            *self._bound_holdings(subject, teams),
            *(Holding(permissions.MEMBER, f"team:{team}", f"being a member of team {team}") for team in teams),
            *(
                Holding(permissions.TEAM_OWNER, f"team:{team}", f"being an owner of team {team}")
                for team in self._owned.get(subject, ())
            ),
        )

    def _bound_holdings(self, subject: str, teams: Iterable[str]) -> tuple[Holding, ...]:
        return tuple(
            Holding(
                self.permissions_of(binding.role),
                binding.scope,
                f"role {binding.role} of {binding.subject} (binding {binding.name})",
                binding.expires,
            )
            for binding in self.bindings_of(subject, teams)
        )

    def team_scopes(self, owner: str | None) -> tuple[str, ...]:
        """The scopes of what a team owns, from the widest: the organisation, then the teams from the top."""
        teams = () if owner is None else self.above(owner)
        return (ORGANISATION, *(f"team:{team}" for team in reversed(teams)))


def own_holding(subject: str) -> Holding:
    return Holding(permissions.SELF, subject, f"being {subject}")


LOCAL_HOLDING = Holding(permissions.ROLES["owner"], ORGANISATION, "the bootstrap key")
