"""Nobody can give, or gain, more of the control plane than the one who makes the change has: pure, over the records
before and after.

That covers every way at once: roles, their permissions, bindings, memberships, nested teams, external groups, and keys
that act for somebody.
"""

from collections.abc import Iterator, Sequence
from math import inf, nextafter
from typing import NamedTuple

from toolgate.model.entities import Binding, Entity, GroupMapping, Key, Role, ServiceAccount, Team, User
from toolgate.rules.directory import Directory
from toolgate.rules.keyholders import capped, holdings_of_key, narrowness
from toolgate.rules.permissions import Holding, may
from toolgate.rules.scopes import of_scope

CONCERNED: tuple[type[Entity], ...] = (Binding, GroupMapping, Key, Role, ServiceAccount, Team, User)
"""The kinds of which a change can give somebody permissions."""


class Rise(NamedTuple):
    """Somebody would gain a permission in a scope that the actor has not itself (or not for as long)."""

    subject: str
    permission: str
    scopes: tuple[str, ...]
    source: str


def rise_steps(
    before: Directory,
    after: Directory,
    actor: Sequence[Holding],
    subject: str,
    now: float,
    changed: Entity | None = None,
) -> Iterator[Rise | None]:
    """Every rise that a change brings, with None after each person, account and key that was looked at, so that others
    get their turn. `actor` is what the one who makes the change holds, `subject` whom that one acts for.

    Where `changed` is all that is different, only those are looked at that it can give something: many changes in one
    plan must not take the square of their number.
    """
    for gains in _gains(before, after, actor, subject, now, changed):
        for name, gained in gains:
            yield from _rises(before, after, actor, name, gained, now)
        yield None


def _rises(
    before: Directory, after: Directory, actor: Sequence[Holding], name: str, gained: Holding, now: float
) -> Iterator[Rise]:
    scopes = _scopes(before, after, gained.scope)
    until = inf if gained.expires is None else gained.expires
    # Held now, and still held at the last moment at which what was given is in force.
    lasting = until if until == inf else max(now, nextafter(until, -inf))
    for permission in sorted(gained.permissions) if scopes else ():
        if not (may(actor, permission, scopes, now) and may(actor, permission, scopes, lasting)):
            yield Rise(name, permission, scopes, gained.source)


def _scopes(before: Directory, after: Directory, scope: str) -> tuple[str, ...]:
    """Where the actor may hold what is given; empty for a team that is only being made, which holds nothing yet."""
    kind, _, name = scope.partition(":")
    if kind == "team" and name not in before.teams:
        return ()
    return of_scope(before if kind == "team" else after, scope)


def _gains(
    before: Directory,
    after: Directory,
    actor: Sequence[Holding],
    subject: str,
    now: float,
    changed: Entity | None = None,
) -> Iterator[Iterator[tuple[str, Holding]]]:
    """What each gains, one after the other."""
    accounts, keys = _concerned(after, changed)
    for account in accounts:
        yield _new(account, before.holdings_of(account), after.holdings_of(account))
    for key in keys:
        known = before.get(Key, key.name)
        if known is None or known.digest != key.digest:
            # Whoever makes a secret for somebody else can act as that one.
            had = actor if key.owner == subject else ()
        else:
            had = _power(before, known, now)
        yield _new(f"key:{key.name}", had, _power(after, key, now))


def _concerned(after: Directory, changed: Entity | None) -> tuple[list[str], list[Key]]:
    """Whose holdings may depend on what changed: those of a key on nothing else's, those of a person or account on its
    own, and with it those of its keys. Teams, roles, bindings and groups may concern everybody."""
    keys = after.all(Key)
    if isinstance(changed, Key):
        return [], [keys[changed.name]]
    if isinstance(changed, (User, ServiceAccount)):
        account = f"{'user' if isinstance(changed, User) else 'service'}:{changed.name}"
        return [account], [key for key in keys.values() if key.owner == account]
    accounts = [f"user:{name}" for name in after.all(User)] + [f"service:{name}" for name in after.all(ServiceAccount)]
    return accounts, list(keys.values())


def _power(directory: Directory, key: Key, now: float) -> tuple[Holding, ...]:
    """What a key has, and for how long: one that is narrowed, revoked or has expired has nothing."""
    if narrowness(directory, key, now):
        return ()
    return capped(holdings_of_key(directory, key), key.expires)


def _new(subject: str, had: Sequence[Holding], has: Sequence[Holding]) -> Iterator[tuple[str, Holding]]:
    """What of `has` is not in `had`, in the same scope and for as long."""
    for holding in has:
        until = inf if holding.expires is None else holding.expires
        lasting = [one for one in had if one.scope == holding.scope and (one.expires is None or one.expires >= until)]
        known = frozenset(permission for one in lasting for permission in one.permissions)
        fresh = holding.permissions - known
        if fresh:
            yield subject, Holding(fresh, holding.scope, holding.source, holding.expires)
